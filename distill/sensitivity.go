package distill

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"radd/analysis"
)

// scales are what the sensitivity to κ is measured by: factors of the largest
// |P (h − h̄)|, and one κ per row.
var scales = []Scale{
	{Factor: 1.01}, {Factor: 1.05}, {Factor: 1.1}, {Factor: 1.25}, {Factor: 1.5}, {Factor: 2},
	{Factor: DefaultScaleFactor, PerRow: true},
}

// Sensitivity is what another κ would have given.
type Sensitivity struct {
	Scale     Scale
	Values    []float64 // κ of each row (M)
	R2        []float64 // (M), as RADD.R2
	FreeRunR2 []float64 // (M), as Evaluation.FreeRunR2
	// Change of the parameters: the norm of the difference from the student's
	// over the norm of the student's, both without their κ: K A′ K⁻¹, K B′ and
	// K c′ with K = diag(κ) drive P (h − h̄) itself.
	Change float64
}

// ScaleSensitivity fits the student to a trajectory with κ 1.01, 1.05, 1.1, 1.25,
// 1.5 and 2 times the largest |P (h − h̄)|, and with one κ per row, 1.01 times the
// row's own. It takes three passes. Figures are NaN where a κ brings a z_t out
// of f's domain, as it may for functions whose domain does not hold 0.
func (r *RADD) ScaleSensitivity(t *analysis.Trajectory) ([]Sensitivity, error) {
	largest, err := peaks(r.view(t).projected)
	if err != nil {
		return nil, err
	}
	others := make([]*rescaled, len(scales))
	for k, scale := range scales {
		student := *r
		if student.Scale, err = scale.resolve(r.M, largest); err != nil {
			return nil, err
		}
		others[k] = &rescaled{student: &student, rows: newFactor(r.columns()), free: newScore(r.M), ok: true}
		others[k].step.z, others[k].previous = make([]float64, r.M), make([]float64, r.M)
	}
	if err := r.eachScale(t, others, func(o *rescaled) {
		if o.step.previous != nil {
			o.step.regression(o.rows.row())
		}
	}); err != nil {
		return nil, err
	}
	for _, o := range others {
		if o.ok {
			_ = o.student.adopt(o.rows, t.Name) // of minimum norm, as the student's
			o.run = newFreeRun(o.student)
		}
	}
	if err := r.eachScale(t, others, func(o *rescaled) {
		o.free.add(o.step.z, o.run.next(&o.step, o.step.previous == nil))
	}); err != nil {
		return nil, err
	}
	out := make([]Sensitivity, len(scales))
	parameters := r.unscaled()
	for k, o := range others {
		out[k] = Sensitivity{Scale: scales[k], Values: o.student.Scale, R2: nan(r.M), FreeRunR2: nan(r.M), Change: math.NaN()}
		if o.ok {
			out[k].R2, out[k].FreeRunR2 = o.student.R2, o.free.r2()
			out[k].Change = floats.Distance(o.student.unscaled(), parameters, 2) / floats.Norm(parameters, 2)
		}
	}
	return out, nil
}

// rescaled is a student with another κ, and the RNN step as it sees it.
type rescaled struct {
	student  *RADD
	step     step
	previous []float64 // (M), for step
	ok       bool      // no z_t was outside f's domain so far
	rows     *factor
	run      *freeRun
	free     *score
}

// eachScale passes over a trajectory and shows every RNN step to those students
// whose z_t have all been inside f's domain.
func (r *RADD) eachScale(t *analysis.Trajectory, others []*rescaled, show func(*rescaled)) error {
	v := r.view(t)
	v.lenient = true
	for s, err := range v.steps() {
		if err != nil {
			return err
		}
		for _, o := range others {
			if o.see(s, v); o.ok {
				show(o)
			}
		}
	}
	return nil
}

// see assigns the step as the student sees it.
func (o *rescaled) see(s *step, v *view) {
	z := o.step.z
	o.step = *s
	o.step.z = z
	if s.previous != nil {
		o.step.previous = o.previous
	}
	for m, scale := range o.student.Scale {
		ratio := v.scale[m] / scale
		z[m] = s.z[m] * ratio
		if s.previous != nil {
			o.previous[m] = s.previous[m] * ratio
		}
		o.ok = o.ok && v.f.contains(z[m])
	}
}

// unscaled returns all parameters of the system that P (h − h̄) follows, without
// κ.
func (r *RADD) unscaled() []float64 {
	var all []float64
	for m, scale := range r.Scale {
		for j, a := range r.A.RawRowView(m) {
			all = append(all, scale*a/r.Scale[j])
		}
		if r.B != nil {
			for _, b := range r.B.RawRowView(m) {
				all = append(all, scale*b)
			}
		}
		all = append(all, scale*r.C[m])
	}
	return all
}

// nan returns M figures that there are not.
func nan(M int) []float64 {
	none := make([]float64, M)
	for m := range none {
		none[m] = math.NaN()
	}
	return none
}
