package distill

import (
	"math"
	"os/exec"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/npz"
)

// example writes what docs/trajectory.py writes, but for the projection's
// signs.
func example(w *npz.Writer) error {
	const units, inputs, sessions, steps = 20, 3, 4, 1000
	var hidden, input []float64
	var session []int64
	for k := range sessions {
		state := make([]float64, units)
		for t := range steps {
			x := make([]float64, inputs)
			for q := range x {
				x[q] = math.Sin((.7 + float64(k)) * (float64(t) + 1) * (float64(t+q) + 2))
			}
			next := make([]float64, units)
			for i := range next {
				u := 0.0
				for j, h := range state {
					u += .09 * math.Sin(float64(1+i*units+j)) * h
				}
				for q, o := range x {
					u += .3 * math.Cos(float64(i*inputs+q)) * o
				}
				next[i] = math.Tanh(u)
			}
			state = next
			hidden, input, session = append(hidden, state...), append(input, x...), append(session, int64(k))
		}
	}
	T := len(session)
	components, err := analysis.PrincipalComponents(analysis.Recorded("example", units, inputs, analysis.Chunk{T: T, Hidden: hidden, Input: input}))
	if err != nil {
		return err
	}
	for _, err := range []error{
		npz.Add(w, "hidden", hidden, T, units),
		npz.Add(w, "input", input, T, inputs),
		npz.Add(w, "session", session, T),
		npz.Add(w, "projection", components.Plane().RawMatrix().Data, 2, units),
		npz.Add(w, "offset", components.Mean, units),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// python returns a Python that has NumPy, or "".
func python() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import numpy").Run() == nil {
			return name
		}
	}
	return ""
}

// TestExample distils the trajectory of the documentation's example: as written
// here, and, where NumPy is, as written by the Python that the page shows. The
// two agree.
func TestExample(t *testing.T) {
	const tolerance = 1e-6 // sines of large arguments, and the plane's rotation, differ by rounding between libraries
	paths := map[string]string{"Go": write(t, example)}
	if name := python(); name == "" {
		t.Log("no NumPy here: the Python example has not been run")
	} else {
		paths["Python"] = filepath.Join(t.TempDir(), "recording.npz")
		if out, err := exec.Command(name, "../docs/trajectory.py", paths["Python"]).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	var first *RADD
	for name, path := range paths {
		f, err := analysis.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		P, offset, _, err := f.Target("")
		if err != nil {
			t.Fatal(err)
		}
		// A direction's sign is arbitrary: the larger part of each is positive.
		P = mat.DenseCopyOf(P)
		for m := range 2 {
			row := P.RawRowView(m)
			if floats.Max(row) < -floats.Min(row) {
				floats.Scale(-1, row)
			}
		}
		r, err := Distil(f.Trajectory, f.HeldOut, Problem{Projection: P, Offset: offset}, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: r2 %.4f, free run %.4f, held out %.4f", name, r.R2, r.Training.FreeRunR2, r.HeldOut.R2)
		if r.T != 4000 || r.Pairs != 3996 || !(floats.Min(r.R2) > .5) || !(floats.Min(r.HeldOut.FreeRunR2) > .5) {
			t.Errorf("%s: %d RNN steps, %d pairs, r2 %v, held-out free run %v", name, r.T, r.Pairs, r.R2, r.HeldOut.FreeRunR2)
		}
		if first == nil {
			first = r.RADD
			continue
		}
		near(t, "parameters", r.parameters(), first.parameters(), tolerance)
		near(t, "r2", r.R2, first.R2, tolerance)
	}
}
