package distill

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"radd/analysis"
)

// exactTolerance leaves six digits for the inverse of a nonlinearity near the
// edge of its domain and for the regressors' condition.
const exactTolerance = 1e-10

// softsign is a nonlinearity of one's own.
func softsign() Nonlinearity {
	return Nonlinearity{
		Name:    "softsign",
		Forward: func(u float64) float64 { return u / (1 + math.Abs(u)) },
		Inverse: func(z float64) float64 { return z / (1 - math.Abs(z)) },
		Slope:   func(z float64) float64 { return (1 - math.Abs(z)) * (1 - math.Abs(z)) },
		Low:     -1, High: 1,
	}
}

func nonlinearities(tb testing.TB) []Nonlinearity {
	leaky, err := LeakyReLU(.1)
	if err != nil {
		tb.Fatal(err)
	}
	return []Nonlinearity{Tanh(), Sigmoid(), Identity(), leaky, softsign()}
}

// TestNonlinearities holds inverses and slopes to f.
func TestNonlinearities(t *testing.T) {
	const step, tolerance = 1e-6, 1e-8 // of a central difference: step² and rounding over step
	for _, f := range nonlinearities(t) {
		for _, u := range []float64{-3, -1.1, -.2, .3, 1, 2.5} {
			z := f.Forward(u)
			if !f.contains(z) || math.Abs(f.Inverse(z)-u) > exactTolerance {
				t.Errorf("%s: the inverse of f(%v) is %v", f.Name, u, f.Inverse(z))
			}
			slope := (f.Forward(u+step) - f.Forward(u-step)) / (2 * step)
			if math.Abs(f.Slope(z)-slope) > tolerance {
				t.Errorf("%s: slope %v at %v, by differences %v", f.Name, f.Slope(z), u, slope)
			}
		}
		if f.contains(f.Low) || f.contains(f.High) || f.contains(math.NaN()) {
			t.Errorf("%s: its domain is not open", f.Name)
		}
	}
	for _, slope := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := LeakyReLU(slope)
		wantFault(t, err, "slope", "above 0")
	}
}

// TestRecovery finds known systems again without scaling: from their states,
// and seen through a random orthogonal projection; through every nonlinearity;
// over many short sessions, whose boundaries no pair may cross.
func TestRecovery(t *testing.T) {
	systems := map[string]*system{
		"two units":                    twoUnits(),
		"M = 5 of 5":                   randomSystem(5, 3, 5, Tanh()),
		"M = 5 of 40, by a projection": randomSystem(5, 3, 40, Tanh()),
		"one unit, without inputs":     {f: Tanh(), A: mat.NewDense(1, 1, []float64{.9}), C: []float64{.3}},
	}
	for _, f := range nonlinearities(t) {
		systems["M = 3, "+f.Name] = randomSystem(3, 2, 10, f)
	}
	for name, s := range systems {
		for _, session := range []int{0, 25} {
			if session == 0 && s.B == nil {
				continue // it comes to rest
			}
			t.Run(fmt.Sprintf("%s, sessions of %d", name, session), func(t *testing.T) {
				s.session = session
				trajectory := s.trajectory(3000, 333)
				r := mustFit(t, trajectory, s.problem())
				near(t, "A, B, c", r.parameters(), s.parameters(), exactTolerance)
				e, err := r.Evaluate(trajectory)
				if err != nil {
					t.Fatal(err)
				}
				for m := range r.M {
					for what, r2 := range map[string]float64{"one-step": r.R2[m], "evaluated": e.R2[m], "state": e.StateR2[m], "free-run": e.FreeRunR2[m]} {
						if !(math.Abs(1-r2) < exactTolerance) {
							t.Errorf("row %d: %s R² is %v, want 1", m, what, r2)
						}
					}
				}
				if sessions := max(1, 3000/max(session, 1)); session > 0 && r.Pairs != 3000-sessions {
					t.Errorf("%d pairs of %d RNN steps in %d sessions", r.Pairs, r.T, sessions)
				}
			})
		}
	}
}

