package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
)

// Trainer trains one network through the compiled graph θ → loss → dθ, one
// gradient step a call. Its results are those of kernels.Train, byte for byte.
type Trainer[F kernels.Float] struct {
	backend kernels.Backend[F]
	net     *kernels.Network[F]
	batch   *kernels.Batch[F]
	session *Session[F]
	vm      *VM[F]
	theta   *gorgonia.Node
	dTheta  *gorgonia.Node
	solver  gorgonia.Solver
	model   []gorgonia.ValueGrad
	before  []F                             // θ and velocity before the update
	moments [][]F                           // that change their sign with a weight
	settle  func(theta []F, moments ...[]F) // after every update; may be nil
}

// NewTrainer compiles the graph for the network, whose Theta and Velocity it
// will update in place, by SGD.
func NewTrainer[F kernels.Float](b kernels.Backend[F], net *kernels.Network[F]) (*Trainer[F], error) {
	t := &Trainer[F]{
		backend: b,
		net:     net,
		batch:   kernels.BatchOf(net),
		before:  make([]F, len(net.Theta)+len(net.Velocity)),
	}
	t.session = NewSession(b, net.Objective, t.batch.Tapes)
	g := gorgonia.NewGraph()
	t.theta = gorgonia.NewVector(g, dtype[F](), gorgonia.WithName("θ"), gorgonia.WithShape(len(net.Theta)),
		gorgonia.WithValue(tensor.New(tensor.WithShape(len(net.Theta)), tensor.WithBacking(net.Theta))))
	loss, err := t.session.Apply(t.theta)
	if err != nil {
		return nil, err
	}
	grads, err := differentiate(loss, t.theta)
	if err != nil {
		return nil, fmt.Errorf("differentiating the session: %w", err)
	}
	t.dTheta = grads[0]
	if t.vm, err = NewVM[F](g, loss, t.dTheta); err != nil {
		return nil, err
	}
	t.solver = NewSGD(b, F(net.LearningRate), F(net.Momentum), net.Velocity)
	t.model = []gorgonia.ValueGrad{parameter[F]{t}}
	return t, nil
}

// Step does one gradient step: it draws the sessions, runs the graph, updates θ
// and returns what the step showed before its update. On a *kernels.NonFiniteError
// the network is as it was before the step.
func (t *Trainer[F]) Step() (kernels.Record, error) {
	net := t.net
	t.batch.Draw(net.Sampler, net.Seed, net.Step)
	t.batch.Teach(t.backend, net)
	if err := t.vm.RunAll(); err != nil {
		return kernels.Record{}, fmt.Errorf("gradient step %d: %w", net.Step+1, err)
	}
	grad, err := flat[F](t.dTheta.Value())
	if err != nil {
		return kernels.Record{}, err
	}
	record := t.batch.Record(t.session.Loss(), grad)
	if err := record.Check(net.Step + 1); err != nil {
		return record, err
	}
	copy(t.before, net.Theta)
	copy(t.before[len(net.Theta):], net.Velocity)
	if err := t.solver.Step(t.model); err != nil {
		return record, err
	}
	if t.settle != nil {
		t.settle(net.Theta, t.moments...)
	}
	if err := kernels.CheckWeights(net.Theta, net.Step+1, record); err != nil {
		copy(net.Theta, t.before)
		copy(net.Velocity, t.before[len(net.Theta):])
		return record, err
	}
	net.Step++
	return record, nil
}

// Use has the solver of a name update θ from now on: one of Solvers, with its
// moments in the network's Velocity, one behind the other, and every element of
// the gradient bounded by clip unless that is 0. The cell, of n units, tells what
// connections its weights are held to.
func (t *Trainer[F]) Use(solver string, clip float64, c Cell, n int) {
	net := t.net
	size := len(net.Theta)
	if len(net.Velocity) != size*Moments(solver) {
		panic("graph: the solver's moments have the wrong length")
	}
	t.moments = [][]F{net.Velocity[:size]}
	switch solver {
	case "sgd":
		sgd := NewSGD(t.backend, F(net.LearningRate), F(net.Momentum), net.Velocity)
		sgd.Clip = clip
		t.solver = sgd
	case "adam":
		t.solver = &Adam[F]{LearningRate: net.LearningRate, Clip: clip, Steps: net.Step, Mean: net.Velocity[:size], Square: net.Velocity[size:]}
	case "rmsprop":
		t.solver = &RMSProp[F]{LearningRate: net.LearningRate, Clip: clip, Square: net.Velocity}
		t.moments = nil // a square has no sign
	default:
		panic("graph: no such solver")
	}
	if _, ok := c.(connected); ok {
		t.settle = func(theta []F, moments ...[]F) { Settle(c, n, theta, moments...) }
	}
}

// Batch returns the sessions and tapes of the last gradient step.
func (t *Trainer[F]) Batch() *kernels.Batch[F] { return t.batch }

// parameter hands θ and its gradient to a solver.
type parameter[F kernels.Float] struct{ of *Trainer[F] }

func (p parameter[F]) Value() gorgonia.Value         { return p.of.theta.Value() }
func (p parameter[F]) Grad() (gorgonia.Value, error) { return p.of.dTheta.Value(), nil }
