package kernelstest

import (
	"fmt"
	"testing"

	"radd/kernels"
)

// stretches plays a session in parts that go on from one another: the same
// steps as in one passage. A part's gradient reaches back to its own beginning
// and no further.
func (s suite[F]) stretches(t *testing.T) {
	backend, generic := s.newBackend(t), specification(t)
	limit := s.tolerance()
	for _, n := range []int{1, 9, 50} {
		theta := network[F](n, 5)
		exact := to[float64](theta)
		for _, o := range Teaching {
			whole := batch[F](n, 1, sampler(t, nil), 5)[0]
			backend.Forward(theta, o, []*kernels.Tape[F]{whole})
			trials := whole.Session.Trials()
			for _, stretch := range []int{1, 4, trials - 1, trials, trials + 1} {
				t.Run(fmt.Sprintf("N=%d/%v/%d trials", n, o, stretch), func(t *testing.T) {
					p, r := kernels.NewTape[F](n), kernels.NewTape[float64](n)
					p.BeginStretch(whole.Session, stretch)
					r.BeginStretch(whole.Session, stretch)
					var played kernels.Tape[F]
					for more := true; more; {
						got := play(backend, theta, o, []*kernels.Tape[F]{p}, 1)
						s.followsRule(t, p, o)
						if t.Failed() {
							return
						}
						r.Forced = decisions(p)
						want := play(generic, exact, o, []*kernels.Tape[float64]{r}, 1)
						s.agrees(t, p, r)
						nearWeights(t, "gradient by", n, got.grad, want.grad, limit.grad, 0)
						appendStretch(&played, p, o)
						more = p.Continue(stretch)
						if r.Continue(stretch) != more {
							t.Error("Continue depends on the dtype")
						}
					}
					played.Loss *= o.Scale(played.T)
					near(t, "loss", []float64{played.Loss}, []float64{whole.Loss}, limit.sum)
					played.Loss = whole.Loss // the parts' sum is rounded otherwise
					sameRecord(t, &played, whole)
				})
			}
		}
	}
}

// appendStretch appends a stretch's record to the one of those before. Its Loss
// is the sum over their steps.
func appendStretch[F kernels.Float](all, p *kernels.Tape[F], o kernels.Objective) {
	if all.T == 0 {
		all.N = p.N
		all.Hidden = append(all.Hidden, p.Hidden[:p.N]...)
	}
	all.Trial = append(all.Trial, p.Trial[:p.T]...)
	all.Step = append(all.Step, p.Step[:p.T]...)
	all.Target = append(all.Target, p.Target[:p.T]...)
	all.Counted = append(all.Counted, p.Counted[:p.T]...)
	all.Input = append(all.Input, p.Input[:p.T*kernels.Inputs]...)
	all.Hidden = append(all.Hidden, p.Hidden[p.N:(p.T+1)*p.N]...)
	all.Difference = append(all.Difference, p.Difference[:p.T]...)
	all.Feedback = append(all.Feedback, p.Feedback[:p.T]...)
	all.T += p.T
	all.Trials += p.Trials
	all.Actions += p.Actions
	all.Correct += p.Correct
	all.Loss += p.Loss / o.Scale(p.T)
}
