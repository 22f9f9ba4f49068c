package kernels

import (
	"context"
	"math"
	"slices"

	"radd/task"
)

// Batch holds the sessions and tapes of one network's gradient step, used again
// for the next.
type Batch[F Float] struct {
	Tapes    []*Tape[F]
	Teachers []*Tape[F] // of the tapes, in their order; none without a teacher
	sessions []task.Session
	scratch  []F // of Train: the gradient, θ and the velocity
}

// BatchOf returns a batch for the network's gradient steps.
func BatchOf[F Float](net *Network[F]) *Batch[F] {
	b := NewBatch[F](net.Shape.N, net.Sessions)
	if net.Teacher != nil {
		for _, t := range b.Tapes {
			t.Teacher = NewTape[F](net.Teacher.Shape.N)
			b.Teachers = append(b.Teachers, t.Teacher)
		}
	}
	return b
}

// NewBatch returns a batch of B sessions for networks of n hidden units.
func NewBatch[F Float](n, B int) *Batch[F] {
	b := &Batch[F]{sessions: make([]task.Session, B)}
	for range B {
		b.Tapes = append(b.Tapes, NewTape[F](n))
	}
	return b
}

// Draw draws the sessions of a gradient step (from 0) of training with the
// seed, and sets the tapes to them.
func (b *Batch[F]) Draw(p *task.Sampler, seed uint64, gradientStep int) {
	for i, t := range b.Tapes {
		s := &b.sessions[i]
		s.Draw(p, task.Origin{Seed: seed, Stream: task.StreamTrain, GradientStep: uint32(gradientStep), Session: uint32(i)})
		t.Begin(s)
		if t.Teacher != nil {
			t.Teacher.Begin(s)
		}
	}
}

// Teach has the network's teacher, if there is one, play the batch's sessions.
func (b *Batch[F]) Teach(backend Backend[F], net *Network[F]) {
	if net.Teacher != nil {
		backend.Forward(net.Teacher.Theta, CrossEntropyMean, b.Teachers)
	}
}

// Record returns what the batch showed, given its loss and its gradient.
func (b *Batch[F]) Record(loss float64, grad []F) Record {
	r := Record{Loss: loss, GradientNorm: Norm(grad)}
	for _, t := range b.Tapes {
		r.Tally(t.T, t.Behaviour)
	}
	return r
}

// Train advances one network by the given number of gradient steps on the
// backend, by its Forward, Backward and Update: the specification of
// Backend.Train. It stops early when ctx ends or with net.Err.
func Train[F Float](ctx context.Context, backend Backend[F], net *Network[F], gradientSteps int) {
	BatchOf(net).Train(ctx, backend, net, gradientSteps)
}

// Fits reports whether the batch is one for the network's gradient steps.
func (b *Batch[F]) Fits(net *Network[F]) bool {
	if len(b.Tapes) != net.Sessions || b.Tapes[0].N != net.Shape.N {
		return false
	}
	if net.Teacher == nil {
		return len(b.Teachers) == 0
	}
	return len(b.Teachers) > 0 && b.Teachers[0].N == net.Teacher.Shape.N
}

// Train is [Train] in the batch, which must fit the network. What the batch held
// before makes no difference.
func (b *Batch[F]) Train(ctx context.Context, backend Backend[F], net *Network[F], gradientSteps int) {
	n := len(net.Theta)
	b.scratch = extend(b.scratch, 3*n)
	grad, before := b.scratch[:n], b.scratch[n:3*n]
	net.Records = slices.Grow(net.Records, gradientSteps)
	for range gradientSteps {
		if ctx.Err() != nil || net.Err != nil {
			return
		}
		b.Draw(net.Sampler, net.Seed, net.Step)
		b.Teach(backend, net)
		loss := backend.Forward(net.Theta, net.Objective, b.Tapes)
		backend.Backward(net.Theta, net.Objective, b.Tapes, 1, grad)
		record := b.Record(loss, grad)
		if net.Err = record.Check(net.Step + 1); net.Err != nil {
			return
		}
		copy(before, net.Theta)
		copy(before[len(grad):], net.Velocity)
		backend.Update(net.Theta, net.Velocity, grad, F(net.LearningRate), F(net.Momentum))
		if net.Err = CheckWeights(net.Theta, net.Step+1, record); net.Err != nil {
			copy(net.Theta, before)
			copy(net.Velocity, before[len(grad):])
			return
		}
		net.Step++
		net.Records = append(net.Records, record)
	}
}

// CheckWeights returns a *NonFiniteError if the update of the gradient step
// (from 1) made a weight that is not finite.
func CheckWeights[F Float](theta []F, gradientStep int, r Record) error {
	// x − x is 0 unless x is infinite or not a number, and so is their sum.
	var a, b, c, d F
	v := theta
	for ; len(v) >= 4; v = v[4:] {
		a += v[0] - v[0]
		b += v[1] - v[1]
		c += v[2] - v[2]
		d += v[3] - v[3]
	}
	for _, x := range v {
		a += x - x
	}
	if (a+b)+(c+d) == 0 {
		return nil
	}
	for _, x := range theta {
		if v := float64(x); math.IsNaN(v) || math.IsInf(v, 0) {
			return &NonFiniteError{gradientStep, "weight", v, r}
		}
	}
	return nil
}
