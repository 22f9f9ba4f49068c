//go:build ignore

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// step writes one RNN step forward.
func (k *kernel) step() {
	k.function("step", fmt.Sprintf("func(h, net, x []%s, ld int)", k.float()),
		"step is network.step: the state from the sums and the inputs, then the next sums.")
	h, net, n, ld := k.base("h"), k.base("net"), k.length("h"), k.integer("ld")
	k.toBytes(ld)
	state := k.GP64()
	k.LEAQ(plus(net, ld, 0), state)

	given := k.length("x")
	k.TESTQ(given, given)
	k.JZ(operand.LabelRef("done"))
	x := k.base("x")
	for i := range 3 {
		k.broadcast(at(x, i*k.size()), k.v(10+i))
	}
	sums, input := k.GP64(), k.GP64() // go on by a vector each
	k.MOVQ(net, sums)
	k.LEAQ(operand.Mem{Base: state, Index: ld, Scale: 2}, input)
	public := k.GP64()
	k.MOVQ(h, public)
	k.elementwise(n, func(_, store func(p, v reg.Register)) {
		k.move(at(sums, 0), k.v(0))
		k.move(at(input, 0), k.v(1))
		k.mul(k.v(1), k.v(10), k.v(1))
		k.addProduct(plus(input, ld, 0), k.v(11), k.v(1))
		k.addProduct(operand.Mem{Base: input, Index: ld, Scale: 2}, k.v(12), k.v(1))
		k.add(k.v(1), k.v(0), k.v(0))
		k.hyperbolicTangent(k.v(0), 1)
		k.move(k.v(0), plus(sums, ld, 0))
		store(public, k.v(0))
	}, sums, input, public)

	bias, m, vectors := k.GP64(), k.GP64(), k.GP64()
	k.LEAQ(plus(state, ld, 0), bias)
	k.LEAQ(operand.Mem{Base: bias, Index: ld, Scale: 4}, m)
	k.MOVQ(ld, vectors)
	k.SHRQ(k.vectorShift(), vectors)
	k.product(m, state, n, vectors,
		func(offset reg.Register, j int, sum reg.Register) { k.move(plus(bias, offset, j*k.bytes), sum) },
		func(offset reg.Register, j int, sum reg.Register) { k.move(sum, plus(net, offset, j*k.bytes)) })
	k.end()
}

// backpropagate writes a block of RNN steps backward.
func (k *kernel) backpropagate() {
	k.function("backpropagate", fmt.Sprintf("func(e, states, h, m, g []%s, n, ld int)", k.float()),
		"backpropagate carries the gradient back through len(g) states.")
	n, ld, count := k.integer("n"), k.integer("ld"), k.length("g")
	terms, width, vectors := k.GP64(), k.GP64(), k.GP64()
	k.LEAQ(at(n, 1), terms)
	k.LEAQ(at(n, k.lanes()-1), width)
	k.ANDQ(operand.I32(-k.lanes()), width)
	k.toBytes(width)
	k.toBytes(ld)

	// From the block's last row to its first.
	last := k.GP64()
	row := func(name string, bytes reg.GPVirtual) reg.GPVirtual {
		p := k.base(name)
		k.LEAQ(at(count, -1), last)
		k.IMULQ(bytes, last)
		k.ADDQ(last, p)
		return p
	}
	e, states := row("e", ld), row("states", width)
	stride := k.GP64()
	k.MOVQ(n, stride)
	k.toBytes(stride)
	h := row("h", stride)

	k.Label("steps")
	from, to, slope := k.GP64(), k.GP64(), k.GP64()
	k.MOVQ(h, from)
	k.MOVQ(states, to)
	k.MOVQ(e, slope)
	k.elementwise(n, func(load, _ func(p, v reg.Register)) {
		load(from, k.v(0))
		k.move(k.v(0), at(to, 0))
		k.move(k.constant(1), k.v(1))
		k.subtractProduct(k.v(0), k.v(0), k.v(1))
		k.move(k.v(1), at(slope, 0))
	}, from, to, slope)

	following := k.GP64()
	k.LEAQ(plus(e, ld, 0), following)
	k.MOVQ(width, vectors)
	k.SHRQ(k.vectorShift(), vectors)
	k.product(k.base("m"), following, terms, vectors,
		func(_ reg.Register, _ int, sum reg.Register) { k.zero(sum) },
		func(offset reg.Register, j int, sum reg.Register) {
			k.mul(plus(e, offset, j*k.bytes), sum, sum)
			k.move(sum, plus(e, offset, j*k.bytes))
		})

	k.DECQ(count)
	g, value := k.base("g"), k.GP64()
	if k.double {
		k.MOVQ(operand.Mem{Base: g, Index: count, Scale: 8}, value)
		k.MOVQ(value, operand.Mem{Base: e, Index: n, Scale: 8})
	} else {
		k.MOVL(operand.Mem{Base: g, Index: count, Scale: 4}, value.As32())
		k.MOVL(value.As32(), operand.Mem{Base: e, Index: n, Scale: 4})
	}
	k.SUBQ(ld, e)
	k.SUBQ(width, states)
	k.SUBQ(stride, h)
	k.TESTQ(count, count)
	k.JNZ(operand.LabelRef("steps"))
	k.end()
}

// vectorShift is the logarithm of a vector's bytes.
func (k *kernel) vectorShift() operand.Op {
	return operand.Imm(map[int]uint64{32: 5, 64: 6}[k.bytes])
}
