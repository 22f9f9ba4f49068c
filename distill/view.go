package distill

import (
	"fmt"
	"iter"
	"math"

	"radd/analysis"
	"radd/internal/input"
)

// view is a trajectory as a student sees it: its projected states over κ.
type view struct {
	name      string
	f         Nonlinearity
	projected *analysis.Trajectory // P (h − h̄), (T, M)
	scale     []float64            // κ (M)
	lenient   bool                 // steps yields z outside f's domain
}

// view returns the problem's view of a trajectory. Where κ depends on the
// trajectory, that takes a pass.
func (p *Problem) view(t *analysis.Trajectory) (*view, error) {
	v := &view{name: t.Name, f: p.nonlinearity(), projected: t.Project(p.Projection, p.Offset)}
	var largest []float64
	var err error
	if p.Scale.Fixed == nil {
		if largest, err = peaks(v.projected); err != nil {
			return nil, err
		}
	}
	v.scale, err = p.Scale.resolve(v.projected.N, largest)
	return v, err
}

// view returns the student's view of a trajectory.
func (r *RADD) view(t *analysis.Trajectory) *view {
	if t.N != r.N || t.Q != r.Q {
		panic("distill: the trajectory has not the student's N and Q")
	}
	return &view{name: t.Name, f: r.F, projected: t.Project(r.Projection, r.Offset), scale: r.Scale}
}

// step is one RNN step of a view. Its slices are read only, until the next one.
type step struct {
	f        *Nonlinearity
	t        int       // from 0, over all sessions
	z        []float64 // z_t (M)
	previous []float64 // z_{t−1} (M), nil where t is its session's first step
	o        []float64 // o_t (Q)

	inside      bool      // f⁻¹(z_t) exists
	probability []float64 // (2), nil where not recorded
	blockSide   int8      // 0 where not recorded
	session     int64
}

// steps yields the view's RNN steps in order. A z_t outside the domain of f⁻¹
// ends it with an *input.Error, unless the view is lenient.
func (v *view) steps() iter.Seq2[*step, error] {
	return func(yield func(*step, error) bool) {
		M, Q := v.projected.N, v.projected.Q
		z, before := make([]float64, M), make([]float64, M)
		s := &step{f: &v.f, t: -1}
		for c, err := range v.projected.Chunks() {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range c.T {
				z, before = before, z
				s.t++
				s.previous = before
				if c.Session != nil {
					if c.Session[i] != s.session {
						s.previous = nil
					}
					s.session = c.Session[i]
				}
				if s.t == 0 {
					s.previous = nil
				}
				s.z, s.o, s.inside = z, c.Input[i*Q:(i+1)*Q], true
				for m := range z {
					z[m] = c.Hidden[i*M+m] / v.scale[m]
					if !v.f.contains(z[m]) {
						if !v.lenient {
							yield(nil, v.outside(s, m))
							return
						}
						s.inside = false
					}
				}
				if c.Probability != nil {
					s.probability = c.Probability[i*2 : (i+1)*2]
				}
				if c.BlockSide != nil {
					s.blockSide = c.BlockSide[i]
				}
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// outside is the error that row m of z_t has no f⁻¹.
func (v *view) outside(s *step, m int) error {
	return &input.Error{File: v.name, Field: fmt.Sprintf("projected state [%d, %d]", s.t, m),
		Found:   fmt.Sprintf("%v (scale %v)", s.z[m], v.scale[m]),
		Allowed: fmt.Sprintf("strictly between %v and %v, where the inverse of %s exists", v.f.Low, v.f.High, v.f.Name),
		Do:      "let the scale be chosen, or give a larger one"}
}

// regression assigns a row [1, z_{t−1}, o_t | f⁻¹(z_t)] of the regression. The
// step has one before it.
func (s *step) regression(row []float64) {
	row[0] = 1
	row = row[1:]
	row = row[copy(row, s.previous):]
	row = row[copy(row, s.o):]
	s.inverse(row)
}

// inverse assigns f⁻¹(z_t) to dst (M). It panics where a nonlinearity of
// somebody's own has no finite inverse within its domain.
func (s *step) inverse(dst []float64) {
	for m, z := range s.z {
		dst[m] = s.f.Inverse(z)
		if math.IsNaN(dst[m]) || math.IsInf(dst[m], 0) {
			panic("distill: a nonlinearity's inverse is not finite within its domain")
		}
	}
}
