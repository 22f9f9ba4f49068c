package cpu

import (
	"fmt"
	"testing"

	"radd/kernels"
	"radd/task"
)

// drawn is one network of n hidden units as training begins, with a session of
// the paper's task drawn. Untrained, it plays it to T ≈ 2400: every trial times
// out.
type drawn[F kernels.Float] struct {
	sampler     *task.Sampler
	batch       *kernels.Batch[F]
	theta, grad []F
	velocity    []F
}

func draw[F kernels.Float](tb testing.TB, n int) *drawn[F] {
	tb.Helper()
	c, err := task.DefaultConfig().Resolve()
	if err != nil {
		tb.Fatal(err)
	}
	size := kernels.Shape{N: n}.Size()
	d := &drawn[F]{
		sampler:  task.NewSampler(c),
		batch:    kernels.NewBatch[F](n, 1),
		theta:    make([]F, size),
		grad:     make([]F, size),
		velocity: make([]F, size),
	}
	kernels.Init(kernels.Shape{N: n}, 1, d.theta)
	d.batch.Draw(d.sampler, 1, 0)
	return d
}

func benchmark[F kernels.Float](b *testing.B, isa ISA, n int) {
	objective := kernels.CrossEntropyMean
	d := draw[F](b, n)
	backend := New[F](isa, 1)
	defer backend.Close()
	backend.Forward(d.theta, objective, d.batch.Tapes)
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"draw", func() { d.batch.Draw(d.sampler, 1, 0) }},
		{"forward", func() { backend.Forward(d.theta, objective, d.batch.Tapes) }},
		{"backward", func() { backend.Backward(d.theta, objective, d.batch.Tapes, 1, d.grad) }},
		{"update", func() { backend.Update(d.theta, d.velocity, d.grad, 0, 0.1) }},
		{"sum", func() {
			d.batch.Draw(d.sampler, 1, 0)
			backend.Forward(d.theta, objective, d.batch.Tapes)
			backend.Backward(d.theta, objective, d.batch.Tapes, 1, d.grad)
			backend.Update(d.theta, d.velocity, d.grad, 0, 0.1)
		}},
	} {
		b.Run(part.name, func(b *testing.B) {
			if part.name != "draw" {
				backend.Forward(d.theta, objective, d.batch.Tapes)
			}
			b.ReportAllocs()
			steps := float64(d.batch.Tapes[0].T)
			for b.Loop() {
				part.run()
			}
			if part.name == "draw" {
				return
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/steps, "ns/RNN-step")
		})
	}
}

// BenchmarkStep times one network's gradient step on one core, as a whole and
// in parts, per RNN step of its session.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{2, 25, 50, 100, 150, 250} {
		for _, isa := range Supported() {
			b.Run(fmt.Sprintf("N=%d/f32/%s", n, isa), func(b *testing.B) { benchmark[float32](b, isa, n) })
			b.Run(fmt.Sprintf("N=%d/f64/%s", n, isa), func(b *testing.B) { benchmark[float64](b, isa, n) })
		}
	}
}
