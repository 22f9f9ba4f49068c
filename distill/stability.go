package distill

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
)

// Stability is how the student's map bends distances along a trajectory:
// figures of its Jacobians J_t = diag(f′(f⁻¹(z_t))) A′, which is
// diag(1 − z_t²) A′ for tanh, at t = 2..T. A′ alone, the Jacobian at f⁻¹ = 0,
// says less: where z is large, f is flat.
type Stability struct {
	Modulus       []float64 // mean of the eigenvalues' moduli, sorted at each t, largest first (M)
	MaxRadius     float64   // largest spectral radius along the trajectory
	MeanLogRadius float64   // mean of the spectral radius's natural logarithm
	Expanding     float64   // share of RNN steps with a spectral radius above 1
	// Lyapunov exponents of the product of all J_t, natural logarithms per RNN
	// step, largest first (M); a neighbouring state comes nearer by exp of the
	// first. −Inf where A′ is singular.
	Lyapunov []float64
	// ModulusA are the moduli of the eigenvalues of A′ itself (M), for comparison.
	ModulusA []float64
}

// Jacobians follows the Jacobians along a trajectory, in one pass.
//
// Source: Benettin, Galgani, Giorgilli and Strelcyn, "Lyapunov characteristic
// exponents", 1980.
func (r *RADD) Jacobians(t *analysis.Trajectory) (*Stability, error) {
	v := r.view(t)
	v.lenient = true
	M := r.M
	e := newEigenvalues(M)
	out := &Stability{
		Modulus:  make([]float64, M),
		Lyapunov: make([]float64, M),
		ModulusA: slices.Clone(e.moduli(r.A)),
	}
	jacobian, frame := mat.NewDense(M, M, nil), identity(M)
	pairs := 0.0
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		if s.previous == nil {
			continue
		}
		pairs++
		for m, z := range s.z {
			floats.ScaleTo(jacobian.RawRowView(m), r.F.Slope(z), r.A.RawRowView(m))
		}
		moduli := e.moduli(jacobian)
		floats.Add(out.Modulus, moduli)
		out.MaxRadius = max(out.MaxRadius, moduli[0])
		out.MeanLogRadius += math.Log(moduli[0])
		if moduli[0] > 1 {
			out.Expanding++
		}
		frame.advance(jacobian, out.Lyapunov)
	}
	floats.Scale(1/pairs, out.Modulus)
	floats.Scale(1/pairs, out.Lyapunov)
	out.MeanLogRadius /= pairs
	out.Expanding /= pairs
	slices.SortFunc(out.Lyapunov, func(a, b float64) int { return cmp.Compare(b, a) })
	return out, nil
}

// eigenvalues computes those of small matrices in workspace of its own.
type eigenvalues struct {
	copy         []float64 // (M, M)
	re, im, work []float64
}

func newEigenvalues(M int) *eigenvalues {
	e := &eigenvalues{copy: make([]float64, M*M), re: make([]float64, M), im: make([]float64, M)}
	var size [1]float64
	lapack64.Geev(lapack.LeftEVNone, lapack.RightEVNone, e.matrix(), e.re, e.im, blas64.General{}, blas64.General{}, size[:], -1)
	e.work = make([]float64, int(size[0]))
	return e
}

func (e *eigenvalues) matrix() blas64.General {
	M := len(e.re)
	return blas64.General{Rows: M, Cols: M, Stride: M, Data: e.copy}
}

// moduli returns the eigenvalues' moduli, largest first, until the next call.
func (e *eigenvalues) moduli(A *mat.Dense) []float64 {
	copy(e.copy, A.RawMatrix().Data)
	if lapack64.Geev(lapack.LeftEVNone, lapack.RightEVNone, e.matrix(), e.re, e.im, blas64.General{}, blas64.General{}, e.work, len(e.work)) != 0 {
		for i := range e.re {
			e.re[i] = math.NaN()
		}
	}
	for i, im := range e.im {
		e.re[i] = math.Hypot(e.re[i], im)
	}
	slices.SortFunc(e.re, func(a, b float64) int { return cmp.Compare(b, a) })
	return e.re
}

// tangent is an orthonormal frame of tangent vectors, one a row.
type tangent struct {
	rows, spare [][]float64
}

func identity(M int) *tangent {
	t := &tangent{}
	for i := range M {
		t.rows, t.spare = append(t.rows, make([]float64, M)), append(t.spare, make([]float64, M))
		t.rows[i][i] = 1
	}
	return t
}

// advance maps the frame by J, makes it orthonormal again, and adds the
// logarithms of the lengths to sums. A vector that J maps to 0 stays there.
func (t *tangent) advance(J *mat.Dense, sums []float64) {
	for i, row := range t.rows {
		next := t.spare[i]
		for m := range next {
			next[m] = floats.Dot(J.RawRowView(m), row)
		}
		for _, earlier := range t.spare[:i] {
			floats.AddScaled(next, -floats.Dot(earlier, next), earlier)
		}
		length := floats.Norm(next, 2)
		sums[i] += math.Log(length)
		if length > 0 {
			floats.Scale(1/length, next)
		}
	}
	t.rows, t.spare = t.spare, t.rows
}
