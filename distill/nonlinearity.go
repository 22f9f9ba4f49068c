package distill

import (
	"math"

	"radd/internal/input"
)

// Nonlinearity is an invertible pointwise function f of a recurrent network.
// Tanh, Sigmoid, Identity and LeakyReLU are at hand; a value with all fields
// set is one's own.
type Nonlinearity struct {
	Name    string
	Forward func(u float64) float64 // f
	Inverse func(z float64) float64 // f⁻¹, for z strictly between Low and High
	Slope   func(z float64) float64 // f′ at f⁻¹(z)

	Low, High float64 // f's values lie strictly between; may be infinite
}

// contains reports whether f⁻¹(z) exists.
func (f *Nonlinearity) contains(z float64) bool { return z > f.Low && z < f.High }

// Tanh returns the hyperbolic tangent.
func Tanh() Nonlinearity {
	return Nonlinearity{
		Name:    "tanh",
		Forward: math.Tanh,
		Inverse: math.Atanh,
		Slope:   func(z float64) float64 { return 1 - float64(z*z) },
		Low:     -1, High: 1,
	}
}

// Sigmoid returns the logistic function 1/(1 + e^−u).
func Sigmoid() Nonlinearity {
	return Nonlinearity{
		Name:    "sigmoid",
		Forward: func(u float64) float64 { return 1 / (1 + math.Exp(-u)) },
		Inverse: func(z float64) float64 { return math.Log(z) - math.Log1p(-z) },
		Slope:   func(z float64) float64 { return z * (1 - z) },
		Low:     0, High: 1,
	}
}

// Identity returns f(u) = u: a linear system.
func Identity() Nonlinearity {
	same := func(x float64) float64 { return x }
	return Nonlinearity{
		Name:    "identity",
		Forward: same,
		Inverse: same,
		Slope:   func(float64) float64 { return 1 },
		Low:     math.Inf(-1), High: math.Inf(1),
	}
}

// LeakyReLU returns f(u) = u where u is above 0, and slope·u elsewhere. The
// slope is above 0, else f has no inverse: an *input.Error.
func LeakyReLU(slope float64) (Nonlinearity, error) {
	if !(slope > 0) || math.IsInf(slope, 0) {
		return Nonlinearity{}, &input.Error{Field: "leaky ReLU's slope", Found: formatFloat(slope), Allowed: "a finite number above 0"}
	}
	pick := func(x, above, below float64) float64 {
		if x > 0 {
			return above
		}
		return below
	}
	return Nonlinearity{
		Name:    "leaky ReLU",
		Forward: func(u float64) float64 { return pick(u, u, slope*u) },
		Inverse: func(z float64) float64 { return pick(z, z, z/slope) },
		Slope:   func(z float64) float64 { return pick(z, 1, slope) },
		Low:     math.Inf(-1), High: math.Inf(1),
	}, nil
}
