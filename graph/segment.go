package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// segment is the unrolled graph of K RNN steps in gorgonia's primitive ops. A
// session longer than that goes through it again from the state that it ended
// with, and its gradient comes back through the same door:
//
//	a_k = softmax(W_out h_k + b_out)         or log a_k, or e^(q log a_k) − 1
//	L   = Σ_k w_k·a_k
//	J   = L + Σ λ·s_K
//
// The weights w_k (2) say which steps count and for which action; where they are
// 0, a step is masked. λ is the gradient of the rest of the session by the state
// s_K that the segment ends with, so that the symbolic gradient of J by the
// parameters and by the first state is that of the whole session's loss.
type segment struct {
	graph      *gorgonia.ExprGraph
	parameters gorgonia.Nodes   // blocks, as θ holds them
	input      gorgonia.Nodes   // (K) x_k, (3)
	weight     gorgonia.Nodes   // (K) w_k, (2)
	first      gorgonia.Nodes   // the state before the segment
	incoming   gorgonia.Nodes   // λ, as first
	state      []gorgonia.Nodes // (K) after each step, as first
	logits     gorgonia.Nodes   // (K), (2): left, right
	softmax    gorgonia.Nodes   // (K) a_k or log a_k
	power      gorgonia.Nodes   // q and 1, (2) each, where the graph takes a power of a_k
	loss       *gorgonia.Node   // L
	gradient   gorgonia.Nodes   // of J by the parameters
	outgoing   gorgonia.Nodes   // of J by first
	forward    int              // nodes before Grad
}

// reading is what the weights of a graph multiply.
type reading uint8

const (
	ofProbability reading = iota // a_k
	ofLogarithm                  // log a_k
	ofPower                      // a_k^q − 1
)

// readingOf returns what an objective's graph reads.
func readingOf(o kernels.Objective) reading {
	switch {
	case o.Kind == kernels.Probability:
		return ofProbability
	case o.Kind == kernels.QLog && o.Q > 0:
		return ofPower
	}
	return ofLogarithm
}

// attempts is how often a graph is built before it is given up. Of builds at
// 1,000 steps one in eight fails, so all eight do once in 10⁷.
const attempts = 8

// naming returns the names that an attempt gives to the inputs x_k. A node's
// hash is made of the hashes below it, so nearly all of them change with these.
func naming(attempt int) func(k int) string {
	return func(k int) string { return fmt.Sprintf("x %d.%d", attempt, k) }
}

// unroll builds the graph of K steps of a cell of n units. Gorgonia takes two
// nodes for one where their hashes meet, so it counts them: every step after the
// second makes as many as the third does. Where there are fewer, it builds again
// under other names.
func unroll[F kernels.Float](c Cell, n, K int, what reading, names func(attempt int) func(k int) string) (*segment, error) {
	want, err := nodes[F](c, n, K, what)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		s, err := build[F](c, n, K, what, names(attempt))
		if err != nil {
			return nil, err
		}
		if err = checkNodes(s.graph, want); err == nil {
			return s, nil
		}
		if attempt+1 == attempts {
			return nil, fmt.Errorf("%w, in the last of %d builds under different names", err, attempts)
		}
	}
}

