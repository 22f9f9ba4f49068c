package train

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"radd/internal/input"
	"radd/kernels"
)

// rounding is how far float64 sums in another order may be apart over a few
// hundred RNN steps.
const rounding = 1e-12

// variants are runs through the unrolled graph.
func variants() map[string]Config {
	list := map[string]Config{}
	for name, change := range map[string]func(*Config){
		"rnn":              func(c *Config) {},
		"gru":              func(c *Config) { c.Cell = "gru" },
		"lstm, adam":       func(c *Config) { c.Cell, c.Solver, c.Clip = "lstm", "adam", .5 },
		"noisy, rmsprop":   func(c *Config) { c.Cell, c.Leak, c.StateNoise, c.Solver, c.Dtype = "leaky", .3, .1, "rmsprop", "f64" },
		"masked, sessions": func(c *Config) { c.RecurrentMask, c.Excitatory, c.Sessions, c.Solver = "diagonal", .5, 2, "adam" },
	} {
		c := small()
		c.Engine, c.Unroll = "unrolled", 7
		change(&c)
		list[name] = c
	}
	return list
}

// A run through the unrolled graph that was stopped ends as one that was not, byte
// for byte, moments of its solver included.
func TestUnrolledResumes(t *testing.T) {
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
			s := mustRun(t, whole, c, Options{})
			if s.BuildSeconds <= 0 || s.Engine != "unrolled" || s.Cell != c.Cell || s.ISA != "generic" {
				t.Errorf("summary %+v", s)
			}
			ctx, cancel := context.WithCancel(context.Background())
			_, err := Run(ctx, dir, c, Options{Report: func(s State) {
				if s.GradientStep == 7 {
					cancel()
				}
			}})
			if !errors.Is(err, ErrStopped) {
				t.Fatalf("error %v, want ErrStopped", err)
			}
			mustRun(t, dir, c, Options{Resume: true})
			same(t, dir, whole)
		})
	}
}

// The fused op and the unrolled graph see the same sessions and end with the same
// weights.
func TestUnrolledTrainsAsFused(t *testing.T) {
	c := small()
	c.Dtype = "f64"
	var theta [2][]float64
	var steps [2]int64
	for i, engine := range []string{"fused", "unrolled"} {
		c.Engine = engine
		dir := filepath.Join(t.TempDir(), engine)
		steps[i] = mustRun(t, dir, c, Options{}).RNNSteps
		w, err := LoadWeights(filepath.Join(dir, weightsFile))
		if err != nil {
			t.Fatal(err)
		}
		theta[i] = w.Theta
	}
	if steps[0] != steps[1] {
		t.Errorf("%d and %d RNN steps", steps[0], steps[1])
	}
	for i, x := range theta[0] {
		if d := x - theta[1][i]; d > rounding || d < -rounding {
			t.Fatalf("weight %d is %v and %v", i, x, theta[1][i])
		}
	}
}

// Every cell's run is rolled out and replayed by its own cell, and what is for
// vanilla networks says so.
func TestCellsAreRolledOut(t *testing.T) {
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			mustRun(t, dir, c, Options{})
			cfg := DefaultRolloutConfig()
			cfg.Blocks, cfg.Dtype, cfg.Device, cfg.Task = 5, "f64", "cpu", c.Task
			s, err := RolloutOfRun(context.Background(), dir, cfg, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Cell != c.Cell || s.Hidden != c.Hidden {
				t.Errorf("summary %+v", s)
			}
			states := openArrays(t, filepath.Join(s.Out, statesFile))
			N := c.Hidden * c.cell().States()
			T := int(s.RNNSteps)
			// The readout reads the states that are recorded.
			w, err := LoadWeights(filepath.Join(dir, weightsFile))
			if err != nil {
				t.Fatal(err)
			}
			bias := w.Theta[len(w.Theta)-kernels.Actions:]
			hidden, readout, prob := states.floats("hidden", T, N), states.floats("readout_weight", 2, N), states.floats("prob", T, 2)
			for step := range min(T, 30) {
				d := bias[1] - bias[0]
				for j := range N {
					d += (readout[N+j] - readout[j]) * hidden[step*N+j]
				}
				if p := kernels.Sigmoid(d); p-prob[2*step+1] > 1e-9 || prob[2*step+1]-p > 1e-9 {
					t.Fatalf("step %d: probability %v, by the recorded state %v", step, prob[2*step+1], p)
				}
			}

			r := DefaultReplayConfig()
			r.Weights, r.Session, r.Out = filepath.Join(dir, weightsFile), filepath.Join(s.Out, sessionFile), filepath.Join(t.TempDir(), "replay.npz")
			r.Dtype, r.Device, r.Task, r.Engine = "f64", "cpu", c.Task, "unrolled"
			_, replayed := mustReplay(t, r)
			if c.StateNoise > 0 {
				return // a recorded session has no seed
			}
			for i, x := range replayed.floats("hidden", T, N) { // rnn is rolled out by the fused kernels
				if d := math.Abs(x - hidden[i]); d > rounding || c.Cell != "rnn" && d != 0 {
					t.Fatalf("element %d of the replay's states is %v, of the rollout's %v", i, x, hidden[i])
				}
			}
			if c.Cell == "rnn" {
				return
			}
			r.Engine = "fused"
			if _, err := Replay(context.Background(), r, Options{}); !input.Is(err) {
				t.Errorf("the fused op replayed a %s: %v", c.Cell, err)
			}
			if _, err := LoadRNN(r.Weights); !input.Is(err) {
				t.Errorf("a %s passes for a vanilla network: %v", c.Cell, err)
			}
		})
	}
}

// A rollout by the unrolled engine leaves none of its workers behind.
func TestUnrolledRolloutEnds(t *testing.T) {
	c := small()
	c.Engine, c.Cell, c.GradientSteps = "unrolled", "gru", 1
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, dir, c, Options{})
	w, err := LoadWeights(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultRolloutConfig()
	cfg.Blocks, cfg.Device, cfg.Task = 1, "cpu", c.Task
	left := func() int {
		for range 100 { // workers end a moment after they are told to
			if strings.Count(stacks(), "graph.(*worker") == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return strings.Count(stacks(), "graph.(*worker")
	}
	before := left()
	if _, err := Rollout(context.Background(), w, filepath.Join(t.TempDir(), "rollout"), cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	if after := left(); after > before {
		t.Errorf("%d workers before, %d after", before, after)
	}
}

// stacks returns what all goroutines do.
func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}
