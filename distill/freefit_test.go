package distill

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// Derivatives are those of central differences.
func TestFreeRunDerivatives(t *testing.T) {
	const step, tolerance = 1e-5, 1e-6 // step² of a sum of some hundred, and rounding over step
	s := twoUnits()
	s.session, s.observation, s.seed = 40, .05, 3
	r, err := Fit(s.trajectory(200, 64), Problem{Projection: eye(2), Scale: Scale{Fixed: []float64{1}}})
	if err != nil {
		t.Fatal(err)
	}
	p := &course{M: 2, Q: 3}
	for x, err := range r.view(s.trajectory(200, 64)).steps() {
		if err != nil {
			t.Fatal(err)
		}
		p.z, p.o, p.start = append(p.z, x.z...), append(p.o, x.o...), append(p.start, x.previous == nil)
	}
	_, _, slope := p.linearise(r, true)
	for i := range slope {
		at := func(by float64) float64 {
			moved := r.copied()
			direction := make([]float64, len(slope))
			direction[i] = by
			moved.move(direction)
			squares, _, _ := p.linearise(moved, false)
			return squares
		}
		if want := -(at(step) - at(-step)) / (4 * step); math.Abs(slope[i]-want) > tolerance*(1+math.Abs(want)) {
			t.Errorf("slope %d is %v, by differences %v", i, slope[i], want)
		}
	}
}

// States that are seen through noise bias the regression, and not the free run's
// fit; without noise they are one.
func TestFitFreeRun(t *testing.T) {
	truth := twoUnits()
	away := func(r *RADD) float64 {
		want := append(append(append([]float64{}, truth.A.RawMatrix().Data...), truth.B.RawMatrix().Data...), truth.C...)
		return floats.Distance(r.parameters(), want, 2)
	}
	for _, noise := range []float64{0, .05} {
		s := twoUnits()
		s.observation, s.seed = noise, 5
		path := s.trajectory(20_000, 512)
		r, err := Fit(path, Problem{Projection: eye(2), Scale: Scale{Fixed: []float64{1}}})
		if err != nil {
			t.Fatal(err)
		}
		free, err := r.FitFreeRun(path, 30)
		if err != nil {
			t.Fatal(err)
		}
		// A tenth is far beyond the estimates' errors, which go with noise/√T.
		if before, after := away(r), away(free); noise == 0 && after > 1e-9 || noise > 0 && after > before/10 {
			t.Errorf("noise %v: parameters are %v away, by regression %v", noise, after, before)
		}
		a, errA := r.Evaluate(path)
		b, errB := free.Evaluate(path)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for m := range 2 {
			if noise > 0 && (b.FreeRunR2[m] < a.FreeRunR2[m] || b.R2[m] > a.R2[m]) {
				t.Errorf("row %d: R² %v one step, %v free; by regression %v, %v", m, b.R2[m], b.FreeRunR2[m], a.R2[m], a.FreeRunR2[m])
			}
		}
	}
}
