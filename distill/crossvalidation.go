package distill

import (
	"radd/analysis"
)

const (
	// Parts is how many contiguous parts a trajectory is held out in.
	Parts = 10
	// Gap is the RNN steps between neighbouring parts, which belong to none:
	// states a few RNN steps apart are nearly the same.
	Gap = 100
)

// HeldOut is how well students follow what they were not fitted to. Rows as in
// [Evaluation].
type HeldOut struct {
	R2        []float64 // one-step, in f⁻¹ space (M)
	FreeRunR2 []float64 // in z space (M)
	Outside   int       // RNN steps without f⁻¹(z_t), which R2 leaves out
}

// CrossValidate divides a trajectory into ten contiguous parts with gaps of 100
// RNN steps between them, fits a student to every nine of them and runs it
// along the tenth, from ẑ = z at the part's first RNN step and at every session's.
// Figures are over all parts together, about one mean. The projection and κ
// stay: it is A′, B′ and c′ that are held out. It takes two passes, and one more
// where T is not known.
//
// All figures are NaN where the parts are too short to fit students to.
func (r *RADD) CrossValidate(t *analysis.Trajectory) (*HeldOut, error) {
	T, err := t.Count()
	if err != nil {
		return nil, err
	}
	none := &HeldOut{R2: nan(r.M), FreeRunR2: nan(r.M)}
	p := partition{length: (T - (Parts-1)*Gap) / Parts}
	if p.length < 2 {
		return none, nil
	}
	students, err := r.leaveOut(t, p)
	if err != nil || students == nil {
		return none, err
	}
	inverse, free := newScore(r.M), newScore(r.M)
	truth, estimate := make([]float64, r.M), make([]float64, r.M)
	runs := make([]*freeRun, Parts)
	for k, student := range students {
		runs[k] = newFreeRun(student)
	}
	h := &HeldOut{}
	v := r.view(t)
	v.lenient = true
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		k, first, ok := p.part(s.t)
		if !ok {
			continue
		}
		start := first || s.previous == nil
		free.add(s.z, runs[k].next(s, start))
		switch {
		case !s.inside:
			h.Outside++
		case !start:
			s.inverse(truth)
			students[k].drive(estimate, s.previous, s.o)
			inverse.add(truth, estimate)
		}
	}
	h.R2, h.FreeRunR2 = inverse.r2(), free.r2()
	return h, nil
}

// leaveOut returns for every part the student that is fitted to all others; nil
// where some have fewer pairs than regressors.
func (r *RADD) leaveOut(t *analysis.Trajectory, p partition) ([]*RADD, error) {
	parts := make([]*factor, Parts)
	for k := range parts {
		parts[k] = newFactor(r.columns())
	}
	for s, err := range r.view(t).steps() {
		if err != nil {
			return nil, err
		}
		if k, first, ok := p.part(s.t); ok && !first && s.previous != nil {
			s.regression(parts[k].row())
		}
	}
	students := make([]*RADD, Parts)
	others := newFactor(r.columns())
	for left := range students {
		others.reset()
		for k, part := range parts {
			if k != left {
				others.add(part.R(), part.count)
			}
		}
		if others.count < r.regressors() {
			return nil, nil
		}
		student := *r
		_ = student.adopt(others, t.Name) // of minimum norm, as the whole trajectory's
		students[left] = &student
	}
	return students, nil
}

// partition is a trajectory's division into parts of equal length; what does
// not divide is after the last.
type partition struct{ length int }

// part returns the part that RNN step t is in, if any, and whether it is the
// part's first.
func (p partition) part(t int) (k int, first, ok bool) {
	k, at := t/(p.length+Gap), t%(p.length+Gap)
	return k, at == 0, k < Parts && at < p.length
}
