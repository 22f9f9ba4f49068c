package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/sweep"
	"radd/train"
)

// TestSweeps wants the sweeps for GPUs to be what docs/gpu.md says of them, and to
// leave plans that hold every network once.
func TestSweeps(t *testing.T) {
	type kind struct {
		hidden, gradientSteps int
		objective             string
	}
	sizes := map[kind]int{}
	for _, objective := range []string{"cross-entropy", "probability"} {
		for _, n := range []int{25, 50, 100, 150, 250} {
			sizes[kind{n, 20_000, objective}] = 100
			if n <= 50 {
				sizes[kind{n, 100_000, objective}] = 100
			}
		}
	}
	for _, v := range []struct {
		name           string
		want           map[kind]int
		shards, blocks int
		distilled      string
	}{
		{"thousand", map[kind]int{{50, 5000, "probability"}: 1000}, 1, 0, ""},
		{"sizes", sizes, 5, 1000, "full pca"},
	} {
		t.Run(v.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("sweeps", v.name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "bench", "sweeps", v.name+".yaml") // a folder may lie beside bench
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
			s, err := sweep.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if s.Rollout.Blocks != v.blocks || strings.Join(s.Distill, " ") != v.distilled {
				t.Errorf("%d blocks, distilled by %v", s.Rollout.Blocks, s.Distill)
			}
			grid, err := s.Span(path)
			if err != nil {
				t.Fatal(err)
			}
			got := map[kind]int{}
			names := map[string]bool{}
			for i := range grid.Len() {
				c, err := grid.At(i)
				if err != nil {
					t.Fatal(err)
				}
				if c.Device != "gpu" || c.Dtype != train.DefaultConfig().Dtype {
					t.Fatalf("%+v", c)
				}
				got[kind{c.Hidden, c.GradientSteps, c.Objective}]++
				names[sweep.Name(&c)] = true
			}
			if len(got) != len(v.want) || len(names) != grid.Len() {
				t.Errorf("%v, %d names of %d networks", got, len(names), grid.Len())
			}
			for k, n := range v.want {
				if got[k] != n {
					t.Errorf("%+v: %d networks, want %d", k, got[k], n)
				}
			}
			if err := s.Plan(t.Context()); err != nil {
				t.Fatal(err)
			}
			st, err := s.Status(sweep.DefaultLease)
			if err != nil || st.Planned != grid.Len() || st.Shards != v.shards {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}
