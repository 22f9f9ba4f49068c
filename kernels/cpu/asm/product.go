//go:build ignore

package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// groups is the number of sums for each of v vectors. Two fused multiply–adds
// begin every cycle and each takes four, so eight should be under way at once.
func (k *kernel) groups(v int) int {
	const underWay = 8
	free := k.registers - 1 // one holds the element that all are multiplied with
	g := 1
	for v*g < underWay && 2*v*g <= free {
		g *= 2
	}
	return g
}

// product writes the loop of a matrix–vector product over panels of the
// matrix: the sum of x[i] times row i of m, over vectors. Per panel, begin
// assigns the sums' first values and finish takes the sums, both given the
// byte offset of the panel within a row and the vector's place in the panel.
//
//	m        first panel: (terms) rows of as many vectors as the panel is wide
//	x        (terms)
//	vectors  width of a row; clobbered
//
// A panel's sums stay in registers over all terms. Panels are as wide as
// registers allow, the last one takes what is left.
func (k *kernel) product(m, x, terms, vectors reg.GPVirtual,
	begin, finish func(offset reg.Register, j int, sum reg.Register)) {
	offset, row, element, count := k.GP64(), k.GP64(), k.GP64(), k.GP64()
	k.XORQ(offset, offset)
	k.MOVQ(m, row)
	k.Label("panel")
	k.MOVQ(x, element)
	for v := 1; v < k.panel; v++ {
		k.CMPQ(vectors, operand.I32(v))
		k.JE(operand.LabelRef(fmt.Sprintf("width%d", v)))
	}
	for v := k.panel; v > 0; v-- {
		g := k.groups(v)
		label := func(name string) string { return fmt.Sprintf("%s%d", name, v) }
		sum := func(group, j int) reg.Register { return k.v(1 + group*v + j) }
		term := func(group int) {
			k.broadcast(at(element, group*k.size()), k.v(0))
			for j := range v {
				k.addProduct(at(row, (group*v+j)*k.bytes), k.v(0), sum(group, j))
			}
		}
		advance := func(terms int) {
			k.ADDQ(operand.I32(terms*v*k.bytes), row)
			k.ADDQ(operand.I32(terms*k.size()), element)
		}

		k.Label(label("width"))
		for j := range v {
			begin(offset, j, sum(0, j))
			for group := 1; group < g; group++ {
				k.zero(sum(group, j))
			}
		}
		k.MOVQ(terms, count)
		if g > 1 {
			k.SHRQ(operand.Imm(uint64(bits.Len(uint(g))-1)), count)
			k.JZ(operand.LabelRef(label("rest")))
		}
		k.Label(label("terms"))
		for group := range g {
			term(group)
		}
		advance(g)
		k.DECQ(count)
		k.JNZ(operand.LabelRef(label("terms")))
		if g > 1 {
			k.Label(label("rest"))
			k.MOVQ(terms, count)
			k.ANDQ(operand.I32(g-1), count)
			k.JZ(operand.LabelRef(label("sum")))
			k.Label(label("single"))
			term(0)
			advance(1)
			k.DECQ(count)
			k.JNZ(operand.LabelRef(label("single")))
			k.Label(label("sum"))
			for n := g / 2; n > 0; n /= 2 {
				for group := range n {
					for j := range v {
						k.add(sum(group+n, j), sum(group, j), sum(group, j))
					}
				}
			}
		}
		for j := range v {
			finish(offset, j, sum(0, j))
		}
		if v == k.panel {
			k.ADDQ(operand.I32(v*k.bytes), offset)
			k.SUBQ(operand.I32(v), vectors)
			k.JNZ(operand.LabelRef("panel"))
		}
		if v > 1 {
			k.JMP(operand.LabelRef("multiplied"))
		}
	}
	k.Label("multiplied")
}
