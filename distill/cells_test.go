package distill

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radd/analysis"
	"radd/internal/input"
	"radd/kernels"
	"radd/train"
)

// What is for vanilla networks refuses those of other cells, also where their
// parameters have the same shape, before it makes anything.
func TestOtherCells(t *testing.T) {
	ctx, opt := context.Background(), train.Options{}
	for _, cell := range []string{"leaky", "gru"} {
		run := filepath.Join(t.TempDir(), "run")
		c := train.DefaultConfig()
		c.Hidden, c.GradientSteps, c.Device, c.Jobs, c.Engine, c.Cell = 3, 1, "cpu", 1, "unrolled", cell
		c.Task.Blocks, c.Task.BlockMin, c.Task.BlockMax = 1, 2, 3
		if _, err := train.Run(ctx, run, c, opt); err != nil {
			t.Fatal(err)
		}
		file, out := filepath.Join(run, weightsFile), filepath.Join(t.TempDir(), "out")
		w, err := train.LoadWeights(file)
		if err != nil {
			t.Fatal(err)
		}
		subject := Subject{Name: "s", Set: "A", Weights: w, Task: c.Task}
		before := namesIn(t, run)
		for name, refuses := range map[string]func() error{
			"AnalysisOfRun":     func() error { _, err := AnalysisOfRun(ctx, run, "", opt); return err },
			"AnalysisOfWeights": func() error { _, err := AnalysisOfWeights(ctx, file, out, opt); return err },
			"OfRun":             func() error { _, err := OfRun(ctx, run, "", analysis.Full, opt); return err },
			"TraditionalOfRun":  func() error { _, err := TraditionalOfRun(ctx, run, "t", TraditionalConfig(), opt); return err },
			"HoldContest":       func() error { _, err := HoldContest(ctx, ContestConfig{Run: run, Blocks: 2}, opt); return err },
			"SubjectsOf":        func() error { _, err := SubjectsOf("A", []string{run}); return err },
			"Compare": func() error {
				_, err := Compare(ctx, []Subject{subject, subject}, DefaultSimilarityConfig(), opt)
				return err
			},
			"DynamicsOf":      func() error { _, _, err := DynamicsOf(ctx, w, c.Task, 2, 1); return err },
			"LawOf":           func() error { _, err := LawOf(ctx, w, c.Task, 2, 1); return err },
			"InterventionsOf": func() error { _, err := InterventionsOf(ctx, w, c.Task, 2, 1); return err },
			"StudentOf":       func() error { _, err := StudentOf(ctx, w, c.Task, 2, 1, analysis.PCA); return err },
		} {
			if err := refuses(); !input.Is(err) || !strings.Contains(err.Error(), "cell: "+cell+" (allowed: rnn") {
				t.Errorf("%s, %s: error %v, want one of input that names the cell", name, cell, err)
			}
			if after := namesIn(t, run); !slices.Equal(after, before) {
				t.Fatalf("%s, %s: made %v of %v", name, cell, after, before)
			}
		}
	}
}

// namesIn returns the names in a folder.
func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A student of another cell is no player of an analysis.
func TestStudentsOfOtherCells(t *testing.T) {
	run := trained(t)
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range []string{"rnn", "gru"} {
		c := TraditionalConfig()
		c.GradientSteps, c.Device, c.Jobs, c.Engine, c.Cell, c.Teacher, c.Task = 1, "cpu", 1, "unrolled", cell, filepath.Join(run, weightsFile), cfg.Task
		if _, err := train.Run(context.Background(), filepath.Join(run, "distill", "a-"+cell), c, train.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	opt, log := logged()
	list, err := studentsOf(context.Background(), run, opt.Filled())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range list {
		names = append(names, s.name)
		if s.weights.N == 0 || len(s.weights.Theta) != (kernels.Shape{N: s.weights.N}).Size() {
			t.Errorf("%s has %d parameters", s.name, len(s.weights.Theta))
		}
	}
	if !slices.Contains(names, "a-rnn") || slices.Contains(names, "a-gru") || !strings.Contains(log.String(), "a-gru") {
		t.Errorf("students %v; said:\n%s", names, log)
	}
}
