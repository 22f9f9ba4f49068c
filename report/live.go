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

// Live serves the page of runs and sweeps that may still be running: the page itself, and
// as server-sent events that there is something to see. It answers nobody but
// who asks for this machine's loopback address by name or number, so that no
// other site's page can read it through a rebound name, and it has no files to
// serve. It implements http.Handler.
type Live struct {
	Dirs []string // folders of runs and sweeps, or folders of such
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
	last, err := l.look()
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
	state, err := l.look()
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
	state, err := l.look()
	if err != nil {
		return nil, err
	}
	if state == l.state {
		return l.page, nil
	}
	runs, sweeps, err := Read(l.Dirs...)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	opt := l.PageOptions
	opt.Live = true
	if err := WritePage(&b, runs, sweeps, opt); err != nil {
		return nil, err
	}
	l.state, l.page = state, b.Bytes()
	return l.page, nil
}

// filesOfRun are those of a run that its part of the page is made of.
var filesOfRun = []string{configFile, manifestFile, metricsFile, "rollout/summary.json", "distill/contest.json",
	"distill/radd-pca/summary.json", "distill/radd-full/summary.json", analysisDir + "/summary.json"}

// silence is how long no change of a sweep's files means that nothing can have
// changed: its programs may have died.
const silence = 30 * time.Second

// look returns a digest of names, sizes and times of all files that a page is made
// of.
func (l *Live) look() (string, error) {
	runs, sweeps, err := Find(l.Dirs...)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	stamp := func(path string) error {
		info, err := os.Stat(path)
		if err == nil {
			fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	for _, dir := range runs {
		for _, name := range filesOfRun {
			if err := stamp(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return "", err
			}
		}
	}
	for _, dir := range sweeps {
		files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "[0-9]*")) // temporary ones begin with a dot
		if err != nil {
			return "", err
		}
		for _, path := range files {
			if err := stamp(path); err != nil {
				return "", err
			}
		}
		fmt.Fprintln(sum, time.Now().Truncate(silence).Unix())
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:12]), nil
}

// escapeGlob returns the pattern that only the path itself matches.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
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
