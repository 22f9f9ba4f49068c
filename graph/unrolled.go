package graph

import (
	"context"
	"sync"
	"time"

	"radd/kernels"
)

// DefaultSteps is the number of RNN steps that are unrolled into one graph where
// nobody chooses: building and scheduling it takes some milliseconds, and its
// values stay in a core's cache.
const DefaultSteps = 32

// MaxSteps is the most RNN steps that one graph may have. Nodes grow with the
// steps, and the chance that two of their hashes meet with its square: of builds
// at 1,000 steps one in eight has to be made again, at 5,000 nearly all.
const MaxSteps = 1000

// Unrolled is a network of any cell spelt out in gorgonia's primitive ops and
// differentiated symbolically through all steps of a session. It implements
// kernels.Backend, so that whatever trains, rolls out and replays with the fused
// kernels does so with it.
//
// The graph is one of K steps (segment). Forward plays the closed loop through
// it step by step, one memory for every K steps of the session, and Backward goes
// back through those memories. Nothing is built for a session's length: steps
// beyond its end are masked. With K at least a session's length, one graph holds
// the whole of it.
//
// Source: SI 7.2.
type Unrolled[F kernels.Float] struct {
	cell    Cell
	steps   int // K
	size    int // of θ
	noise   int // deviates that a step takes
	states  int // elements of a state
	fused   kernels.Backend[F]
	workers []*worker[F]
	jobs    chan job[F] // for the workers
	waits   sync.Pool   // of *sync.WaitGroup
	build   time.Duration
}

// job is a pass through one tape.
type job[F kernels.Float] struct {
	theta     []F
	objective kernels.Objective
	tape      *kernels.Tape[F]
	backward  bool
	done      *sync.WaitGroup
}

// NewUnrolled returns the engine for a cell of n units with graphs of the given
// number of steps, which goes through as many sessions at once as there are
// workers. The fused backend updates the weights and plays teachers; Close closes
// it. The error is gorgonia's, of a cell that it cannot differentiate, or names an
// op that the VM lacks.
func NewUnrolled[F kernels.Float](c Cell, n, steps, workers int, fused kernels.Backend[F]) (*Unrolled[F], error) {
	if steps < 1 || n < 1 || workers < 1 {
		panic("graph: an engine without steps, units or workers")
	}
	start := time.Now()
	layout := Layout(c, n)
	u := &Unrolled[F]{cell: c, steps: steps, size: layout[len(layout)-1].End, states: n * c.States(), noise: noiseOf(c, n), fused: fused,
		jobs: make(chan job[F])}
	u.waits.New = func() any { return new(sync.WaitGroup) }
	for range workers {
		u.workers = append(u.workers, &worker[F]{of: u, programs: map[reading]*compiled[F]{}, rest: make([]F, u.states), deviates: make([]float64, u.noise)})
	}
	for _, what := range []reading{ofLogarithm, ofProbability, ofPower} {
		s, err := unroll[F](c, n, steps, what, naming)
		if err != nil {
			return nil, err
		}
		for _, w := range u.workers {
			if w.programs[what], err = newCompiled[F](s); err != nil {
				return nil, err
			}
		}
	}
	for _, w := range u.workers {
		go w.work()
	}
	u.build = time.Since(start)
	return u, nil
}

// BuildTime returns how long it took to build, differentiate and compile the
// graphs.
func (u *Unrolled[F]) BuildTime() time.Duration { return u.build }

// Info implements kernels.Backend.
func (u *Unrolled[F]) Info() kernels.Info {
	return kernels.Info{Device: "cpu", ISA: "generic", Dtype: kernels.Dtype[F]()}
}

// Forward implements kernels.Backend. A teacher, whose θ is another network's, is
// played by the fused kernels.
func (u *Unrolled[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) float64 {
	if len(theta) != u.size {
		return u.fused.Forward(theta, o, tapes)
	}
	u.each(job[F]{theta: theta, objective: o}, tapes)
	loss := 0.0
	for _, t := range tapes {
		loss += t.Loss
	}
	return loss / float64(len(tapes))
}

// Backward implements kernels.Backend.
func (u *Unrolled[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	u.each(job[F]{theta: theta, objective: o, backward: true}, tapes)
	scale /= F(len(tapes))
	clear(grad)
	for _, t := range tapes {
		for i, x := range u.gradient(t) {
			grad[i] += F(scale * x)
		}
	}
}

// Update implements kernels.Backend.
func (u *Unrolled[F]) Update(theta, velocity, grad []F, lr, momentum F) {
	u.fused.Update(theta, velocity, grad, lr, momentum)
}

// Train implements kernels.Backend: networks side by side, as far as there are
// workers for their sessions.
func (u *Unrolled[F]) Train(ctx context.Context, networks []*kernels.Network[F], gradientSteps int) error {
	var group sync.WaitGroup
	for _, n := range networks {
		group.Go(func() { kernels.Train(ctx, u, n, gradientSteps) })
	}
	group.Wait()
	return ctx.Err()
}

// Close implements kernels.Backend: it ends the workers and closes the fused
// backend.
func (u *Unrolled[F]) Close() error {
	close(u.jobs)
	return u.fused.Close()
}

// each does a job for every tape of a batch.
func (u *Unrolled[F]) each(j job[F], tapes []*kernels.Tape[F]) {
	j.done = u.waits.Get().(*sync.WaitGroup)
	j.done.Add(len(tapes))
	for _, j.tape = range tapes {
		u.jobs <- j
	}
	j.done.Wait()
	u.waits.Put(j.done)
}

// gradient returns a tape's own gradient, at the start of its scratch.
func (u *Unrolled[F]) gradient(t *kernels.Tape[F]) []F { return t.Workspace(u.size)[:u.size] }
