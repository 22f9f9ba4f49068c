package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/npz"
	"radd/kernels"
	"radd/kernels/kernelstest"
)

// What the oracle asks of losses and gradients, in float64 and, with decisions
// forced, in float32: the norm of a difference over the norm.
const (
	oracle64     = 1e-9
	oracle32Loss = 1e-4
	oracle32Grad = 1e-3
)

func norm(t *testing.T, f, g *npz.File, got, want string) float64 {
	t.Helper()
	a, _, err := f.Float64(got)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := g.Float64(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != len(b) {
		t.Fatalf("%s has %d elements, %s %d", got, len(a), want, len(b))
	}
	difference := make([]float64, len(b))
	for i := range b {
		difference[i] = a[i] - b[i]
	}
	d := kernels.Norm(difference)
	if n := kernels.Norm(b); n > 0 {
		d /= n
	}
	return d
}

// Each fixture is a weights file and a session file as it stands: radd replay
// finds its record, losses and gradients.
func TestReplayOracle(t *testing.T) {
	for _, name := range kernelstest.Networks {
		fixture := filepath.Join("..", "..", "testdata", "oracle", name+".npz")
		want, err := npz.Open(fixture)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		for i, o := range kernelstest.Objectives {
			if testing.Short() && (i > 0 || name != "n2_trained_prob") {
				continue
			}
			objective, reduction := o.Names()
			for _, dtype := range []string{"f64", "f32"} {
				t.Run(name+"/"+o.Name+"/"+dtype, func(t *testing.T) {
					out := filepath.Join(t.TempDir(), "replay.npz")
					args := []string{"replay", "--weights", fixture, "--session", fixture, "--out", out, "--quiet",
						"--objective", objective, "--reduction", reduction, "--dtype", dtype}
					lossBound, gradBound := oracle64, oracle64
					if dtype == "f32" {
						args = append(args, "--force", fixture)
						lossBound, gradBound = oracle32Loss, oracle32Grad
					}
					cmd, stderr := program(args...)
					if err := cmd.Run(); err != nil || stderr.Len() > 0 {
						t.Fatalf("%v: %s", err, stderr)
					}
					got, err := npz.Open(out)
					if err != nil {
						t.Fatal(err)
					}
					defer got.Close()
					if d := norm(t, got, want, "loss", "loss/"+o.Name); !(d <= lossBound) {
						t.Errorf("loss off by %g", d)
					}
					for _, p := range (kernels.Shape{N: 1}).Parameters() {
						if d := norm(t, got, want, "grad/"+p.Name, "grad/"+o.Name+"/"+p.Name); !(d <= gradBound) {
							t.Errorf("gradient of %s off by %g", p.Name, d)
						}
					}
					for _, array := range []string{"input", "hidden", "prob", "feedback"} {
						if d := norm(t, got, want, array, "record/"+array); !(d <= gradBound) {
							t.Errorf("%s off by %g", array, d)
						}
					}
					for _, array := range []string{"trial", "step", "target", "counted"} {
						a, _, err := got.Int64(array)
						if err != nil {
							t.Fatal(err)
						}
						b, _, err := want.Int64("record/" + array)
						if err != nil {
							t.Fatal(err)
						}
						for i := range b {
							if len(a) != len(b) || a[i] != b[i] {
								t.Fatalf("%s differs from step %d on", array, i)
							}
						}
					}
				})
			}
		}
	}
}

// The unrolled graph finds what the fused op does.
func TestReplayUnrolled(t *testing.T) {
	fixture := filepath.Join("..", "..", "testdata", "oracle", "n2_init.npz")
	dir := t.TempDir()
	open := func(engine string) *npz.File {
		out := filepath.Join(dir, engine+".npz")
		cmd, stderr := program("replay", "--weights", fixture, "--session", fixture, "--out", out, "--quiet", "--dtype", "f64", "--engine", engine)
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Fatalf("%v: %s", err, stderr)
		}
		f, err := npz.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	fused, unrolled := open("fused"), open("unrolled")
	for _, name := range fused.Names() {
		if name == "loss" || name == "hidden" || name == "prob" || strings.HasPrefix(name, "grad/") {
			if d := norm(t, unrolled, fused, name, name); !(d <= 1e-10) || math.IsNaN(d) {
				t.Errorf("%s off by %g", name, d)
			}
		}
	}
}

// program returns the command line as a process of its own, and what it will
// have written to standard error.
func program(args ...string) (*exec.Cmd, *strings.Builder) {
	var stderr strings.Builder
	cmd := exec.Command(os.Args[0])
	cmd.Args = append([]string{"radd"}, args...)
	cmd.Stderr = &stderr
	return cmd, &stderr
}
