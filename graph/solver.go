package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// Solvers are the names of the solvers.
var Solvers = []string{"sgd", "adam", "rmsprop"}

// Moments returns how many vectors of θ's size a solver of this name keeps.
func Moments(solver string) int {
	if solver == "adam" {
		return 2
	}
	return 1
}

// Adam is adaptive moment estimation behind gorgonia's Solver interface, with
// β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸:
//
//	m ← β₁ m + (1 − β₁) g
//	v ← β₂ v + (1 − β₂) g²
//	θ ← θ − lr · m/(1 − β₁ᵏ) / (√(v/(1 − β₂ᵏ)) + ε)    in the k-th step
//
// Gorgonia's own keeps m, v and k to itself, so that a run could not be resumed
// from a checkpoint; this one gives the same numbers.
//
// Source: Kingma and Ba 2015.
type Adam[F kernels.Float] struct {
	LearningRate float64
	Clip         float64 // bound of every element of the gradient; 0 is none
	Steps        int     // done
	Mean, Square []F     // m and v; assigned
}

// Step implements gorgonia.Solver for a model of one vector, whose gradient it
// sets to zero.
func (s *Adam[F]) Step(model []gorgonia.ValueGrad) error {
	const beta1, beta2, epsilon = .9, .999, 1e-8
	theta, grad, err := only[F](model, len(s.Mean))
	if err != nil {
		return fmt.Errorf("Adam: %w", err)
	}
	s.Steps++
	clip(grad, s.Clip)
	// The corrections of the means' bias by their start from zero.
	mean := F(1 / (1 - math.Pow(beta1, float64(s.Steps))))
	variance := F(1 / (1 - math.Pow(beta2, float64(s.Steps))))
	lr := F(s.LearningRate)
	for i, g := range grad {
		s.Mean[i] = F(s.Mean[i]*beta1) + F(g*(1-F(beta1)))
		s.Square[i] = F(s.Square[i]*beta2) + F(F(g*g)*(1-F(beta2)))
		theta[i] -= F(lr * F(s.Mean[i]*mean) / (F(math.Sqrt(float64(s.Square[i]*variance))) + epsilon))
	}
	clear(grad)
	return nil
}

// RMSProp divides by the running size of the gradient, behind gorgonia's Solver
// interface, with ρ = 0.999 and ε = 10⁻⁸:
//
//	v ← ρ v + (1 − ρ) g²
//	θ ← θ − lr · g / √(v + ε)
//
// The numbers are gorgonia's; as for Adam, its own cannot be resumed.
//
// Source: Tieleman and Hinton 2012; gorgonia.RMSPropSolver.
type RMSProp[F kernels.Float] struct {
	LearningRate float64
	Clip         float64 // bound of every element of g, but not in v; 0 is none
	Square       []F     // v; assigned
}

// Step implements gorgonia.Solver for a model of one vector, whose gradient it
// sets to zero.
func (s *RMSProp[F]) Step(model []gorgonia.ValueGrad) error {
	const rho, epsilon = .999, 1e-8
	theta, grad, err := only[F](model, len(s.Square))
	if err != nil {
		return fmt.Errorf("RMSProp: %w", err)
	}
	for i, g := range grad {
		s.Square[i] = F(s.Square[i]*rho) + F(F(g*g)*(1-rho))
	}
	clip(grad, s.Clip)
	lr := F(s.LearningRate)
	for i, g := range grad {
		theta[i] -= F(lr*g) * (1 / F(math.Sqrt(float64(s.Square[i]+epsilon))))
	}
	clear(grad)
	return nil
}

// only returns the value and the gradient of a model of one vector of the size.
func only[F kernels.Float](model []gorgonia.ValueGrad, size int) (theta, grad []F, err error) {
	if len(model) != 1 {
		return nil, nil, fmt.Errorf("%d vectors, where it takes one", len(model))
	}
	if theta, err = flat[F](model[0].Value()); err != nil {
		return nil, nil, err
	}
	g, err := model[0].Grad()
	if err != nil {
		return nil, nil, err
	}
	if grad, err = flat[F](g); err != nil {
		return nil, nil, err
	}
	if len(theta) != size || len(grad) != size {
		return nil, nil, fmt.Errorf("a value of %d and a gradient of %d elements, where it takes %d", len(theta), len(grad), size)
	}
	return theta, grad, nil
}

// clip bounds every element of the gradient by ±c, unless c is 0.
func clip[F kernels.Float](grad []F, c float64) {
	if c == 0 {
		return
	}
	for i, g := range grad {
		grad[i] = min(max(g, F(-c)), F(c))
	}
}
