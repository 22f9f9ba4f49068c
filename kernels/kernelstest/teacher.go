package kernelstest

import (
	"fmt"
	"testing"

	"radd/kernels"
)

// teacher has students of many sizes follow a teacher's tape: the record must be
// the teacher's, but for states and outputs, and these, the loss and the gradient
// those of the specification along the same tape. A student that follows in
// stretches shows what one does that follows at once.
func (s suite[F]) teacher(t *testing.T) {
	backend, generic := s.newBackend(t), specification(t)
	limit := s.tolerance()
	const scale = .75
	o := kernels.SoftCrossEntropyMean
	for _, v := range []struct{ teacher, student int }{{9, 2}, {2, 9}, {50, 2}, {5, 1}, {16, 17}, {33, 50}} {
		t.Run(fmt.Sprintf("%d to %d", v.teacher, v.student), func(t *testing.T) {
			teacher, theta := network[F](v.teacher, 8), network[F](v.student, 9)
			leads := batch[F](v.teacher, 2, sampler(t, nil), 8)
			backend.Forward(teacher, kernels.CrossEntropyMean, leads)
			var tapes []*kernels.Tape[F]
			var references []*kernels.Tape[float64]
			for _, lead := range leads {
				p, r := kernels.NewTape[F](v.student), kernels.NewTape[float64](v.student)
				p.Teacher, r.Teacher = lead, widened(lead)
				p.Begin(lead.Session)
				r.Begin(lead.Session)
				tapes, references = append(tapes, p), append(references, r)
			}
			got := play(backend, theta, o, tapes, scale)
			want := play(generic, to[float64](theta), o, references, scale)
			for i, p := range tapes {
				s.agrees(t, p, references[i])
				lead, T := leads[i], leads[i].T
				if p.T != T || p.Trials != lead.Trials || p.Behaviour != references[i].Behaviour {
					t.Fatalf("%d RNN steps, %+v; the teacher's %d, %+v", p.T, p.Behaviour, T, lead.Behaviour)
				}
				same(t, "input", p.Input[:T*kernels.Inputs], lead.Input[:T*kernels.Inputs])
				same(t, "feedback", p.Feedback[:T], lead.Feedback[:T])
			}
			near(t, "loss", []float64{got.loss}, []float64{want.loss}, limit.state)
			nearWeights(t, "gradient by", v.student, got.grad, want.grad, limit.grad, 0)

			lead, p := kernels.NewTape[F](v.teacher), kernels.NewTape[F](v.student)
			p.Teacher = lead
			lead.BeginStretch(leads[0].Session, 3)
			p.Begin(leads[0].Session)
			at := 0
			for more := true; more; at += p.T {
				backend.Forward(teacher, kernels.CrossEntropyMean, []*kernels.Tape[F]{lead})
				backend.Forward(theta, o, []*kernels.Tape[F]{p})
				same(t, "difference in a stretch", p.Difference[:p.T], tapes[0].Difference[at:at+p.T])
				if more = lead.Continue(3); more {
					p.Continue(3)
				}
			}
			if at != tapes[0].T {
				t.Errorf("%d RNN steps in stretches, %d at once", at, tapes[0].T)
			}
		})
	}
}

// widened returns a tape's record in float64.
func widened[F kernels.Float](p *kernels.Tape[F]) *kernels.Tape[float64] {
	r := kernels.NewTape[float64](p.N)
	r.Session, r.From, r.To, r.Behaviour = p.Session, p.From, p.To, p.Behaviour
	r.Reserve(p.T)
	r.T = p.T
	copy(r.Trial, p.Trial)
	copy(r.Step, p.Step)
	copy(r.Target, p.Target)
	copy(r.Counted, p.Counted)
	copy(r.Input, to[float64](p.Input))
	copy(r.Hidden, to[float64](p.Hidden))
	copy(r.Difference, to[float64](p.Difference))
	copy(r.Feedback, to[float64](p.Feedback))
	return r
}
