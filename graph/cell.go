package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// Cell is a recurrent cell written in gorgonia's ops: from a state and an input
// to the next state. What it is made of needs a symbolic derivative. Package
// graph unrolls it, adds the readout and the loss, differentiates and trains it.
type Cell interface {
	// Parameters lists the parameters of a cell of n units, without the
	// readout's, in the order in which θ holds them.
	Parameters(n int) []Parameter

	// States is the number of vectors of n elements that make up the state. The
	// first is what the readout reads. All are 0 at a session's start.
	States() int

	// Step makes the nodes of the next state from those of the parameters, of
	// the input x_t (3) and of the state.
	Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (next gorgonia.Nodes, err error)
}

// Parameter is one parameter of a cell. Its name and shape are those in files.
type Parameter struct {
	Name   string
	Shape  []int
	Blocks int // leaves that it makes in the graph, each an equal share of its rows; 0 means 1
}

// Leaves are the nodes of the parameters by their names: one for every block.
type Leaves map[string]gorgonia.Nodes

// Get returns the node of a parameter of one block. It panics where there is none
// of the name.
func (l Leaves) Get(name string) *gorgonia.Node { return l.Block(name, 0) }

// Block returns the node of a parameter's k-th block of rows.
func (l Leaves) Block(name string, k int) *gorgonia.Node {
	if k >= len(l[name]) {
		panic("graph: no block of a parameter of this name: " + name)
	}
	return l[name][k]
}

// Names of the parameters that all cells share with PyTorch's modules.
const (
	inputWeight     = "core.weight_ih_l0"
	recurrentWeight = "core.weight_hh_l0"
	inputBias       = "core.bias_ih_l0"
	recurrentBias   = "core.bias_hh_l0"
	readoutWeight   = "readout.weight"
	readoutBias     = "readout.bias"
)

// gated returns the parameters of a PyTorch cell of n units with a number of
// gates, whose rows stand one below the other.
func gated(n, gates int) []Parameter {
	return []Parameter{
		{inputWeight, []int{gates * n, kernels.Inputs}, gates},
		{recurrentWeight, []int{gates * n, n}, gates},
		{inputBias, []int{gates * n}, gates},
		{recurrentBias, []int{gates * n}, gates},
	}
}

// Layout returns where θ holds the parameters of a cell of n units and of its
// readout. For RNN it is that of kernels.Shape.
func Layout(c Cell, n int) []kernels.Parameter {
	var list []kernels.Parameter
	at := 0
	for _, p := range withReadout(c, n) {
		size := 1
		for _, d := range p.Shape {
			size *= d
		}
		list = append(list, kernels.Parameter{Name: p.Name, Shape: p.Shape, Start: at, End: at + size})
		at += size
	}
	return list
}

func withReadout(c Cell, n int) []Parameter {
	return append(c.Parameters(n),
		Parameter{readoutWeight, []int{kernels.Actions, n}, 1}, Parameter{readoutBias, []int{kernels.Actions}, 1})
}

// builder makes nodes until an op refuses; then the rest are nil, and err says
// why.
type builder struct{ err error }

func (b *builder) op(n *gorgonia.Node, err error) *gorgonia.Node {
	if b.err == nil {
		b.err = err
	}
	return n
}

func (b *builder) binary(f func(x, y *gorgonia.Node) (*gorgonia.Node, error), x, y *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.op(f(x, y))
}

func (b *builder) unary(f func(x *gorgonia.Node) (*gorgonia.Node, error), x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.op(f(x))
}

func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node { return b.binary(gorgonia.Add, x, y) }
func (b *builder) multiply(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary(gorgonia.HadamardProd, x, y)
}
func (b *builder) product(x, y *gorgonia.Node) *gorgonia.Node { return b.binary(gorgonia.Mul, x, y) }
func (b *builder) tanh(x *gorgonia.Node) *gorgonia.Node       { return b.unary(gorgonia.Tanh, x) }
func (b *builder) sigmoid(x *gorgonia.Node) *gorgonia.Node    { return b.unary(gorgonia.Sigmoid, x) }

// complement returns 1 − x.
func (b *builder) complement(x *gorgonia.Node) *gorgonia.Node {
	return b.binary(gorgonia.Sub, number1(x), x)
}

// affine returns W x + b of a gate's blocks, named as PyTorch names them.
func (b *builder) affine(p Leaves, weight, bias string, gate int, x *gorgonia.Node) *gorgonia.Node {
	return b.add(b.product(p.Block(weight, gate), x), p.Block(bias, gate))
}

