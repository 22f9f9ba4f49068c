package bench

import (
	"fmt"

	"radd/graph"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// sessions is how many different ones a measurement goes through in turn, so
// that no processor learns a session's decisions by heart.
const sessions = 16

// training is a network in training at learning rate 0: gradient steps that
// leave it as it is, so that all of them are alike.
type training[F kernels.Float] struct {
	backend *cpu.Backend[F]
	net     *kernels.Network[F]
	batch   *kernels.Batch[F] // of one session
	at      int               // the session's number
	grad    []F
	before  []F
}

// networkOf returns a network in training at learning rate 0 with the weights, or
// freshly initialised where there are none.
func networkOf[F kernels.Float](n int, weights []float64, sampler *task.Sampler) *kernels.Network[F] {
	shape := kernels.Shape{N: n}
	net := &kernels.Network[F]{Shape: shape, Sampler: sampler, Objective: kernels.CrossEntropyMean, Seed: 1, Sessions: 1,
		Momentum: .1, Theta: make([]F, shape.Size()), Velocity: make([]F, shape.Size())}
	if weights == nil {
		kernels.Init(shape, 1, net.Theta)
	}
	for i, x := range weights {
		net.Theta[i] = F(x)
	}
	return net
}

// newTraining returns a network in training, with a session played.
func newTraining[F kernels.Float](isa cpu.ISA, n int, weights []float64, sampler *task.Sampler) *training[F] {
	t := &training[F]{backend: cpu.New[F](isa, 1), net: networkOf[F](n, weights, sampler)}
	size := len(t.net.Theta)
	t.batch, t.grad, t.before = kernels.BatchOf(t.net), make([]F, size), make([]F, 2*size)
	for range sessions { // memory is there for the longest
		t.step()
	}
	return t
}

// The parts of a gradient step, each of which returns the session's RNN steps.
// The passes backward and update take the session that was played last.

func (t *training[F]) steps() int { return t.batch.Tapes[0].T }

// draw draws a session in the place of one of which the tape keeps the record.
func (t *training[F]) draw() int {
	T := t.steps()
	t.drawNext()
	t.batch.Tapes[0].T = T
	return T
}

func (t *training[F]) drawNext() {
	t.at = (t.at + 1) % sessions
	t.batch.Draw(t.net.Sampler, t.net.Seed, t.at)
}

// forward draws a session and plays it.
func (t *training[F]) forward() int {
	t.drawNext()
	t.backend.Forward(t.net.Theta, t.net.Objective, t.batch.Tapes)
	return t.steps()
}

func (t *training[F]) backward() int {
	t.backend.Backward(t.net.Theta, t.net.Objective, t.batch.Tapes, 1, t.grad)
	return t.steps()
}

// update does what follows the passes: record, checks and update.
func (t *training[F]) update() int {
	net := t.net
	record := t.batch.Record(t.batch.Tapes[0].Loss, t.grad)
	err := record.Check(1)
	copy(t.before, net.Theta)
	copy(t.before[len(net.Theta):], net.Velocity)
	t.backend.Update(net.Theta, net.Velocity, t.grad, F(net.LearningRate), F(net.Momentum))
	if err == nil {
		err = kernels.CheckWeights(net.Theta, 1, record)
	}
	if err != nil {
		panic(fmt.Sprint("bench: at learning rate 0: ", err))
	}
	return t.steps()
}

// step is a whole gradient step by the bare kernels: kernels.Train's, but for
// its memory, which stays.
func (t *training[F]) step() int {
	t.forward()
	t.backward()
	return t.update()
}

// meanT is the RNN steps of a session.
func (t *training[F]) meanT() float64 {
	sum := 0
	for range sessions {
		sum += t.forward()
	}
	return float64(sum) / sessions
}

// graphStep returns a gradient step through the compiled graph, of a network of
// its own, over the same sessions.
func (t *training[F]) graphStep(weights []float64) (func() int, error) {
	net := networkOf[F](t.net.Shape.N, weights, t.net.Sampler)
	trainer, err := graph.NewTrainer[F](t.backend, net)
	if err != nil {
		return nil, err
	}
	return func() int {
		net.Step %= sessions
		record, err := trainer.Step()
		if err != nil {
			panic(fmt.Sprint("bench: at learning rate 0: ", err))
		}
		return record.RNNSteps
	}, nil
}
