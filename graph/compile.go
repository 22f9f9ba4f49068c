package graph

import (
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// plan says what of a graph is to be computed, and where its leaves lie.
type plan struct {
	shared gorgonia.Nodes   // leaves of the shared space
	own    gorgonia.Nodes   // leaves of the own space
	phases []gorgonia.Nodes // the nodes wanted, in the order of their computation
	values bool             // leaves are bound to values, which every run reads
	last   bool             // the last phase has a space for itself
}

// The spaces of a memory. A program may run over several memories in turn that
// have all but their own space in common.
const (
	shared  = iota // parameters, constants, and whatever follows from those alone
	scratch        // what the last phase computes, if the plan says so
	own            // the rest
	spaces
)

// place is a run of elements in one of a memory's spaces.
type place struct{ space, at, size int32 }

// alignment is what places begin at a multiple of, in elements; the spaces begin
// at a cache line. Gonum's kernels sum what lies before a vector register's
// boundary first, so that only so the same numbers give the same bits anywhere.
const alignment = 4

// cacheLine is the size of a processor's cache line in bytes.
const cacheLine = 64

// shift returns how many elements lie before the slice's first cache line.
func shift[F kernels.Float](v []F) int {
	size := int(unsafe.Sizeof(v[0]))
	over := int(uintptr(unsafe.Pointer(unsafe.SliceData(v)))%cacheLine) / size
	return (cacheLine/size - over) % (cacheLine / size)
}

// aligned returns a slice of n elements that begins at a cache line.
func aligned[F kernels.Float](n int) []F {
	v := make([]F, n+cacheLine)
	return v[shift(v):][:n:n]
}

// memory is what a program computes in.
type memory[F kernels.Float] struct {
	spaces    [spaces][]F
	registers [registers][]F
}

func (m *memory[F]) at(p place) []F {
	return m.spaces[p.space][p.at:][:p.size:p.size]
}

// instruction computes one value from others.
type instruction[F kernels.Float] struct {
	run           routine[F]
	operation     operation
	out           place
	args          []place
	rows, columns int      // of the matrix of a product
	start         int      // of a scatter
	links         []link   // of a chain
	call          *call[F] // of a foreign op
}

// routine is what an instruction does in a memory.
type routine[F kernels.Float] func(m *memory[F], i *instruction[F]) error

// program is a graph compiled: instructions in an order that its edges allow.
// Unlike gorgonia's compiler it takes time in proportion to the graph, and it
// merges no nodes.
type program[F kernels.Float] struct {
	tape   []instruction[F]
	ends   []int       // index of the instruction after the shared part's last, then after each phase's
	sizes  [spaces]int // of the memory's spaces
	home   *memory[F]  // the memory that foreign ops' arguments and results are views of
	places map[*gorgonia.Node]place
	boxed  map[*gorgonia.Node]*gorgonia.Value // values of another dtype
	fill   []filling[F]
	leaves gorgonia.Nodes
	loaded gorgonia.Nodes // the leaves that instructions read from the memory
}

// filling is a constant's elements.
type filling[F kernels.Float] struct {
	place place
	data  []F
}

// memory returns a memory with its constants.
func (p *program[F]) memory() *memory[F] {
	m := &memory[F]{}
	for i := range m.registers {
		m.registers[i] = make([]F, chunk)
	}
	for i := range m.spaces {
		m.spaces[i] = aligned[F](p.sizes[i])
	}
	for _, f := range p.fill {
		copy(m.at(f.place), f.data)
	}
	return m
}

// run runs the instructions from … to.
func (p *program[F]) run(m *memory[F], from, to int) error {
	for k := from; k < to; k++ {
		i := &p.tape[k]
		if err := i.run(m, i); err != nil {
			return err
		}
	}
	return nil
}

// value is a node within the compiler.
type value struct {
	node *gorgonia.Node
	args []int
	meaning
	size    int
	phase   int // 0: the shared part
	readers int // ops that read it; wanted values have one more
	wanted  bool
	flat    bool // of the program's dtype, in the memory
	common  bool // it follows from shared leaves and constants alone

	absorbed bool // it is computed within the instruction of its only reader
	links    int  // of its chain
	depth    int  // registers that its chain takes

	storage int // its own, or for a view that of its argument
	offset  int // in the storage
}

// storage is memory that one value, and views of it, lie in.
type storage struct {
	place place
	last  int  // the last instruction that reads it
	fixed bool // it is never given to another value
}

// compiler turns a graph into a program.
type compiler[F kernels.Float] struct {
	graph    *gorgonia.ExprGraph
	plan     plan
	values   []value
	index    map[*gorgonia.Node]int
	storages []storage
	drafts   []draft
	free     [spaces]map[int32][]int32 // starts of free places by size
	program  *program[F]
}

// draft is an instruction before its places are known.
type draft struct {
	value  int
	reads  []int // values
	nested bool  // reads[2] + reads[0] ⊗ reads[1]
}

// compile returns the program of a plan. It names the op that it cannot run.
func compile[F kernels.Float](g *gorgonia.ExprGraph, p plan) (*program[F], error) {
	c := &compiler[F]{graph: g, plan: p, index: map[*gorgonia.Node]int{},
		program: &program[F]{places: map[*gorgonia.Node]place{}, boxed: map[*gorgonia.Node]*gorgonia.Value{}}}
	for i := range c.free {
		c.free[i] = map[int32][]int32{}
	}
	for phase, wanted := range p.phases {
		for _, n := range wanted {
			if err := c.visit(n, phase+1); err != nil {
				return nil, err
			}
			v := &c.values[c.index[n]]
			if !v.wanted {
				v.wanted = true
				v.readers++
			}
		}
	}
	c.fuse()
	c.draft()
	c.lifetimes()
	if err := c.place(); err != nil {
		return nil, err
	}
	return c.program, nil
}

// visit gives numbers to a node and to what it needs, depth first, so that a sum
// over all steps takes up each term when it is there. The graph may be deep, so
// that it keeps a stack of its own.
func (c *compiler[F]) visit(root *gorgonia.Node, phase int) error {
	type frame struct {
		node     *gorgonia.Node
		children gorgonia.Nodes
		next     int
	}
	enter := func(n *gorgonia.Node) frame {
		f := frame{node: n}
		for it := c.graph.From(n.ID()); it != nil && it.Next(); {
			f.children = append(f.children, it.Node().(*gorgonia.Node))
		}
		return f
	}
	if _, ok := c.index[root]; ok {
		return nil
	}
	stack := []frame{enter(root)}
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next < len(f.children) {
			child := f.children[f.next]
			f.next++
			if _, ok := c.index[child]; !ok {
				stack = append(stack, enter(child))
			}
			continue
		}
		if err := c.add(f.node, f.children, phase); err != nil {
			return err
		}
		stack = stack[:len(stack)-1]
	}
	return nil
}

