package distill

import (
	"radd/analysis"
)

// Evaluation is how well a student follows a trajectory, its own or another.
// Everything is of each row (M), and NaN where there is nothing to judge by.
type Evaluation struct {
	R2        []float64 // one-step, in f⁻¹ space, t = 2..T: from z_{t−1} to f⁻¹(z_t)
	StateR2   []float64 // the same in z space
	FreeRunR2 []float64 // in z space, t = 1..T, from ẑ_1 = z_1 of each session alone

	T       int // RNN steps
	Pairs   int // RNN steps that have one before them in their session
	Outside int // RNN steps without f⁻¹(z_t), which R2 leaves out
}

// Evaluate runs the student along a trajectory, in one pass. All figures are
// 1 − Σ residual²/Σ(deviation from the mean)². The trajectory need not be the
// one that the student was fitted to, so z_t may be outside f's domain; the
// figures in z space count it all the same.
//
// Source: SI 7.3; task, `r2` and `free_run_r2`.
func (r *RADD) Evaluate(t *analysis.Trajectory) (*Evaluation, error) {
	v := r.view(t)
	v.lenient = true
	inverse, state, free := newScore(r.M), newScore(r.M), newScore(r.M)
	e := &Evaluation{}
	truth, estimate := make([]float64, r.M), make([]float64, r.M)
	run := newFreeRun(r)
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		e.T++
		if !s.inside {
			e.Outside++
		}
		if s.previous != nil {
			e.Pairs++
			r.drive(estimate, s.previous, s.o)
			if s.inside {
				s.inverse(truth)
				inverse.add(truth, estimate)
			}
			for m, u := range estimate {
				estimate[m] = r.F.Forward(u)
			}
			state.add(s.z, estimate)
		}
		free.add(s.z, run.next(s, s.previous == nil))
	}
	e.R2, e.StateR2, e.FreeRunR2 = inverse.r2(), state.r2(), free.r2()
	return e, nil
}

// freeRun is a student that runs by itself along a trajectory's inputs.
type freeRun struct {
	r            *RADD
	state, spare []float64 // ẑ (M)
}

func newFreeRun(r *RADD) *freeRun {
	return &freeRun{r, make([]float64, r.M), make([]float64, r.M)}
}

// next returns ẑ_t: z_t itself where the run starts here.
func (f *freeRun) next(s *step, start bool) []float64 {
	if start {
		copy(f.state, s.z)
		return f.state
	}
	f.r.Step(f.spare, f.state, s.o)
	f.state, f.spare = f.spare, f.state
	return f.state
}

// score sums up squared errors and squared deviations from the mean of each
// row, in one pass.
//
// Source: Welford, "Note on a method for calculating corrected sums of squares
// and products", 1962.
type score struct {
	n                        float64
	mean, deviation, squares []float64 // (M)
}

func newScore(M int) *score {
	return &score{mean: make([]float64, M), deviation: make([]float64, M), squares: make([]float64, M)}
}

func (s *score) add(truth, estimate []float64) {
	s.n++
	for m, x := range truth {
		d := x - s.mean[m]
		s.mean[m] += d / s.n
		s.deviation[m] += float64(d * (x - s.mean[m]))
		e := x - estimate[m]
		s.squares[m] += float64(e * e)
	}
}

// r2 returns 1 − Σ error²/Σ deviation² (M), NaN where nothing was added.
func (s *score) r2() []float64 {
	r := make([]float64, len(s.mean))
	for m := range r {
		r[m] = 1 - s.squares[m]/s.deviation[m]
	}
	return r
}
