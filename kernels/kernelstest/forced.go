package kernelstest

import (
	"testing"

	"radd/kernels"
	"radd/task"
)

// forced plays sessions by decisions that are given.
func (s suite[F]) forced(t *testing.T) {
	const n = 9
	backend, generic := s.newBackend(t), specification(t)
	theta := network[F](n, 1)
	p := sampler(t, nil)

	// A network's own decisions change nothing, its gradient included: none
	// flows through decisions and feedback.
	t.Run("own", func(t *testing.T) {
		for _, o := range Teaching {
			closed := batch[F](n, 2, p, 2)
			want := play(backend, theta, o, closed, 1)
			tapes := batch[F](n, 2, p, 2)
			for i, q := range tapes {
				q.Forced = decisions(closed[i])
			}
			play(backend, theta, o, tapes, 1).same(t, want)
			for i, q := range tapes {
				sameRecord(t, q, closed[i])
			}
		}
	})

	// Decisions that no rule would come to are followed as well.
	t.Run("arbitrary", func(t *testing.T) {
		tapes := batch[F](n, 2, p, 3)
		for i, q := range tapes {
			q.Forced = arbitrary(q.Session, i)
			if err := q.Forced.Check(q.Session); err != nil {
				t.Fatal(err)
			}
		}
		s.conforms(t, backend, generic, theta, kernels.CrossEntropyMean, tapes, 0)
	})
}

// arbitrary returns decisions that end trials anywhere, blank steps and the
// last possible step included, with feedback of any size.
func arbitrary(session *task.Session, seed int) *kernels.Decisions {
	rule := session.Rule()
	d := new(kernels.Decisions)
	for trial := range session.Trials() {
		last := (5*trial + seed) % rule.MaxSteps
		for step := range last + 1 {
			d.Trial = append(d.Trial, int64(trial))
			d.Step = append(d.Step, int64(step))
			d.Feedback = append(d.Feedback, float64((3*trial+7*step+seed)%11-5)/8)
		}
	}
	return d
}
