package analysis

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Frame are the four axes along which a network's states are looked at: both
// principal directions of the plane, then the stimulus and the block readout,
// all from the mean state.
type Frame struct {
	N     int
	Mean  []float64  // h̄ (N)
	Axes  *mat.Dense // V, then P (4, N)
	Plane *mat.Dense // V (2, N), part of Axes
	P     *mat.Dense // (2, N), part of Axes
	Back  *mat.Dense // P⁺ (N, 2)
}

// The coordinates of a state, in the order of Frame.Axes.
const (
	pc1 = iota
	pc2
	stimulus
	block
	axes
)

// FrameOf returns the frame of readouts found in the plane, with the signs of
// principal directions such that the stimulus readout's coordinates are not
// negative. Where there is no plane, or both readouts are one direction, there is
// none: nil.
func FrameOf(r *Readouts) *Frame {
	if r.plane == nil {
		return nil
	}
	N := len(r.Offset)
	f := &Frame{N: N, Mean: r.Offset, Axes: mat.NewDense(axes, N, nil)}
	for k := range 2 {
		row := f.Axes.RawRowView(k)
		copy(row, r.plane.RawRowView(k))
		if floats.Dot(row, r.Projection.RawRowView(0)) < 0 {
			floats.Scale(-1, row)
		}
		f.Axes.SetRow(stimulus+k, r.Projection.RawRowView(k))
	}
	f.Plane = f.Axes.Slice(0, 2, 0, N).(*mat.Dense)
	f.P = f.Axes.Slice(2, 4, 0, N).(*mat.Dense)
	if f.Back = pseudoinverse(f.P); f.Back == nil {
		return nil
	}
	return f
}

// pseudoinverse returns P⁺ = Pᵀ(PPᵀ)⁻¹ (N, M) of a P (M, N) of full rank, nil of
// another.
func pseudoinverse(P *mat.Dense) *mat.Dense {
	var back mat.Dense
	if back.Solve(P, eye(P.RawMatrix().Rows)) != nil { // a condition beyond 10¹⁶, too
		return nil
	}
	return &back
}

func eye(n int) *mat.Dense {
	I := mat.NewDense(n, n, nil)
	for i := range n {
		I.Set(i, i, 1)
	}
	return I
}

// Coordinates returns the state's along the four axes.
func (f *Frame) Coordinates(h []float64) [axes]float64 {
	centred := make([]float64, f.N)
	floats.SubTo(centred, h, f.Mean)
	return f.along(centred)
}

// along returns a difference of states along the four axes.
func (f *Frame) along(d []float64) (x [axes]float64) {
	blas64.Gemv(blas.NoTrans, 1, f.Axes.RawMatrix(), blas64.Vector{N: f.N, Inc: 1, Data: d}, 0, blas64.Vector{N: axes, Inc: 1, Data: x[:]})
	return x
}

// lift assigns h̄ + B (x, y) to dst (N), B being (N, 2): Back, or Plane transposed.
func (f *Frame) lift(dst []float64, B mat.Matrix, x, y float64) {
	for i := range dst {
		dst[i] = f.Mean[i] + x*B.At(i, 0) + y*B.At(i, 1)
	}
}
