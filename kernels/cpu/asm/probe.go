//go:build ignore

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
)

// multiplyAdds writes fused multiply–adds that wait for nothing but the units:
// as many sums as registers allow, none of which is needed before the next
// round.
func (k *kernel) multiplyAdds() {
	k.function("multiplyAdds", "func(rounds int)",
		"multiplyAdds does probeVectors multiply–adds of vectors a round, rounds > 0.")
	rounds := k.integer("rounds")
	for i := range k.registers {
		k.zero(k.v(i))
	}
	k.Label("rounds")
	for i := range probeVectors {
		k.addProduct(k.v(0), k.v(1), k.v(2+i))
	}
	k.DECQ(rounds)
	k.JNZ(operand.LabelRef("rounds"))
	k.end()
}

// probeVectors is the vectors of a round: package cpu's constant of that name.
const probeVectors = 12

// loads writes loads of whole vectors, one after the other, and nothing else.
func (k *kernel) loads() {
	k.function("loads", fmt.Sprintf("func(x []%s, passes int)", k.float()),
		"loads goes passes times over the vectors of x, passes > 0. Their number is a multiple of probeVectors.")
	x, n, passes := k.base("x"), k.length("x"), k.integer("passes")
	k.toBytes(n)
	k.Label("passes")
	p, left := k.GP64(), k.GP64()
	k.MOVQ(x, p)
	k.MOVQ(n, left)
	k.Label("vectors")
	for i := range probeVectors {
		k.move(at(p, i*k.bytes), k.v(i))
	}
	k.ADDQ(operand.I32(probeVectors*k.bytes), p)
	k.SUBQ(operand.I32(probeVectors*k.bytes), left)
	k.JG(operand.LabelRef("vectors"))
	k.DECQ(passes)
	k.JNZ(operand.LabelRef("passes"))
	k.end()
}
