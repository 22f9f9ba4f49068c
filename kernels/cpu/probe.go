package cpu

import (
	"unsafe"

	"radd/kernels"
)

// probeVectors is the vectors that a round of the probes takes: more than any
// processor needs under way at once, fewer than any has registers.
const probeVectors = 12

// Probe takes one resource of a core alone, or one part of a pass, with the
// instruction set that a backend computes with. It is what benchmarks hold the
// kernels against. Only one call at a time.
type Probe[F kernels.Float] struct {
	isa      ISA
	routines *routines[F]
	buffer   []F
}

// NewProbe returns the probe of a supported instruction set. It panics where the
// instruction set is not supported.
func NewProbe[F kernels.Float](isa ISA) *Probe[F] {
	return &Probe[F]{isa: isa, routines: routinesOf[F](isa)}
}

// MultiplyAdds does at least count multiply–adds of elements, in registers and
// independent of each other, and returns how many.
func (p *Probe[F]) MultiplyAdds(count int) int {
	a := probeVectors * p.routines.lanes
	rounds := (count + a - 1) / a
	p.routines.multiplyAdds(max(rounds, 1))
	return max(rounds, 1) * a
}

// Loads goes passes times over about that many bytes of memory, a vector after
// the other, and returns the bytes loaded. The first pass brings them nearer, if
// they were not the last call's.
func (p *Probe[F]) Loads(bytes, passes int) int {
	var one F
	unit := probeVectors * p.routines.lanes
	n := max(1, bytes/int(unsafe.Sizeof(one))/unit) * unit
	p.routines.loads(p.memory(n), passes)
	return n * int(unsafe.Sizeof(one)) * passes
}

// memory returns n elements from a cache line's start on, all 0. They have been
// written to: until then, all pages may be one in memory, which is slower to
// read than many.
func (p *Probe[F]) memory(n int) []F {
	if len(p.buffer) < n+cacheLine {
		p.buffer = make([]F, n+cacheLine)
		clear(p.buffer)
	}
	return align(p.buffer)[:n]
}

// GradientProducts multiplies blocks of vectors as Backward does for a network of
// n hidden units and T RNN steps: the sum of outer products that is the gradient,
// apart from what makes the vectors. Theirs are 0.
func (p *Probe[F]) GradientProducts(n, T int) {
	r := p.routines
	ld, width := r.pad(n+1), r.pad(n)
	_, size := r.viewBackward(nil, n)
	v, _ := r.viewBackward(p.memory(size), n)
	for left := T + 1; left > 0; left -= blockSteps {
		r.gradient(v, n, ld, width, min(left, blockSteps))
	}
}

// Work is what an RNN step of a network takes at least, on the padded sizes that
// the kernels of an instruction set work on. A multiply–add is of one element, a
// load is of a whole vector.
type Work struct {
	Lanes       int // elements of a vector
	MatrixBytes int // of M, which each product goes through once

	Forward  Product // M h
	Backward Product // Mᵀ e
	Gradient Product // Σ e hᵀ and Σ e (x, 1)ᵀ, multiplied in blocks that stay in registers
}

// Product is what one product takes in an RNN step.
type Product struct {
	MultiplyAdds int
	Matrix       int // loads of the matrix's vectors
	Elements     int // loads of an element for all lanes, by which a column is scaled
}

// Work returns what an RNN step of a network of n hidden units takes.
func (p *Probe[F]) Work(n int) Work {
	r := p.routines
	ld, width := r.pad(n+1), r.pad(n)
	high := (n + 4) / 4 * 4
	var one F
	product := func(terms, width int) Product {
		return Product{MultiplyAdds: terms * width, Matrix: terms * width / r.lanes, Elements: terms}
	}
	return Work{
		Lanes:       r.lanes,
		MatrixBytes: n * ld * int(unsafe.Sizeof(one)),
		Forward:     product(n, ld),
		Backward:    product(n+1, width),
		Gradient:    Product{MultiplyAdds: high*width + inputRows*ld},
	}
}