// nodes returns how many nodes the graph of K steps has, foretold from those of
// two and of three steps, in which hashes meet once in 10⁶.
func nodes[F kernels.Float](c Cell, n, K int, what reading) (int, error) {
	var count [2]int
	for i := range count {
		s, err := build[F](c, n, 2+i, what, naming(0))
		if err != nil {
			return 0, err
		}
		count[i] = len(s.graph.AllNodes())
	}
	if K == 1 {
		s, err := build[F](c, n, 1, what, naming(0))
		return len(s.graph.AllNodes()), err
	}
	return count[0] + (K-2)*(count[1]-count[0]), nil
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

// build builds the graph once and differentiates it.
func build[F kernels.Float](c Cell, n, K int, what reading, name func(k int) string) (*segment, error) {
	s := &segment{graph: gorgonia.NewGraph()}
	leaf := func(name string, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(s.graph, dtype[F](), len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...))
	}
	leaves := Leaves{}
	for _, p := range withReadout(c, n) {
		blocks := max(1, p.Blocks)
		shape := slices.Clone(p.Shape)
		shape[0] /= blocks
		for k := range blocks {
			block := leaf(fmt.Sprintf("%s %d", p.Name, k), shape...)
			leaves[p.Name] = append(leaves[p.Name], block)
			s.parameters = append(s.parameters, block)
		}
	}
	if held, ok := c.(connected); ok {
		var err error
		if leaves, err = held.connect(leaves); err != nil {
			return nil, fmt.Errorf("the cell's connections: %w", err)
		}
	}
	for i := range c.States() {
		s.first = append(s.first, leaf(fmt.Sprintf("state %d", i), n))
		s.incoming = append(s.incoming, leaf(fmt.Sprintf("λ %d", i), n))
	}
	softmax := gorgonia.SoftMax // its hash is LogSoftMax's: a graph holds one of the two only
	if what != ofProbability {
		softmax = gorgonia.LogSoftMax
	}
	if what == ofPower {
		s.power = gorgonia.Nodes{leaf("q", kernels.Actions), leaf("1", kernels.Actions)}
	}
	var b builder
	state := s.first
	for k := range K {
		s.input = append(s.input, leaf(name(k), kernels.Inputs+noiseOf(c, n)))
		s.weight = append(s.weight, leaf(fmt.Sprintf("w %d", k), kernels.Actions))
		var err error
		if state, err = c.Step(leaves, s.input[k], state); err != nil {
			return nil, fmt.Errorf("the cell's step: %w", err)
		}
		if len(state) != c.States() {
			return nil, fmt.Errorf("the cell's step returned %d vectors of the state, not %d", len(state), c.States())
		}
		logits := b.add(b.product(leaves.Get(readoutWeight), state[0]), leaves.Get(readoutBias))
		if b.err != nil {
			return nil, b.err
		}
		a := b.op(softmax(logits, 0))
		read := a
		if what == ofPower {
			read = b.op(gorgonia.Sub(b.op(gorgonia.Exp(b.op(gorgonia.HadamardProd(s.power[0], a)))), s.power[1]))
		}
		s.state, s.logits, s.softmax = append(s.state, state), append(s.logits, logits), append(s.softmax, a)
		if term := b.product(s.weight[k], read); k == 0 {
			s.loss = term
		} else {
			s.loss = b.add(s.loss, term)
		}
	}
	objective := s.loss
	for i := range s.incoming {
		objective = b.add(objective, b.product(s.incoming[i], state[i]))
	}
	if b.err != nil {
		return nil, b.err
	}
	s.forward = len(s.graph.AllNodes())
	gradient, err := differentiate(objective, slices.Concat(s.parameters, s.first)...)
	if err != nil {
		return nil, fmt.Errorf("differentiating the unrolled graph: %w", err)
	}
	s.gradient, s.outgoing = gradient[:len(s.parameters)], gradient[len(s.parameters):]
	return s, nil
}

// compileSegment returns the segment's program. Its phases are the K steps, the
// loss, and the gradient, which has a space for itself.
func compileSegment[F kernels.Float](s *segment) (*program[F], error) {
	p := plan{last: true, shared: slices.Concat(s.parameters, s.power), own: slices.Concat(s.input, s.weight, s.first, s.incoming)}
	for k := range s.state {
		p.phases = append(p.phases, append(slices.Clone(s.state[k]), s.logits[k]))
	}
	p.phases = append(p.phases, gorgonia.Nodes{s.loss}, slices.Concat(s.gradient, s.outgoing))
	return compile[F](s.graph, p)
}
