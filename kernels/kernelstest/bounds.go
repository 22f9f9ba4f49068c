package kernelstest

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"radd/kernels"
	"radd/task"
)

// bounds holds a backend to what it may write, and shows that nothing it finds
// in memory that it is to assign comes through.
func (s suite[F]) bounds(t *testing.T) {
	backend := s.newBackend(t)
	p := sampler(t, nil)
	for _, n := range hiddenSizes() {
		for _, B := range []int{1, 3} {
			t.Run(fmt.Sprintf("N=%d/B=%d", n, B), func(t *testing.T) {
				plain := batch[F](n, B, p, 2)
				theta := network[F](n, 2)
				for _, q := range plain { // room for what goes beyond the scratch to be found below
					q.Work = make([]F, 0, 4*len(theta)+1<<12)
				}
				want := play(backend, theta, kernels.CrossEntropyMean, plain, .75)
				for offset := range maxOffset + 1 {
					if (offset+n)%3 == 0 || !testing.Short() && n < 70 {
						s.withinBounds(t, backend, theta, plain, want, offset)
					}
				}
			})
		}
	}
	t.Run("reused", func(t *testing.T) { s.reused(t, backend) })
}

// withinBounds plays the sessions of tapes that have been played before, with
// everything that the backend is handed between guard cells, and wants the same
// bytes.
func (s suite[F]) withinBounds(t *testing.T, backend kernels.Backend[F], theta []F, plain []*kernels.Tape[F],
	want passage[F], offset int) {
	t.Helper()
	const scale = .75
	o := kernels.CrossEntropyMean
	guardedTheta := guardVector(theta, offset)
	guardedGrad := guardVector(make([]F, len(theta)), maxOffset-offset)
	grad := guardedGrad.slice()
	fill(grad, F(math.NaN()))
	var tapes []*kernels.Tape[F]
	var guards []*guardedTape[F]
	var sessions []*task.Session
	for _, like := range plain {
		g := guardTape(like, offset)
		guards = append(guards, g)
		tapes = append(tapes, g.Tape)
		sessions = append(sessions, cloneSession(like.Session))
	}
	order := slices.Clone(tapes)

	loss := backend.Forward(guardedTheta.slice(), o, tapes)
	same(t, "Forward: gradient", grad[:1], []F{F(math.NaN())})
	var records []*kernels.Tape[F]
	for i, q := range tapes {
		sameRecord(t, q, plain[i])
		records = append(records, cloneRecord(q))
	}
	backend.Backward(guardedTheta.slice(), o, tapes, scale, grad)
	passage[F]{loss, grad}.same(t, want)
	backend.Backward(guardedTheta.slice(), o, tapes, scale, grad)
	passage[F]{loss, grad}.same(t, want)

	same(t, "θ", guardedTheta.slice(), theta)
	guardedTheta.check(t, "θ")
	guardedGrad.check(t, "grad")
	if !slices.Equal(tapes, order) {
		t.Error("the tapes were moved")
	}
	for i, q := range tapes {
		guards[i].check(t)
		sameRecord(t, q, records[i])
		if q.N != plain[i].N || q.Session != plain[i].Session || q.From != 0 || q.To != q.Session.Trials() || q.Forced != nil {
			t.Error("the tape's setting was changed")
		}
		if !reflect.DeepEqual(q.Session, sessions[i]) {
			t.Error("the session was changed")
		}
	}
}

// reused plays a short session on a tape that has held a longer one of another
// network.
func (s suite[F]) reused(t *testing.T, backend kernels.Backend[F]) {
	long := sampler(t, func(c *task.Config) { c.Blocks = 5 })
	short := sampler(t, func(c *task.Config) { c.MaxObservations = 4 })
	for _, n := range []int{1, 5, 9, 50} {
		for _, B := range []int{1, 3} {
			b := kernels.NewBatch[F](n, B)
			b.Draw(long, 1, 0)
			play(backend, network[F](n, 1), kernels.CrossEntropySum, b.Tapes, 3)
			b.Draw(short, 2, 1)
			theta := network[F](n, 2)
			got := play(backend, theta, kernels.CrossEntropyMean, b.Tapes, 1)
			fresh := kernels.NewBatch[F](n, B)
			fresh.Draw(short, 2, 1)
			got.same(t, play(backend, theta, kernels.CrossEntropyMean, fresh.Tapes, 1))
			for i, p := range b.Tapes {
				sameRecord(t, p, fresh.Tapes[i])
			}
		}
	}
}

func cloneSession(s *task.Session) *task.Session {
	c := *s
	c.BlockLength = slices.Clone(s.BlockLength)
	c.BlockSide = slices.Clone(s.BlockSide)
	c.TrialSide = slices.Clone(s.TrialSide)
	c.Strength = slices.Clone(s.Strength)
	c.Observation = slices.Clone(s.Observation)
	return &c
}

// cloneRecord returns a tape with a record of its own.
func cloneRecord[F kernels.Float](p *kernels.Tape[F]) *kernels.Tape[F] {
	c := *p
	c.Trial, c.Step = slices.Clone(p.Trial), slices.Clone(p.Step)
	c.Target, c.Counted = slices.Clone(p.Target), slices.Clone(p.Counted)
	c.Input, c.Hidden = slices.Clone(p.Input), slices.Clone(p.Hidden)
	c.Difference, c.Feedback = slices.Clone(p.Difference), slices.Clone(p.Feedback)
	return &c
}
