package main

import (
	"os"
	"path/filepath"
	"testing"

	"radd/internal/npz"
)

// What the oracle asks of A, B, c given the projection, and of what follows from
// fitted readouts.
const (
	oracleGiven  = 1e-8
	oracleFitted = 1e-6
)

// The fixture is a trajectory file as it stands. Through the command line, its
// own projection and both kinds of readouts give the solutions of other
// programs.
func TestDistilOracle(t *testing.T) {
	oracle := filepath.Join("..", "..", "testdata", "oracle")
	trajectory := filepath.Join(oracle, "radd_n50.npz")
	for _, v := range []struct {
		readout, fixture, folder string
		tolerance                float64
	}{
		{"", "radd_n50.npz", "", oracleGiven},
		{"full", "radd_n50_student.npz", "full/", oracleFitted},
		{"pca", "radd_n50_student.npz", "pca/", oracleFitted},
	} {
		t.Run("readout "+v.readout, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			args := []string{"distill", "--method", "radd", "--trajectory", trajectory, "--out", out, "--quiet"}
			if v.readout != "" {
				args = append(args, "--readout", v.readout)
			}
			cmd, stderr := program(args...)
			if err := cmd.Run(); err != nil || stderr.Len() > 0 {
				t.Fatalf("%v: %s", err, stderr)
			}
			got, err := npz.Open(filepath.Join(out, "radd.npz"))
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			want, err := npz.Open(filepath.Join(oracle, v.fixture))
			if err != nil {
				t.Fatal(err)
			}
			defer want.Close()
			names := []string{"A", "B", "c", "r2", "free_run_r2", "scale"}
			if v.folder != "" {
				names = append(names, "condition", "offset")
			}
			for _, name := range names {
				if d := norm(t, got, want, name, v.folder+name); !(d <= v.tolerance) {
					t.Errorf("%s off by %g", name, d)
				}
			}
			if v.folder == "" {
				return
			}
			student := filepath.Join(out, "weights.safetensors")
			replay := filepath.Join(out, "replay.npz") // it plays the task like any other network
			session := filepath.Join(oracle, "n2_init.npz")
			cmd, stderr = program("replay", "--weights", student, "--session", session, "--out", replay, "--dtype", "f64", "--quiet")
			if err := cmd.Run(); err != nil || stderr.Len() > 0 {
				t.Fatalf("%v: %s", err, stderr)
			}
		})
	}
}

// A rank-deficient regression is answered, with a warning.
func TestDistilRankDeficient(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flat.npz")
	const T = 60
	var hidden, inputs []float64
	for i := range T {
		x := float64(i%7)/10 - .3
		hidden = append(hidden, x, -x)
		inputs = append(inputs, float64(i%5), 0) // the second input never comes
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := npz.NewWriter(f)
	for _, err := range []error{
		npz.Add(w, "hidden", hidden, T, 2),
		npz.Add(w, "input", inputs, T, 2),
		npz.Add(w, "projection", []float64{1, 0, 0, 1}, 2, 2),
		w.Close(), f.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	cmd, stderr := program("distill", "--method", "radd", "--trajectory", path, "--out", out)
	if err := cmd.Run(); err != nil || stderr.Len() == 0 {
		t.Fatalf("%v, warning %q", err, stderr)
	}
	got, err := npz.Open(filepath.Join(out, "radd.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	rank, _, err := got.Int64("rank")
	if err != nil || rank[0] != 3 {
		t.Errorf("rank %v, %v; want 3 of 5", rank, err)
	}
	if _, err := os.Stat(filepath.Join(out, "weights.safetensors")); err == nil {
		t.Error("a student of two inputs was written as a network that plays the task")
	}
}
