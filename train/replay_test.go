package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"radd/internal/atomicfs"
	"radd/internal/atomicfs/faultfs"
	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/task"
)

// Agreement with the fixtures, relative to an array's norm, as they promise it:
// two float64 implementations that sum in different orders, and a float32 one
// that follows the float64 one's decisions.
const (
	float64Slip     = 1e-9
	float32Slip     = 1e-4 // of the record and the loss
	float32GradSlip = 1e-3
)

// apart returns the norm of the difference over the norm.
func apart(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	difference := make([]float64, len(want))
	for i := range want {
		difference[i] = got[i] - want[i]
	}
	return kernels.Norm(difference) / kernels.Norm(want)
}

func oracle(name string) string { return filepath.Join("..", "testdata", "oracle", name+".npz") }

// replayOf is a replay of a fixture, weights and session.
func replayOf(t *testing.T, name, dtype string) ReplayConfig {
	c := DefaultReplayConfig()
	c.Weights, c.Session, c.Dtype, c.Device = oracle(name), oracle(name), dtype, "cpu"
	c.Out = filepath.Join(t.TempDir(), "replay.npz")
	return c
}

func mustReplay(t *testing.T, c ReplayConfig) (ReplaySummary, arrays) {
	t.Helper()
	s, err := Replay(context.Background(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, openArrays(t, c.Out)
}

func TestReplayFixtures(t *testing.T) {
	for _, name := range kernelstest.Networks {
		for o := range kernelstest.Objectives {
			t.Run(name+"/"+kernelstest.Objectives[o].Name+"/f64", func(t *testing.T) {
				checkReplay(t, name, o, "fused", "f64")
			})
			t.Run(name+"/"+kernelstest.Objectives[o].Name+"/f32", func(t *testing.T) {
				checkReplay(t, name, o, "fused", "f32")
			})
		}
	}
}

// The graph of primitive ops, on sessions that are short enough for it.
func TestReplayUnrolled(t *testing.T) {
	if testing.Short() {
		t.Skip("builds graphs of hundreds of RNN steps")
	}
	for _, name := range []string{"n2_init", "n2_trained_prob"} {
		for o := range kernelstest.Objectives {
			t.Run(name+"/"+kernelstest.Objectives[o].Name, func(t *testing.T) {
				checkReplay(t, name, o, "unrolled", "f64")
			})
		}
	}
	t.Run("n2_init/f32", func(t *testing.T) { checkReplay(t, "n2_init", 0, "unrolled", "f32") })
}

// checkReplay holds a replay of a fixture, with its o-th objective, to it: one in f64 in closed loop, one
// in f32 with the fixture's decisions.
func checkReplay(t *testing.T, name string, o int, engine, dtype string) {
	t.Helper()
	f := kernelstest.Load(t, name)
	c := replayOf(t, name, dtype)
	slip, gradSlip := float64Slip, float64Slip
	if dtype == "f32" {
		c.Force, slip, gradSlip = oracle(name), float32Slip, float32GradSlip
	}
	c.Objective, c.Reduction = kernelstest.Objectives[o].Names()
	c.Engine = engine
	s, z := mustReplay(t, c)
	T := len(f.Record.Trial)
	if s.RNNSteps != T || s.Trials != f.Session.Trials() || s.Hidden != f.N || s.Dtype != dtype || s.Force != c.Force ||
		s.Objective+" "+s.Reduction != c.Objective+" "+c.Reduction || s.Engine != engine || s.WeightsSHA256 != sum(read(t, c.Weights)) {
		t.Errorf("summary %+v", s)
	}

	integer := func(name string, want []int64) {
		if !slices.Equal(z.integers(name, T), want) {
			t.Errorf("%s differs from the record", name)
		}
	}
	integer("trial", f.Record.Trial)
	integer("step", f.Record.Step)
	integer("target", f.Record.Target)
	if counted, _, err := z.Bool("counted"); err != nil || !slices.Equal(counted, f.Record.Counted) {
		t.Errorf("counted differs from the record (%v)", err)
	}
	float := func(slip float64, name string, want []float64, dims ...int) {
		if d := apart(z.floats(name, dims...), want); !(d <= slip) {
			t.Errorf("%s is off by %.2g", name, d)
		}
	}
	float(slip, "input", f.Record.Input, T, 3)
	float(slip, "hidden", f.Record.Hidden, T, f.N)
	float(slip, "prob", f.Record.Probability, T, 2)
	float(slip, "feedback", f.Record.Feedback, T)
	float(slip, "loss", f.Loss[o:o+1])
	if loss := z.floats("loss")[0]; float64(s.Loss) != loss {
		t.Errorf("the summary's loss is %v, the file's %v", s.Loss, loss)
	}
	var grad []float64
	for _, p := range (kernels.Shape{N: f.N}).Parameters() {
		float(gradSlip, "grad/"+p.Name, f.Grad[o][p.Start:p.End], p.Shape...)
		grad = append(grad, z.floats("grad/"+p.Name, p.Shape...)...)
	}
	if got, want := float64(s.GradientNorm), kernels.Norm(grad); math.Abs(got-want) > 1e-6*want {
		t.Errorf("the summary's gradient norm is %v, the file's %v", got, want)
	}
}

// Both probabilities are accurate where one of them is far below the distance of
// 1 from the next number.
func TestReplayProbabilities(t *testing.T) {
	const n = 2
	theta := make([]float64, kernels.Shape{N: n}.Size())
	kernels.Views(kernels.Shape{N: n}, theta).ReadoutBias[1] = 200 // as sure of the right as can be
	for _, dtype := range []string{"f32", "f64"} {
		t.Run(dtype, func(t *testing.T) {
			c := replayOf(t, "n2_init", dtype)
			c.Weights = filepath.Join(t.TempDir(), weightsFile)
			var b bytes.Buffer
			if err := kernels.WriteWeights(&b, kernels.Shape{N: n}, theta, nil); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(c.Weights, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			_, z := mustReplay(t, c)
			prob := z.floats("prob", -1, 2)
			if want := math.Exp(-200); math.Abs(prob[0]-want) > 1e-12*want || prob[1] != 1 {
				t.Errorf("probabilities %v, want %v and 1", prob[:2], want)
			}
		})
	}
}

// A replay's own decisions, bare in its file, lead another dtype the same way.
func TestReplayForcedByReplay(t *testing.T) {
	free := replayOf(t, "n50_trained_prob", "f32")
	_, want := mustReplay(t, free)
	forced := replayOf(t, "n50_trained_prob", "f64")
	forced.Force = free.Out
	_, got := mustReplay(t, forced)
	for _, name := range []string{"trial", "step"} {
		if !slices.Equal(got.integers(name, -1), want.integers(name, -1)) {
			t.Errorf("%s differs", name)
		}
	}
	if !slices.Equal(got.floats("feedback", -1), want.floats("feedback", -1)) {
		t.Error("feedback differs")
	}
}

// Forced decisions that are not the network's own end the trials and give the
// feedback that they say.
func TestReplayFollowsDecisions(t *testing.T) {
	f := kernelstest.Load(t, "n2_init")
	steps := []int64{3, 5} // RNN steps of even and of odd trials
	var d kernels.Decisions
	for n := range f.Session.Trials() {
		for s := range steps[n%2] {
			d.Trial, d.Step, d.Feedback = append(d.Trial, int64(n)), append(d.Step, s), append(d.Feedback, .25*float64(s))
		}
	}
	c := replayOf(t, "n2_init", "f64")
	c.Force = writeDecisions(t, "", d)
	s, z := mustReplay(t, c)
	T := len(d.Trial)
	if s.RNNSteps != T || !slices.Equal(z.integers("trial", T), d.Trial) || !slices.Equal(z.integers("step", T), d.Step) ||
		!slices.Equal(z.floats("feedback", T), d.Feedback) {
		t.Error("the decisions were not followed")
	}
	in := z.floats("input", T, 3)
	for i, x := range d.Feedback[:T-1] {
		if in[3*(i+1)+2] != x {
			t.Fatalf("the input after RNN step %d is %v, the feedback was %v", i, in[3*(i+1)+2], x)
		}
	}
}

func writeDecisions(t *testing.T, prefix string, d kernels.Decisions) string {
	t.Helper()
	return writeArrays(t, func(z *npz.Writer) error {
		return errors.Join(npz.Add(z, prefix+"trial", d.Trial, len(d.Trial)), npz.Add(z, prefix+"step", d.Step, len(d.Step)),
			npz.Add(z, prefix+"feedback", d.Feedback, len(d.Feedback)))
	})
}

func writeArrays(t *testing.T, add func(*npz.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	z := npz.NewWriter(&b)
	path := filepath.Join(t.TempDir(), "arrays.npz")
	if err := errors.Join(add(z), z.Close(), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplayRefusals(t *testing.T) {
	f := kernelstest.Load(t, "n2_init")
	own := func() kernels.Decisions { // a copy of the network's own
		d := f.Record.Decisions
		return kernels.Decisions{Trial: slices.Clone(d.Trial), Step: slices.Clone(d.Step), Feedback: slices.Clone(d.Feedback)}
	}
	decisions := func(change func(*kernels.Decisions)) func(*ReplayConfig) {
		return func(c *ReplayConfig) {
			d := own()
			change(&d)
			c.Force = writeDecisions(t, "record/", d)
		}
	}
	config, err := task.DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	session := func(change func(*task.Session)) func(*ReplayConfig) {
		return func(c *ReplayConfig) {
			s, err := ReadSession(oracle("n2_init"), config)
			if err != nil {
				t.Fatal(err)
			}
			change(s)
			c.Session = writeArrays(t, func(z *npz.Writer) error { return task.WriteSession(z, "", s) })
		}
	}
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.npz")
	for name, change := range map[string]func(*ReplayConfig){
		"no weights":               func(c *ReplayConfig) { c.Weights = none },
		"weights of something":     func(c *ReplayConfig) { c.Weights = text },
		"no session":               func(c *ReplayConfig) { c.Session = none },
		"session of something":     func(c *ReplayConfig) { c.Session = text },
		"session without arrays":   func(c *ReplayConfig) { c.Session = oracle("radd_n50") },
		"no decisions":             func(c *ReplayConfig) { c.Force = none },
		"decisions of something":   func(c *ReplayConfig) { c.Force = text },
		"decisions without arrays": func(c *ReplayConfig) { c.Force = oracle("distill_n50_n2") },
		"decisions of another":     func(c *ReplayConfig) { c.Force = oracle("n50_init") },
		"objective":                func(c *ReplayConfig) { c.Objective = "accuracy" },
		"an objective of students": func(c *ReplayConfig) { c.Objective = "soft-cross-entropy" },
		"probability with sum":     func(c *ReplayConfig) { c.Objective, c.Reduction = "probability", "sum" },
		"dtype":                    func(c *ReplayConfig) { c.Dtype = "f16" },
		"engine":                   func(c *ReplayConfig) { c.Engine = "steam" },
		"device":                   func(c *ReplayConfig) { c.Device = "gpu:x" },
		"task":                     func(c *ReplayConfig) { c.Task.Hazard = -1 },
		"task of fewer steps":      func(c *ReplayConfig) { c.Task.MaxObservations = 5 },
		"no folder for the result": func(c *ReplayConfig) { c.Out = filepath.Join(filepath.Dir(c.Out), "none", "replay.npz") },
		"no name for the result":   func(c *ReplayConfig) { c.Out = "" },
		"a folder as the result":   func(c *ReplayConfig) { c.Out = filepath.Dir(c.Out) },
		"beneath a file":           func(c *ReplayConfig) { c.Out = filepath.Join(text, "replay.npz") },
		"over its own session": func(c *ReplayConfig) {
			session(func(*task.Session) {})(c)
			c.Out = c.Session
		},
		"over the decisions that it follows": func(c *ReplayConfig) {
			decisions(func(*kernels.Decisions) {})(c)
			c.Out = c.Force
		},
		"a strength below 0":  session(func(s *task.Session) { s.Strength[1] = -1 }),
		"too many decisions":  decisions(func(d *kernels.Decisions) { d.Feedback = slices.Repeat([]float64{1}, 1_000_000) }),
		"no finite feedback":  decisions(func(d *kernels.Decisions) { d.Feedback[2] = math.NaN() }),
		"a step left out":     decisions(func(d *kernels.Decisions) { d.Step[1] = 2 }),
		"a trial left out":    decisions(func(d *kernels.Decisions) { d.Trial[0] = 1 }),
		"too few decisions":   decisions(func(d *kernels.Decisions) { d.Trial, d.Step, d.Feedback = d.Trial[:3], d.Step[:3], d.Feedback[:3] }),
		"feedback left out":   decisions(func(d *kernels.Decisions) { d.Feedback = d.Feedback[1:] }),
		"no decisions at all": decisions(func(d *kernels.Decisions) { *d = kernels.Decisions{} }),
	} {
		t.Run(name, func(t *testing.T) {
			c := replayOf(t, "n2_init", "f64")
			out := c.Out
			change(&c)
			_, err := Replay(context.Background(), c, Options{})
			if !input.Is(err) {
				t.Errorf("error %v, want one of input", err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) > 0 {
				t.Errorf("%v was left behind", entries)
			}
		})
	}
}

func TestReplayStopped(t *testing.T) {
	c := replayOf(t, "n2_init", "f64")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Replay(ctx, c, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(c.Out)); len(entries) > 0 {
		t.Errorf("%v was left behind", entries)
	}
}

// Whatever call fails, the result's name bears the old file whole or the new one.
func TestReplayFaults(t *testing.T) {
	c := replayOf(t, "n2_init", "f64")
	mustReplay(t, c)
	want := read(t, c.Out)
	old := []byte("old")
	for n := 1; ; n++ {
		if err := os.WriteFile(c.Out, old, 0o644); err != nil {
			t.Fatal(err)
		}
		fsys := faultfs.New(atomicfs.OS, n, syscall.ENOSPC, faultfs.Onwards)
		_, err := Replay(context.Background(), c, Options{FS: fsys})
		if !fsys.Failed() {
			if n < 4 {
				t.Fatalf("only %d calls", n)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("call %d failed, and the error is %v", n, err)
		}
		if got := read(t, c.Out); !bytes.Equal(got, old) && !bytes.Equal(got, want) {
			t.Fatalf("call %d failed, and the file is neither the old one nor the new one", n)
		}
	}
}
