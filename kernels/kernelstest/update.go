package kernelstest

import (
	"fmt"
	"math"
	"testing"

	"radd/kernels"
)

// update holds Update to PyTorch's SGD to the bit, every product and every sum
// rounded: v ← m·v + g, θ ← θ − lr·v.
func (s suite[F]) update(t *testing.T) {
	backend := s.newBackend(t)
	t.Run("by hand", func(t *testing.T) {
		theta, velocity := []F{1, -2}, []F{0, 0}
		for _, step := range []struct{ grad, velocity, theta []F }{
			{[]F{1, 4}, []F{1, 4}, []F{.75, -3}}, // the first velocity is the gradient
			{[]F{1, -8}, []F{1.5, -6}, []F{.375, -1.5}},
			{[]F{0, 0}, []F{.75, -3}, []F{.1875, -.75}},
		} {
			backend.Update(theta, velocity, step.grad, .25, .5)
			same(t, "velocity", velocity, step.velocity)
			same(t, "θ", theta, step.theta)
		}
	})
	lengths := []int{1000, 2755}
	for n := 1; n <= 70; n++ {
		lengths = append(lengths, n)
	}
	for i, n := range lengths {
		t.Run(fmt.Sprint(n, " parameters"), func(t *testing.T) {
			offset := i % (maxOffset + 1)
			wantTheta, wantVelocity := random[F](n, 1), random[F](n, 2)
			theta, velocity := guardVector(wantTheta, offset), guardVector(wantVelocity, maxOffset-offset)
			lr, momentum := F(.37), F(.83)
			for step := range 3 {
				wantGrad := random[F](n, uint64(3+step))
				grad := guardVector(wantGrad, (offset+3)%maxOffset)
				backend.Update(theta.slice(), velocity.slice(), grad.slice(), lr, momentum)
				for i, g := range wantGrad {
					// The conversions keep a compiler from fusing the operations.
					wantVelocity[i] = F(momentum*wantVelocity[i]) + g
					wantTheta[i] -= F(lr * wantVelocity[i])
				}
				same(t, "gradient", grad.slice(), wantGrad)
				grad.check(t, "grad")
			}
			same(t, "θ", theta.slice(), wantTheta)
			same(t, "velocity", velocity.slice(), wantVelocity)
			theta.check(t, "θ")
			velocity.check(t, "velocity")
		})
	}
}

// random returns n numbers between −1 and 1.
func random[F kernels.Float](n int, seed uint64) []F {
	s := kernels.Shape{N: 1 + int(math.Sqrt(float64(n)))} // has more than n parameters
	theta := make([]F, s.Size())
	kernels.Init(s, seed, theta)
	return theta[:n]
}
