package kernelstest

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"radd/kernels"
)

// work is what a caller computes, and what came out.
type work[F kernels.Float] struct {
	passages []passage[F]
	tapes    [][]*kernels.Tape[F]
	theta    []F // after an update
	trained  []*trainee[F]
}

// do plays batches of several sizes, does an update and trains networks.
func do[F kernels.Float](t testing.TB, backend kernels.Backend[F]) *work[F] {
	w := new(work[F])
	for _, n := range []int{1, 9, 50} {
		for _, B := range []int{1, 8} {
			theta := network[F](n, 1)
			tapes := batch[F](n, B, sampler(t, nil), 2)
			p := play(backend, theta, kernels.CrossEntropyMean, tapes, 1)
			backend.Update(theta, make([]F, len(theta)), p.grad, .1, .1)
			w.passages = append(w.passages, p)
			w.tapes = append(w.tapes, tapes)
			w.theta = append(w.theta, theta...)
		}
	}
	w.trained = networks[F](t)
	if err := backend.Train(context.Background(), list(w.trained), 2); err != nil {
		t.Error(err)
	}
	return w
}

func (w *work[F]) same(t testing.TB, want *work[F]) {
	t.Helper()
	for i := range want.passages {
		w.passages[i].same(t, want.passages[i])
		for j, p := range w.tapes[i] {
			sameRecord(t, p, want.tapes[i][j])
		}
	}
	same(t, "updated θ", w.theta, want.theta)
	for i := range want.trained {
		w.trained[i].same(t, want.trained[i])
	}
}

// cores wants the same bytes of one, two and three cores.
func (s suite[F]) cores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var one *work[F]
	for cores := 1; cores <= 3; cores++ {
		runtime.GOMAXPROCS(cores)
		w := do(t, s.newBackend(t))
		if one == nil {
			one = w
		}
		w.same(t, one)
	}
}

// twoCallers uses one backend from two goroutines at once.
func (s suite[F]) twoCallers(t *testing.T) {
	backend := s.newBackend(t)
	want := do(t, backend)
	var callers sync.WaitGroup
	var got [2]*work[F]
	for i := range got {
		callers.Go(func() { got[i] = do(t, backend) })
	}
	callers.Wait()
	for _, w := range got {
		w.same(t, want)
	}
}
