//go:build ignore

package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// expm1Single and expm1Double are Q in expm1(r) = r + r²·Q(r) for |r| ≤ ½ ln 2,
// by Remez's algorithm with the error relative to r: 2⁻²⁶·¹ and 2⁻⁵⁵·⁶.
var (
	expm1Single = []float64{0.5, 0.1666654348373413, 0.04166628420352936, 0.008366525173187256, 0.001394633436575532}
	expm1Double = []float64{0.5000000000000006, 0.16666666666666685, 0.04166666666657653, 0.008333333333314938,
		0.0013888888931653457, 0.00019841269902362913, 2.4801505151604254e-05, 2.7557228487567477e-06,
		2.762609155433042e-07, 2.5114321133525727e-08}
)

// hyperbolicTangent assigns tanh(x) to x, using the vector registers from free
// to free + 7. With a = |x|, y = 2a and y = k ln 2 + r:
//
//	expm1(r) = r + r²·Q(r)
//	e = expm1(y) = 2^k·expm1(r) + (2^k − 1)
//	tanh(x) = sign(x)·e/(e + 2)
//
// For small a, k is 0 and e is a polynomial without constant term, so that
// nothing cancels, down to subnormal numbers. Above the limit of a the quotient
// rounds to 1. The minimum returns its second operand if one is not a number.
func (k *kernel) hyperbolicTangent(x reg.Register, free int) {
	limit, sign := 10.0, uint64(1)<<31
	if k.double {
		limit, sign = 20, 1<<63
	}
	signOf, y := k.v(free), k.v(free+1)
	k.and(k.bits(sign), x, signOf)
	k.xor(x, signOf, y)
	k.move(k.constant(limit), x)
	k.pick(k.VMINPS, k.VMINPD, y, x, y)
	k.add(y, y, y)
	power, less := k.exponential(y, free+2)
	k.subtract(k.constant(1), power, y)
	k.addProduct(less, power, y)
	k.add(k.constant(2), y, power)
	k.divide(power, y, x)
	k.or(signOf, x, x)
}

// exponential returns registers with 2^k and expm1(r), of which 2^k·(1 +
// expm1(r)) is e^y, using the vector registers from free to free + 6.
func (k *kernel) exponential(y reg.Register, free int) (power, less reg.Register) {
	mantissa, magic := 23, 1.5*(1<<23)+127
	ln2, ln2Low, q := float64(float32(math.Ln2)), math.Ln2-float64(float32(math.Ln2)), expm1Single
	if k.double {
		mantissa, magic = 52, 1.5*(1<<52)+1023
		ln2, ln2Low, q = math.Ln2, 2.3190468138462996e-17, expm1Double
	}
	power, r, r2 := k.v(free), k.v(free+1), k.v(free+2)

	// The sum with magic rounds y·log2(e) to an integer, and leaves it, with the
	// exponent's bias, in the low bits.
	k.move(k.constant(magic), power)
	k.addProduct(k.constant(1/math.Ln2), y, power)
	k.subtract(k.constant(magic), power, r2)
	k.move(y, r)
	k.subtractProduct(k.constant(ln2), r2, r)
	k.subtractProduct(k.constant(ln2Low), r2, r)
	k.pick(k.VPSLLD, k.VPSLLQ, operand.Imm(uint64(mantissa)), power, power)

	k.mul(r, r, r2)
	less = k.polynomial(q, r, r2, free+3)
	k.multiplyAdd(r, r2, less)
	return power, less
}

// odds writes kernels.Odds over a slice: e^−a, where a is |d| or, beyond it, the
// last whose exponential is a normal number.
func (k *kernel) odds() {
	k.function("odds", "func(d []float64)", "odds replaces every element of d by e^−|d|.")
	d, n := k.base("d"), k.length("d")
	k.elementwise(n, func(load, store func(p, v reg.Register)) {
		load(d, k.v(0))
		k.or(k.bits(1<<63), k.v(0), k.v(0))
		k.move(k.constant(-708), k.v(1))
		k.pick(k.VMAXPS, k.VMAXPD, k.v(0), k.v(1), k.v(0))
		power, less := k.exponential(k.v(0), 1)
		k.addProduct(power, less, power)
		store(d, power)
	}, d)
	k.end()
}

// polynomial returns a register with Σ c[i]·x^i by Estrin's scheme, given x and
// x². It uses the vector registers from free on.
func (k *kernel) polynomial(c []float64, x, x2 reg.Register, free int) reg.Register {
	switch len(c) {
	case 5: // (c0 + c1 x) + x² ((c2 + c3 x) + x² c4)
		low, high := k.v(free), k.v(free+1)
		k.move(k.constant(c[4]), high)
		k.move(k.constant(c[3]), low)
		k.multiplyAdd(k.constant(c[2]), x, low)
		k.multiplyAdd(low, x2, high)
		k.move(k.constant(c[1]), low)
		k.multiplyAdd(k.constant(c[0]), x, low)
		k.multiplyAdd(low, x2, high)
		return high
	case 10: // (p0 + x² p1) + x⁴ ((p2 + x² p3) + x⁴ p4), p of degree 1
		x4, p, q, s := k.v(free), k.v(free+1), k.v(free+2), k.v(free+3)
		linear := func(i int, to reg.Register) {
			k.move(k.constant(c[2*i+1]), to)
			k.multiplyAdd(k.constant(c[2*i]), x, to)
		}
		k.mul(x2, x2, x4)
		linear(3, q)
		linear(2, p)
		k.multiplyAdd(p, x2, q)
		linear(4, s)
		k.multiplyAdd(q, x4, s)
		linear(1, q)
		linear(0, p)
		k.multiplyAdd(p, x2, q)
		k.multiplyAdd(q, x4, s)
		return s
	}
	panic(fmt.Sprint("no scheme for ", len(c), " coefficients"))
}

// tanh writes the function over a slice.
func (k *kernel) tanh() {
	k.function("tanh", fmt.Sprintf("func(x []%s)", k.float()),
		"tanh replaces every element of x by its hyperbolic tangent.")
	x, n := k.base("x"), k.length("x")
	k.elementwise(n, func(load, store func(p reg.Register, v reg.Register)) {
		load(x, k.v(0))
		k.hyperbolicTangent(k.v(0), 1)
		store(x, k.v(0))
	}, x)
	k.end()
}
