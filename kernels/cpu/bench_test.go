package cpu

import (
	"fmt"
	"testing"

	"radd/kernels"
	"radd/task"
)

// benchSession returns a tape set to a session of the paper's task. An
// untrained network plays it to T ≈ 2400, every trial timing out.
func benchTape[F kernels.Float](b *testing.B, n int) ([]F, []*kernels.Tape[F]) {
	c, err := task.DefaultConfig().Resolve()
	if err != nil {
		b.Fatal(err)
	}
	shape := kernels.Shape{N: n}
	theta := make([]F, shape.Size())
	kernels.Init(shape, 1, theta)
	batch := kernels.NewBatch[F](n, 1)
	batch.Draw(task.NewSampler(c), 1, 0)
	return theta, batch.Tapes
}

func benchmark[F kernels.Float](b *testing.B, n int) {
	theta, tapes := benchTape[F](b, n)
	grad := make([]F, len(theta))
	backend := New[F](1)
	defer backend.Close()
	backend.Forward(theta, kernels.CrossEntropyMean, tapes)
	perStep := func(b *testing.B) {
		steps := float64(b.N) * float64(tapes[0].T)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/steps, "µs/RNN-step")
	}
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			backend.Forward(theta, kernels.CrossEntropyMean, tapes)
		}
		perStep(b)
	})
	b.Run("backward", func(b *testing.B) {
		for b.Loop() {
			backend.Backward(theta, kernels.CrossEntropyMean, tapes, 1, grad)
		}
		perStep(b)
	})
}

// BenchmarkStep times an RNN step of one untrained network's session on one
// core, forward and backward.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{2, 50} {
		b.Run(fmt.Sprintf("N=%d/f32", n), func(b *testing.B) { benchmark[float32](b, n) })
		b.Run(fmt.Sprintf("N=%d/f64", n), func(b *testing.B) { benchmark[float64](b, n) })
	}
}
