package kernelstest

import (
	"fmt"
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
)

const (
	// differenceStep moves a parameter to either side. Central differences are
	// off by its square times a third derivative, and by rounding over it: both
	// about 1e-10 here.
	differenceStep = 1e-5
	// differenceTolerance leaves room for third derivatives above 1.
	differenceTolerance = 1e-7
)

// finiteDifferences compares the gradient by every parameter with central
// differences of the loss, in a batch of two sessions and with a scale. The
// decisions are forced, so that no perturbation can flip one.
//
// In float64 it is the backend's own loss that is differenced. Differences of
// float32 losses drown in rounding, so a float32 gradient is held to those of
// the specification's loss in float64, at the same parameters and decisions.
func (s suite[F]) finiteDifferences(t *testing.T) {
	const (
		n     = 7
		scale = .75
	)
	backend := s.newBackend(t)
	limit := s.tolerance().oracleGrad
	differenced, closed := any(backend).(kernels.Backend[float64])
	if closed {
		limit = differenceTolerance
	} else {
		differenced = specification(t)
	}
	for _, o := range Teaching {
		t.Run(o.String(), func(t *testing.T) {
			theta := network[F](n, 7)
			tapes := batch[F](n, 2, sampler(t, nil), 7)
			backend.Forward(theta, o, tapes)
			exact := to[float64](theta)
			var forced []*kernels.Tape[float64]
			for _, p := range tapes {
				p.Forced = decisions(p)
				p.Begin(p.Session)
				forced = append(forced, reference(p))
			}
			got := play(backend, theta, o, tapes, scale).grad

			want := make([]float64, len(exact))
			for i, x := range exact {
				loss := func(x float64) float64 {
					exact[i] = x
					for _, p := range forced {
						p.Begin(p.Session)
					}
					return differenced.Forward(exact, o, forced)
				}
				up, down := x+differenceStep, x-differenceStep
				want[i] = scale * (loss(up) - loss(down)) / (up - down)
				exact[i] = x
			}
			nearWeights(t, "gradient by", n, got, want, limit, 0)
		})
	}
}

// specification returns the generic code in float64, to which both dtypes are
// held.
func specification(tb testing.TB) kernels.Backend[float64] {
	b := cpu.New[float64](cpu.Generic, 1)
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(fmt.Errorf("closing the specification: %w", err))
		}
	})
	return b
}
