package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// executor runs a graph's ops one after the other, in an order that its edges
// allow, each by its own Do (or UsePreallocDo, into the value of the run
// before). It merges no nodes, and it spares the registers, locks and copies of
// gorgonia's TapeMachine, which cost about 60 µs a run of even the smallest
// graph. The values are those that the TapeMachine computes, bit for bit.
//
// Values live in the executor: gorgonia has no way to set a node's from
// outside. They hold until the next run.
type executor struct {
	nodes gorgonia.Nodes // producers before consumers
	runs  []instruction  // of the nodes that are ops
	value []gorgonia.Value
	index map[*gorgonia.Node]int
}

// instruction computes the value of a node from those of others.
type instruction struct {
	node      int
	op        gorgonia.Op
	from      []int
	arguments []gorgonia.Value
}

func newExecutor(g *gorgonia.ExprGraph) (*executor, error) {
	nodes, err := gorgonia.Sort(g)
	if err != nil {
		return nil, err
	}
	slices.Reverse(nodes) // gorgonia's edges lead from an op to its inputs
	e := &executor{nodes: nodes, value: make([]gorgonia.Value, len(nodes)), index: map[*gorgonia.Node]int{}}
	for i, n := range nodes {
		e.index[n] = i
		var from []int
		for children := g.From(n.ID()); children != nil && children.Next(); {
			from = append(from, e.index[children.Node().(*gorgonia.Node)])
		}
		if n.Op() != nil && len(from) > 0 {
			e.runs = append(e.runs, instruction{i, n.Op(), from, make([]gorgonia.Value, len(from))})
		}
	}
	return e, nil
}

// run computes every node. Leaves have the values that they are bound to now.
func (e *executor) run() error {
	for i, n := range e.nodes {
		if n.Op() != nil && e.value[i] != nil {
			continue // a constant, or an op's value of the run before
		}
		if v := n.Value(); v != nil {
			e.value[i] = v
		}
	}
	for i := range e.runs {
		r := &e.runs[i]
		for j, from := range r.from {
			if r.arguments[j] = e.value[from]; r.arguments[j] == nil {
				return fmt.Errorf("%v has no value", e.nodes[from])
			}
		}
		if over := r.op.OverwritesInput(); over >= 0 {
			if d, ok := r.arguments[over].(tensor.Tensor); ok { // others may read it yet
				r.arguments[over] = d.Clone().(gorgonia.Value)
			}
		}
		var err error
		if into, ok := r.op.(gorgonia.UsePreallocDoer); ok && e.value[r.node] != nil {
			e.value[r.node], err = into.UsePreallocDo(e.value[r.node], r.arguments...)
		} else {
			e.value[r.node], err = r.op.Do(r.arguments...)
		}
		if err != nil {
			return fmt.Errorf("%v: %w", e.nodes[r.node], err)
		}
	}
	return nil
}

// of returns the value of a node in the last run.
func (e *executor) of(n *gorgonia.Node) gorgonia.Value { return e.value[e.index[n]] }
