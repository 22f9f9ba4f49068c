package report

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLiveRefusals(t *testing.T) {
	live := &Live{Dirs: []string{sample}, PageOptions: PageOptions{Title: "live"}}
	for _, test := range []struct {
		name, method, target, host string
		want                       int
	}{
		{"the page", "GET", "/", "127.0.0.1:8080", 200},
		{"by name", "GET", "/", "localhost:8080", 200},
		{"by IPv6", "GET", "/", "[::1]:8080", 200},
		{"without a port", "HEAD", "/", "localhost", 200},
		{"another name", "GET", "/", "evil.example:8080", 403},
		{"a name that begins like ours", "GET", "/", "localhost.evil.example", 403},
		{"an address of another machine", "GET", "/", "192.0.2.1:8080", 403},
		{"no name", "GET", "/", "", 403},
		{"another method", "POST", "/", "localhost", 405},
		{"a file of the run", "GET", "/metrics.csv", "localhost", 404},
		{"a path upwards", "GET", "/../../etc/passwd", "localhost", 404},
		{"a path upwards, encoded", "GET", "/%2e%2e/%2e%2e/etc/passwd", "localhost", 404},
		{"an absolute path", "GET", "//etc/passwd", "localhost", 404},
		{"events under another name", "GET", "/events", "evil.example", 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(test.method, "/", nil)
			r.URL.Path, r.Host = test.target, test.host
			if path, ok := strings.CutPrefix(test.target, "/%2e"); ok {
				r.URL.Path = "/." + strings.ReplaceAll(path, "%2e", ".")
			}
			live.ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if w.Code != 200 && strings.Contains(w.Body.String(), "root:") {
				t.Error("a file's content")
			}
		})
	}
}

// TestLiveFollows serves a run, appends to its metrics, and waits for the event and
// the page that tells of it.
func TestLiveFollows(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	live := &Live{Dirs: []string{dir}, PageOptions: PageOptions{Title: "live"}}
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- live.Serve(ctx, 0, func(a string) { address <- a }) }()
	page := <-address
	host, _, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(page, "http://"), "/"))
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Fatalf("served at %s", page)
	}
	before := get(t, page)
	if !strings.Contains(before, "data-live") || !strings.Contains(before, "20,000 gradient steps") {
		t.Error("no live page of the run")
	}
	r, err := http.Get(page + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	f, err := os.OpenFile(filepath.Join(dir, metricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("20010,-0.3,0.1,700,200,200,170\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	if !strings.HasPrefix(lines.Text(), "data: ") {
		t.Fatalf("no event: %v", lines.Err())
	}
	if after := get(t, page); !strings.Contains(after, "20,010 gradient steps") {
		t.Error("the page does not follow")
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it serves on after its context has ended")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return string(text)
}