// TestScaledLinear finds a linear system again whatever κ is, once κ is taken
// out: scaling changes its parameters by κ alone.
func TestScaledLinear(t *testing.T) {
	s := randomSystem(3, 2, 8, Identity())
	offset := make([]float64, 8)
	for _, scale := range []Scale{{}, {Factor: 2}, {PerRow: true}, {Fixed: []float64{3}}, {Fixed: []float64{.5, 1, 2}}} {
		p := s.problem()
		p.Scale, p.Offset = scale, offset
		r := mustFit(t, s.trajectory(1000, 100), p)
		want := &RADD{A: s.A, B: s.B, C: s.C, Scale: []float64{1, 1, 1}}
		near(t, fmt.Sprintf("A, B, c with %+v", scale), r.unscaled(), want.unscaled(), exactTolerance)
	}
}

// direct solves the regression in one piece with gonum's QR.
func direct(t *testing.T, trajectory *analysis.Trajectory, r *RADD) *mat.Dense {
	t.Helper()
	var X, Y []float64
	pairs := 0
	for s, err := range r.view(trajectory).steps() {
		if err != nil {
			t.Fatal(err)
		}
		if s.previous == nil {
			continue
		}
		row := make([]float64, r.columns())
		s.regression(row)
		X, Y = append(X, row[:r.regressors()]...), append(Y, row[r.regressors():]...)
		pairs++
	}
	var qr mat.QR
	qr.Factorize(mat.NewDense(pairs, r.regressors(), X))
	var weights mat.Dense
	if err := qr.SolveTo(&weights, false, mat.NewDense(pairs, r.M, Y)); err != nil {
		t.Fatal(err)
	}
	return &weights
}

// TestChunking draws how a trajectory is cut into chunks and sessions: it
// changes nothing but rounding, and nothing at all given the projection.
func TestChunking(t *testing.T) {
	const rounding = 1e-12
	rapid.Check(t, func(t *rapid.T) {
		s := randomSystem(2, 3, 7, Tanh())
		s.process = .1
		s.session = rapid.SampledFrom([]int{0, 7, 40, 256, 257}).Draw(t, "session")
		T := rapid.IntRange(300, 900).Draw(t, "T")
		whole, err := Fit(s.trajectory(T, T), s.problem())
		if err != nil {
			t.Fatal(err)
		}
		chunk := rapid.IntRange(1, T).Draw(t, "chunk")
		parts, err := Fit(s.trajectory(T, chunk), s.problem())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(whole.parameters(), parts.parameters()) || !slices.Equal(whole.R2, parts.R2) {
			t.Fatalf("chunks of %d of %d RNN steps: %v, in one piece %v", chunk, T, parts.parameters(), whole.parameters())
		}
		// Batches of the factorisation that begin elsewhere.
		shifted := newFactor(whole.columns())
		batches := newFactor(whole.columns())
		every := rapid.IntRange(1, 300).Draw(t, "batch")
		for s, err := range whole.view(s.trajectory(T, 10)).steps() {
			if err != nil {
				t.Fatal(err)
			}
			if s.previous == nil {
				continue
			}
			s.regression(batches.row())
			if batches.count == every {
				shifted.add(batches.R(), batches.count)
				batches.reset()
			}
		}
		shifted.add(batches.R(), batches.count)
		if shifted.count != whole.Pairs {
			t.Fatalf("%d rows of %d", shifted.count, whole.Pairs)
		}
		again := *whole
		if err := again.adopt(shifted, ""); err != nil {
			t.Fatal(err)
		}
		if d := floats.Distance(again.parameters(), whole.parameters(), 2) / floats.Norm(whole.parameters(), 2); d > rounding {
			t.Fatalf("batches of %d change the parameters by %.2g", every, d)
		}
	})
}

