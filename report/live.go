package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// followEvery is the time between two looks at the runs' files.
const followEvery = time.Second

// Live serves the page of runs that may still be running: the page itself, and
// as server-sent events that there is something to see. It answers nobody but
// who asks for this machine's loopback address by name or number, so that no
// other site's page can read it through a rebound name, and it has no files to
// serve. It implements http.Handler.
type Live struct {
	Dirs []string // runs' folders, or folders of runs
	PageOptions

	mu    sync.Mutex
	state string // of the files that page was made of
	page  []byte
}

// ServeHTTP implements http.Handler.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !loopback(r.Host):
		http.Error(w, "this page is served to localhost alone", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		page, err := l.current()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy(true))
		_, _ = w.Write(page) // the reader has left
	case r.URL.Path == "/events":
		l.events(w, r)
	default:
		http.NotFound(w, r)
	}
}

// loopback reports whether a Host header names this machine's loopback address.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// events says so whenever the files have changed.
func (l *Live) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	last, _, err := l.look()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for ; err == nil; last, err = l.tell(w, last) {
		if flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// tell writes an event if the files are not as they were, else a comment that keeps
// the connection open, and returns how they are.
func (l *Live) tell(w http.ResponseWriter, last string) (string, error) {
	state, _, err := l.look()
	switch {
	case err != nil: // between two states of a folder that is being replaced, perhaps
		_, err = fmt.Fprint(w, ": waiting\n\n")
		return last, err
	case state == last:
		_, err = fmt.Fprint(w, ": nothing\n\n")
	default:
		_, err = fmt.Fprintf(w, "data: %s\n\n", state)
	}
	return state, err
}

// current returns the page of the files as they are.
func (l *Live) current() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, dirs, err := l.look()
	if err != nil {
		return nil, err
	}
	if state == l.state {
		return l.page, nil
	}
	var runs []*Run
	for _, dir := range dirs {
		r, err := ReadRun(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	var b bytes.Buffer
	opt := l.PageOptions
	opt.Live = true
	if err := WritePage(&b, runs, opt); err != nil {
		return nil, err
	}
	l.state, l.page = state, b.Bytes()
	return l.page, nil
}

// look returns a digest of sizes and times of all files that a page is made of,
// and the runs' folders.
func (l *Live) look() (state string, dirs []string, err error) {
	dirs, err = FindRuns(l.Dirs...)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.New()
	for _, dir := range dirs {
		for _, name := range []string{configFile, manifestFile, metricsFile, "rollout/summary.json", "distill/contest.json",
			"distill/radd-pca/summary.json", "distill/radd-full/summary.json", analysisDir + "/summary.json"} {
			info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return "", nil, err
			}
			fmt.Fprintln(sum, dir, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:12]), dirs, nil
}

// Serve serves on a port of the loopback address, 0 for any that is free, until
// the context ends, and calls ready with the page's address.
func (l *Live) Serve(ctx context.Context, port int, ready func(address string)) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	defer context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(last)
		_ = server.Close()
	})()
	ready("http://" + listener.Addr().String() + "/")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
