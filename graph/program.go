package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// program is a graph in the order in which its ops run, one after the other.
// Unlike gorgonia's machines it merges no nodes and overwrites no value, so that
// every value can be read, and it needs no compiling, which takes gorgonia time
// that grows with the square of the graph.
type program struct {
	nodes []*gorgonia.Node // each after its arguments
	args  [][]int          // (len(nodes)) indices in nodes
	dead  [][]int          // (len(nodes)) values that nothing needs after the node
	index map[*gorgonia.Node]int
}

// straight returns the program that computes the outputs and nothing else. It
// goes depth first, so that a sum over all steps takes up each term when it is
// there and lets go of it.
func straight(g *gorgonia.ExprGraph, outputs gorgonia.Nodes) *program {
	p := &program{index: make(map[*gorgonia.Node]int)}
	var visit func(n *gorgonia.Node) int
	visit = func(n *gorgonia.Node) int {
		if i, ok := p.index[n]; ok {
			return i
		}
		var args []int
		for it := g.From(n.ID()); it.Next(); {
			args = append(args, visit(it.Node().(*gorgonia.Node)))
		}
		i := len(p.nodes)
		p.index[n] = i
		p.nodes, p.args = append(p.nodes, n), append(p.args, args)
		return i
	}
	kept := make(map[int]bool)
	for _, n := range outputs {
		kept[visit(n)] = true
	}
	p.dead = make([][]int, len(p.nodes))
	for i := len(p.nodes) - 1; i >= 0; i-- {
		for _, a := range p.args[i] {
			if !kept[a] {
				p.dead[i] = append(p.dead[i], a)
				kept[a] = true
			}
		}
	}
	return p
}

// run computes every node from the values bound to the leaves and returns the
// outputs' values.
func (p *program) run() (value func(*gorgonia.Node) gorgonia.Value, err error) {
	values := make([]gorgonia.Value, len(p.nodes))
	for i, n := range p.nodes {
		if op := n.Op(); op == nil {
			values[i] = n.Value()
		} else {
			args := make([]gorgonia.Value, len(p.args[i]))
			for j, a := range p.args[i] {
				args[j] = values[a]
			}
			if values[i], err = op.Do(args...); err != nil {
				return nil, fmt.Errorf("node %v: %w", n, err)
			}
		}
		for _, a := range p.dead[i] {
			values[a] = nil
		}
	}
	return func(n *gorgonia.Node) gorgonia.Value { return values[p.index[n]] }, nil
}
