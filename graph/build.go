package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// attempts is how often Unroll builds a graph before it gives up. At the
// longest T one build in eight fails, so all eight do once in 10⁷.
const attempts = 8

// naming returns the names that an attempt gives to the inputs x_t. A node's
// hash is made of the hashes below it, so nearly all of them change with these.
func naming(attempt int) func(t int) string {
	return func(t int) string { return fmt.Sprintf("x %d.%d", attempt, t) }
}

// unrollUnder builds the graph under one attempt's names after the other until
// no nodes are merged.
func unrollUnder[F kernels.Float](s kernels.Shape, o kernels.Objective, tape *kernels.Tape[F],
	naming func(attempt int) func(t int) string) (*Unrolled[F], error) {
	for attempt := 0; ; attempt++ {
		u, err := unroll(s, o, tape, naming(attempt))
		if err == nil {
			return u, nil
		}
		if attempt+1 == attempts {
			return nil, fmt.Errorf("%w, in the last of %d builds under different names", err, attempts)
		}
	}
}

// unroll builds the graph once, with the inputs named by name. At least one of
// the passage's steps counts.
func unroll[F kernels.Float](s kernels.Shape, o kernels.Objective, tape *kernels.Tape[F], name func(t int) string) (*Unrolled[F], error) {
	u := &Unrolled[F]{shape: s, objective: o, graph: gorgonia.NewGraph()}
	must := gorgonia.Must // the shapes are the model's own: an op that refuses them is a bug
	leaf := func(name string, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(u.graph, dtype[F](), len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...))
	}
	record := func(name string, value []F) *gorgonia.Node {
		n := leaf(name, len(value))
		must(n, gorgonia.Let(n, dense(slices.Clone(value), len(value))))
		return n
	}
	for _, p := range s.Parameters() {
		u.parameters = append(u.parameters, leaf(p.Name, p.Shape...))
	}
	inputHidden, hiddenHidden, inputBias, hiddenBias, readout, readoutBias :=
		u.parameters[0], u.parameters[1], u.parameters[2], u.parameters[3], u.parameters[4], u.parameters[5]

	// SoftMax and LogSoftMax of the same node have the same hash in gorgonia
	// v0.9.18, so a graph holds one of the two only.
	softmax := gorgonia.SoftMax
	if logarithmic(o) {
		softmax = gorgonia.LogSoftMax
	}
	var terms gorgonia.Nodes
	h := record("h", tape.Hidden[:s.N])
	for t := range tape.T {
		x := record(name(t), tape.Input[t*kernels.Inputs:][:kernels.Inputs])
		fromInput := must(gorgonia.Add(must(gorgonia.Mul(inputHidden, x)), inputBias))
		fromHidden := must(gorgonia.Add(must(gorgonia.Mul(hiddenHidden, h)), hiddenBias))
		h = must(gorgonia.Tanh(must(gorgonia.Add(fromInput, fromHidden))))
		a := must(softmax(must(gorgonia.Add(must(gorgonia.Mul(readout, h)), readoutBias)), 0))
		if tape.Counted[t] {
			terms = append(terms, must(gorgonia.Slice(a, gorgonia.S(int(tape.Target[t])))))
		}
		u.hidden, u.softmax = append(u.hidden, h), append(u.softmax, a)
	}
	scale := gorgonia.NewConstant(F(-o.Scale(tape.T)))
	u.loss = must(gorgonia.Mul(must(gorgonia.ReduceAdd(terms)), scale))

	before, after := nodes(tape.Counted[:tape.T])
	if err := checkNodes(u.graph, before); err != nil {
		return nil, err
	}
	var err error
	if u.gradient, err = differentiate(u.loss, u.parameters...); err != nil {
		return nil, fmt.Errorf("differentiating the unrolled graph: %w", err)
	}
	if err := checkNodes(u.graph, after); err != nil {
		return nil, err
	}
	u.program = straight(u.graph, slices.Concat(gorgonia.Nodes{u.loss}, u.gradient, u.hidden, u.softmax))
	return u, nil
}

// nodes returns how many nodes the graph of a passage has before Grad and after
// it; counted says which of its T steps count. With C of them, the last of them
// the L-th step:
//
//	before  6 parameters, h, one constant and the product of sum and scale
//	        10 a step: x, two products, three sums, tanh; product, sum, softmax
//	        C slices, C − 1 sums of them
//	Grad    the constant 1 and two products for the scale
//	        C slices, C softmaxes, C products each for W_out and h
//	        3 a step, of L, for tanh; 4 for the products by W_ih and W_hh
//	        sums: C − 1 where h goes two ways; L − 1 for each of W_ih, W_hh and
//	        the biases, which share theirs; C − 1 for each of W_out and b_out
//
// Forward, every op makes one node, so a merger leaves fewer. Backward, the ops
// to differentiate and the sums are those of the forward graph, which has been
// checked by then, so a merger again leaves fewer.
func nodes(counted []bool) (before, after int) {
	steps, last, T := 0, 0, len(counted)
	for t, c := range counted {
		if c {
			steps, last = steps+1, t+1
		}
	}
	before = 9 + 10*T + 2*steps - 1
	after = before + 3 + 4*steps + 7*last + 3*(steps-1) + 3*(last-1)
	return before, after
}

// checkNodes returns an error where the graph does not have the number of nodes
// that were made, or two with the same hash.
func checkNodes(g *gorgonia.ExprGraph, want int) error {
	all := g.AllNodes()
	if len(all) != want {
		return fmt.Errorf("the unrolled graph has %d nodes, not %d: gorgonia merged unequal ones", len(all), want)
	}
	seen := make(map[uint32]*gorgonia.Node, len(all))
	for _, n := range all {
		if other, ok := seen[n.Hashcode()]; ok {
			return fmt.Errorf("nodes %v and %v of the unrolled graph have the same hash", other, n)
		}
		seen[n.Hashcode()] = n
	}
	return nil
}
