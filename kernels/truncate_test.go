package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// A truncated gradient is the sum of the stretches' gradients, each at the state
// that the stretch begins with: by central differences of their losses, under the
// session's decisions.
func TestTruncated(t *testing.T) {
	// Central differences are off by about 10⁻¹⁰ through third derivatives and as
	// much through rounding.
	const n, seed, step, tolerance = 5, 3, 1e-5, 1e-7
	config := task.DefaultConfig()
	config.Blocks, config.BlockMin, config.BlockMax = 1, 23, 23
	sampler := task.NewSampler(config)
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	theta := make([]float64, kernels.Shape{N: n}.Size())
	kernels.Init(kernels.Shape{N: n}, seed, theta)
	for i := range theta {
		theta[i] *= 3 // some trials end before they time out
	}
	for _, o := range []kernels.Objective{kernels.CrossEntropyMean, kernels.CrossEntropySum, kernels.QLogMean(.5)} {
		for _, trials := range []int{1, 3, 22, 23, 1000} {
			t.Run(fmt.Sprintf("%v, %d trials", o, trials), func(t *testing.T) {
				batch := kernels.NewBatch[float64](n, 2)
				batch.Draw(sampler, seed, 0)
				backend.Forward(theta, o, batch.Tapes)
				got, whole := make([]float64, len(theta)), make([]float64, len(theta))
				truncated := &kernels.Truncated[float64]{Backend: backend, Trials: trials}
				truncated.Backward(theta, o, batch.Tapes, .5, got)
				backend.Backward(theta, o, batch.Tapes, .5, whole)
				if uncut := trials >= 23; slices.Equal(got, whole) != uncut {
					t.Errorf("the whole gradient: %v", !uncut)
				}
				want := make([]float64, len(theta))
				for _, tape := range batch.Tapes {
					add(want, differences(backend, theta, o, tape, trials, step), .5/2)
				}
				for i := range want {
					if math.Abs(got[i]-want[i]) > tolerance {
						t.Fatalf("element %d: %v, want %v", i, got[i], want[i])
					}
				}
			})
		}
	}
}

// differences returns the sum over the tape's stretches of their losses'
// derivatives by θ, with the whole passage's reduction.
func differences(backend kernels.Backend[float64], theta []float64, o kernels.Objective, tape *kernels.Tape[float64], trials int, step float64) []float64 {
	sum := make([]float64, len(theta))
	moved := slices.Clone(theta)
	for from := 0; from < tape.T; {
		to := from
		for to < tape.T && int(tape.Trial[to])/trials == int(tape.Trial[from])/trials {
			to++
		}
		loss := func() float64 {
			h := slices.Clone(tape.State(from - 1))
			total := 0.0
			for t := from; t < to; t++ {
				h = advance(moved, h, tape.Input[t*kernels.Inputs:][:kernels.Inputs])
				if tape.Counted[t] {
					total += o.Loss(2*tape.Target[t]-1, difference(moved, h))
				}
			}
			return total * o.Scale(tape.T)
		}
		for i, x := range theta {
			moved[i] = x + step
			above := loss()
			moved[i] = x - step
			sum[i] += (above - loss()) / (2 * step)
			moved[i] = x
		}
		from = to
	}
	return sum
}

func advance(theta, h, x []float64) []float64 {
	w := kernels.Views(kernels.Shape{N: len(h)}, theta)
	next := make([]float64, len(h))
	for i := range next {
		z := w.InputBias[i] + w.HiddenBias[i]
		for k, x := range x {
			z += w.InputHidden[i*kernels.Inputs+k] * x
		}
		for j, x := range h {
			z += w.HiddenHidden[i*len(h)+j] * x
		}
		next[i] = math.Tanh(z)
	}
	return next
}

func difference(theta, h []float64) float64 {
	w := kernels.Views(kernels.Shape{N: len(h)}, theta)
	d := w.ReadoutBias[1] - w.ReadoutBias[0]
	for j, h := range h {
		d += (w.Readout[len(w.Readout)/2+j] - w.Readout[j]) * h
	}
	return d
}

func add(to, from []float64, factor float64) {
	for i, x := range from {
		to[i] += factor * x
	}
}
