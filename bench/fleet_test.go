package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// TestFleetsAgree holds the peers that train many networks to a fixture's loss and
// to the norm of its gradient. JAX's program is run with NumPy in JAX's place.
func TestFleetsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("peers take seconds each")
	}
	const fixture = "../testdata/oracle/n50_trained_prob.npz"
	s, w := fixtureSession(t, fixture)
	f, err := npz.Open(fixture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loss, _, err := f.Float64("loss/ce_mean")
	if err != nil {
		t.Fatal(err)
	}
	var grad []float64
	for _, p := range (kernels.Shape{N: w.N}).Parameters() {
		g, _, err := f.Float64("grad/ce_mean/" + p.Name)
		if err != nil {
			t.Fatal(err)
		}
		grad = append(grad, g...)
	}
	dir := t.TempDir()
	work := filepath.Join(dir, "work.npz")
	if err := errors.Join(os.CopyFS(dir, scripts), writeWork(work, kernels.Shape{N: w.N}, w.Theta, s)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		script, module, dtype string
		networks, peers       int
		tolerance             float64 // float32's is what the oracle asks of a gradient
	}{
		{"torch_fleet.py", "torch", "f64", 1, 2, 1e-9},
		{"torch_fleet.py", "torch", "f64", 3, 1, 1e-9},
		{"torch_fleet.py", "torch", "f32", 1, 2, 1e-3},
		{"numpy_fleet.py", "numpy", "f64", 2, 1, 1e-9},
		{"jax_fleet.py", "jax", "f64", 2, 1, 1e-9},
		{"jax_fleet.py", "jax", "f32", 1, 1, 1e-3},
	} {
		t.Run(fmt.Sprintf("%s %s %d", v.script, v.dtype, v.networks), func(t *testing.T) {
			python := pythonWith(t, v.module)
			p, err := startScript(context.Background(), python, filepath.Join(dir, "peers", v.script), work, v.dtype, "cpu", "0", fmt.Sprint(v.networks))
			if err != nil {
				t.Fatal(err)
			}
			defer p.stop()
			if len(p.Peers) != v.peers {
				t.Errorf("peers %q", p.Peers)
			}
			for _, name := range p.Peers {
				var answer struct {
					NS, Loss float64
					More     []float64
				}
				fmt.Fprintln(p.asked, name)
				if err := p.answers.Decode(&answer); err != nil {
					t.Fatalf("%s: %v", name, p.failed(err))
				}
				if d := math.Abs(answer.Loss/loss[0] - 1); !(d <= min(v.tolerance, lossTolerance)) {
					t.Errorf("%s: loss %v, want %v", name, answer.Loss, loss[0])
				}
				if want := kernels.Norm(grad); len(answer.More) != 1 || !(math.Abs(answer.More[0]/want-1) <= v.tolerance) {
					t.Errorf("%s: norm of the gradient %v, want %v", name, answer.More, want)
				}
				t.Logf("%s, %s: %.0f ms", p.Library, name, answer.NS/1e6)
			}
		})
	}
}

// fixtureSession returns a fixture's session and weights.
func fixtureSession(t *testing.T, path string) (*task.Session, train.Weights) {
	t.Helper()
	w, err := train.LoadWeights(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := npz.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := task.ReadSession(f, "", task.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return s, w
}
