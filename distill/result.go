package distill

import (
	"cmp"
	"errors"
	"slices"

	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/npz"
)

// Result is a student with everything that is reported of it.
type Result struct {
	*RADD
	Training       *Evaluation // on the trajectory that it was fitted to
	HeldOut        *HeldOut    // on the held-out trajectory, else by ten parts
	Growth         *Growth     // on the trajectory that it was fitted to, and so on
	Stability      *Stability
	Sensitivity    []Sensitivity
	StandardErrors *StandardErrors // nil where the trajectory has not two pairs of blocks
}

// Distil fits a student to a trajectory and reports on it. heldOut, another
// trajectory of the same network, may be nil: then held-out figures come from
// parts of t, see [RADD.CrossValidate]. The seed is that of the bootstrap and of
// the random control. It takes eleven passes over t, and one more where κ depends
// on it.
//
// As with [Fit], a *ConditionError comes together with the result.
func Distil(t, heldOut *analysis.Trajectory, p Problem, seed uint64) (*Result, error) {
	student, err := Fit(t, p)
	var condition *ConditionError
	if err != nil && !errors.As(err, &condition) {
		return nil, err
	}
	r := &Result{RADD: student}
	if err := r.report(t, heldOut, seed); err != nil {
		return nil, err
	}
	return r, err
}

// report assigns everything but the student.
func (r *Result) report(t, heldOut *analysis.Trajectory, seed uint64) (err error) {
	if r.Training, err = r.Evaluate(t); err != nil {
		return err
	}
	if heldOut == nil {
		r.HeldOut, err = r.CrossValidate(t)
	} else {
		var e *Evaluation
		if e, err = r.Evaluate(heldOut); err == nil {
			r.HeldOut = &HeldOut{R2: e.R2, FreeRunR2: e.FreeRunR2, Outside: e.Outside}
		}
	}
	if err != nil {
		return err
	}
	if r.Growth, err = r.ErrorGrowth(t, seed); err != nil {
		return err
	}
	if r.Stability, err = r.Jacobians(t); err != nil {
		return err
	}
	if r.Sensitivity, err = r.ScaleSensitivity(t); err != nil {
		return err
	}
	r.StandardErrors, err = r.Bootstrap(t, DefaultResamples, seed)
	return err
}

// Arrays of a RADD result, of M rows, N units, Q inputs, H horizons, S other κ.
//
//	A (M, M), B (M, Q), c (M)            the student's parameters
//	projection (M, N), offset (N)        P, h̄
//	scale () or (M)                      κ: one number, or one a row where they differ
//	r2, free_run_r2 (M)                  one-step in f⁻¹ space; free run in z space
//	held_out_r2, held_out_free_run_r2 (M)
//	condition, rank ()                   of the regressors
//	state_r2 (M)                         one-step in z space
//	rnn_steps, pairs, held_out_outside ()
//	horizon (H), horizon_error, horizon_error_random (H, M), horizon_runs (H)
//	stability/modulus, stability/lyapunov, stability/modulus_of_A (M)
//	stability/max_radius, stability/mean_log_radius, stability/expanding ()
//	sensitivity/scale, sensitivity/r2, sensitivity/free_run_r2 (S, M)
//	sensitivity/change, sensitivity/factor (S), sensitivity/per_row (S) bool
//	standard_error/A, standard_error/B, standard_error/c as A, B, c
//	standard_error/pairs_of_blocks, standard_error/resamples ()

