package distill

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
)

// FitFreeRun returns the student whose free run follows the trajectory best: from
// the student r it goes down Σ_t |z_t − ẑ_t|², SI 7.3's formula as it stands, ẑ running
// from z_1 of each session alone, by Levenberg and Marquardt's method with exact
// derivatives, in so many iterations at most. The regression, which r is the
// answer of, has z_{t−1} in ẑ_{t−1}'s place. P, h̄ and κ stay. Where no step goes
// down, it is r's copy. The trajectory's T (M + Q) numbers are kept in memory.
//
// Source: SI 7.3; Marquardt 1963.
func (r *RADD) FitFreeRun(t *analysis.Trajectory, iterations int) (*RADD, error) {
	p := &course{M: r.M, Q: r.Q}
	v := r.view(t)
	v.lenient = true
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		p.z, p.o = append(p.z, s.z...), append(p.o, s.o...)
		p.start = append(p.start, s.previous == nil)
	}
	best := r.copied()
	squares, normal, slope := p.linearise(best, true)
	damping := 1e-3
	for range iterations {
		n := len(slope)
		damped := mat.NewSymDense(n, nil)
		damped.CopySym(normal)
		for i := range n {
			damped.SetSym(i, i, normal.At(i, i)*(1+damping))
		}
		var step mat.VecDense
		var cholesky mat.Cholesky
		if !cholesky.Factorize(damped) || cholesky.SolveVecTo(&step, mat.NewVecDense(n, slope)) != nil {
			damping *= 10
			continue
		}
		next := best.copied()
		next.move(step.RawVector().Data)
		after, _, _ := p.linearise(next, false)
		const worst, enough = 1e10, 1e-9
		if !(after < squares) { // NaN neither
			if damping *= 10; damping > worst {
				break
			}
			continue
		}
		gain := (squares - after) / squares
		best, damping = next, damping/10
		if squares, normal, slope = p.linearise(best, true); gain < enough {
			break
		}
	}
	e, err := best.Evaluate(t)
	if err != nil {
		return nil, err
	}
	best.R2 = e.R2
	return best, nil
}

// copied returns the student with parameters of its own.
func (r *RADD) copied() *RADD {
	c := *r
	c.A, c.C = mat.DenseCopyOf(r.A), slices.Clone(r.C)
	if r.B != nil {
		c.B = mat.DenseCopyOf(r.B)
	}
	return &c
}

// move adds a step to the parameters: of each unit in turn, those of [1, ẑ, o].
func (r *RADD) move(step []float64) {
	for m := range r.M {
		of := step[m*r.regressors():][:r.regressors()]
		r.C[m] += of[0]
		floats.Add(r.A.RawRowView(m), of[1:1+r.M])
		if r.B != nil {
			floats.Add(r.B.RawRowView(m), of[1+r.M:])
		}
	}
}

// course is a trajectory as a student sees it, in memory.
type course struct {
	M, Q  int
	z, o  []float64 // (T, M), (T, Q)
	start []bool    // (T), a session's first step
}

// linearise runs the student free and returns the sum of squared residuals and,
// if asked, Σ JᵀJ and Σ Jᵀ(z − ẑ), J being ẑ's derivative by the parameters.
func (p *course) linearise(r *RADD, derivatives bool) (squares float64, normal *mat.SymDense, slope []float64) {
	M, K := p.M, r.regressors()
	n := M * K
	state, next := make([]float64, M), make([]float64, M)
	J, before := make([]float64, M*n), make([]float64, M*n) // ∂ẑ_t, ∂ẑ_{t−1} (M, n)
	sum := make([]float64, n*n)
	slope = make([]float64, n)
	for t, start := range p.start {
		z, o := p.z[t*M:][:M], p.o[t*p.Q:][:p.Q]
		if start {
			copy(state, z)
			clear(J)
			continue
		}
		r.Step(next, state, o)
		if derivatives {
			J, before = before, J
			for m := range M {
				row := J[m*n:][:n]
				clear(row)
				for j, a := range r.A.RawRowView(m) {
					floats.AddScaled(row, a, before[j*n:][:n])
				}
				own := row[m*K:][:K]
				own[0]++
				floats.Add(own[1:1+M], state)
				floats.Add(own[1+M:], o)
				floats.Scale(r.F.Slope(next[m]), row)
			}
		}
		state, next = next, state
		for m, x := range z {
			e := x - state[m]
			squares += float64(e * e)
			if derivatives {
				row := J[m*n:][:n]
				floats.AddScaled(slope, e, row)
				for i, a := range row {
					floats.AddScaled(sum[i*n:][:n], a, row)
				}
			}
		}
	}
	if math.IsInf(squares, 0) {
		squares = math.NaN()
	}
	return squares, mat.NewSymDense(n, sum), slope
}
