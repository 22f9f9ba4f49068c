package kernels

import (
	"math"
	"testing"
)

var objectives = []Objective{CrossEntropyMean, CrossEntropySum, ProbabilityMean, QLogMean(0), QLogMean(.37), QLogMean(1)}

func TestObjectiveNames(t *testing.T) {
	for o, want := range map[Objective][3]string{
		CrossEntropyMean: {"cross-entropy", "mean", "cross-entropy (mean)"},
		CrossEntropySum:  {"cross-entropy", "sum", "cross-entropy (sum)"},
		ProbabilityMean:  {"probability", "mean", "probability (mean)"},
		QLogMean(.25):    {"q-log", "mean", "q-log 0.25 (mean)"},
	} {
		name, reduction := o.Names()
		if got := [3]string{name, reduction, o.String()}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, err := ParseObjective(name, reduction, o.Q); got != o || err != nil {
			t.Errorf("%s is parsed as %v, %v", o, got, err)
		}
	}
	for _, bad := range [][2]string{{"probability", "sum"}, {"cross-entropy", ""}, {"", "mean"}, {"ce", "mean"}, {"q-log", "sum"}, {"soft-cross-entropy", "mean"}} {
		if o, err := ParseObjective(bad[0], bad[1], 0); err == nil {
			t.Errorf("%q is parsed as %v", bad, o)
		}
	}
}

// rounding of a few operations, of an exponential's argument as well: relative.
const rounding = 1e-14

func TestLoss(t *testing.T) {
	inf := math.Inf(1)
	for _, row := range []struct {
		name                      string
		side                      int8
		d                         float64
		crossEntropy, dEntropy    float64
		probability, dProbability float64
	}{
		{name: "even, right", side: 1, d: 0, crossEntropy: math.Ln2, dEntropy: -.5, probability: -.5, dProbability: -.25},
		{name: "even, left", side: -1, d: 0, crossEntropy: math.Ln2, dEntropy: .5, probability: -.5, dProbability: .25},
		{name: "at the threshold, right", side: 1, d: math.Log(9), crossEntropy: -math.Log(.9), dEntropy: -.1,
			probability: -.9, dProbability: -.09},
		{name: "at the threshold, wrong", side: -1, d: math.Log(9), crossEntropy: math.Log(10), dEntropy: .9,
			probability: -.1, dProbability: .09},
		{name: "surely right", side: 1, d: 40, crossEntropy: math.Exp(-40), dEntropy: -math.Exp(-40),
			probability: -1, dProbability: -math.Exp(-40)},
		{name: "surely wrong", side: -1, d: 40, crossEntropy: 40, dEntropy: 1, probability: -math.Exp(-40), dProbability: math.Exp(-40)},
		{name: "the softmax underflows", side: 1, d: -800, crossEntropy: 800, dEntropy: -1},
		{name: "the softmax underflows, left", side: -1, d: 800, crossEntropy: 800, dEntropy: 1},
		{name: "and for the right side", side: -1, d: -800, probability: -1},
		{name: "largest", side: 1, d: -math.MaxFloat64, crossEntropy: math.MaxFloat64, dEntropy: -1},
		{name: "infinite", side: 1, d: inf, probability: -1},
		{name: "infinitely wrong", side: 1, d: -inf, crossEntropy: inf, dEntropy: -1},
	} {
		for _, o := range objectives {
			loss, derivative := row.crossEntropy, row.dEntropy
			switch {
			case o == ProbabilityMean:
				loss, derivative = row.probability, row.dProbability
			case o.Q == 1: // 1 − a, to the rounding of the difference
				loss, derivative = 1+row.probability, row.dProbability
				if got := o.Loss(row.side, row.d); math.Abs(got-loss) < rounding {
					loss = got
				}
			case o.Q > 0: // (1 − a^q)/q with a = e^−cross entropy
				loss = -math.Expm1(-o.Q*row.crossEntropy) / o.Q
				derivative = row.dEntropy * math.Exp(-o.Q*row.crossEntropy)
			}
			close := func(got, want float64) bool {
				return got == want || math.Abs(got-want) <= rounding*math.Abs(want)
			}
			if got := o.Loss(row.side, row.d); !close(got, loss) {
				t.Errorf("%s, %v: loss %v, want %v", row.name, o, got, loss)
			}
			if got := o.Derivative(row.side, row.d); !close(got, derivative) {
				t.Errorf("%s, %v: derivative %v, want %v", row.name, o, got, derivative)
			}
		}
	}
	for _, o := range objectives {
		if !math.IsNaN(o.Loss(1, math.NaN())) || !math.IsNaN(o.Derivative(1, math.NaN())) {
			t.Errorf("%v: a NaN gives %v, %v", o, o.Loss(1, math.NaN()), o.Derivative(1, math.NaN()))
		}
	}
}

func TestDerivative(t *testing.T) {
	// Central differences with this step are off by its square.
	const step, tolerance = 1e-5, 1e-9
	for _, o := range objectives {
		for _, side := range []int8{-1, 1} {
			for d := -6.0; d <= 6; d += .37 {
				want := (o.Loss(side, d+step) - o.Loss(side, d-step)) / (2 * step)
				if got := o.Derivative(side, d); math.Abs(got-want) > tolerance {
					t.Errorf("%v, side %+d, d = %v: %v, want %v", o, side, d, got, want)
				}
				if mirrored := -o.Derivative(-side, -d); mirrored != o.Derivative(side, d) {
					t.Errorf("%v, side %+d, d = %v: the other side's is %v", o, side, d, mirrored)
				}
			}
		}
	}
}

func TestScale(t *testing.T) {
	for o, want := range map[Objective]float64{CrossEntropyMean: 1. / 8, CrossEntropySum: 1, ProbabilityMean: 1. / 8} {
		if got := o.Scale(8); got != want {
			t.Errorf("%v: %v, want %v", o, got, want)
		}
	}
}
