package train

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/kernels"
)

var silent = slog.New(slog.DiscardHandler)

func openSmallFleet(t *testing.T, resume []*Snapshot, configs ...Config) Fleet {
	t.Helper()
	f, err := OpenFleet(configs, resume, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A network of a fleet, trained in whatever stretches and through a snapshot, is
// the run that radd train makes; and the run's folder goes on as that does.
func TestFleetIsRun(t *testing.T) {
	for _, dtype := range []string{"f32", "f64"} {
		t.Run(dtype, func(t *testing.T) {
			dir := t.TempDir()
			a := small()
			a.Dtype, a.MetricsEvery = dtype, 5
			b := a
			b.Seed, b.Sessions, b.Objective = 7, 3, "probability"
			adam := a
			adam.Solver, adam.Clip = "adam", .1
			configs := []Config{a, b, adam}

			f := openSmallFleet(t, nil, configs...)
			f.Advance(context.Background(), []int{0, 1, 2}, 7)
			var resume []*Snapshot
			for i := range configs {
				s, err := f.Snapshot(i)
				if err != nil {
					t.Fatal(err)
				}
				resume = append(resume, &s)
			}
			f = openSmallFleet(t, resume, configs...)
			f.Advance(context.Background(), []int{1}, 100)
			f.Advance(context.Background(), []int{0, 2}, 100)
			for i, c := range configs {
				if s := f.State(i); !s.Done || s.Err != nil || s.GradientSteps != c.GradientSteps {
					t.Fatalf("%d: %+v", i, s)
				}
				s, err := f.Snapshot(i)
				if err != nil {
					t.Fatal(err)
				}
				got, want := filepath.Join(dir, "got", c.Objective+c.Solver), filepath.Join(dir, "want", c.Objective+c.Solver)
				if err := os.MkdirAll(filepath.Dir(got), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := s.Folder(got, c); err != nil {
					t.Fatal(err)
				}
				mustRun(t, want, c, Options{})
				same(t, got, want)
				c.GradientSteps += 9
				mustRun(t, got, c, Options{Resume: true})
				mustRun(t, want, c, Options{Resume: true})
				same(t, got, want)
			}
		})
	}
}

func TestFleetRefuses(t *testing.T) {
	other := small()
	other.Hidden++
	if _, err := OpenFleet([]Config{small(), other}, nil, silent); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
	other = small()
	other.Momentum = 1
	if _, err := OpenFleet([]Config{other}, nil, silent); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
	f := openSmallFleet(t, nil, small())
	s, err := f.Snapshot(0)
	if err != nil {
		t.Fatal(err)
	}
	other = small()
	other.Seed++
	if _, err := OpenFleet([]Config{other}, []*Snapshot{&s}, silent); err == nil {
		t.Error("a snapshot of another network was taken")
	}
	if err := s.Folder(filepath.Join(t.TempDir(), "run"), other); err == nil {
		t.Error("a snapshot was made the folder of another network")
	}
}

// broken is a backend whose backward pass panics once a network is this far.
type broken struct {
	kernels.Backend[float32]
	passes, after int
}

func (b *broken) Backward(theta []float32, o kernels.Objective, tapes []*kernels.Tape[float32], scale float32, grad []float32) {
	if b.passes++; b.passes > b.after {
		panic("out of order")
	}
	b.Backend.Backward(theta, o, tapes, scale, grad)
}

// One network's panic, and one network's divergence, stay with that network.
func TestFleetFailsAlone(t *testing.T) {
	wild := small()
	wild.LearningRate, wild.Reduction, wild.GradientSteps = 1e38, "sum", 100
	f := openSmallFleet(t, nil, small(), wild, small())
	typed := f.(*fleet[float32])
	sound := typed.backend
	f.Advance(context.Background(), []int{1}, 100)
	typed.backend = &broken{sound, 0, 4}
	f.Advance(context.Background(), []int{0}, 100)
	typed.backend = sound
	f.Advance(context.Background(), []int{2}, 100)
	for i, want := range []string{"crashed: out of order", "gradient step", ""} {
		s := f.State(i)
		if !s.Done || (s.Err == nil) != (want == "") || s.Err != nil && !strings.Contains(s.Err.Error(), want) {
			t.Errorf("network %d: done %v, error %v, want %q", i, s.Done, s.Err, want)
		}
		if _, err := f.Snapshot(i); err != nil {
			t.Errorf("network %d: %v", i, err)
		}
	}
	if s := f.State(0); s.GradientSteps != 4 {
		t.Errorf("%d gradient steps before the crash, want 4", s.GradientSteps)
	}
}

// elsewhere is the CPU under another name, as a device that takes many networks.
type elsewhere struct{ kernels.Backend[float32] }

func (e elsewhere) Info() kernels.Info {
	i := e.Backend.Info()
	i.Device = "gpu:0"
	return i
}

// Networks of one device call, which end at different steps, are those that are
// trained one by one.
func TestFleetTogether(t *testing.T) {
	long, wild := small(), small()
	long.GradientSteps, long.Seed = 20, 5
	wild.LearningRate, wild.Reduction, wild.GradientSteps = 1e38, "sum", 24
	configs := []Config{small(), long, wild}
	alone := openSmallFleet(t, nil, configs...)
	alone.Advance(context.Background(), []int{0, 1, 2}, 100)
	f := openSmallFleet(t, nil, configs...)
	typed := f.(*fleet[float32])
	typed.backend = elsewhere{typed.backend}
	if !f.Together() {
		t.Fatal("a GPU takes networks together")
	}
	for range 4 {
		if err := f.Advance(context.Background(), []int{0, 1, 2}, 6); err != nil {
			t.Fatal(err)
		}
	}
	for i := range configs {
		a, _ := alone.Snapshot(i)
		b, err := f.Snapshot(i)
		if err != nil || !bytes.Equal(a.Weights, b.Weights) || !bytes.Equal(a.Metrics, b.Metrics) || !f.State(i).Done {
			t.Errorf("network %d differs (%v)", i, err)
		}
	}
}

// Parameters and sessions have one seed, or each its own.
func TestInitSeed(t *testing.T) {
	a := small()
	a.Seed = 3
	same, other := a, a
	same.InitSeed, other.InitSeed = 3, 4
	f := openSmallFleet(t, nil, a, same, other)
	var start [3][]byte
	for i := range start {
		s, err := f.Snapshot(i)
		if err != nil {
			t.Fatal(err)
		}
		start[i] = s.Weights
	}
	// Metadata name the seed of the sessions, which is the same.
	if !bytes.Equal(start[0], start[1]) || bytes.Equal(start[0], start[2]) {
		t.Errorf("weights of seeds 3, 3 and 4: equal %v, %v", bytes.Equal(start[0], start[1]), bytes.Equal(start[0], start[2]))
	}
}
