package kernelstest

import (
	"fmt"
	"testing"

	"radd/kernels"
)

// allocations counts those of a gradient step, sessions drawn included, once
// its tapes are as large as its sessions want them. The count is a mean over
// many gradient steps, rounded down: a pool that the collector has emptied does
// not count.
func (s suite[F]) allocations(t *testing.T) {
	backend := s.newBackend(t)
	p := sampler(t, nil)
	for _, n := range []int{2, 50} {
		for _, B := range []int{1, 4} {
			t.Run(fmt.Sprintf("N=%d/B=%d", n, B), func(t *testing.T) {
				const period = 4 // of the sessions, so that every length has been met
				theta := network[F](n, 1)
				velocity, grad := make([]F, len(theta)), make([]F, len(theta))
				b := kernels.NewBatch[F](n, B)
				step := 0
				gradientStep := func() {
					b.Draw(p, 1, step%period)
					backend.Forward(theta, kernels.CrossEntropyMean, b.Tapes)
					backend.Backward(theta, kernels.CrossEntropyMean, b.Tapes, 1, grad)
					backend.Update(theta, velocity, grad, 1e-6, .1)
					step++
				}
				for range period {
					gradientStep()
				}
				if mean := testing.AllocsPerRun(10*period, gradientStep); mean != 0 {
					t.Errorf("%v allocations in a gradient step", mean)
				}
			})
		}
	}
}
