//go:build ignore

package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// normals writes philox.Normals, to the bit: every operation is one of
// philox.Draw's, math.Log's (in amd64's assembly) or math.Sincos's, in their
// order, and none is fused.
func (k *kernel) normals() {
	const trials, rounds = 8, 10
	k.function("normals", "func(deviates *[4][8]float64, key uint64, counter [4]uint32)",
		"normals is philox.Normals.")
	to := k.Load(k.Param("deviates"), k.GP64()).(reg.GPVirtual)
	var counter [4]reg.Register
	for i := range counter {
		counter[i] = k.Load(k.Param("counter").Index(i), k.GP32())
	}
	keyLow := k.Load(k.Param("key"), k.GP64()).(reg.GPVirtual)
	keyHigh := k.GP64()
	k.MOVQ(keyLow, keyHigh)
	k.SHRQ(operand.Imm(32), keyHigh)
	counting := k.StaticGlobal("counting")
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range trials {
		k.AppendDatum(operand.U64(uint64(i)))
	}

	for first := 0; first < trials; first += k.lanes() {
		// A word is the low half of an element; the high half holds anything.
		c0, c1, c2, c3 := k.v(0), k.v(1), k.v(2), k.v(3)
		key0, key1, m0, m1 := k.v(4), k.v(5), k.v(6), k.v(7)
		p0, p1 := k.v(8), k.v(9)
		for i, c := range []reg.Register{c0, c1, c2, c3} {
			k.repeat(counter[i], c)
		}
		k.VPADDD(counting.Offset(8*first), c1, c1)
		k.repeat(keyLow.As32(), key0)
		k.repeat(keyHigh.As32(), key1)
		k.move(k.bits(0xD2511F53), m0)
		k.move(k.bits(0xCD9E8D57), m1)
		for range rounds {
			k.VPMULUDQ(c0, m0, p0)
			k.VPMULUDQ(c2, m1, p1)
			k.VPSRLQ(operand.Imm(32), p1, c0)
			k.VPSRLQ(operand.Imm(32), p0, c2)
			k.xor(c1, c0, c0)
			k.xor(c3, c2, c2)
			k.xor(key0, c0, c0)
			k.xor(key1, c2, c2)
			k.move(p1, c1)
			k.move(p0, c3)
			k.VPADDD(k.bits(0x9E3779B9), key0, key0)
			k.VPADDD(k.bits(0xBB67AE85), key1, key1)
		}
		a, b := k.v(14), k.v(15)
		k.move(c2, a)
		k.move(c3, b)
		k.boxMuller(c0, c1, 2)
		k.move(c0, at(to, 8*first))
		k.move(c1, at(to, 8*(first+trials)))
		k.boxMuller(a, b, 0)
		k.move(a, at(to, 8*(first+2*trials)))
		k.move(b, at(to, 8*(first+3*trials)))
	}
	k.end()
}

// repeat assigns a word to both halves of every element.
func (k *kernel) repeat(word, to reg.Register) {
	x := to.(reg.Vec).AsX()
	k.VMOVD(word, x)
	k.VPBROADCASTD(x, to)
}

// uniform makes (k + ½)/2²³ of the top 23 bits k of a word.
func (k *kernel) uniform(word reg.Register) {
	k.VPSLLQ(operand.Imm(32), word, word)
	k.VPSRLQ(operand.Imm(41), word, word)
	k.or(k.constant(1<<52), word, word)
	k.subtract(k.constant(1<<52-.5), word, word)
	k.mul(k.constant(1.0/(1<<23)), word, word)
}

// boxMuller makes two deviates of two words, using the vector registers from
// free to free + 9.
func (k *kernel) boxMuller(a, b reg.Register, free int) {
	k.uniform(a)
	k.logarithm(a, free)
	k.mul(k.constant(-2), a, a)
	k.VSQRTPD(a, a)
	k.uniform(b)
	k.mul(k.constant(2*math.Pi), b, b)
	sin, cos := k.v(free), k.v(free+1)
	k.sineCosine(b, free)
	k.mul(sin, a, b)
	k.mul(cos, a, a)
}