// add takes in a node whose children are there.
func (c *compiler[F]) add(n *gorgonia.Node, children gorgonia.Nodes, phase int) error {
	m, err := meaningOf[F](n, children)
	if err != nil {
		return err
	}
	if m.operation == foreign && len(children) == 0 {
		return fmt.Errorf("the op %v has no arguments, and this VM does not know it", n.Op())
	}
	v := value{node: n, meaning: m, size: size(n), phase: phase, flat: n.Dtype() == dtype[F](), storage: -1}
	v.common = m.operation != leaf || slices.Contains(c.plan.shared, n)
	for _, child := range children {
		i := c.index[child]
		v.args = append(v.args, i)
		c.values[i].readers++
		v.common = v.common && c.values[i].common
	}
	if v.common {
		v.phase = 0
	}
	if m.operation == elementwise {
		v.links, v.depth = 1, 1
	}
	if m.operation == leaf {
		c.program.leaves = append(c.program.leaves, n)
	}
	c.index[n] = len(c.values)
	c.values = append(c.values, v)
	return nil
}

// maxLinks bounds the ops of a chain.
const maxLinks = 16

// fuse finds values that nothing but one instruction of the same phase reads and
// that can be computed within it: elementwise ops in elementwise ops, and an
// outer product in a sum.
func (c *compiler[F]) fuse() {
	for i := range c.values {
		v := &c.values[i]
		if v.operation != elementwise {
			continue
		}
		if outer := c.addend(v); outer >= 0 {
			c.values[outer].absorbed = true
			continue
		}
		for k, a := range v.args {
			u := &c.values[a]
			depth := max(v.depth, u.depth+k)
			if u.operation == elementwise && u.readers == 1 && u.size == v.size && u.phase == v.phase &&
				c.addend(u) < 0 && v.links+u.links <= maxLinks && depth <= registers {
				u.absorbed = true
				v.links += u.links
				v.depth = depth
			}
		}
	}
}

// addend returns the outer product that can be added in place to the other term
// of the sum v, or −1.
func (c *compiler[F]) addend(v *value) int {
	if v.function != add || v.operation != elementwise {
		return -1
	}
	for k := len(v.args) - 1; k >= 0; k-- {
		u := &c.values[v.args[k]]
		if u.operation == outerProduct && u.readers == 1 && u.phase == v.phase && c.values[v.args[1-k]].size == v.size {
			return v.args[k]
		}
	}
	return -1
}

