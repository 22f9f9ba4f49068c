package train

import "radd/kernels"

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