// logarithm makes log(x) of x, positive and normal: math.Log, from FreeBSD's.
func (k *kernel) logarithm(x reg.Register, free int) {
	const (
		halfSqrt2 = math.Sqrt2 / 2
		ln2High   = 6.93147180369123816490e-01
		ln2Low    = 1.90821492927058770002e-10
		magic     = 1.5 * (1 << 52)
	)
	l := []float64{0, 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
		2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01}
	v := func(i int) reg.Register { return k.v(free + i) }
	f, exponent, small, s, s2, s4, t := v(0), v(1), v(2), v(3), v(4), v(5), v(6)

	// x = f·2^exponent with f from √½ to √2.
	k.and(k.bits(1<<52-1), x, f)
	k.or(k.constant(.5), f, f)
	k.VPSRLQ(operand.Imm(52), x, exponent)
	k.VPSUBQ(k.constant(halfSqrt2), f, small)
	k.VPSRLQ(operand.Imm(63), small, small) // 1 where f is below √½
	k.VPSUBQ(small, exponent, exponent)
	k.VPSLLQ(operand.Imm(52), small, small)
	k.VPADDQ(small, f, f)
	k.VPADDQ(k.bits(math.Float64bits(magic)-0x3FE), exponent, exponent)
	k.subtract(k.constant(magic), exponent, exponent)

	k.subtract(k.constant(1), f, f)
	k.add(k.constant(2), f, s)
	k.divide(s, f, s)
	k.mul(s, s, s2)
	k.mul(s2, s2, s4)
	// t1 = s2 (L1 + s4 (L3 + s4 (L5 + s4 L7))), t2 = s4 (L2 + s4 (L4 + s4 L6))
	k.mul(k.constant(l[7]), s4, t)
	k.add(k.constant(l[5]), t, t)
	k.mul(s4, t, t)
	k.add(k.constant(l[3]), t, t)
	k.mul(s4, t, t)
	k.add(k.constant(l[1]), t, t)
	k.mul(t, s2, s2)
	k.mul(k.constant(l[6]), s4, t)
	k.add(k.constant(l[4]), t, t)
	k.mul(s4, t, t)
	k.add(k.constant(l[2]), t, t)
	k.mul(t, s4, s4)
	k.add(s4, s2, s2)
	half := s4
	k.mul(k.constant(.5), f, half)
	k.mul(f, half, half)
	// exponent·ln2High − ((half − (s (half + R) + exponent·ln2Low)) − f)
	k.add(half, s2, s2)
	k.mul(s2, s, s)
	k.mul(k.constant(ln2Low), exponent, t)
	k.add(t, s, s)
	k.subtract(s, half, half)
	k.subtract(f, half, half)
	k.mul(k.constant(ln2High), exponent, exponent)
	k.subtract(half, exponent, x)
}

// sineCosine assigns sin(x) and cos(x), 0 < x < 2π, to the registers free and
// free + 1: math.Sincos, from Cephes.
func (k *kernel) sineCosine(x reg.Register, free int) {
	sines := []float64{1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1}
	cosines := []float64{-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2}
	v := func(i int) reg.Register { return k.v(free + i) }
	sin, cos, octant, y, z2, t := v(0), v(1), v(2), v(3), v(4), v(5)

	// The octant, rounded up to an even one, from the bits of 2⁵² + octant.
	k.mul(k.constant(4/math.Pi), x, y)
	k.truncate(y, y)
	k.add(k.constant(1<<52), y, octant)
	k.and(k.bits(1), octant, t)
	k.VPADDQ(t, octant, octant)
	k.subtract(k.constant(1<<52), octant, y)
	for _, part := range []float64{7.85398125648498535156e-1, 3.77489470793079817668e-8, 2.69515142907905952645e-15} {
		k.mul(k.constant(part), y, t)
		k.subtract(t, x, x)
	}
	k.mul(x, x, z2)
	horner := func(c []float64, to reg.Register) {
		k.mul(k.constant(c[0]), z2, to)
		for _, c := range c[1 : len(c)-1] {
			k.add(k.constant(c), to, to)
			k.mul(z2, to, to)
		}
		k.add(k.constant(c[len(c)-1]), to, to)
	}
	horner(cosines, cos)
	k.mul(z2, z2, t)
	k.mul(t, cos, cos)
	k.mul(k.constant(.5), z2, t)
	k.move(k.constant(1), y)
	k.subtract(t, y, t)
	k.add(cos, t, cos)
	horner(sines, sin)
	k.mul(z2, x, t)
	k.mul(t, sin, sin)
	k.add(sin, x, sin)

	// Octants 2 and 6 exchange sine and cosine; bits of the octant are signs.
	exchange, sign := y, z2
	k.VPSRLQ(operand.Imm(1), octant, t)
	k.and(k.bits(1), t, t)
	k.zero(exchange)
	k.VPSUBQ(t, exchange, exchange)
	k.xor(sin, cos, x)
	k.and(exchange, x, x)
	k.xor(x, sin, sin)
	k.xor(x, cos, cos)
	k.VPSLLQ(operand.Imm(61), octant, sign)
	k.and(k.bits(1<<63), sign, sign)
	k.xor(sign, sin, sin)
	k.VPSLLQ(operand.Imm(63), t, t)
	k.xor(t, sign, sign)
	k.xor(sign, cos, cos)
}
