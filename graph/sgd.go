package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// SGD is stochastic gradient descent with PyTorch's semantics, without weight
// decay, dampening or Nesterov's term, behind gorgonia's Solver interface:
//
//	v ← m·v + g    (v starts as g)
//	θ ← θ − lr·v
//
// Source: SI 7.2; torch.optim.SGD.
type SGD[F kernels.Float] struct {
	LearningRate F
	Momentum     F
	Clip         float64 // bound of every element of the gradient; 0 is none
	Velocity     [][]F   // one for each of the model's vectors, in order; made by Step where nil

	backend kernels.Backend[F]
}

// NewSGD returns a solver that updates on the backend. Velocities may be given
// to go on with; the solver assigns them.
func NewSGD[F kernels.Float](b kernels.Backend[F], lr, momentum F, velocity ...[]F) *SGD[F] {
	return &SGD[F]{LearningRate: lr, Momentum: momentum, Velocity: velocity, backend: b}
}

// Step updates every value of the model by its gradient and then sets the
// gradient to zero, because gorgonia adds bound gradients up over runs. Values
// and gradients are dense tensors of F.
func (s *SGD[F]) Step(model []gorgonia.ValueGrad) error {
	for len(s.Velocity) < len(model) {
		s.Velocity = append(s.Velocity, nil)
	}
	for i, m := range model {
		theta, err := flat[F](m.Value())
		if err != nil {
			return fmt.Errorf("SGD: value %d: %w", i, err)
		}
		g, err := m.Grad()
		if err != nil {
			return fmt.Errorf("SGD: gradient %d: %w", i, err)
		}
		grad, err := flat[F](g)
		if err != nil {
			return fmt.Errorf("SGD: gradient %d: %w", i, err)
		}
		if len(grad) != len(theta) {
			return fmt.Errorf("SGD: gradient %d has %d elements, its value %d", i, len(grad), len(theta))
		}
		if s.Velocity[i] == nil {
			s.Velocity[i] = make([]F, len(theta))
		}
		clip(grad, s.Clip)
		s.backend.Update(theta, s.Velocity[i], grad, s.LearningRate, s.Momentum)
		clear(grad)
	}
	return nil
}
