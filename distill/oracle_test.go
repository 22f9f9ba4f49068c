package distill

import (
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/kernels"
	"radd/kernels/kernelstest"
)

// The fixtures' promises: A, B, c and the figures given the projection, and
// everything downstream of a fitted block readout; relative by norm.
const (
	givenTolerance  = 1e-8
	fittedTolerance = 1e-6
)

// oracle returns the fixture and its trajectory.
func oracle(tb testing.TB) (kernelstest.Archive, *analysis.Trajectory) {
	a := kernelstest.Open(tb, "radd_n50")
	hidden := a.Floats("hidden")
	T := len(hidden) / 50
	sides := make([]int8, T)
	for i, side := range a.Integers("block_side") {
		sides[i] = int8(side)
	}
	return a, analysis.Recorded("radd_n50", 50, 3, analysis.Chunk{
		T: T, Hidden: hidden, Input: a.Floats("input"), Probability: a.Floats("prob"), BlockSide: sides,
	})
}

// near compares arrays by the norm of their difference over the norm of want.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d elements, want %d", what, len(got), len(want))
		return
	}
	if d := floats.Distance(got, want, 2) / floats.Norm(want, 2); !(d <= tolerance) {
		t.Errorf("%s: %v, want %v: relative difference %.3g, above %.1g", what, got, want, d, tolerance)
	}
}

// TestGivenProjection holds the regression to NumPy's, given the projection:
// with the κ that is the default, and with the same κ given.
func TestGivenProjection(t *testing.T) {
	a, trajectory := oracle(t)
	for name, scale := range map[string]Scale{"default": {}, "given": {Fixed: a.Floats("scale")}} {
		t.Run(name, func(t *testing.T) {
			r, err := Fit(trajectory, Problem{Projection: mat.NewDense(2, 50, a.Floats("projection")), Scale: scale})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "scale", r.Scale[:1], a.Floats("scale"), givenTolerance)
			near(t, "A", r.A.RawMatrix().Data, a.Floats("A"), givenTolerance)
			near(t, "B", r.B.RawMatrix().Data, a.Floats("B"), givenTolerance)
			near(t, "c", r.C, a.Floats("c"), givenTolerance)
			near(t, "r2", r.R2, a.Floats("r2"), givenTolerance)
			e, err := r.Evaluate(trajectory)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "free_run_r2", e.FreeRunR2, a.Floats("free_run_r2"), givenTolerance)
			near(t, "r2, evaluated", e.R2, r.R2, givenTolerance)
		})
	}
}

// TestStudents goes all the way from the recorded states to the student as a
// network, with both kinds of readouts.
func TestStudents(t *testing.T) {
	a, trajectory := oracle(t)
	want := kernelstest.Open(t, "radd_n50_student")
	for _, kind := range []analysis.Kind{analysis.Full, analysis.PCA} {
		t.Run(string(kind), func(t *testing.T) {
			readouts, err := analysis.FindReadouts(trajectory, a.Floats("readout_weight"), kind)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Fit(trajectory, Problem{Projection: readouts.Projection, Offset: readouts.Offset})
			if err != nil {
				t.Fatal(err)
			}
			theta, err := r.Network(trajectory)
			if err != nil {
				t.Fatal(err)
			}
			e, err := r.Evaluate(trajectory)
			if err != nil {
				t.Fatal(err)
			}
			w := kernels.Views(kernels.Shape{N: 2}, theta)
			for name, got := range map[string][]float64{
				"projection":     r.Projection.RawMatrix().Data,
				"scale":          r.Scale[:1],
				"A":              w.HiddenHidden,
				"B":              w.InputHidden,
				"c":              w.InputBias,
				"r2":             r.R2,
				"free_run_r2":    e.FreeRunR2,
				"condition":      {r.Condition},
				"angle_degrees":  {readouts.Angle()},
				"block_accuracy": {readouts.Block.Accuracy},
				"readout_weight": w.Readout,
				"readout_bias":   w.ReadoutBias,
			} {
				near(t, name, got, want.Floats(string(kind)+"/"+name), fittedTolerance)
			}
			if floats.Norm(w.HiddenBias, 1) != 0 {
				t.Error("the student has a bias_hh")
			}
			if r.Rank != 6 || r.T != 6924 || r.Pairs != 6923 {
				t.Errorf("rank %d, %d RNN steps, %d pairs", r.Rank, r.T, r.Pairs)
			}
		})
	}
}
