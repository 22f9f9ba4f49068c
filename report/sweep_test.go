package report

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/sweep"
)

// tinySweep is a sweep whose networks take milliseconds and of which half diverge.
const tinySweep = `out: tiny
base: {hidden: 4, gradient-steps: 40, device: cpu, metrics-every: 1, reduction: sum, task: {blocks: 1, block-min: 2, block-max: 5}}
grid: {lr: [0.001, 1e38], seed: 1..3}
rollout: {blocks: 20}
distill: []
`

// runSweep runs a sweep in the folder and returns the sweep's own.
func runSweep(t testing.TB, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "tiny.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var failures *sweep.FailuresError
	if _, err := s.Run(context.Background(), sweep.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}); err != nil && !errors.As(err, &failures) {
		t.Fatal(err)
	}
	return s.Out
}

func sampleSweep(t testing.TB) *Sweep {
	t.Helper()
	s, err := ReadSweep(runSweep(t, t.TempDir(), tinySweep))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	folder := runSweep(t, dir, tinySweep)
	runs, sweeps, err := Find(dir)
	if err != nil || len(runs) > 0 || !slices.Equal(sweeps, []string{folder}) {
		t.Fatalf("found runs %v, sweeps %v, %v", runs, sweeps, err)
	}
	s, err := ReadSweep(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range s.Figures() {
		names = append(names, f.Name)
		for _, m := range f.keys(true) {
			if !strings.Contains(m.Label, "lr") {
				t.Errorf("%s: a key %q, which does not tell what is varied", f.Name, m.Label)
			}
		}
		for _, format := range Formats() {
			if err := f.Write(io.Discard, format); err != nil {
				t.Error(err)
			}
		}
	}
	if want := []string{"sweep-learning", "sweep-networks"}; !slices.Equal(names, want) {
		t.Errorf("figures %v, want %v", names, want)
	}
	// Those that diverge at once have learned nothing, and play nothing.
	if marks := s.Figures()[1].Panels[0].Marks; len(marks) != 1 || len(marks[0].X) != 3 {
		t.Errorf("how they play: %+v", marks)
	}
	if marks := s.Figures()[0].Panels[0].Marks; len(marks) != 1 || len(marks[0].X) < 3*40 {
		t.Errorf("learning: %+v", marks)
	}
	if _, err := ReadSweep(t.TempDir()); !input.Is(err) {
		t.Errorf("no sweep: %v", err)
	}
}

// The page of a sweep tells how far it is, and the live page follows it.
func TestLiveSweep(t *testing.T) {
	dir := t.TempDir()
	runSweep(t, dir, tinySweep)
	live := &Live{Dirs: []string{dir}, PageOptions: PageOptions{Title: "live"}}
	page := func() string {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "localhost"
		live.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	text := page()
	for _, want := range []string{"Sweep tiny", `<progress max="6" value="6"`, `<tr><th scope="row">done</th><td>3</td>`, `<tr><th scope="row">failed</th><td>3</td>`,
		"Why networks failed", "gradient step", `id="sweep-0-sweep-learning"`, `id="sweep-0-sweep-networks"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	before, err := live.look()
	if err != nil {
		t.Fatal(err)
	}
	runSweep(t, dir, strings.Replace(tinySweep, "1..3", "1..5", 1))
	after, err := live.look()
	if err != nil || after == before {
		t.Errorf("nothing is seen of more networks: %v", err)
	}
	if text := page(); !strings.Contains(text, `<tr><th scope="row">done</th><td>5</td>`) {
		t.Error("the page does not follow the sweep")
	}
	var b bytes.Buffer
	if err := WritePage(&b, nil, []*Sweep{sampleSweep(t)}, PageOptions{Title: "alone"}); err != nil || !strings.Contains(b.String(), "Sweep tiny") {
		t.Errorf("a page of a sweep alone: %v", err)
	}
}
