package graph

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"radd/kernels"
	"radd/kernels/kernelstest"
)

// engines are unrolled engines of networks of any size, as the conformance suite
// wants them.
type engines[F kernels.Float] struct {
	open func(n int) *Unrolled[F]
	lock sync.Mutex
	by   map[int]*Unrolled[F] // by length of θ
	any  *Unrolled[F]
}

func newEngines[F kernels.Float](open func(n int) *Unrolled[F]) *engines[F] {
	e := &engines[F]{open: open, by: map[int]*Unrolled[F]{}}
	e.any = e.of(kernels.Shape{N: 2}.Size(), 2)
	return e
}

// vmEngines has engines on as many cores as are allowed now.
func vmEngines[F kernels.Float](tb testing.TB) kernels.Backend[F] {
	cores := runtime.GOMAXPROCS(0)
	return newEngines(func(n int) *Unrolled[F] { return engine[F](tb, RNN{}, n, DefaultSteps, cores) })
}

func (e *engines[F]) of(size, n int) *Unrolled[F] {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.by[size] == nil {
		e.by[size] = e.open(n)
	}
	return e.by[size]
}

func (e *engines[F]) Info() kernels.Info { return e.any.Info() }

func (e *engines[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) float64 {
	return e.of(len(theta), tapes[0].N).Forward(theta, o, tapes)
}

func (e *engines[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	e.of(len(theta), tapes[0].N).Backward(theta, o, tapes, scale, grad)
}

func (e *engines[F]) Update(theta, velocity, grad []F, lr, momentum F) {
	e.any.Update(theta, velocity, grad, lr, momentum)
}

func (e *engines[F]) Train(ctx context.Context, networks []*kernels.Network[F], gradientSteps int) error {
	for _, n := range networks {
		kernels.Train(ctx, e, n, gradientSteps)
	}
	return ctx.Err()
}

func (e *engines[F]) Close() error { return nil }

// The engine is held to the suite that every backend passes: the oracle's
// fixtures, training included, the specification, finite differences, stretches,
// forced decisions, teachers, batches, bounds, callers at once, allocations.
func TestUnrolledIsBackend(t *testing.T) {
	t.Run("f64", func(t *testing.T) {
		kernelstest.Run(t, vmEngines[float64])
	})
	if testing.Short() {
		return
	}
	t.Run("f32", func(t *testing.T) {
		kernelstest.Run(t, vmEngines[float32])
	})
}
