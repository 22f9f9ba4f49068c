package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cuda"
)

// VM runs a graph of gorgonia's, on the CPU or on a GPU. It implements gorgonia's VM interface,
// and differs from gorgonia's machines:
//
//   - It schedules in time proportional to the graph, depth first.
//   - It merges no nodes; gorgonia takes two for one where their hashes meet.
//   - Values of dtype F lie in one flat memory, a buffer being used again once
//     nothing reads it any more. Reshapes and contiguous slices are views.
//   - Ops are bound once to functions on slices, elementwise ones fused into
//     chains, and an outer product into the sum that takes it up. A run of these
//     allocates nothing. Every other op runs by its own Do (in one that is not
//     gorgonia's own, by UsePreallocDo if it has that).
//
// Values are those of gorgonia's TapeMachine, bit for bit: products are made by
// the same BLAS, gonum's, and no sum is reordered. On a GPU, where the whole schedule
// is one launch, products are summed in another order.
type VM[F kernels.Float] struct {
	program *program[F]
	memory  *memory[F]
	outputs []output[F]
	device  *cuda.Interpreter[F] // nil on the CPU
}

var _ gorgonia.VM = (*VM[float64])(nil)

// output is a node whose value is wanted after a run.
type output[F kernels.Float] struct {
	node  *gorgonia.Node
	value gorgonia.Value // what the node is bound to; nil for a value of another dtype
	place place
}

// NewVM compiles the graph for the outputs, nodes whose values are wanted, and
// what those need. Without outputs, they are all nodes that no op reads. The
// error names an op that the VM cannot run.
//
// After a run, Value of an output returns its value, which the next run
// overwrites. Other nodes' values are not kept. Leaves have the values that they
// are bound to when a run begins.
func NewVM[F kernels.Float](g *gorgonia.ExprGraph, outputs ...*gorgonia.Node) (*VM[F], error) {
	if len(outputs) == 0 {
		outputs = unread(g)
	}
	p, err := compile[F](g, plan{phases: []gorgonia.Nodes{outputs}, values: true})
	if err != nil {
		return nil, err
	}
	vm := &VM[F]{program: p, memory: p.home}
	for _, n := range outputs {
		if n.Op() == nil {
			continue
		}
		o := output[F]{node: n}
		if place, ok := p.places[n]; ok {
			o.place = place
			o.value = viewOf(n, vm.memory.at(place))
		}
		vm.outputs = append(vm.outputs, o)
	}
	return vm, nil
}

// NewDeviceVM is NewVM on a GPU: a run is one launch of a kernel that interprets the
// schedule. Leaves and outputs are copied there and back. The error names an op that
// the GPU's tape lacks. Close, before the backend's, gives the device's memory back.
func NewDeviceVM[F kernels.Float](on *cuda.Backend[F], g *gorgonia.ExprGraph, outputs ...*gorgonia.Node) (*VM[F], error) {
	vm, err := NewVM[F](g, outputs...)
	if err != nil {
		return nil, err
	}
	t, err := tapeOf(vm.program)
	if err != nil {
		return nil, err
	}
	vm.device, err = on.Interpret(t)
	return vm, err
}

// unread returns the nodes that no op reads.
func unread(g *gorgonia.ExprGraph) (list gorgonia.Nodes) {
	read := map[int64]bool{}
	for _, n := range g.AllNodes() {
		for it := g.From(n.ID()); it != nil && it.Next(); {
			read[it.Node().ID()] = true
		}
	}
	for _, n := range g.AllNodes() {
		if !read[n.ID()] {
			list = append(list, n)
		}
	}
	return list
}

// RunAll implements gorgonia.VM: it computes the outputs.
func (vm *VM[F]) RunAll() error {
	for _, n := range vm.program.loaded {
		if n.Value() == nil {
			return fmt.Errorf("%v has no value", n)
		}
		if err := assign(vm.memory.at(vm.program.places[n]), n.Value()); err != nil {
			return fmt.Errorf("%v of shape %v: %w", n, n.Shape(), err)
		}
	}
	if err := vm.run(); err != nil {
		return err
	}
	for i := range vm.outputs {
		o := &vm.outputs[i]
		value := o.value
		switch v := o.value.(type) {
		case *gorgonia.F64:
			*v = gorgonia.F64(vm.memory.at(o.place)[0])
		case *gorgonia.F32:
			*v = gorgonia.F32(vm.memory.at(o.place)[0])
		case nil:
			value = *vm.program.boxed[o.node]
		}
		if o.node.Value() == value { // as it is from the second run on
			continue
		}
		if err := gorgonia.UnsafeLet(o.node, value); err != nil {
			return fmt.Errorf("%v: %w", o.node, err)
		}
	}
	return nil
}

func (vm *VM[F]) run() error {
	if vm.device != nil {
		return vm.device.Run(vm.memory.spaces[shared], vm.memory.spaces[own])
	}
	return vm.program.run(vm.memory, 0, len(vm.program.tape))
}

// Reset implements gorgonia.VM. A run may follow another without it.
func (vm *VM[F]) Reset() {}

// Close implements gorgonia.VM.
func (vm *VM[F]) Close() error {
	if vm.device != nil {
		return vm.device.Close()
	}
	return nil
}

// Size returns how many instructions a run takes and how many elements they
// compute in.
func (vm *VM[F]) Size() (instructions, elements int) {
	for _, n := range vm.program.sizes {
		elements += n
	}
	return len(vm.program.tape), elements
}
