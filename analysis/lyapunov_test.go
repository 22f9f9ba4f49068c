package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
)

// drawn is a network of N units with random weights of standard deviation
// gain/√N, and its trajectory under random inputs of the given standard
// deviation.
func drawn(N, T int, gain, input float64) (*System, *Trajectory) {
	random := rand.New(rand.NewPCG(uint64(N), 1))
	s := &System{Name: "drawn", N: N, Recurrent: mat.NewDense(N, N, nil), Input: mat.NewDense(N, kernels.Inputs, nil), Bias: make([]float64, N), Readout: make([]float64, N)}
	s.Recurrent.Apply(func(int, int, float64) float64 { return gain / math.Sqrt(float64(N)) * random.NormFloat64() }, s.Recurrent)
	s.Input.Apply(func(int, int, float64) float64 { return random.NormFloat64() }, s.Input)
	c := Chunk{T: T, Hidden: make([]float64, T*N), Input: make([]float64, T*kernels.Inputs)}
	h := make([]float64, N)
	for i := range h {
		h[i] = random.NormFloat64() / 10
	}
	for i := range T {
		x := c.Input[i*kernels.Inputs : (i+1)*kernels.Inputs]
		for k := range x {
			x[k] = input * random.NormFloat64()
		}
		s.Step(c.Hidden[i*N:(i+1)*N], h, [kernels.Inputs]float64(x))
		h = c.Hidden[i*N : (i+1)*N]
	}
	return s, Recorded("drawn", N, kernels.Inputs, c)
}

func mustExponents(t *testing.T, s *System, trajectory *Trajectory, k, steps int) *Lyapunov {
	t.Helper()
	l, err := s.LyapunovExponents(trajectory, k, steps)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Exponents of systems that can be told without following them.
func TestLyapunovKnown(t *testing.T) {
	const tolerance = 1e-9 // what turning into the leading directions leaves of the others after the settling
	diagonal := spiral(1)
	diagonal.Recurrent = mat.NewDense(3, 3, []float64{.5, 0, 0, 0, -1.1, 0, 0, 0, .2})
	for _, test := range []struct {
		name string
		s    *System
		want []float64
	}{
		{"every direction alike", spiral(.9), []float64{math.Log(.9), math.Log(.9), math.Log(.9)}},
		{"one that grows", diagonal, []float64{math.Log(1.1), math.Log(.5), math.Log(.2)}},
	} {
		l := mustExponents(t, test.s, still(3, 5000), 3, 5000)
		if !floats.EqualApprox(l.Value, test.want, tolerance) {
			t.Errorf("%s: %v, want %v", test.name, l.Value, test.want)
		}
	}
	// Of a triangular system the Jacobians' diagonal tells, wherever it goes.
	s := twoUnits(1.4, .7, .5)
	random := rand.New(rand.NewPCG(1, 1))
	const T = 4000
	c := Chunk{T: T, Hidden: make([]float64, 2*T), Input: make([]float64, 3*T)}
	h := []float64{.1, 0}
	var want [2]float64
	for i := range T {
		c.Input[3*i] = 2 * random.NormFloat64()
		s.Step(c.Hidden[2*i:2*i+2], h, [3]float64(c.Input[3*i:3*i+3]))
		h = c.Hidden[2*i : 2*i+2]
		if i >= lyapunovSettle {
			want[0] += math.Log(1.4*(1-h[0]*h[0])) / (T - lyapunovSettle)
			want[1] += math.Log(.5*(1-h[1]*h[1])) / (T - lyapunovSettle)
		}
	}
	slices.Sort(want[:])
	slices.Reverse(want[:])
	l := mustExponents(t, s, Recorded("triangular", 2, 3, c), 2, T)
	// A tangent of the wrong direction may last a few RNN steps more than it should.
	if !floats.EqualApprox(l.Value, want[:], 2e-3) {
		t.Errorf("triangular: %v, want %v", l.Value, want)
	}
	if !(l.Low[0] < want[0] && want[0] < l.High[0]) || l.RNNSteps != T-lyapunovSettle {
		t.Errorf("triangular: %+v, want %v", l, want)
	}
	for i, course := range l.Course {
		if course.RNNSteps%lyapunovWindow != 0 || i > 0 && course.RNNSteps <= l.Course[i-1].RNNSteps {
			t.Errorf("course %+v", l.Course)
		}
	}
	first, last := l.Course[0], l.Course[len(l.Course)-1]
	if math.Abs(last.Value[0]-want[0]) > math.Abs(first.Value[0]-want[0]) || last.RNNSteps < T/2 {
		t.Errorf("the course does not come nearer to %v: %+v", want, l.Course)
	}
}

// All exponents together are the mean logarithm of the Jacobians' determinants;
// a contracting network has none above the logarithm of its weights' norm, and a
// random one of high gain without input is chaotic.
func TestLyapunovNetworks(t *testing.T) {
	s, trajectory := drawn(6, 3000, .8, .5)
	l := mustExponents(t, s, trajectory, 6, 3000)
	mean, n := 0., 0.
	c := whole(t, trajectory)
	for i := lyapunovSettle; i < 3000; i++ {
		mean += math.Log(math.Abs(mat.Det(s.Jacobian(c.Hidden[6*i : 6*i+6]))))
		n++
	}
	if sum := floats.Sum(l.Value); math.Abs(sum-mean/n) > 1e-9 {
		t.Errorf("the exponents sum up to %v, the logarithms of determinants to %v", sum, mean/n)
	}
	if !slices.IsSortedFunc(l.Value, func(a, b float64) int { return -int(math.Copysign(1, a-b)) }) {
		t.Errorf("not in order: %v", l.Value)
	}
	norm := mat.Norm(s.Recurrent, 2)
	if bound := math.Log(norm); !(l.Value[0] < bound) {
		t.Errorf("the first exponent is %v, the weights' norm allows %v", l.Value[0], bound)
	}
	s, trajectory = drawn(60, 1500, 3, 0)
	if l := mustExponents(t, s, trajectory, 2, 1500); !(l.Low[0] > 0) {
		t.Errorf("a chaotic network: %+v", l)
	}
	if r := SpectralRadius(s.Recurrent); math.Abs(r/3-1) > .25 {
		t.Errorf("spectral radius %v; of a random matrix it is about 3", r)
	}
	// What is mapped to 0 is −∞, and leaves the others alone.
	flat := spiral(1)
	flat.Recurrent = mat.NewDense(3, 3, []float64{.5, 0, 0, 0, 0, 0, 0, 0, 0})
	if l := mustExponents(t, flat, still(3, 500), 3, 500); math.Abs(l.Value[0]-math.Log(.5)) > 1e-9 || !math.IsInf(l.Value[1], -1) || !math.IsInf(l.Value[2], -1) {
		t.Errorf("a singular system: %v", l.Value)
	}
}

// The radii of the table: of W_hh, and of Jacobians whose eigenvalues are known.
func TestRadii(t *testing.T) {
	s := twoUnits(1.5, .7, .5)
	r := &Recording{sample: sample{step: []int{1, 2}, after: []float64{0, 0, .8, 0}}}
	d := &Dynamics{}
	rows := rowsOf(t, r.radii(s, d))
	if math.Abs(float64(d.SpectralRadius)-1.5) > 1e-12 || d.Expanding != .5 || math.Abs(number(t, rows[1], "median")-(1.5+1.5*.36)/2) > 1e-9 {
		t.Errorf("%+v, %v", d, rows)
	}
}
