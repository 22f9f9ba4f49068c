package analysis

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"radd/kernels"
)

const (
	// FixedQ is what q of a fixed point is below: a residual of 1e-10.
	FixedQ = 1e-20
	// SlowQ is what q of a slow point is below: a state that moves by less than
	// 0.014 in an RNN step.
	SlowQ = 1e-4
	// UniqueDistance is within what two points are one.
	UniqueDistance = 1e-3

	searchIterations = 500  // of the minimiser
	polishIterations = 20   // of Newton's method
	flatGradient     = 1e-7 // of q, at a minimum that is no fixed point
)

// Point is a fixed or slow point of a system under a constant input.
type Point struct {
	Condition  int       // index among the conditions
	X          []float64 // (N)
	F          []float64 // where one step leads from X (N)
	Init       []float64 // from where it was found (N)
	Q, DQ      float64   // ½‖X − F‖², and its last change
	Iterations int
	Starts     int // how many searches ended here

	Jacobian     *mat.Dense   // (N, N)
	Eigenvalues  []complex128 // (N) by modulus, largest first
	Eigenvectors *mat.CDense  // (N, N), one a column, in the eigenvalues' order
}

// Fixed reports whether the point is a fixed point, not a slow one.
func (p *Point) Fixed() bool { return p.Q < FixedQ }

// Stable reports whether the point is a fixed point all of whose eigenvalues lie
// within the unit circle. A slow point, a minimum of q where the gradient (1 −
// J)ᵀ(h − F) is 0, has an eigenvalue of 1 by necessity, and rounding alone would
// decide.
func (p *Point) Stable() bool { return p.Fixed() && cmplx.Abs(p.Eigenvalues[0]) < 1 }

// TimeConstant returns −1/ln|λ| of the k-th slowest mode in RNN steps: negative
// of one that grows, NaN where there are not so many.
func (p *Point) TimeConstant(k int) float64 {
	if k >= len(p.Eigenvalues) {
		return nan
	}
	return timeConstant(p.Eigenvalues[k])
}

func timeConstant(lambda complex128) float64 { return -1 / math.Log(cmplx.Abs(lambda)) }

// FixedPoints returns the fixed and slow points of the system under constant
// input x that searches from the starts (n, N) row-major end in, best first: q =
// ½‖h − F(h)‖² is minimised, and where it comes near 0, Newton's method goes on.
// Both have exact derivatives. Points nearer to one another than UniqueDistance
// are one. A search that ends in a minimum of q above SlowQ, or in none, is left
// out.
//
// Source: Sussillo and Barak, "Opening the black box", 2013; Golub and Sussillo,
// FixedPointFinder, 2018.
func (s *System) FixedPoints(x [kernels.Inputs]float64, starts []float64) []Point {
	search := newSearch(s, x)
	var found []Point
	for from := 0; from < len(starts); from += s.N {
		init := starts[from : from+s.N]
		p := search.minimise(init)
		// Searches that meet on the way end alike: one of them is polished.
		if known := nearest(found, p.X); known != nil {
			known.Starts++
			continue
		}
		search.polish(&p)
		known := nearest(found, p.X)
		switch {
		case known == nil && (p.Q < FixedQ || p.Q < SlowQ && search.slope(p.X) < flatGradient):
			found = append(found, p)
		case known != nil:
			known.Starts++
		}
	}
	slices.SortStableFunc(found, func(a, b Point) int {
		if a.Fixed() && b.Fixed() {
			return cmp.Compare(b.Starts, a.Starts)
		}
		return cmp.Compare(a.Q, b.Q)
	})
	for i := range found {
		s.linearise(&found[i])
	}
	return found
}

// nearest returns the point within UniqueDistance of x, if there is one.
func nearest(points []Point, x []float64) *Point {
	for i := range points {
		if floats.Distance(points[i].X, x, 2) < UniqueDistance {
			return &points[i]
		}
	}
	return nil
}

// linearise assigns the point's Jacobian and its spectrum.
func (s *System) linearise(p *Point) {
	p.Jacobian = s.Jacobian(p.F)
	var eigen mat.Eigen
	if !eigen.Factorize(p.Jacobian, mat.EigenRight) {
		panic("analysis: the eigenvalues of a finite Jacobian did not converge")
	}
	values := eigen.Values(nil)
	var vectors mat.CDense
	eigen.VectorsTo(&vectors)
	order := make([]int, s.N)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int { return cmp.Compare(cmplx.Abs(values[k]), cmplx.Abs(values[i])) })
	p.Eigenvalues = make([]complex128, s.N)
	p.Eigenvectors = mat.NewCDense(s.N, s.N, nil)
	for to, from := range order {
		p.Eigenvalues[to] = values[from]
		for i := range s.N {
			p.Eigenvectors.Set(i, to, vectors.At(i, from))
		}
	}
}

