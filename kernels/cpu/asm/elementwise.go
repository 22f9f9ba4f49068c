//go:build ignore

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes a loop over the vectors of n elements, of which the last
// may be a tail. Pointers go on by a vector after each.
func (k *kernel) elementwise(n reg.GPVirtual, body func(load, store func(p, v reg.Register)), pointers ...reg.GPVirtual) {
	left := k.GP64()
	k.MOVQ(n, left)
	k.SUBQ(operand.I32(k.lanes()), left)
	k.JLT(operand.LabelRef("tail"))
	k.Label("vectors")
	body(func(p, v reg.Register) { k.move(at(p, 0), v) }, func(p, v reg.Register) { k.move(v, at(p, 0)) })
	for _, p := range pointers {
		k.ADDQ(operand.I32(k.bytes), p)
	}
	k.SUBQ(operand.I32(k.lanes()), left)
	k.JGE(operand.LabelRef("vectors"))
	k.Label("tail")
	k.ADDQ(operand.I32(k.lanes()), left)
	k.JZ(operand.LabelRef("done"))
	t := k.makeTail(left)
	body(func(p, v reg.Register) { k.load(t, at(p, 0), v) }, func(p, v reg.Register) { k.store(t, v, at(p, 0)) })
	k.Label("done")
}

// update writes one step of stochastic gradient descent. Every product is
// rounded, as in the generic code.
func (k *kernel) update() {
	k.function("update", fmt.Sprintf("func(theta, velocity, grad []%s, lr, momentum %[1]s)", k.float()),
		"update assigns m·v + g to v and θ − lr·v to θ.")
	theta, velocity, grad, n := k.base("theta"), k.base("velocity"), k.base("grad"), k.length("theta")
	rate, momentum := k.v(0), k.v(1)
	k.broadcast(k.address("lr"), rate)
	k.broadcast(k.address("momentum"), momentum)
	k.elementwise(n, func(load, store func(p, v reg.Register)) {
		load(velocity, k.v(2))
		load(grad, k.v(3))
		k.mul(k.v(2), momentum, k.v(2))
		k.add(k.v(3), k.v(2), k.v(2))
		store(velocity, k.v(2))
		load(theta, k.v(4))
		k.mul(k.v(2), rate, k.v(2))
		k.subtract(k.v(2), k.v(4), k.v(4))
		store(theta, k.v(4))
	}, theta, velocity, grad)
	k.end()
}
