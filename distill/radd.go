package distill

import (
	"fmt"
	"strconv"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/input"
)

// Problem says what of a teacher the student shall follow, and through which
// nonlinearity.
type Problem struct {
	F          Nonlinearity // the zero value is Tanh
	Projection *mat.Dense   // P (M, N)
	Offset     []float64    // h̄ (N); nil is 0
	Scale      Scale        // κ
}

// RADD is a student: the dynamical system ẑ_t = f(A′ ẑ_{t−1} + B′ o_t + c′) that
// follows z_t = P (h_t − h̄)/κ best, one step ahead and in f⁻¹ space.
type RADD struct {
	F          Nonlinearity
	N, M, Q    int
	Projection *mat.Dense // P (M, N)
	Offset     []float64  // h̄ (N)
	Scale      []float64  // κ of each row (M)

	A *mat.Dense // A′ (M, M)
	B *mat.Dense // B′ (M, Q); nil where Q is 0
	C []float64  // c′ (M)

	R2        []float64 // one-step, in f⁻¹ space, t = 2..T, of each row (M)
	Condition float64   // largest over smallest singular value of the regressors [z_{t−1}, o_t, 1]
	Rank      int       // of the regressors, M+Q+1 if it is full
	T         int       // RNN steps
	Pairs     int       // RNN steps that have one before them in their session
}

// Fit solves the regression f⁻¹(z_t) ≈ A′ z_{t−1} + B′ o_t + c′, t = 2..T of every
// session, in one pass, after another one where κ depends on the trajectory.
//
// Where the regressors determine the parameters badly or not at all, a
// *ConditionError comes together with the answer: of all least-squares
// solutions the one of minimum norm. An *input.Error tells of values that
// cannot be, of a trajectory with T ≤ M+Q+1, and of a z_t outside f's domain. It
// panics where the projection or the offset has not the trajectory's N.
//
// Source: SI 7.3.
func Fit(t *analysis.Trajectory, p Problem) (*RADD, error) {
	r := newStudent(t, p)
	v, err := p.view(t)
	if err != nil {
		return nil, err
	}
	r.Scale = v.scale
	rows := newFactor(r.columns())
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		r.T++
		if s.previous != nil {
			s.regression(rows.row())
		}
	}
	if err := r.enough(t, rows.count); err != nil {
		return nil, err
	}
	return r, r.adopt(rows, t.Name)
}

// newStudent returns a student without scale and parameters.
func newStudent(t *analysis.Trajectory, p Problem) *RADD {
	M, N := p.Projection.Dims()
	r := &RADD{F: p.nonlinearity(), N: N, M: M, Q: t.Q, Projection: p.Projection, Offset: p.Offset}
	if r.Offset == nil {
		r.Offset = make([]float64, N)
	}
	return r
}

func (p *Problem) nonlinearity() Nonlinearity {
	if p.F.Forward == nil {
		return Tanh()
	}
	return p.F
}

// regressors is the number of regressors, [1, z_{t−1}, o_t].
func (r *RADD) regressors() int { return 1 + r.M + r.Q }

// columns is the number of a regression's columns, regressors and targets.
func (r *RADD) columns() int { return r.regressors() + r.M }

// enough returns an *input.Error where there are fewer pairs than regressors.
func (r *RADD) enough(t *analysis.Trajectory, pairs int) error {
	least := r.regressors()
	if pairs >= least {
		return nil
	}
	return &input.Error{File: t.Name, Field: "hidden", Found: fmt.Sprintf("%d RNN steps, %d of them with one before in their session", r.T, pairs),
		Allowed: fmt.Sprintf("%d or more with one before: as many as regressors", least), Do: "record more RNN steps"}
}

// adopt takes the parameters that solve the regression of the rows. The error
// is nil or a *ConditionError.
func (r *RADD) adopt(rows *factor, name string) error {
	s := rows.solve(r.regressors())
	M, Q := r.M, r.Q
	r.C = mat.Row(nil, 0, s.weights)
	r.A = mat.DenseCopyOf(s.weights.Slice(1, 1+M, 0, M).T())
	if Q > 0 {
		r.B = mat.DenseCopyOf(s.weights.Slice(1+M, 1+M+Q, 0, M).T())
	}
	r.R2, r.Condition, r.Rank, r.Pairs = s.r2(), s.condition, s.rank, rows.count
	return s.err(name)
}

// Step assigns to dst (M) the student's next state f(A′ z + B′ o + c′) after the
// state z (M) with the input o (Q). dst must not overlap z.
func (r *RADD) Step(dst, z, o []float64) {
	r.drive(dst, z, o)
	for m, u := range dst {
		dst[m] = r.F.Forward(u)
	}
}

// drive assigns A′ z + B′ o + c′ to dst (M).
func (r *RADD) drive(dst, z, o []float64) {
	for m := range dst {
		u := r.C[m] + floats.Dot(r.A.RawRowView(m), z)
		if r.B != nil {
			u += floats.Dot(r.B.RawRowView(m), o)
		}
		dst[m] = u
	}
}

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
