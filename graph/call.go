package graph

import (
	"fmt"
	"reflect"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
)

// call runs an op by its own Do, or by its UsePreallocDo where it is an op of
// somebody else's that has one. Its arguments and its result are views of the
// program's home memory; in another memory they are copied from and to it.
type call[F kernels.Float] struct {
	node   *gorgonia.Node
	home   *memory[F]
	args   []argument
	values []gorgonia.Value // of the arguments
	result argument
	into   gorgonia.UsePreallocDoer
	spare  *tensor.Dense // copy of the argument that the op may overwrite
}

// argument is a value that a foreign op reads or computes.
type argument struct {
	node  *gorgonia.Node
	bound bool            // a leaf: the node's own value
	box   *gorgonia.Value // of another dtype
	view  gorgonia.Value  // of the home memory
	place place
}

// call returns the call of a draft.
func (c *compiler[F]) call(d draft) *call[F] {
	v := &c.values[d.value]
	f := &call[F]{node: v.node, home: c.program.home, values: make([]gorgonia.Value, len(v.args))}
	argumentOf := func(i int) argument {
		u := &c.values[i]
		a := argument{node: u.node, bound: u.operation == leaf && c.plan.values}
		if u.flat {
			a.place = c.placeOf(i)
			a.view = viewOf(u.node, c.program.home.at(a.place))
		} else {
			a.box = c.program.boxed[u.node]
		}
		return a
	}
	for _, i := range v.args {
		f.args = append(f.args, argumentOf(i))
	}
	f.result = argumentOf(d.value)
	// Of gorgonia's own, some add to what is there.
	if reflect.Indirect(reflect.ValueOf(v.node.Op())).Type().PkgPath() != "gorgonia.org/gorgonia" && v.flat && !v.node.IsScalar() {
		f.into, _ = v.node.Op().(gorgonia.UsePreallocDoer)
	}
	if over := v.node.Op().OverwritesInput(); over >= 0 && c.values[v.args[over]].flat && !c.values[v.args[over]].node.IsScalar() {
		of := c.values[v.args[over]].node
		f.spare = dense(make([]F, size(of)), of.Shape()...)
	}
	return f
}

// viewOf returns the value of a node whose elements are given. A scalar is a copy.
func viewOf[F kernels.Float](n *gorgonia.Node, elements []F) gorgonia.Value {
	if n.IsScalar() {
		return scalar(elements[0])
	}
	return dense(elements, n.Shape().Clone()...)
}

// runCall runs a foreign op.
func runCall[F kernels.Float](m *memory[F], i *instruction[F]) error {
	f := i.call
	for k := range f.args {
		a := &f.args[k]
		switch {
		case a.bound:
			f.values[k] = a.node.Value()
		case a.box != nil:
			f.values[k] = *a.box
		default:
			f.fetch(m, a)
			f.values[k] = a.view
		}
		if f.values[k] == nil {
			return fmt.Errorf("%v has no value", a.node)
		}
	}
	op := f.node.Op()
	if f.spare != nil {
		over := op.OverwritesInput()
		if err := tensor.Copy(f.spare, f.values[over].(tensor.Tensor)); err != nil {
			return fmt.Errorf("%v: %w", f.node, err)
		}
		f.values[over] = f.spare
	}
	var v gorgonia.Value
	var err error
	if f.into != nil {
		v, err = f.into.UsePreallocDo(f.result.view, f.values...)
	} else {
		v, err = op.Do(f.values...)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", f.node, err)
	}
	if f.result.box != nil {
		*f.result.box = v
		return nil
	}
	return f.store(m, i.out, v)
}

// fetch brings a view up to date.
func (f *call[F]) fetch(m *memory[F], a *argument) {
	from := m.at(a.place)
	switch view := a.view.(type) {
	case *gorgonia.F64:
		*view = gorgonia.F64(from[0])
	case *gorgonia.F32:
		*view = gorgonia.F32(from[0])
	default:
		if home := f.home.at(a.place); &home[0] != &from[0] {
			copy(home, from)
		}
	}
}

// store puts an op's result into the memory.
func (f *call[F]) store(m *memory[F], out place, v gorgonia.Value) error {
	if err := assign(m.at(out), v); err != nil {
		return fmt.Errorf("%v of shape %v: %w", f.node, f.node.Shape(), err)
	}
	return nil
}

// assign copies the elements of a value to where they belong, if they are not
// there yet.
func assign[F kernels.Float](to []F, v gorgonia.Value) error {
	switch v := v.(type) { // without an allocation
	case *gorgonia.F64:
		if len(to) == 1 && dtype[F]() == gorgonia.Float64 {
			to[0] = F(*v)
			return nil
		}
	case *gorgonia.F32:
		if len(to) == 1 && dtype[F]() == gorgonia.Float32 {
			to[0] = F(*v)
			return nil
		}
	}
	data, err := elements[F](v)
	switch {
	case err != nil:
		return err
	case len(data) != len(to):
		return fmt.Errorf("%d elements, not %d", len(data), len(to))
	case &data[0] != &to[0]:
		copy(to, data)
	}
	return nil
}

// elements returns the elements of a value of the dtype F in order.
func elements[F kernels.Float](v gorgonia.Value) ([]F, error) {
	switch v := v.(type) {
	case nil:
		return nil, fmt.Errorf("no value")
	case *gorgonia.F64:
		if s, ok := any([]float64{float64(*v)}).([]F); ok {
			return s, nil
		}
	case *gorgonia.F32:
		if s, ok := any([]float32{float32(*v)}).([]F); ok {
			return s, nil
		}
	case *tensor.Dense:
		if v.IsScalar() {
			if x, ok := v.Data().(F); ok {
				return []F{x}, nil
			}
		}
		return flat[F](v)
	}
	return nil, fmt.Errorf("a %T where the graph needs %s", v.Data(), kernels.Dtype[F]())
}
