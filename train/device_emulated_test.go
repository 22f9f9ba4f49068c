//go:build !gpu && linux

package train_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
	"radd/train"
)

// brief is a run of a few short sessions on emulated devices.
func brief() train.Config {
	cfg := train.DefaultConfig()
	cfg.Hidden, cfg.GradientSteps, cfg.MetricsEvery, cfg.CheckpointEvery = 25, 6, 1, 2
	cfg.Dtype, cfg.Device = "f64", "gpu"
	cfg.Task.Blocks, cfg.Task.BlockMin, cfg.Task.BlockMax = 1, 3, 4
	return cfg
}

// folder returns what must be the same in two runs that are the same.
func folder(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"weights.safetensors", "metrics.csv"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// emulatedLoss is what a device may be off in the loss in float64: rounding.
const emulatedLoss = 1e-10

// TestRunOnGPU trains through the graph on a device: undisturbed, stopped and
// resumed, and resumed after the device was lost.
func TestRunOnGPU(t *testing.T) {
	h := cudatest.Install(t, 1)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	s, err := train.Run(context.Background(), whole, brief(), train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Info != (kernels.Info{Device: "gpu:0", ISA: "emulation", Dtype: "f64"}) {
		t.Errorf("%+v", s.Info)
	}
	onCPU := brief()
	onCPU.Device = "cpu"
	c, err := train.Run(context.Background(), filepath.Join(dir, "cpu"), onCPU, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(float64(s.Loss - c.Loss)); !(d <= emulatedLoss) || s.RNNSteps != c.RNNSteps {
		t.Errorf("loss %v over %d RNN steps, the CPU's %v over %d", s.Loss, s.RNNSteps, c.Loss, c.RNNSteps)
	}

	t.Run("stopped", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		ctx, cancel := context.WithCancel(context.Background())
		opt := train.Options{Report: func(s train.State) {
			if s.GradientStep == 3 {
				cancel()
			}
		}}
		if _, err := train.Run(ctx, dir, brief(), opt); !errors.Is(err, train.ErrStopped) {
			t.Fatalf("%v, want %v", err, train.ErrStopped)
		}
		if _, err := train.Run(context.Background(), dir, brief(), train.Options{Resume: true}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(folder(t, dir), folder(t, whole)) {
			t.Error("the run is not that of one without a stop")
		}
	})
	t.Run("lost", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		h.Wrap = func(d cuda.Driver) cuda.Driver { return &cudatest.Dying{Device: d.(*cudatest.Device), Launches: 9} }
		_, err := train.Run(context.Background(), dir, brief(), train.Options{})
		var fault *cuda.Error
		if !errors.As(err, &fault) || fault.Device != "gpu:0 (emulated device)" || !strings.Contains(err.Error(), "the device is lost") {
			t.Fatalf("%v, want a *cuda.Error that names device and cause", err)
		}
		h.Wrap = nil
		if _, err := train.Run(context.Background(), dir, brief(), train.Options{Resume: true}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(folder(t, dir), folder(t, whole)) {
			t.Error("the run is not that of one without a loss")
		}
	})
	t.Run("rollout, replay and distillation", func(t *testing.T) { made(t, whole) })
}

// made makes on the device what is made of a run, and wants what the CPU makes.
func made(t *testing.T, run string) {
	dir := t.TempDir()
	weights := filepath.Join(run, "weights.safetensors")
	w, err := train.LoadWeights(weights)
	if err != nil {
		t.Fatal(err)
	}
	both := func(what string, make func(device string) (kernels.Info, float64, error)) {
		t.Helper()
		gpu, got, err := make("gpu")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		_, want, err := make("cpu")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if gpu.Device != "gpu:0" || !(math.Abs(got-want) <= emulatedLoss) {
			t.Errorf("%s on %s gives %v, the CPU %v", what, gpu.Device, got, want)
		}
	}
	both("a rollout", func(device string) (kernels.Info, float64, error) {
		cfg := train.DefaultRolloutConfig()
		cfg.Blocks, cfg.Dtype, cfg.Device, cfg.Task = 3, "f64", device, brief().Task
		s, err := train.Rollout(context.Background(), w, filepath.Join(dir, "rollout-"+device), cfg, train.Options{})
		return s.Info, float64(s.CrossEntropyPerObservation), err
	})
	replay := func(device, engine string) (kernels.Info, float64, error) {
		cfg := train.DefaultReplayConfig()
		cfg.Weights, cfg.Session, cfg.Out = weights, filepath.Join(dir, "rollout-cpu", "session.npz"), filepath.Join(dir, "replay.npz")
		cfg.Dtype, cfg.Device, cfg.Engine, cfg.Task = "f64", device, engine, brief().Task
		s, err := train.Replay(context.Background(), cfg, train.Options{})
		return s.Info, float64(s.GradientNorm), err
	}
	both("a replay", func(device string) (kernels.Info, float64, error) { return replay(device, "fused") })
	both("a replay through the unrolled graph", func(device string) (kernels.Info, float64, error) { return replay(device, "unrolled") })
	both("traditional distillation", func(device string) (kernels.Info, float64, error) {
		cfg := brief()
		cfg.Hidden, cfg.Objective, cfg.Teacher, cfg.Device = 2, "soft-cross-entropy", weights, device
		s, err := train.Run(context.Background(), filepath.Join(dir, "student-"+device), cfg, train.Options{})
		return s.Info, float64(s.Loss), err
	})
}

// TestUnrolledOnGPU trains a cell through the unrolled graph on a device, stops,
// resumes and rolls out, and wants what the CPU comes to.
func TestUnrolledOnGPU(t *testing.T) {
	cudatest.Install(t, 2) // of which the first computes
	cfg := brief()
	cfg.Hidden, cfg.Engine, cfg.Cell, cfg.Solver, cfg.Excitatory, cfg.Sessions = 6, "unrolled", "gru", "adam", .5, 2
	run := func(name, device string, opt train.Options, ctx context.Context) (string, train.Summary, error) {
		c := cfg
		c.Device = device
		dir := filepath.Join(t.TempDir(), name)
		s, err := train.Run(ctx, dir, c, opt)
		return dir, s, err
	}
	whole, s, err := run("gpu", "gpu", train.Options{}, context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := run("cpu", "cpu", train.Options{}, context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if s.Info != (kernels.Info{Device: "gpu:0", ISA: "emulation", Dtype: "f64"}) || s.BuildSeconds <= 0 {
		t.Errorf("%+v", s)
	}
	if d := math.Abs(float64(s.Loss - c.Loss)); !(d <= emulatedLoss) || s.RNNSteps != c.RNNSteps {
		t.Errorf("loss %v over %d RNN steps, the CPU's %v over %d", s.Loss, s.RNNSteps, c.Loss, c.RNNSteps)
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir, _, err := run("stopped", "gpu", train.Options{Report: func(s train.State) {
		if s.GradientStep == 3 {
			cancel()
		}
	}}, ctx)
	if !errors.Is(err, train.ErrStopped) {
		t.Fatalf("%v, want %v", err, train.ErrStopped)
	}
	cfg.Device = "gpu"
	if _, err := train.Run(context.Background(), dir, cfg, train.Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(folder(t, dir), folder(t, whole)) {
		t.Error("the run is not that of one without a stop")
	}
	w, err := train.LoadWeights(filepath.Join(whole, "weights.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var entropy [2]float64
	for i, device := range []string{"gpu", "cpu"} {
		r := train.DefaultRolloutConfig()
		r.Blocks, r.Dtype, r.Device, r.Task = 3, "f64", device, cfg.Task
		s, err := train.Rollout(context.Background(), w, filepath.Join(t.TempDir(), "rollout"), r, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		entropy[i] = float64(s.CrossEntropyPerObservation)
	}
	if d := math.Abs(entropy[0] - entropy[1]); !(d <= emulatedLoss) {
		t.Errorf("a rollout's cross entropy is %v, the CPU's %v", entropy[0], entropy[1])
	}
}

// TestDevicesThatCannotBeUsed wants errors that say why.
func TestDevicesThatCannotBeUsed(t *testing.T) {
	for _, v := range []struct {
		name, device   string
		count, memory  int
		message, cause string
	}{
		{"none", "gpu", 0, 1 << 30, "device gpu", "there is no CUDA device"},
		{"not that one", "gpu:2", 2, 1 << 30, "gpu:2", "invalid device ordinal"},
		{"little memory", "gpu", 1, 1 << 16, "gpu:0 (emulated device)", "one session needs more than"},
	} {
		t.Run(v.name, func(t *testing.T) {
			cudatest.Install(t, v.count).Memory = v.memory
			dir := filepath.Join(t.TempDir(), "run")
			cfg := brief()
			cfg.Device, cfg.Task.Blocks = v.device, 40
			_, err := train.Run(context.Background(), dir, cfg, train.Options{})
			if err == nil || !strings.Contains(err.Error(), v.message) || !strings.Contains(err.Error(), v.cause) {
				t.Errorf("%v, want %s and %s", err, v.message, v.cause)
			}
		})
	}
}

// TestAllDevices wants gpu to be every device and gpu:1 one.
func TestAllDevices(t *testing.T) {
	cudatest.Install(t, 2)
	for device, want := range map[string]string{"gpu": "gpu:0,gpu:1", "gpu:1": "gpu:1"} {
		b, err := train.OpenBackend[float32](device, 1, 1, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if info := b.Info(); info.Device != want {
			t.Errorf("%s is %+v", device, info)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
