package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/internal/input"
	"radd/kernels"
)

// MaxUnrolledSteps is the most RNN steps that Unroll takes. Nodes grow with the
// steps, and the chance that two of their hashes meet with its square: of builds
// at 1,000 steps one in eight has to be made again, at 5,000 nearly all.
const MaxUnrolledSteps = 1000

// Unrolled is the model spelt out in gorgonia's primitive ops for one recorded
// passage of T RNN steps: six parameters as leaves of their own, and per step
//
//	h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
//	a_t = softmax(W_out h_t + b_out)
//
// with the loss over the counted steps and gorgonia.Grad of it by the six
// parameters. The inputs, the steps that count and their targets are the
// record's, so no gradient flows through the feedback or a trial's end.
//
// Source: SI 7.2.
type Unrolled[F kernels.Float] struct {
	shape     kernels.Shape
	objective kernels.Objective

	graph      *gorgonia.ExprGraph
	parameters gorgonia.Nodes // in the order of kernels.Shape.Parameters
	hidden     gorgonia.Nodes // (T) h_t, (N) each
	softmax    gorgonia.Nodes // (T) a_t, or log a_t where the objective needs that; (2) each
	loss       *gorgonia.Node
	gradient   gorgonia.Nodes // as parameters
	program    *program
}

// UnrolledResult is what the unrolled graph gives for one θ.
type UnrolledResult[F kernels.Float] struct {
	Loss        float64
	Gradient    []F // of Loss by θ, packed as θ
	Hidden      []F // (T, N) h_t
	Probability []F // (T, 2) a_t: left, right
}

// Unroll builds the graph of the passage that the tape holds, as Forward left
// it, and differentiates it. It copies what it needs of the tape.
//
// A passage of more than MaxUnrolledSteps steps, or without a step that counts,
// is an *input.Error. Any other error means that gorgonia merged unequal nodes
// however they were named.
func Unroll[F kernels.Float](s kernels.Shape, o kernels.Objective, tape *kernels.Tape[F]) (*Unrolled[F], error) {
	if tape.N != s.N {
		panic("graph: the tape is of another N")
	}
	if tape.T > MaxUnrolledSteps {
		return nil, &input.Error{Field: "engine", Found: fmt.Sprintf("unrolled, for a session of %d RNN steps", tape.T),
			Allowed: fmt.Sprintf("at most %d RNN steps: a longer graph holds so many nodes that some of their hashes meet, and gorgonia merges those", MaxUnrolledSteps),
			Do:      "use the engine fused"}
	}
	if !slices.Contains(tape.Counted[:tape.T], true) {
		return nil, &input.Error{Field: "session", Found: "no observation step, so no loss", Allowed: "a passage with at least one"}
	}
	return unrollUnder(s, o, tape, naming)
}

// Run returns the loss of the parameters θ, packed as kernels.Shape says, with
// its gradient and what the network showed at every step of the passage. Only
// one Run at a time.
func (u *Unrolled[F]) Run(theta []F) (UnrolledResult[F], error) {
	if len(theta) != u.shape.Size() {
		panic("graph: θ has the wrong length")
	}
	var result UnrolledResult[F]
	for i, p := range u.shape.Parameters() {
		if err := gorgonia.Let(u.parameters[i], dense(theta[p.Start:p.End], p.Shape...)); err != nil {
			return result, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	values, err := u.program.run()
	if err != nil {
		return result, err
	}
	read := func(nodes gorgonia.Nodes) (all []F) {
		for _, n := range nodes {
			v, e := flat[F](values(n))
			err = errors.Join(err, e)
			all = append(all, v...)
		}
		return all
	}
	loss, err := number[F](values(u.loss))
	result.Loss = float64(loss)
	result.Gradient, result.Hidden, result.Probability = read(u.gradient), read(u.hidden), read(u.softmax)
	if logarithmic(u.objective) {
		for i, x := range result.Probability {
			result.Probability[i] = F(math.Exp(float64(x)))
		}
	}
	return result, err
}

// logarithmic reports whether the graph goes through log a_t rather than a_t.
func logarithmic(o kernels.Objective) bool { return o != kernels.ProbabilityMean }

// dense returns a tensor over the given elements.
func dense[F kernels.Float](backing []F, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
}