// Write adds the result's arrays to the archive. Errors are w's.
func (r *Result) Write(w *npz.Writer) error {
	M, N, Q := r.M, r.N, r.Q
	scale, shape := r.Scale, []int{M}
	if len(slices.Compact(slices.Clone(scale))) == 1 {
		scale, shape = scale[:1], nil
	}
	if err := cmp.Or(
		npz.Add(w, "A", data(r.A), M, M),
		npz.Add(w, "B", data(r.B), M, Q),
		npz.Add(w, "c", r.C, M),
		npz.Add(w, "projection", data(r.Projection), M, N),
		npz.Add(w, "offset", r.Offset, N),
		npz.Add(w, "scale", scale, shape...),
		npz.Add(w, "r2", r.R2, M),
		npz.Add(w, "free_run_r2", r.Training.FreeRunR2, M),
		npz.Add(w, "held_out_r2", r.HeldOut.R2, M),
		npz.Add(w, "held_out_free_run_r2", r.HeldOut.FreeRunR2, M),
		npz.Add(w, "condition", []float64{r.Condition}),
		npz.Add(w, "rank", []int{r.Rank}),

		npz.Add(w, "state_r2", r.Training.StateR2, M),
		npz.Add(w, "rnn_steps", []int{r.T}),
		npz.Add(w, "pairs", []int{r.Pairs}),
		npz.Add(w, "held_out_outside", []int{r.HeldOut.Outside}),
		r.writeGrowth(w),
		r.writeStability(w),
		r.writeSensitivity(w),
	); err != nil || r.StandardErrors == nil {
		return err
	}
	e := r.StandardErrors
	return cmp.Or(
		npz.Add(w, "standard_error/A", data(e.A), M, M),
		npz.Add(w, "standard_error/B", data(e.B), M, Q),
		npz.Add(w, "standard_error/c", e.C, M),
		npz.Add(w, "standard_error/pairs_of_blocks", []int{e.Units}),
		npz.Add(w, "standard_error/resamples", []int{e.Resamples}),
	)
}

func (r *Result) writeGrowth(w *npz.Writer) error {
	horizon := make([]int, Horizons)
	for i := range horizon {
		horizon[i] = 1 + i
	}
	return cmp.Or(
		npz.Add(w, "horizon", horizon, Horizons),
		npz.Add(w, "horizon_error", data(r.Growth.Error), Horizons, r.M),
		npz.Add(w, "horizon_error_random", data(r.Growth.Control), Horizons, r.M),
		npz.Add(w, "horizon_runs", r.Growth.Runs, Horizons),
	)
}

func (r *Result) writeStability(w *npz.Writer) error {
	s := r.Stability
	return cmp.Or(
		npz.Add(w, "stability/modulus", s.Modulus, r.M),
		npz.Add(w, "stability/lyapunov", s.Lyapunov, r.M),
		npz.Add(w, "stability/modulus_of_A", s.ModulusA, r.M),
		npz.Add(w, "stability/max_radius", []float64{s.MaxRadius}),
		npz.Add(w, "stability/mean_log_radius", []float64{s.MeanLogRadius}),
		npz.Add(w, "stability/expanding", []float64{s.Expanding}),
	)
}

func (r *Result) writeSensitivity(w *npz.Writer) error {
	var scale, r2, free, change, factor []float64
	var perRow []bool
	for _, s := range r.Sensitivity {
		scale = append(scale, s.Values...)
		r2 = append(r2, s.R2...)
		free = append(free, s.FreeRunR2...)
		change = append(change, s.Change)
		factor = append(factor, s.Scale.Factor)
		perRow = append(perRow, s.Scale.PerRow)
	}
	S := len(r.Sensitivity)
	return cmp.Or(
		npz.Add(w, "sensitivity/scale", scale, S, r.M),
		npz.Add(w, "sensitivity/r2", r2, S, r.M),
		npz.Add(w, "sensitivity/free_run_r2", free, S, r.M),
		npz.Add(w, "sensitivity/change", change, S),
		npz.Add(w, "sensitivity/factor", factor, S),
		npz.Add(w, "sensitivity/per_row", perRow, S),
	)
}

// data returns a matrix's elements, row-major; none where there is no matrix.
func data(m *mat.Dense) []float64 {
	if m == nil {
		return []float64{}
	}
	return mat.DenseCopyOf(m).RawMatrix().Data
}
