package analysis

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/task"
)

// twoUnits is a system whose first unit is bistable by itself and drives the
// second, so that its equilibria are those of scalar equations.
func twoUnits(self, drive, leak float64) *System {
	return &System{Name: "two units", N: 2, Recurrent: mat.NewDense(2, 2, []float64{self, 0, drive, leak}),
		Input: mat.NewDense(2, kernels.Inputs, []float64{.3, -.3, 0, 0, 0, .2}), Bias: make([]float64, 2), Readout: []float64{1, 0}}
}

// root returns the equilibrium of h = tanh(w·h + u) that iteration from h leads
// to.
func root(w, u, h float64) float64 {
	for range 10_000 {
		h = math.Tanh(w*h + u)
	}
	return h
}

// grid returns 11 × 11 states of two units.
func grid() []float64 {
	var starts []float64
	for i := range 11 {
		for k := range 11 {
			starts = append(starts, -1+.2*float64(i), -1+.2*float64(k))
		}
	}
	return starts
}

// knownTolerance is what fixed points of a known system are found to, and their
// eigenvalues, which depend on them smoothly.
const knownTolerance = 1e-10

func TestFixedPointsKnown(t *testing.T) {
	const drive, leak = .7, .5
	type point struct {
		x, y   float64
		stable bool
	}
	bistable := root(2, 0, 1)
	for _, test := range []struct {
		name string
		self float64
		in   [3]float64
		want []point
	}{
		{"bistable", 2, [3]float64{}, []point{
			{bistable, root(leak, drive*bistable, 0), true},
			{-bistable, root(leak, -drive*bistable, 0), true},
			{0, 0, false}}},
		{"monostable", .8, [3]float64{}, []point{{0, 0, true}}},
		{"an input that leaves one", 2, [3]float64{2, 0, 0}, []point{{root(2, .6, 1), root(leak, drive*root(2, .6, 1), 0), true}}},
		{"feedback moves the second unit", .8, [3]float64{0, 0, 1}, []point{{0, root(leak, .2, 0), true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := twoUnits(test.self, drive, leak)
			got := s.FixedPoints(test.in, grid())
			if len(got) != len(test.want) {
				t.Fatalf("%d points, want %d: %+v", len(got), len(test.want), got)
			}
			for _, w := range test.want {
				p := nearest(got, []float64{w.x, w.y})
				if p == nil {
					t.Errorf("no point at %v, %v", w.x, w.y)
					continue
				}
				if floats.Distance(p.X, []float64{w.x, w.y}, 2) > knownTolerance || p.Stable() != w.stable || !p.Fixed() || p.Starts < 1 {
					t.Errorf("found %v (stable %v, q %v), want %v, %v", p.X, p.Stable(), p.Q, w.x, w.y)
				}
				// The Jacobian is triangular: its diagonal is its spectrum.
				a, b := test.self*(1-w.x*w.x), leak*(1-w.y*w.y)
				if math.Abs(cmplx.Abs(p.Eigenvalues[0])-max(a, b)) > knownTolerance || math.Abs(cmplx.Abs(p.Eigenvalues[1])-min(a, b)) > knownTolerance {
					t.Errorf("eigenvalues %v, want %v and %v", p.Eigenvalues, a, b)
				}
				if tau := -1 / math.Log(max(a, b)); math.Abs(p.TimeConstant(0)/tau-1) > 1e-8 {
					t.Errorf("time constant %v, want %v", p.TimeConstant(0), tau)
				}
			}
		})
	}
}

// Just before a pair of equilibria is born, the place is a slow point, and no
// fixed one.
func TestSlowPoint(t *testing.T) {
	const w = 2.
	// h = tanh(w·h + u) has a double root where w(1 − h²) = 1.
	h := -math.Sqrt(1 - 1/w)
	u := math.Atanh(h) - w*h
	s := twoUnits(w, 0, .5)
	s.Bias[0] = u + 1e-3
	var slow *Point
	points := s.FixedPoints([3]float64{}, grid())
	for i := range points {
		if !points[i].Fixed() {
			slow = &points[i]
		}
	}
	if slow == nil || math.Abs(slow.X[0]-h) > .05 || slow.Q > SlowQ || slow.Q < FixedQ {
		t.Fatalf("points %+v; want a slow one near %v", points, h)
	}
	if slow.Stable() || math.Abs(cmplx.Abs(slow.Eigenvalues[0])-1) > 1e-4 {
		t.Errorf("the slow point is stable, or has no eigenvalue of 1: %v", slow.Eigenvalues)
	}
}

// Three eigenvalues of a rotation and a decay.
func TestEigenvectors(t *testing.T) {
	const angle, gain = .3, .9
	c, sn := gain*math.Cos(angle), gain*math.Sin(angle)
	s := &System{N: 3, Recurrent: mat.NewDense(3, 3, []float64{c, -sn, 0, sn, c, 0, 0, 0, .2}), Input: mat.NewDense(3, 3, nil), Bias: make([]float64, 3)}
	points := s.FixedPoints([3]float64{}, []float64{.1, .2, .3, -.5, .5, 0})
	if len(points) != 1 || points[0].Starts != 2 {
		t.Fatalf("%+v", points)
	}
	p := points[0]
	for k, want := range []float64{gain, gain, .2} {
		if math.Abs(cmplx.Abs(p.Eigenvalues[k])-want) > knownTolerance {
			t.Errorf("eigenvalue %d is %v", k, p.Eigenvalues[k])
		}
		for i := range 3 { // J v = λ v
			sum := -p.Eigenvalues[k] * p.Eigenvectors.At(i, k)
			for j := range 3 {
				sum += complex(p.Jacobian.At(i, j), 0) * p.Eigenvectors.At(j, k)
			}
			if cmplx.Abs(sum) > knownTolerance {
				t.Errorf("eigenvector %d: residual %v", k, sum)
			}
		}
	}
}

// jacobianTolerance allows for the error of central differences with this step:
// step² times a third derivative of order 1, and rounding over the step.
const (
	jacobianStep      = 1e-5
	jacobianTolerance = 1e-9
)

func TestJacobian(t *testing.T) {
	s := trainedSystem(t)
	random := rand.New(rand.NewPCG(1, 2))
	x := [3]float64{.7, -1.2, .9}
	for range 3 {
		h := make([]float64, s.N)
		for i := range h {
			h[i] = 2*random.Float64() - 1
		}
		F, up, down := make([]float64, s.N), make([]float64, s.N), make([]float64, s.N)
		s.Step(F, h, x)
		J := s.Jacobian(F)
		search := newSearch(s, x)
		gradient := make([]float64, s.N)
		search.gradient(gradient, h)
		for k := range s.N {
			h[k] += jacobianStep
			s.Step(up, h, x)
			above := search.q(h)
			h[k] -= 2 * jacobianStep
			s.Step(down, h, x)
			below := search.q(h)
			h[k] += jacobianStep
			for i := range s.N {
				if want := (up[i] - down[i]) / (2 * jacobianStep); math.Abs(J.At(i, k)-want) > jacobianTolerance {
					t.Fatalf("∂F[%d]/∂h[%d] is %v, by differences %v", i, k, J.At(i, k), want)
				}
			}
			if want := (above - below) / (2 * jacobianStep); math.Abs(gradient[k]-want) > jacobianTolerance*10 {
				t.Fatalf("∂q/∂h[%d] is %v, by differences %v", k, gradient[k], want)
			}
		}
	}
}

// trainedSystem is the fixtures' trained network.
func trainedSystem(t testing.TB) *System {
	t.Helper()
	n, theta, _, err := kernels.ReadWeights(filepath.Join("..", "testdata", "oracle", "n50_trained_prob.npz"))
	if err != nil {
		t.Fatal(err)
	}
	return SystemOf("network", n, theta)
}

// One step of the system is one RNN step of the fixture's record, and so is its
// logit.
func TestSystemStep(t *testing.T) {
	s := trainedSystem(t)
	record := kernelstest.Open(t, "n50_trained_prob")
	hidden, inputs, prob := record.Floats("record/hidden"), record.Floats("record/input"), record.Floats("record/prob")
	F := make([]float64, s.N)
	for i := 1; i < len(prob)/2; i++ {
		s.Step(F, hidden[(i-1)*s.N:i*s.N], [3]float64(inputs[3*i:3*i+3]))
		if d := floats.Distance(F, hidden[i*s.N:(i+1)*s.N], math.Inf(1)); d > 1e-12 {
			t.Fatalf("RNN step %d differs by %v", i, d)
		}
		if p := kernels.Sigmoid(s.logit(F)); math.Abs(p-prob[2*i+1]) > 1e-12 {
			t.Fatalf("RNN step %d: P(right) %v, want %v", i, p, prob[2*i+1])
		}
	}
}

// Under every condition of the task a trained network has points, and each is
// what it is said to be.
func TestFixedPointsOfNetwork(t *testing.T) {
	s := trainedSystem(t)
	hidden := kernelstest.Open(t, "n50_trained_prob").Floats("record/hidden")
	var starts []float64
	for i := 0; i < len(hidden)/s.N; i += 40 {
		starts = append(starts, hidden[i*s.N:(i+1)*s.N]...)
	}
	config := task.DefaultConfig()
	conditions := Conditions(&config)
	F := make([]float64, s.N)
	for i, points := range s.FixedPointsOf(conditions, starts) {
		if len(points) == 0 {
			t.Errorf("%v: no points", conditions[i])
		}
		for _, p := range points {
			s.Step(F, p.X, conditions[i].Input)
			if q := floats.Distance(F, p.X, 2); math.Abs(q*q/2-p.Q) > 1e-25 || p.Condition != i || floats.Distance(F, p.F, 2) != 0 {
				t.Errorf("%v: q is %v, said to be %v", conditions[i], q*q/2, p.Q)
			}
			t.Logf("%v: q %.3g stable %v τ %.1f %.1f starts %d iterations %d", conditions[i], p.Q, p.Stable(), p.TimeConstant(0), p.TimeConstant(1), p.Starts, p.Iterations)
		}
	}
}
