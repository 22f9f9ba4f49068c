package sweep

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"radd/internal/input"
)

// A sweep's folder tells of itself, wherever it is moved: finished networks,
// failed ones, and those in a checkpoint.
func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	if IsFolder(dir) {
		t.Error("an empty folder is a sweep's")
	}
	if _, err := OpenFolder(dir); !input.Is(err) {
		t.Errorf("an empty folder: %v", err)
	}
	grid := "grid: {seed: 1..6, lr: [0.001, 1e38], reduction: [sum], gradient-steps: [100]}\nshard: 4\n"
	run := func(text string) *Sweep {
		s := open(t, dir, tiny+bare+text)
		var failures *FailuresError
		if _, err := s.Run(context.Background(), Options{}); !errors.As(err, &failures) {
			t.Fatal(err)
		}
		return s
	}
	run(grid)
	s := run("list:\n  - {lr: [0.001, 1e38], seed: 1..6, reduction: sum, gradient-steps: 100}\n  - {seed: 7}\nshard: 4\n")
	moved := filepath.Join(dir, "moved")
	if err := os.Rename(s.Out, moved); err != nil {
		t.Fatal(err)
	}
	of, err := OpenFolder(moved)
	if err != nil || !IsFolder(moved) || of.Networks() != 13 {
		t.Fatalf("%v, %+v", err, of)
	}
	st, err := of.Status(0)
	if err != nil || st.Networks != 13 || st.Done != 7 || st.Failed != 6 || st.Waiting != 0 {
		t.Errorf("status %+v, %v", st, err)
	}
	for _, most := range []int{1, 3, 5, 12, 13, 100} {
		list, err := of.Sample(most)
		if err != nil || len(list) != min(most, 13) {
			t.Errorf("%d of %d networks, %v", len(list), most, err)
		}
		seen := map[string]bool{}
		for _, n := range list {
			if seen[n.Name] {
				t.Errorf("%s twice", n.Name)
			}
			seen[n.Name] = true
			diverges := n.Config["lr"].(float64) > 1
			if (n.State == Failed) != diverges || (n.State == Done) == diverges || n.Of == "" || !bytes.HasPrefix(n.Metrics, []byte("gradient_step,")) {
				t.Errorf("%s: %s, of %q, metrics %.20q", n.Name, n.State, n.Of, n.Metrics)
			}
		}
	}

	// Half of a shard, as its checkpoint has it.
	s = open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..3}\nshard: 3\n")
	run1, cancel := context.WithCancel(context.Background())
	_, err = s.Run(run1, Options{Jobs: 1, Report: func(p Progress) {
		if p.Finished > 0 {
			cancel()
		}
	}})
	if !errors.Is(err, ErrStopped) && !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if of, err = OpenFolder(s.Out); err != nil {
		t.Fatal(err)
	}
	list, err := of.Sample(10)
	if err != nil || len(list) == 0 || list[0].State != Done {
		t.Errorf("of a checkpoint: %d networks, %v", len(list), err)
	}
}