// search minimises q under one constant input.
type search struct {
	*System
	input, F, g []float64 // W_ih x + b, F(h), scratch (N)
}

func newSearch(s *System, x [kernels.Inputs]float64) *search {
	r := &search{System: s, input: make([]float64, s.N), F: make([]float64, s.N), g: make([]float64, s.N)}
	s.drive(r.input, x)
	return r
}

// q returns ½‖h − F(h)‖² and leaves F(h) in F.
func (r *search) q(h []float64) float64 {
	r.step(r.F, h, r.input)
	sum := 0.0
	for i, f := range r.F {
		sum += (h[i] - f) * (h[i] - f)
	}
	return sum / 2
}

// gradient assigns (1 − J)ᵀ(h − F) to dst (N).
func (r *search) gradient(dst, h []float64) {
	r.step(r.F, h, r.input)
	for i, f := range r.F {
		dst[i] = h[i] - f
		r.g[i] = (1 - f*f) * (h[i] - f)
	}
	blas64.Gemv(blas.Trans, -1, r.Recurrent.RawMatrix(), blas64.Vector{N: r.N, Inc: 1, Data: r.g}, 1, blas64.Vector{N: r.N, Inc: 1, Data: dst})
}

// slope returns the length of q's gradient.
func (r *search) slope(h []float64) float64 {
	dst := make([]float64, r.N)
	r.gradient(dst, h)
	return floats.Norm(dst, 2)
}

// minimise returns where a search from h ends, whatever stops it.
func (r *search) minimise(h []float64) Point {
	problem := optimize.Problem{Func: r.q, Grad: r.gradient}
	settings := &optimize.Settings{GradientThreshold: 1e-9, MajorIterations: searchIterations, Converger: optimize.NeverTerminate{}}
	p := Point{Init: slices.Clone(h), X: slices.Clone(h), F: make([]float64, r.N), Starts: 1}
	// An error says that the line search found nothing lower: then this is the
	// minimum to rounding.
	if result, _ := optimize.Minimize(problem, h, settings, &optimize.LBFGS{Store: 20}); result != nil {
		copy(p.X, result.X)
		p.Iterations = result.MajorIterations
	}
	p.Q = r.q(p.X)
	p.DQ = p.Q
	copy(p.F, r.F)
	return p
}

// polish takes the point on by Newton's method as long as q falls, if it leads
// to a fixed point.
func (r *search) polish(p *Point) {
	if p.Q > SlowQ {
		return
	}
	x, q := slices.Clone(p.X), p.Q
	before := q
	step := mat.NewVecDense(r.N, nil)
	iterations := 0
	for range polishIterations {
		A := r.Jacobian(r.F)
		A.Scale(-1, A)
		for i := range r.N {
			A.Set(i, i, A.At(i, i)+1)
			r.g[i] = x[i] - r.F[i]
		}
		var lu mat.LU
		lu.Factorize(A)
		if err := lu.SolveVecTo(step, false, mat.NewVecDense(r.N, r.g)); err != nil && !isCondition(err) {
			break
		}
		floats.Sub(x, step.RawVector().Data)
		next := r.q(x)
		iterations++
		if !(next < q) {
			floats.Add(x, step.RawVector().Data)
			r.q(x) // for F
			break
		}
		before, q = q, next
	}
	if q < FixedQ {
		copy(p.X, x)
		copy(p.F, r.F)
		p.Q, p.DQ, p.Iterations = q, before-q, p.Iterations+iterations
	} else {
		r.q(p.X)
	}
}

// isCondition reports whether an error tells of bad condition alone, with which
// comes an answer.
func isCondition(err error) bool {
	condition, ok := err.(mat.Condition)
	return ok && !math.IsInf(float64(condition), 1)
}

// FixedPointsOf returns the points under each condition, by condition, searched
// for on several goroutines.
func (s *System) FixedPointsOf(conditions []Condition, starts []float64) [][]Point {
	points := make([][]Point, len(conditions))
	parallel(len(conditions), func(i int) {
		points[i] = s.FixedPoints(conditions[i].Input, starts)
		for k := range points[i] {
			points[i][k].Condition = i
		}
	})
	return points
}
