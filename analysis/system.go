package analysis

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
	"radd/task"
)

// System is a network as a map of its state: F(h, x) = tanh(W_hh h + W_ih x + b),
// b being both biases together, and its readout.
type System struct {
	Name      string
	N         int
	Recurrent *mat.Dense // W_hh (N, N)
	Input     *mat.Dense // W_ih (N, 3)
	Bias      []float64  // b (N)
	Readout   []float64  // W_out[right] − W_out[left] (N)
	Offset    float64    // b_out[right] − b_out[left]
}

// SystemOf returns the network of n hidden units with the parameters θ, packed as
// kernels.Shape says, which it copies.
func SystemOf(name string, n int, theta []float64) *System {
	w := kernels.Views(kernels.Shape{N: n}, theta)
	s := &System{Name: name, N: n, Bias: make([]float64, n), Readout: make([]float64, n), Offset: w.ReadoutBias[1] - w.ReadoutBias[0],
		Recurrent: mat.DenseCopyOf(mat.NewDense(n, n, w.HiddenHidden)), Input: mat.DenseCopyOf(mat.NewDense(n, kernels.Inputs, w.InputHidden))}
	for i := range n {
		s.Bias[i] = w.InputBias[i] + w.HiddenBias[i]
		s.Readout[i] = w.Readout[n+i] - w.Readout[i]
	}
	return s
}

// drive assigns W_ih x + b to dst (N).
func (s *System) drive(dst []float64, x [kernels.Inputs]float64) {
	copy(dst, s.Bias)
	blas64.Gemv(blas.NoTrans, 1, s.Input.RawMatrix(), blas64.Vector{N: kernels.Inputs, Inc: 1, Data: x[:]}, 1, blas64.Vector{N: s.N, Inc: 1, Data: dst})
}

// step assigns tanh(W_hh h + drive) to dst (N), which is not h.
func (s *System) step(dst, h, drive []float64) {
	copy(dst, drive)
	blas64.Gemv(blas.NoTrans, 1, s.Recurrent.RawMatrix(), blas64.Vector{N: s.N, Inc: 1, Data: h}, 1, blas64.Vector{N: s.N, Inc: 1, Data: dst})
	for i, u := range dst {
		dst[i] = math.Tanh(u)
	}
}

// Step assigns F(h, x) to dst (N), which is not h.
func (s *System) Step(dst, h []float64, x [kernels.Inputs]float64) {
	drive := make([]float64, s.N)
	s.drive(drive, x)
	s.step(dst, h, drive)
}

// Jacobian returns ∂F/∂h = diag(1 − F²) W_hh (N, N), given F(h, x).
func (s *System) Jacobian(F []float64) *mat.Dense {
	J := mat.DenseCopyOf(s.Recurrent)
	for i, f := range F {
		row := J.RawRowView(i)
		for k := range row {
			row[k] *= 1 - f*f
		}
	}
	return J
}

// logit returns the logit difference of a state.
func (s *System) logit(h []float64) float64 {
	return blas64.Dot(blas64.Vector{N: s.N, Inc: 1, Data: s.Readout}, blas64.Vector{N: s.N, Inc: 1, Data: h}) + s.Offset
}

// Condition is a constant input.
type Condition struct {
	Name  string
	Input [kernels.Inputs]float64 // left and right observation, feedback
}

// Conditions returns the inputs under which dynamics are looked at: no
// observation or one of the largest strength on either side while waiting, and
// each feedback that ends a trial, or none, without observation.
//
// Source: the paper's six vector fields.
func Conditions(c *task.Config) []Condition {
	largest := 0.0
	for _, s := range c.Strengths {
		largest = max(largest, s)
	}
	wait := c.WaitingFeedback
	return []Condition{
		{"wait", [3]float64{0, 0, wait}},
		{"left", [3]float64{largest, 0, wait}},
		{"right", [3]float64{0, largest, wait}},
		{"penalty", [3]float64{0, 0, -1}},
		{"blank", [3]float64{0, 0, 0}},
		{"reward", [3]float64{0, 0, +1}},
	}
}

func (c Condition) String() string { return fmt.Sprintf("%s %v", c.Name, c.Input) }
