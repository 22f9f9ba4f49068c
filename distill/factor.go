package distill

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// factor is the R factor of the QR decomposition of all rows that it has been
// given: a tall-skinny QR. R stands on top of a batch of rows; when the batch is
// full the stack is factorised in place, and its upper triangle is the R of
// everything so far.
//
// gonum's mat.QR does the same factorisation, but copies its matrix each time.
//
// Source: Demmel, Grigori, Hoemmen and Langou, "Communication-optimal parallel
// and sequential QR and LU factorizations", 2012, the sequential TSQR.
type factor struct {
	cols  int
	count int            // rows given so far
	used  int            // rows of the stack in use, cols of them R's
	stack blas64.General // (cols + batch, cols)
	tau   []float64
	work  []float64
}

func newFactor(cols int) *factor {
	// Factorising R again costs cols/batch more; a batch this size is in the
	// cache as long as the columns are few.
	batch := max(256, 4*cols)
	f := &factor{cols: cols, used: cols, tau: make([]float64, cols)}
	f.stack = blas64.General{Rows: cols + batch, Cols: cols, Stride: cols, Data: make([]float64, (cols+batch)*cols)}
	var size [1]float64
	lapack64.Geqrf(f.stack, f.tau, size[:], -1)
	f.work = make([]float64, int(size[0]))
	return f
}

// row returns the next row (cols) for the caller to assign.
func (f *factor) row() []float64 {
	if f.used == f.stack.Rows {
		f.fold()
	}
	start := f.used * f.cols
	f.used++
	f.count++
	return f.stack.Data[start : start+f.cols]
}

// add adds the rows that another factor's R (cols, cols) stands for.
func (f *factor) add(R []float64, count int) {
	for i := range f.cols {
		copy(f.row(), R[i*f.cols:(i+1)*f.cols])
	}
	f.count += count - f.cols
}

// fold leaves R on top of an empty batch.
func (f *factor) fold() {
	a := f.stack
	a.Rows = f.used
	lapack64.Geqrf(a, f.tau, f.work, len(f.work))
	for i := 1; i < f.cols; i++ { // Householder's vectors
		clear(a.Data[i*f.cols : i*f.cols+i])
	}
	f.used = f.cols
}

// R returns R (cols, cols), row-major. It is the factor's until the next row.
func (f *factor) R() []float64 {
	if f.used > f.cols {
		f.fold()
	}
	return f.stack.Data[:f.cols*f.cols]
}

// reset forgets all rows.
func (f *factor) reset() {
	clear(f.stack.Data[:f.cols*f.cols])
	f.used, f.count = f.cols, 0
}

// maxCondition is the condition number above which a solution has lost half of
// its digits.
const maxCondition = 1e8

// ConditionError tells that a regression does not determine its solution, or
// hardly does: its regressors have not full rank, or are nearly dependent. It
// comes together with the answer, which is the one of minimum norm where the
// rank falls short.
type ConditionError struct {
	Name       string  // of the trajectory
	Rank       int     // of the regressors
	Regressors int     // their number
	Condition  float64 // largest over smallest singular value of the regressors
}

func (e *ConditionError) Error() string {
	if e.Rank < e.Regressors {
		return fmt.Sprintf("%s: the %d regressors have rank %d: of all solutions this is the smallest", e.Name, e.Regressors, e.Rank)
	}
	return fmt.Sprintf("%s: the regressors' condition number is %.3g: the solution has lost half of its digits or more", e.Name, e.Condition)
}

// solution is the least-squares solution of a regression with an intercept.
type solution struct {
	weights   *mat.Dense // (p, M): the intercept's row, then the other regressors'
	rank      int
	condition float64
	residual  []float64 // Σ residual² of each target (M)
	deviation []float64 // Σ (target − its mean)² of each (M)
}

// r2 returns 1 − Σ residual²/Σ deviation² of each target (M).
func (s *solution) r2() []float64 {
	r := make([]float64, len(s.residual))
	for i := range r {
		r[i] = 1 - s.residual[i]/s.deviation[i]
	}
	return r
}

// err returns a *ConditionError where there is reason.
func (s *solution) err(name string) error {
	p, _ := s.weights.Dims()
	if s.rank < p || s.condition > maxCondition {
		return &ConditionError{Name: name, Rank: s.rank, Regressors: p, Condition: s.condition}
	}
	return nil
}

// solve regresses the last columns of the rows on the first p, of which the
// very first is the constant 1.
//
// With R = [R₁₁ R₁₂; 0 R₂₂] the solution is R₁₁⁻¹R₁₂ and the residuals' squares
// sum up to those of R₂₂'s columns. As the constant comes first, R's first row
// holds the means and the rows below it the deviations from them.
func (f *factor) solve(p int) *solution {
	R := mat.NewDense(f.cols, f.cols, f.R())
	M := f.cols - p
	R11, R12 := R.Slice(0, p, 0, p), R.Slice(0, p, p, f.cols)
	var svd mat.SVD
	if !svd.Factorize(R11, mat.SVDThin) {
		panic("distill: the singular values of a finite matrix did not converge")
	}
	// As in numpy.linalg.lstsq, a singular value below this is rounding.
	const epsilon = 1.0 / (1 << 52)
	s := &solution{
		weights:   mat.DenseCopyOf(R12),
		rank:      svd.Rank(epsilon * float64(max(f.count, p))),
		condition: svd.Cond(),
		residual:  make([]float64, M),
		deviation: make([]float64, M),
	}
	if s.rank == p {
		blas64.Trsm(blas.Left, blas.NoTrans, 1, blas64.Triangular{
			Uplo: blas.Upper, Diag: blas.NonUnit, N: p, Stride: f.cols, Data: f.R(),
		}, s.weights.RawMatrix())
	} else {
		svd.SolveTo(s.weights, R12, s.rank)
	}
	var left mat.Dense // what a solution of lower rank leaves of R₁₂
	left.Mul(R11, s.weights)
	left.Sub(R12, &left)
	for m := range M {
		for i := range f.cols {
			x := R.At(i, p+m)
			if i > 0 {
				s.deviation[m] += float64(x * x)
			}
			if i < p {
				x = left.At(i, m)
			}
			s.residual[m] += float64(x * x)
		}
	}
	return s
}