// TestRankDeficient regresses on regressors that are dependent: a direction
// twice, an input twice, an input that never changes. The answer is the one of
// minimum norm, held to the pseudo-inverse of the whole matrix.
func TestRankDeficient(t *testing.T) {
	const tolerance = 1e-9 // of a pseudo-inverse whose threshold divides far-off singular values
	twice := mat.NewDense(2, 2, []float64{1, 0, 1, 0})
	for _, test := range []struct {
		name       string
		projection *mat.Dense
		spoil      func(input []float64) // one RNN step's
		rank       int
	}{
		{"a direction twice", twice, func([]float64) {}, 5},
		{"an input twice", eye(2), func(o []float64) { o[2] = o[0] }, 5},
		{"a constant input", eye(2), func(o []float64) { o[1] = 3 }, 5},
		{"two faults", twice, func(o []float64) { o[2] = o[1] }, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := twoUnits()
			s.process = .1
			trajectory := s.trajectory(2000, 100)
			source := trajectory.Source
			trajectory.Source = func(yield func(*analysis.Chunk, error) bool) {
				for c, err := range source {
					for i := range c.T {
						test.spoil(c.Input[i*3 : (i+1)*3])
					}
					if !yield(c, err) {
						return
					}
				}
			}
			r, err := Fit(trajectory, Problem{Projection: test.projection})
			var condition *ConditionError
			if !errors.As(err, &condition) || r == nil {
				t.Fatalf("%v: %v", r, err)
			}
			if r.Rank != test.rank || condition.Rank != test.rank || condition.Regressors != 6 || !(r.Condition > 1e12) || condition.Condition != r.Condition {
				t.Errorf("rank %d, condition %v, error %+v", r.Rank, r.Condition, condition)
			}
			near(t, "A, B, c", r.parameters(), pseudoInverse(t, trajectory, r), tolerance)
			if again, err := r.Evaluate(trajectory); err != nil {
				t.Error(err)
			} else {
				near(t, "r2, evaluated", again.R2, r.R2, tolerance)
			}
		})
	}
}

// pseudoInverse solves the regression by the singular values of the matrix of
// all rows, and returns A, B and c.
func pseudoInverse(t *testing.T, trajectory *analysis.Trajectory, r *RADD) []float64 {
	t.Helper()
	p := r.regressors()
	X, Y := mat.NewDense(r.Pairs, p, nil), mat.NewDense(r.Pairs, r.M, nil)
	row, i := make([]float64, r.columns()), 0
	for s, err := range r.view(trajectory).steps() {
		if err != nil {
			t.Fatal(err)
		}
		if s.previous != nil {
			s.regression(row)
			X.SetRow(i, row[:p])
			Y.SetRow(i, row[p:])
			i++
		}
	}
	var svd mat.SVD
	if !svd.Factorize(X, mat.SVDThin) {
		t.Fatal("no singular values")
	}
	var W mat.Dense
	svd.SolveTo(&W, Y, svd.Rank(1e-12))
	A, B := mat.DenseCopyOf(W.Slice(1, 3, 0, 2).T()), mat.DenseCopyOf(W.Slice(3, 6, 0, 2).T())
	return slices.Concat(A.RawMatrix().Data, B.RawMatrix().Data, mat.Row(nil, 0, &W))
}

// TestIllConditioned has full rank, but hardly.
func TestIllConditioned(t *testing.T) {
	s := twoUnits()
	p := s.problem()
	p.F = Identity()
	p.Projection = mat.NewDense(2, 2, []float64{1, 0, 1, 1e-9})
	r, err := Fit(s.trajectory(2000, 100), p)
	var condition *ConditionError
	if !errors.As(err, &condition) || r.Rank != 6 || condition.Rank != 6 || !(r.Condition > maxCondition && r.Condition < 1e11) {
		t.Errorf("%+v, %v", r, err)
	}
	wantText(t, err, "system: ", "condition number", "half of its digits")
}
