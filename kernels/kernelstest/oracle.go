package kernelstest

import (
	"fmt"
	"slices"
	"testing"

	"radd/kernels"
)

// oracle compares every recorded session, with the recorded observations, to
// what independent programs found in float64. In float64 the loop is closed and
// must come to the recorded decisions; in float32 they are forced.
func (s suite[F]) oracle(t *testing.T) {
	backend := s.newBackend(t)
	for _, name := range Networks {
		t.Run(name, func(t *testing.T) {
			f := Load(t, name)
			tape := kernels.NewTape[F](f.N)
			closed := kernels.Dtype[F]() == "f64"
			if !closed {
				tape.Forced = &f.Record.Decisions
			}
			limit := s.tolerance()
			var loss, grad float64
			for i, o := range Objectives {
				tape.Begin(f.Session)
				p := play(backend, to[F](f.Theta), o.Objective, []*kernels.Tape[F]{tape}, 1)
				if closed {
					sameSession(t, tape, &f.Record, limit.oracleLoss)
				}
				loss = max(loss, near(t, o.Name+" loss", []float64{p.loss}, []float64{f.Loss[i]}, limit.oracleLoss))
				grad = max(grad, nearWeights(t, o.Name+" gradient by", f.N, p.grad, f.Grad[i], limit.oracleGrad, 0))
			}
			t.Logf("T = %d, agreement: losses %.1e, gradients %.1e", tape.T, loss, grad)
		})
	}
}

// sameSession holds a tape to a record: its decisions exactly, its numbers to
// the tolerance.
func sameSession[F kernels.Float](t testing.TB, p *kernels.Tape[F], r *Record, tolerance float64) {
	t.Helper()
	T := len(r.Trial)
	if p.T != T {
		t.Errorf("%d RNN steps, want %d", p.T, T)
		return
	}
	got := Record{Decisions: *decisions(p), Counted: p.Counted[:T]}
	for i := range T {
		got.Target = append(got.Target, int64(p.Target[i]))
		got.Probability = append(got.Probability, kernels.Sigmoid(-float64(p.Difference[i])), p.Probability(i))
	}
	for _, x := range []struct {
		what string
		same bool
	}{
		{"trial", slices.Equal(got.Trial, r.Trial)},
		{"step", slices.Equal(got.Step, r.Step)},
		{"feedback", slices.Equal(got.Feedback, r.Feedback)},
		{"counted", slices.Equal(got.Counted, r.Counted)},
		{"target", slices.Equal(got.Target, r.Target)},
	} {
		if !x.same {
			t.Errorf("%s is not the recorded one", x.what)
		}
	}
	near(t, "input", p.Input[:T*kernels.Inputs], r.Input, tolerance)
	near(t, "hidden", p.Hidden[p.N:(T+1)*p.N], r.Hidden, tolerance)
	near(t, "prob", got.Probability, r.Probability, tolerance)
}

// oracleTraining repeats the recorded training runs.
func (s suite[F]) oracleTraining(t *testing.T) {
	if kernels.Dtype[F]() != "f64" {
		t.Skip("recorded in float64: in float32 a decision may flip on the way, and nothing is comparable thereafter")
	}
	backend := s.newBackend(t)
	runs := 0
	for _, name := range append(slices.Clone(Networks), Batch) {
		f := Load(t, name)
		for _, training := range f.Training {
			runs++
			t.Run(name+"/"+training.Objective.String(), func(t *testing.T) {
				s.repeat(t, backend, f, training)
			})
		}
	}
	if runs == 0 {
		t.Error("no fixture holds a training run")
	}
}

func (s suite[F]) repeat(t *testing.T, backend kernels.Backend[F], f *Fixture, training Training) {
	theta := to[F](f.Theta)
	velocity, grad := make([]F, len(theta)), make([]F, len(theta))
	limit := s.tolerance()
	var loss float64
	var steps []int64
	for k, sessions := range training.Sessions {
		var tapes []*kernels.Tape[F]
		for _, session := range sessions {
			tape := kernels.NewTape[F](f.N)
			tape.Begin(session)
			tapes = append(tapes, tape)
		}
		got := backend.Forward(theta, training.Objective, tapes)
		backend.Backward(theta, training.Objective, tapes, 1, grad)
		backend.Update(theta, velocity, grad, F(training.LearningRate), F(training.Momentum))
		for _, tape := range tapes {
			steps = append(steps, int64(tape.T))
		}
		what := fmt.Sprintf("loss of gradient step %d", k+1)
		loss = max(loss, near(t, what, []float64{got}, training.Loss[k:k+1], limit.oracleLoss))
	}
	if !slices.Equal(steps, training.RNNSteps) {
		t.Errorf("RNN steps %v, want %v", steps, training.RNNSteps)
	}
	weights := nearWeights(t, "trained", f.N, theta, training.Theta, weightsTolerance, 0)
	t.Logf("%d gradient steps of %d sessions, agreement: losses %.1e, weights %.1e",
		len(training.Loss), len(training.Sessions[0]), loss, weights)
}
