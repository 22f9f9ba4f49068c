//go:build ignore

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// addOuterProducts writes the product of two blocks of vectors: c (rows, ldb)
// += aᵀ b with a (count, lda) and b (count, ldb). Tiles of c, four rows high and
// several vectors wide, stay in registers over the block; rows are rounded up
// to four.
func (k *kernel) addOuterProducts() {
	const high = 4
	k.function("addOuterProducts", fmt.Sprintf("func(c, a, b []%s, rows, lda, ldb, count int)", k.float()),
		"addOuterProducts adds the sum of the outer products of a's and b's rows to c.")
	c, b := k.base("c"), k.base("b")
	lda, ldb, count := k.integer("lda"), k.integer("ldb"), k.integer("count")
	k.toBytes(lda)
	k.toBytes(ldb)
	vectors, wide := k.GP64(), k.GP64()
	k.MOVQ(ldb, vectors)
	k.SHRQ(k.vectorShift(), vectors)

	// Tiles are as wide as registers allow; the last two share what is left.
	k.Label("columns")
	k.MOVQ(vectors, wide)
	k.CMPQ(vectors, operand.I32(k.tile))
	k.JLE(operand.LabelRef("chosen"))
	k.INCQ(wide)
	k.SHRQ(operand.Imm(1), wide)
	k.CMPQ(wide, operand.I32(k.tile))
	k.JLE(operand.LabelRef("chosen"))
	k.MOVQ(operand.I32(k.tile), wide)
	k.Label("chosen")
	for w := 1; w < k.tile; w++ {
		k.CMPQ(wide, operand.I32(w))
		k.JE(operand.LabelRef(fmt.Sprintf("wide%d", w)))
	}
	for w := k.tile; w > 0; w-- {
		sum := func(i, j int) reg.Register { return k.v(i*w + j) }
		right := func(j int) reg.Register { return k.v(high*w + j) }
		left := k.v((high + 1) * w)
		label := func(name string) string { return fmt.Sprintf("%s%d", name, w) }

		k.Label(label("wide"))
		rows, from, to := k.integer("rows"), k.base("a"), k.GP64()
		k.MOVQ(c, to)
		k.Label(label("rows"))
		for i := range high * w {
			k.zero(k.v(i))
		}
		p, q, n := k.GP64(), k.GP64(), k.GP64()
		k.MOVQ(from, p)
		k.MOVQ(b, q)
		k.MOVQ(count, n)
		k.Label(label("products"))
		for j := range w {
			k.move(at(q, j*k.bytes), right(j))
		}
		for i := range high {
			k.broadcast(at(p, i*k.size()), left)
			for j := range w {
				k.addProduct(left, right(j), sum(i, j))
			}
		}
		k.ADDQ(lda, p)
		k.ADDQ(ldb, q)
		k.DECQ(n)
		k.JNZ(operand.LabelRef(label("products")))
		for i := range high {
			for j := range w {
				k.add(at(to, j*k.bytes), sum(i, j), sum(i, j))
				k.move(sum(i, j), at(to, j*k.bytes))
			}
			k.ADDQ(ldb, to)
		}
		k.ADDQ(operand.I32(high*k.size()), from)
		k.SUBQ(operand.I32(high), rows)
		k.JG(operand.LabelRef(label("rows")))
		k.ADDQ(operand.I32(w*k.bytes), c)
		k.ADDQ(operand.I32(w*k.bytes), b)
		if w > 1 {
			k.JMP(operand.LabelRef("next"))
		}
	}
	k.Label("next")
	k.SUBQ(wide, vectors)
	k.JNZ(operand.LabelRef("columns"))
	k.end()
}
