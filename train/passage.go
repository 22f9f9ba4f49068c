package train

import (
	"iter"

	"radd/kernels"
	"radd/task"
)

// played returns the trials of a tape's passage in order, each with the index of
// the RNN step that ended it. Under forced decisions its action is the one that
// the network itself would have taken there.
func played[F kernels.Float](p *kernels.Tape[F]) iter.Seq2[int, task.Trial] {
	return func(yield func(int, task.Trial) bool) {
		rule := p.Session.Rule()
		var t task.Trial
		for i, n := range p.Trial[:p.T] {
			step, d := int(p.Step[i]), float64(p.Difference[i])
			if step == 0 {
				t = task.Trial{Side: p.Session.TrialSide[n], BlockSide: p.Session.BlockSide[n], Strength: p.Session.Strength[n]}
			}
			t.RNNSteps++
			if p.Counted[i] {
				t.Observations++
				t.Nats += kernels.CrossEntropySum.Loss(t.Side, d)
			}
			if i+1 == p.T || p.Trial[i+1] != n {
				t.Action = rule.Step(step, t.Side, d).Action
				if !yield(i, t) {
					return
				}
			}
		}
	}
}

// probabilities appends the probability of left and right after every step of
// the passage, each from the logits' difference: 1 − p would lose the small one.
func probabilities[F kernels.Float](prob []float64, p *kernels.Tape[F]) []float64 {
	for _, d := range p.Difference[:p.T] {
		prob = append(prob, kernels.Sigmoid(-float64(d)), kernels.Sigmoid(float64(d)))
	}
	return prob
}

// integers returns a tape's integers as files hold them.
func integers[I int8 | int32](v []I) []int64 {
	wide := make([]int64, len(v))
	for i, x := range v {
		wide[i] = int64(x)
	}
	return wide
}
