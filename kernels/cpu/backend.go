package cpu

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"radd/internal/panics"
	"radd/kernels"
)

// Backend runs networks and sessions on the machine's cores. It implements
// kernels.Backend.
type Backend[F kernels.Float] struct {
	isa      ISA
	routines *routines[F]
	workers  int
	items    chan item[F] // unbuffered: a send succeeds only while a worker is idle
	passes   sync.Pool    // of *pass[F]
}

// pass is one call of Forward or Backward, shared by the workers on its tapes.
type pass[F kernels.Float] struct {
	routines  *routines[F]
	theta     []F
	objective kernels.Objective
	tapes     []*kernels.Tape[F]
	scale     F
	grad      []F // nil: a forward pass
	done      sync.WaitGroup
	fault     atomic.Pointer[error] // of a worker that panicked
}

type item[F kernels.Float] struct {
	pass *pass[F]
	tape int
}

// Open returns a backend on the instruction set that Choose returns, with its
// error.
func Open[F kernels.Float](workers int) (*Backend[F], error) {
	isa, err := Choose()
	if err != nil {
		return nil, err
	}
	return New[F](isa, workers), nil
}

// New returns a backend on a supported instruction set that computes on up to
// workers goroutines at once; 0 means as many as the program may use cores. It
// panics where the instruction set is not supported.
func New[F kernels.Float](isa ISA, workers int) *Backend[F] {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	b := &Backend[F]{isa: isa, routines: routinesOf[F](isa), workers: workers, items: make(chan item[F])}
	b.passes.New = func() any { return &pass[F]{routines: b.routines} }
	for range workers - 1 { // the caller is the other one
		go func() {
			for it := range b.items {
				if err := panics.Catch(func() error { it.pass.run(it.tape); return nil }); err != nil {
					fault := err // taking err's address would put it on the heap in every pass
					it.pass.fault.Store(&fault)
				}
				it.pass.done.Done()
			}
		}()
	}
	return b
}

// Close ends the workers.
func (b *Backend[F]) Close() error {
	close(b.items)
	return nil
}

// Info implements kernels.Backend.
func (b *Backend[F]) Info() kernels.Info {
	return kernels.Info{Device: "cpu", ISA: string(b.isa), Dtype: kernels.Dtype[F]()}
}

// Forward implements kernels.Backend.
func (b *Backend[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) float64 {
	b.each(theta, o, tapes, 0, nil)
	loss := 0.0
	for _, t := range tapes {
		loss += t.Loss
	}
	return loss / float64(len(tapes))
}

// Backward implements kernels.Backend. In a batch every tape has a gradient of
// its own, kept at the end of its scratch.
func (b *Backend[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	b.each(theta, o, tapes, scale/F(len(tapes)), grad)
	if len(tapes) == 1 {
		return
	}
	clear(grad)
	for _, t := range tapes {
		addScaled(grad, b.routines.ownGradient(t), 1)
	}
}

// Update implements kernels.Backend.
func (b *Backend[F]) Update(theta, velocity, grad []F, lr, momentum F) {
	b.routines.update(theta, velocity, grad, lr, momentum)
}

// each runs the pass on every tape, on this goroutine and on idle workers.
func (b *Backend[F]) each(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	p := b.passes.Get().(*pass[F])
	p.theta, p.objective, p.tapes, p.scale, p.grad = theta, o, tapes, scale, grad
	for i := range tapes {
		if i == len(tapes)-1 {
			p.run(i)
			break
		}
		p.done.Add(1)
		select {
		case b.items <- item[F]{p, i}:
		default:
			p.run(i)
			p.done.Done()
		}
	}
	p.done.Wait()
	if fault := p.fault.Load(); fault != nil {
		panic(*fault)
	}
	p.theta, p.tapes, p.grad = nil, nil, nil
	b.passes.Put(p)
}

func (p *pass[F]) run(i int) {
	r, t := p.routines, p.tapes[i]
	switch {
	case p.grad == nil:
		r.forward(p.theta, p.objective, t)
	case len(p.tapes) == 1:
		r.backward(p.theta, p.objective, t, p.scale, p.grad)
	default:
		r.backward(p.theta, p.objective, t, p.scale, r.ownGradient(t))
	}
}

// work returns the tape's scratch, for a pass forward or backward.
func (r *routines[F]) work(t *kernels.Tape[F]) []F {
	return align(t.Workspace(r.workSize(t.N)))[:r.workSize(t.N)-cacheLine]
}

// workSize is the number of elements of scratch that a pass needs, with what
// alignment may take.
func (r *routines[F]) workSize(n int) int {
	_, backward := r.viewBackward(nil, n)
	return max((networkRows+n)*r.pad(n+1), backward) + cacheLine
}

func (r *routines[F]) ownGradient(t *kernels.Tape[F]) []F {
	start, size := r.workSize(t.N), kernels.Shape{N: t.N}.Size()
	return t.Workspace(start + size)[start:]
}

// Train implements kernels.Backend: networks run side by side, and where there
// are fewer of them than workers, the sessions of a batch do too.
func (b *Backend[F]) Train(ctx context.Context, networks []*kernels.Network[F], gradientSteps int) error {
	var next atomic.Int64
	var running sync.WaitGroup
	var fault atomic.Pointer[error]
	for range min(b.workers, len(networks)) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(networks) || ctx.Err() != nil {
					return
				}
				if err := panics.Catch(func() error { kernels.Train(ctx, b, networks[i], gradientSteps); return nil }); err != nil {
					fault.Store(&err)
					return
				}
			}
		})
	}
	running.Wait()
	if err := fault.Load(); err != nil {
		panic(*err)
	}
	return ctx.Err()
}
