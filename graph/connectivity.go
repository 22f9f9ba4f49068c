package graph

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// Masks are the names of the patterns of connections that a weight matrix may be
// held to.
var Masks = []string{"none", "diagonal", "block-diagonal", "first"}

// Connectivity says which connections a cell has. A weight that is none is 0, and
// stays so. Of a gated cell, every gate has the same connections.
//
//	none            all
//	diagonal        element (i, i)
//	block-diagonal  the upper rows with the left columns, the lower with the right
//	first           the first 30 % of the units
type Connectivity struct {
	Input     string // of W_ih (N, 3)
	Recurrent string // of W_hh (N, N), from unit j to unit i
	Readout   string // of W_out (2, N)

	// Excitatory is the fraction of units, the first ones, whose weights to other
	// units and to the readout are positive; those of the rest are negative. 0
	// leaves signs free.
	//
	// Source: Dale's principle.
	Excitatory float64
}

// firstUnits is the fraction of units that the mask first leaves.
const firstUnits = .3

// free reports whether nothing is held to anything.
func (c Connectivity) free() bool {
	return c.Excitatory == 0 && isNone(c.Input) && isNone(c.Recurrent) && isNone(c.Readout)
}

func isNone(mask string) bool { return mask == "" || mask == "none" }

// Connect returns the cell with these connections: its weights go through
// products with masks, and absolute values with signs, in gorgonia's ops, so that
// gradients are those by the weights that are there.
func Connect(c Cell, to Connectivity) Cell {
	if to.free() {
		return c
	}
	return connected{c, to}
}

type connected struct {
	Cell
	Connectivity
}

// mask returns an element of a parameter's mask: whether the connection is there.
func (c Connectivity) mask(name string, i, j, rows, columns int) bool {
	pattern, first := "none", func(int, int) bool { return true }
	few := func(k, n int) bool { return k < int(math.Ceil(firstUnits*float64(n))) }
	switch name {
	case inputWeight:
		pattern, first = c.Input, func(i, _ int) bool { return few(i, rows) }
	case recurrentWeight:
		pattern, first = c.Recurrent, func(i, j int) bool { return few(i, rows) && few(j, columns) }
	case readoutWeight:
		pattern, first = c.Readout, func(_, j int) bool { return few(j, columns) }
	}
	switch pattern {
	case "diagonal":
		return i == j
	case "block-diagonal":
		return (2*i < rows) == (2*j < columns)
	case "first":
		return first(i, j)
	}
	return true
}

// sign returns +1 or −1 for the weights of a unit where they are held to one, and
// else 0.
func (c Connectivity) sign(name string, j, columns int) float64 {
	switch {
	case c.Excitatory == 0 || name != recurrentWeight && name != readoutWeight:
		return 0
	case float64(j) < c.Excitatory*float64(columns):
		return 1
	}
	return -1
}

// factors returns what the elements of a parameter's block are multiplied by.
func (c Connectivity) factors(name string, rows, columns int) (list []float64, signed bool) {
	for i := range rows {
		for j := range columns {
			f := 1.0
			if s := c.sign(name, j, columns); s != 0 {
				f, signed = s, true
			}
			if !c.mask(name, i, j, rows, columns) {
				f = 0
			}
			list = append(list, f)
		}
	}
	return list, signed
}

// connect returns the leaves with the connections' ops after them.
func (c connected) connect(leaves Leaves) (Leaves, error) {
	var b builder
	with := Leaves{}
	for name, blocks := range leaves {
		with[name] = slices.Clone(blocks)
		if blocks[0].Shape().Dims() != 2 {
			continue
		}
		rows, columns := blocks[0].Shape()[0], blocks[0].Shape()[1]
		factors, signed := c.factors(name, rows, columns)
		if !slices.ContainsFunc(factors, func(f float64) bool { return f != 1 }) && !signed {
			continue
		}
		mask := constantTensor(blocks[0], "connections of "+name, factors, rows, columns)
		for k, w := range blocks {
			if signed {
				w = b.unary(gorgonia.Abs, w)
			}
			with[name][k] = b.multiply(w, mask)
		}
	}
	return with, b.err
}

// constantTensor returns a matrix that is a constant of a node's dtype.
func constantTensor(like *gorgonia.Node, name string, elements []float64, shape ...int) *gorgonia.Node {
	if like.Dtype() == dtype[float32]() {
		single := make([]float32, len(elements))
		for i, x := range elements {
			single[i] = float32(x)
		}
		return gorgonia.NewConstant(dense(single, shape...), gorgonia.WithName(name))
	}
	return gorgonia.NewConstant(dense(elements, shape...), gorgonia.WithName(name))
}

// Settle gives θ the weights that the connections make of it: 0 where there is
// none, and a unit's sign. The moments of a solver change their sign with a
// weight, except squares. It leaves the network's function as it is, and training
// goes on as if it had not been called, so weights in files are those that act.
func Settle[F kernels.Float](c Cell, n int, theta []F, moments ...[]F) {
	held, ok := c.(connected)
	if !ok {
		return
	}
	parameters := withReadout(c, n)
	for i, p := range Layout(c, n) {
		if len(p.Shape) != 2 {
			continue
		}
		blocks := max(1, parameters[i].Blocks)
		factors, signed := held.factors(p.Name, p.Shape[0]/blocks, p.Shape[1])
		for k := range p.End - p.Start {
			at, f := p.Start+k, F(factors[k%len(factors)])
			switch {
			case f == 0:
				theta[at] = 0
			case signed && theta[at]*f < 0:
				theta[at] = -theta[at]
				for _, m := range moments {
					m[at] = -m[at]
				}
			}
		}
	}
}