// gate returns W_ih x + b_ih + W_hh h + b_hh.
func (b *builder) gate(p Leaves, gate int, x, h *gorgonia.Node) *gorgonia.Node {
	return b.add(b.affine(p, inputWeight, inputBias, gate, x), b.affine(p, recurrentWeight, recurrentBias, gate, h))
}

// constantLike returns a constant of a node's dtype.
func constantLike(x *gorgonia.Node, v float64) *gorgonia.Node {
	if x.Dtype() == dtype[float32]() {
		return gorgonia.NewConstant(float32(v))
	}
	return gorgonia.NewConstant(v)
}

func number1(x *gorgonia.Node) *gorgonia.Node {
	if x == nil {
		return nil
	}
	return constantLike(x, 1)
}

// RNN is the network of the paper:
//
//	h′ = tanh(W_ih x + b_ih + W_hh h + b_hh)
//
// Source: SI 7.2; torch.nn.RNN.
type RNN struct{}

// Parameters implements Cell.
func (RNN) Parameters(n int) []Parameter { return gated(n, 1) }

// States implements Cell.
func (RNN) States() int { return 1 }

// Step implements Cell.
func (RNN) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	var b builder
	h := b.tanh(b.gate(p, 0, x, state[0]))
	return gorgonia.Nodes{h}, b.err
}

// Leaky is a vanilla network whose units forget slowly:
//
//	h′ = (1 − α) h + α tanh(W_ih x + b_ih + W_hh h + b_hh)
type Leaky struct {
	Leak float64 // α, above 0 and at most 1, where it is RNN
}

// Parameters implements Cell.
func (Leaky) Parameters(n int) []Parameter { return gated(n, 1) }

// States implements Cell.
func (Leaky) States() int { return 1 }

// Step implements Cell.
func (c Leaky) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	var b builder
	h := state[0]
	update := b.tanh(b.gate(p, 0, x, h))
	next := b.add(b.multiply(constantLike(h, 1-c.Leak), h), b.multiply(constantLike(h, c.Leak), update))
	return gorgonia.Nodes{next}, b.err
}

// GRU is the gated recurrent unit as PyTorch has it:
//
//	r  = σ(W_ir x + b_ir + W_hr h + b_hr)
//	z  = σ(W_iz x + b_iz + W_hz h + b_hz)
//	n  = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
//	h′ = (1 − z) ⊙ n + z ⊙ h
//
// Source: torch.nn.GRU.
type GRU struct{}

// Parameters implements Cell.
func (GRU) Parameters(n int) []Parameter { return gated(n, 3) }

// States implements Cell.
func (GRU) States() int { return 1 }

// Step implements Cell.
func (GRU) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	var b builder
	h := state[0]
	r, z := b.sigmoid(b.gate(p, 0, x, h)), b.sigmoid(b.gate(p, 1, x, h))
	n := b.tanh(b.add(b.affine(p, inputWeight, inputBias, 2, x),
		b.multiply(r, b.affine(p, recurrentWeight, recurrentBias, 2, h))))
	next := b.add(b.multiply(b.complement(z), n), b.multiply(z, h))
	return gorgonia.Nodes{next}, b.err
}

// LSTM is the long short-term memory as PyTorch has it; its state is h and c:
//
//	i, f, o = σ(W x + b + W h + b), each with its own
//	g  = tanh(W_ig x + b_ig + W_hg h + b_hg)
//	c′ = f ⊙ c + i ⊙ g
//	h′ = o ⊙ tanh(c′)
//
// Source: torch.nn.LSTM.
type LSTM struct{}

// Parameters implements Cell. The gates' order is i, f, g, o.
func (LSTM) Parameters(n int) []Parameter { return gated(n, 4) }

// States implements Cell.
func (LSTM) States() int { return 2 }

// Step implements Cell.
func (LSTM) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	var b builder
	h, c := state[0], state[1]
	i, f, o := b.sigmoid(b.gate(p, 0, x, h)), b.sigmoid(b.gate(p, 1, x, h)), b.sigmoid(b.gate(p, 3, x, h))
	c = b.add(b.multiply(f, c), b.multiply(i, b.tanh(b.gate(p, 2, x, h))))
	return gorgonia.Nodes{b.multiply(o, b.tanh(c)), c}, b.err
}

// Cells are the names of the cells that can be chosen by one.
var Cells = []string{"rnn", "leaky", "gru", "lstm"}

// CellNamed returns the cell of a name; leak is Leaky's α.
func CellNamed(name string, leak float64) (Cell, error) {
	switch name {
	case "rnn":
		return RNN{}, nil
	case "leaky":
		return Leaky{Leak: leak}, nil
	case "gru":
		return GRU{}, nil
	case "lstm":
		return LSTM{}, nil
	}
	return nil, fmt.Errorf("no cell %q (there are %v)", name, Cells)
}
