package analysis

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
)

// Drive returns the states (T, N) of the system along given inputs (T, 3) from h =
// 0: the open loop, in which it does not matter what the system would have done.
func (s *System) Drive(inputs []float64) *mat.Dense {
	T := len(inputs) / kernels.Inputs
	states := mat.NewDense(T, s.N, nil)
	h, drive := make([]float64, s.N), make([]float64, s.N)
	for t := range T {
		s.drive(drive, [kernels.Inputs]float64(inputs[t*kernels.Inputs:]))
		s.step(states.RawRowView(t), h, drive)
		h = states.RawRowView(t)
	}
	return states
}

// Representation is what a network's states (T, N) along given inputs are
// compared by.
type Representation struct {
	centred *mat.Dense // (T, N)
	length  float64    // Frobenius norm of it
	square  float64    // of XᵀX
}

// RepresentationOf returns that of states (T, N), which it centres in place.
func RepresentationOf(states *mat.Dense) *Representation {
	T, N := states.Dims()
	mean := make([]float64, N)
	for t := range T {
		floats.AddScaled(mean, 1/float64(T), states.RawRowView(t))
	}
	for t := range T {
		floats.Sub(states.RawRowView(t), mean)
	}
	gram := mat.NewSymDense(N, nil)
	addSquares(gram, states.RawMatrix().Data)
	return &Representation{states, mat.Norm(states, 2), mat.Norm(gram, 2)}
}

// Similarity returns how alike two representations of the same inputs are, by
// linear centred kernel alignment, ‖XᵀY‖²/(‖XᵀX‖·‖YᵀY‖), from 0 to 1, alike; and
// the Procrustes distance after both are centred and of length 1, √(2 − 2‖XᵀY‖*),
// ‖·‖* being the sum of the singular values, from 0, alike, to √2. Neither heeds
// rotations, reflections, shifts and one scale for all units; the first is
// decided by the directions of largest variance, the second also by smaller ones.
// Both are NaN where a representation does not vary. It panics where they are not
// of as many RNN steps.
//
// Source: Kornblith, Norouzi, Lee and Hinton, "Similarity of neural network
// representations revisited", 2019; Williams, Kunz, Kornblith and Linderman,
// "Generalized shape metrics on neural representations", 2021.
func (r *Representation) Similarity(other *Representation) (cka, procrustes float64) {
	var cross mat.Dense
	cross.Mul(r.centred.T(), other.centred)
	length := mat.Norm(&cross, 2)
	cka = length * length / (r.square * other.square)
	if math.IsNaN(cka) {
		return nan, nan
	}
	var svd mat.SVD
	if !svd.Factorize(&cross, mat.SVDNone) {
		panic("analysis: the singular values of a finite matrix did not converge")
	}
	share := floats.Sum(svd.Values(nil)) / (r.length * other.length)
	return cka, math.Sqrt(max(0, 2-2*share))
}

// Structure is how many points a system has under a constant input.
type Structure struct{ Fixed, Stable, Slow int }

// StructureOf counts points; of the fixed ones some are stable.
func StructureOf(points []Point) (s Structure) {
	for i := range points {
		s.Fixed += index(points[i].Fixed())
		s.Stable += index(points[i].Stable())
		s.Slow += index(!points[i].Fixed())
	}
	return s
}