// draft lists the instructions: those of the shared part, then phase by phase.
func (c *compiler[F]) draft() {
	list := func(v *value, i int) {
		if v.absorbed || v.operation == leaf || v.operation == constant || v.operation == view {
			return
		}
		d := draft{value: i}
		if outer := c.addend(v); outer >= 0 {
			other := v.args[0]
			if other == outer {
				other = v.args[1]
			}
			d.nested, d.reads = true, append(slices.Clone(c.values[outer].args), other)
		} else {
			d.reads = c.inputs(v, nil)
		}
		c.drafts = append(c.drafts, d)
	}
	for i := range c.values {
		if v := &c.values[i]; v.phase == 0 {
			list(v, i)
		}
	}
	ends := &c.program.ends
	*ends = append(*ends, len(c.drafts))
	for i := range c.values { // in the order of the phases
		v := &c.values[i]
		if v.phase == 0 {
			continue
		}
		for len(*ends) < v.phase {
			*ends = append(*ends, len(c.drafts))
		}
		list(v, i)
	}
	for len(*ends) <= len(c.plan.phases) {
		*ends = append(*ends, len(c.drafts))
	}
}

// inputs appends the values that an instruction reads.
func (c *compiler[F]) inputs(v *value, list []int) []int {
	for _, a := range v.args {
		if u := &c.values[a]; u.absorbed {
			list = c.inputs(u, list)
		} else {
			list = append(list, a)
		}
	}
	return list
}

// lifetimes gives every value a storage and finds the last instruction that
// reads it. Values of the shared space live for ever, because they are computed
// once for many memories.
func (c *compiler[F]) lifetimes() {
	for i := range c.values {
		v := &c.values[i]
		switch {
		case !v.flat || v.absorbed:
			continue
		case v.operation == view && c.values[v.args[0]].flat:
			of := &c.values[v.args[0]]
			v.storage, v.offset = of.storage, of.offset+v.start
		default:
			v.storage = len(c.storages)
			fixed := v.common || v.operation == leaf
			c.storages = append(c.storages, storage{last: -1, fixed: fixed, place: place{size: int32(v.size)}})
		}
		if v.wanted {
			c.storages[v.storage].fixed = true
		}
	}
	for i, d := range c.drafts {
		for _, r := range d.reads {
			if s := c.values[r].storage; s >= 0 {
				c.storages[s].last = i
			}
		}
	}
}

// placeOf returns where a value lies.
func (c *compiler[F]) placeOf(i int) place {
	v := &c.values[i]
	p := c.storages[v.storage].place
	return place{p.space, p.at + int32(v.offset), int32(v.size)}
}

// allocate finds room in a space.
func (c *compiler[F]) allocate(s *storage, space int) {
	s.place.space = int32(space)
	if list := c.free[space][s.place.size]; len(list) > 0 {
		s.place.at = list[len(list)-1]
		c.free[space][s.place.size] = list[:len(list)-1]
		return
	}
	s.place = c.extend(space, int(s.place.size))
}

// extend returns a place at the end of a space.
func (c *compiler[F]) extend(space, size int) place {
	at := c.program.sizes[space]
	c.program.sizes[space] += (size + alignment - 1) / alignment * alignment
	return place{int32(space), int32(at), int32(size)}
}

// place gives every storage its place, in the order of the instructions, and
// writes the instructions.
func (c *compiler[F]) place() error {
	if c.plan.values {
		c.plan.own = c.program.leaves
	}
	for space, leaves := range [spaces]gorgonia.Nodes{shared: c.plan.shared, own: c.plan.own} {
		for _, n := range leaves {
			place := c.extend(space, size(n))
			c.program.places[n] = place
			if i, ok := c.index[n]; ok && c.values[i].flat { // else nothing reads it
				c.storages[c.values[i].storage].place = place
			}
		}
	}
	for i := range c.values {
		v := &c.values[i]
		if v.operation != constant || !v.flat {
			continue
		}
		s := &c.storages[v.storage]
		c.allocate(s, shared)
		data, err := elements[F](v.node.Value())
		if err != nil {
			return fmt.Errorf("%v: %w", v.node, err)
		}
		c.program.fill = append(c.program.fill, filling[F]{s.place, data})
	}
	for i := range c.drafts {
		c.placeDraft(i)
	}
	c.program.home = c.program.memory()
	for i := range c.values {
		if v := &c.values[i]; v.storage >= 0 {
			c.program.places[v.node] = c.placeOf(i)
		} else if !v.flat && v.operation != leaf {
			box := new(gorgonia.Value)
			*box = v.node.Value()
			c.program.boxed[v.node] = box
		}
	}
	read := map[*gorgonia.Node]bool{}
	c.program.tape = make([]instruction[F], len(c.drafts))
	for i, d := range c.drafts {
		c.write(&c.program.tape[i], d)
		if c.program.tape[i].call == nil {
			for _, r := range d.reads {
				read[c.origin(r)] = true
			}
		}
	}
	for _, n := range c.program.leaves {
		if v := &c.values[c.index[n]]; v.flat && (read[n] || v.wanted) {
			c.program.loaded = append(c.program.loaded, n)
		}
	}
	return nil
}

