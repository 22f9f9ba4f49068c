package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/panics"
	"radd/train"
)

// small is the main job in a few seconds.
func small() plan {
	p := mainJob(false)
	p.base.Hidden, p.base.CheckpointEvery = 4, 5
	p.base.Task.Blocks, p.base.Task.BlockMin, p.base.Task.BlockMax = 1, 2, 4
	m := func(objective string, steps int) milestone {
		return milestone{objective: objective, gradientSteps: steps}
	}
	p.chains = [][]milestone{{m("cross-entropy", 6)}, {m("probability", 6), m("probability", 12)}}
	p.teachers = []milestone{m("probability", 12), m("cross-entropy", 6)}
	p.rolloutBlocks, p.baselineBlocks, p.contestBlocks = 20, 20, 20
	p.seeds, p.twoUnits, p.traditionalSteps, p.randomReadouts, p.resamples = 2, []int{4, 8}, 6, 3, 20
	return p
}

func TestReproduce(t *testing.T) {
	if testing.Short() {
		t.Skip("trains, distils and draws everything several times")
	}
	out := filepath.Join(t.TempDir(), "runs")
	reproduceAgain := func() string {
		var stdout bytes.Buffer
		a := &app{stdout: &stdout, screen: &screen{out: &bytes.Buffer{}}, log: slog.New(slog.DiscardHandler)}
		if err := reproduce(context.Background(), a, out, 0, small()); err != nil {
			t.Fatal(err)
		}
		return stdout.String()
	}
	table := reproduceAgain()
	page := filepath.Join(out, "report.html")
	if _, err := os.Stat(page); err != nil || !strings.HasSuffix(table, page+"\n") {
		t.Errorf("the output does not end with the page's path: %v", err)
	}
	for _, want := range []string{"| 4 units ", "| probability ", "| 12 ", "| Bayesian actor published ", "| about 3.5 ", "negative-log-likelihood",
		"| teacher ", "| RADD student, pca ", "| RADD student, full ", "| traditional students (2) ", "| 2 units trained on the task (2) ",
		"| control: pca student, reset before every trial ", "| control: random projections (3) ", "Students of cross-entropy-6"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %q:\n%s", want, table)
		}
	}
	times := map[string]os.FileInfo{}
	visit := func(do func(path string, info os.FileInfo)) {
		filepath.Walk(out, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			switch filepath.Base(path) {
			case "weights.safetensors", "metrics.csv", "trials.parquet", "summary.json", "states.npz", "radd.npz", "contest.json":
				do(path, info)
			}
			return nil
		})
	}
	visit(func(path string, info os.FileInfo) { times[path] = info })
	if len(times) < 3*5+4 {
		t.Errorf("only %d result files: %v", len(times), times)
	}
	if again := reproduceAgain(); again != table {
		t.Errorf("another table the second time:\n%s\n%s", table, again)
	}
	visit(func(path string, info os.FileInfo) {
		if !os.SameFile(info, times[path]) || !info.ModTime().Equal(times[path].ModTime()) {
			t.Errorf("%s was made again", path)
		}
	})

	// The longer run ends as one that nobody forked.
	p := small()
	p.chains = [][]milestone{{{objective: "probability", gradientSteps: 12}}}
	p.teachers = p.teachers[:1]
	a := &app{quiet: true, stdout: &bytes.Buffer{}, screen: &screen{out: &bytes.Buffer{}}, log: slog.New(slog.DiscardHandler)}
	alone := filepath.Join(t.TempDir(), "runs")
	if err := reproduce(context.Background(), a, alone, 1, p); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"weights.safetensors", "metrics.csv"} {
		x, _ := os.ReadFile(filepath.Join(out, "probability-12", name))
		y, err := os.ReadFile(filepath.Join(alone, "probability-12", name))
		if err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s of the run that went on differs from that of one in one piece (%v)", name, err)
		}
	}
}

func TestMainJobIsThePapers(t *testing.T) {
	p := mainJob(true)
	if p.base.Hidden != 50 || p.base.LearningRate != .001 || p.base.Momentum != .1 || p.rolloutBlocks != 1000 || p.baselineBlocks != 5000 {
		t.Errorf("%+v", p)
	}
	if got := p.chains[1][2]; got != (milestone{objective: "probability", gradientSteps: 100_000}) {
		t.Errorf("the last network is %+v", got)
	}
}

func TestOutcome(t *testing.T) {
	failed := errors.New("no space left on device")
	stopped := fmt.Errorf("runs/a: %w", train.ErrStopped)
	for name, test := range map[string]struct {
		parts []error
		want  error
	}{
		"all done":                     {[]error{nil, nil}, nil},
		"stopped":                      {[]error{nil, stopped, context.Canceled}, train.ErrStopped},
		"stopped, and a part failed":   {[]error{stopped, failed, context.Canceled}, failed},
		"a part stopped by a failure":  {[]error{failed, stopped}, failed},
		"a part that was not begun":    {[]error{context.Canceled, nil}, train.ErrStopped},
		"a part that could not finish": {[]error{nil, failed}, failed},
	} {
		if got := outcome(test.parts); !errors.Is(got, test.want) || errors.Is(got, train.ErrStopped) != (test.want == train.ErrStopped) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// faulty panics where a message is logged.
type faulty struct{ slog.Handler }

func (faulty) Enabled(context.Context, slog.Level) bool  { return true }
func (f faulty) WithAttrs([]slog.Attr) slog.Handler      { return f }
func (faulty) Handle(context.Context, slog.Record) error { panic("mine") }

// A panic in one of the main job's goroutines comes back as an error, and does
// not end the process with the exit code of bad input.
func TestReproducePanics(t *testing.T) {
	a := &app{quiet: true, stdout: &bytes.Buffer{}, screen: &screen{out: &bytes.Buffer{}}, log: slog.New(faulty{})}
	err := reproduce(context.Background(), a, filepath.Join(t.TempDir(), "runs"), 0, small())
	if fault := (*panics.Error)(nil); !errors.As(err, &fault) || fault.Value != "mine" {
		t.Errorf("%v, want the panic", err)
	}
}
