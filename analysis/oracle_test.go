package analysis

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"

	"radd/kernels/kernelstest"
)

// fittedTolerance is what the fixtures promise of the fitted block readout and
// of everything downstream of it, relative by norm.
const fittedTolerance = 1e-6

// oracle returns the fixture's trajectory and readout weights.
func oracle(tb testing.TB) (*Trajectory, []float64) {
	a := kernelstest.Open(tb, "radd_n50")
	shape, err := a.Want(hiddenName, -1, 50)
	if err != nil {
		tb.Fatal(err)
	}
	return Recorded("radd_n50", 50, 3, Chunk{
		T:           shape[0],
		Hidden:      a.Floats(hiddenName),
		Input:       a.Floats(inputName),
		Probability: a.Floats(probabilityName),
		BlockSide:   narrow(a.Integers(blockSideName)),
	}), a.Floats(readoutWeightName)
}

func narrow(sides []int64) []int8 {
	out := make([]int8, len(sides))
	for i, side := range sides {
		out[i] = int8(side)
	}
	return out
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

// TestOracle holds both kinds of readouts to what NumPy found.
func TestOracle(t *testing.T) {
	trajectory, weight := oracle(t)
	base, student := kernelstest.Open(t, "radd_n50"), kernelstest.Open(t, "radd_n50_student")
	for _, kind := range []Kind{Full, PCA} {
		t.Run(string(kind), func(t *testing.T) {
			r, err := FindReadouts(trajectory, weight, kind)
			if err != nil {
				t.Fatal(err)
			}
			folder := string(kind) + "/"
			near(t, "projection", r.Projection.RawMatrix().Data, student.Floats(folder+"projection"), fittedTolerance)
			if want := student.Floats(folder + "offset"); kind == Full {
				if floats.Norm(r.Offset, 1) != 0 {
					t.Error("an offset in the full space")
				}
			} else {
				near(t, "offset", r.Offset, want, fittedTolerance)
			}
			near(t, "angle", []float64{r.Angle()}, student.Floats(folder+"angle_degrees"), fittedTolerance)
			near(t, "accuracy", []float64{r.Block.Accuracy}, student.Floats(folder+"block_accuracy"), fittedTolerance)
			near(t, "explained variance", r.Components.Explained(), student.Floats("explained_variance"), fittedTolerance)
			if kind == Full {
				near(t, "block logit", append(r.Block.Weight, r.Block.Intercept), base.Floats("block_logit"), fittedTolerance)
				near(t, "angle", []float64{r.Angle()}, base.Floats("angle_degrees"), fittedTolerance)
				near(t, "accuracy", []float64{r.Block.Accuracy}, base.Floats("block_accuracy"), fittedTolerance)
			}
			if again, err := r.BlockAccuracyOn(trajectory); err != nil || math.Abs(again-r.Block.Accuracy) > 1e-15 {
				t.Errorf("accuracy counted again: %v, %v", again, err)
			}
			h, err := SplitHalves(trajectory, weight, r)
			if err != nil {
				t.Fatal(err)
			}
			// The block readout is poorly determined in the full space, and well in
			// the plane.
			if between := h.Angles[1]; kind == Full && !(between > 30) || kind == PCA && !(between < 10) {
				t.Errorf("the two halves' block readouts are %.1f° apart", between)
			}
			if !(h.HeldOutAccuracy > .8 && h.HeldOutAccuracy < r.Block.Accuracy) {
				t.Errorf("held-out accuracy %v", h.HeldOutAccuracy)
			}
			if angle := r.CovarianceAngle(); !(angle > 25 && angle < 40) {
				t.Errorf("the two signals' correlation is cos %v°", angle)
			}
		})
	}
}