// origin returns the node that a value is, or is a view of.
func (c *compiler[F]) origin(i int) *gorgonia.Node {
	v := &c.values[i]
	for v.operation == view {
		v = &c.values[v.args[0]]
	}
	return v.node
}

// placeDraft places the result of an instruction and frees what nothing reads
// after it. A chain's result may take the place of an argument of its size, and
// that of a sum with an outer product takes the place of the sum so far.
func (c *compiler[F]) placeDraft(i int) {
	d := &c.drafts[i]
	out := &c.values[d.value]
	taken := -1
	var later []int
	for k, r := range d.reads {
		s := c.values[r].storage
		if s < 0 || c.storages[s].fixed || c.storages[s].last != i || c.readsBefore(d, k, s) {
			continue
		}
		switch whole := int(c.storages[s].place.size) == c.values[r].size; {
		case whole && d.nested && k == 2 && !out.common:
			taken = s
		case whole && !d.nested && out.operation == elementwise:
			c.release(s)
		default:
			later = append(later, s)
		}
	}
	if out.storage >= 0 {
		s := &c.storages[out.storage]
		switch {
		case taken >= 0:
			s.place = c.storages[taken].place
		case out.common:
			c.allocate(s, shared)
		case c.plan.last && out.phase == len(c.plan.phases):
			c.allocate(s, scratch)
		default:
			c.allocate(s, own)
		}
		if s.last < 0 && !s.fixed {
			later = append(later, out.storage)
		}
	}
	for _, s := range later {
		c.release(s)
	}
}

// readsBefore reports whether an argument before the k-th lies in the storage.
func (c *compiler[F]) readsBefore(d *draft, k, storage int) bool {
	return slices.ContainsFunc(d.reads[:k], func(r int) bool { return c.values[r].storage == storage })
}

func (c *compiler[F]) release(s int) {
	p := c.storages[s].place
	c.free[p.space][p.size] = append(c.free[p.space][p.size], p.at)
}

// write makes the instruction of a draft whose places are known.
func (c *compiler[F]) write(i *instruction[F], d draft) {
	v := &c.values[d.value]
	if v.operation == foreign {
		i.run, i.call = runCall[F], c.call(d)
		if v.storage >= 0 {
			i.out = c.placeOf(d.value)
		}
		return
	}
	i.out = c.placeOf(d.value)
	if v.operation == elementwise && !d.nested {
		i.run = runChain[F]
		i.links = c.chain(v, operand{register: -1, place: i.out}, 0, nil)
		return
	}
	for _, r := range d.reads {
		i.args = append(i.args, c.placeOf(r))
	}
	i.operation, i.start = v.operation, v.start
	switch v.operation {
	case elementwise:
		i.run = runAddedOuterProduct[F]
	case product, transposedProduct:
		shape := c.values[v.args[0]].node.Shape()
		i.rows, i.columns = shape[0], shape[1]
		i.run = runProduct[F]
		if v.operation == transposedProduct {
			i.run = runTransposedProduct[F]
		}
	case innerProduct:
		i.run = runInnerProduct[F]
	case outerProduct:
		i.run = runOuterProduct[F]
	case softmax:
		i.run = runSoftmax[F]
	case logSoftmax:
		i.run = runLogSoftmax[F]
	case softmaxGradient:
		i.run = runSoftmaxGradient[F]
	case logSoftmaxGradient:
		i.run = runLogSoftmaxGradient[F]
	case scatter:
		i.run = runScatter[F]
	case sumOf:
		i.run = runSum[F]
	}
}

// chain appends the ops of a chain, whose last one assigns to result. Registers
// below the given one hold other values meanwhile.
func (c *compiler[F]) chain(v *value, result operand, register int, links []link) []link {
	var from [2]operand
	for k, a := range v.args {
		if u := &c.values[a]; u.absorbed {
			from[k] = operand{register: register}
			links = c.chain(u, from[k], register, links)
			register++
		} else {
			from[k] = operand{register: -1, place: c.placeOf(a)}
		}
	}
	return append(links, link{v.function, result, from[0], from[1]})
}
