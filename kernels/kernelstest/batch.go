package kernelstest

import (
	"fmt"
	"testing"

	"radd/kernels"
)

// batch compares the loss and the gradient of several sessions with the mean of
// those of each alone. To the bit, the gradient is the sum in the sessions'
// order of their gradients by scale/B.
func (s suite[F]) batch(t *testing.T) {
	backend := s.newBackend(t)
	const scale = 1.5
	for _, n := range []int{1, 9, 25} {
		for _, B := range []int{1, 2, 3, 8} {
			t.Run(fmt.Sprintf("N=%d/B=%d", n, B), func(t *testing.T) {
				theta := network[F](n, 3)
				shares, mean := make([]F, len(theta)), make([]float64, len(theta))
				loss := 0.0
				for _, p := range batch[F](n, B, sampler(t, nil), 3) {
					alone := []*kernels.Tape[F]{p}
					one := play(backend, theta, kernels.CrossEntropyMean, alone, scale)
					share := play(backend, theta, kernels.CrossEntropyMean, alone, scale/F(B))
					loss += one.loss / float64(B)
					for i := range shares {
						mean[i] += float64(one.grad[i]) / float64(B)
						shares[i] += share.grad[i]
					}
				}
				got := play(backend, theta, kernels.CrossEntropyMean, batch[F](n, B, sampler(t, nil), 3), scale)
				near(t, "loss", []float64{got.loss}, []float64{loss}, s.tolerance().sum)
				nearWeights(t, "gradient by", n, got.grad, mean, s.tolerance().sum, 0)
				same(t, "gradient, summed in order", got.grad, shares)
			})
		}
	}
}
