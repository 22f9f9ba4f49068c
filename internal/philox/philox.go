// Package philox is the counter-based generator Philox4x32-10: four random
// words are a pure function of a 128-bit counter and a 64-bit key, so that any
// draw of any run can be made alone, on any device, in any order.
//
// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011 (Random123).
package philox

import (
	"math"
	"math/bits"
)

// Counter and Words are the input and the output of the generator.
type (
	Counter = [4]uint32
	Words   = [4]uint32
)

const (
	rounds      = 10
	multiplier0 = 0xD2511F53
	multiplier1 = 0xCD9E8D57
	weyl0       = 0x9E3779B9 // golden ratio
	weyl1       = 0xBB67AE85 // √3 − 1
)

// Draw returns the four words at the counter c under the key. The key's low
// word is Random123's key[0].
func Draw(key uint64, c Counter) Words {
	k0, k1 := uint32(key), uint32(key>>32)
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for range rounds {
		hi0, lo0 := bits.Mul32(multiplier0, c0)
		hi1, lo1 := bits.Mul32(multiplier1, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += weyl0
		k1 += weyl1
	}
	return Words{c0, c1, c2, c3}
}

// Uniform maps a word to the open interval (0, 1): (k + ½)/2²³ with k the
// word's top 23 bits, exact in float32 and in float64.
func Uniform(word uint32) float64 {
	return (float64(word>>9) + 0.5) / (1 << 23)
}

// Normal2 maps two words to two independent standard normal deviates, by Box
// and Muller's transform in its trigonometric form. The largest magnitude that
// can come out is √(48 ln 2) = 5.77.
func Normal2(a, b uint32) (x, y float64) {
	radius := math.Sqrt(-2 * math.Log(Uniform(a)))
	sin, cos := math.Sincos(2 * math.Pi * Uniform(b))
	return radius * cos, radius * sin
}

// Normals draws at the counter c, and at the seven after it in their second
// word: deviates[i][j] is the i-th of the four deviates that Normal2 makes of
// the words at c[1] + j, of the first two and of the last two.
func Normals(deviates *[4][8]float64, key uint64, c Counter) {
	for j := range deviates[0] {
		w := Draw(key, Counter{c[0], c[1] + uint32(j), c[2], c[3]})
		deviates[0][j], deviates[1][j] = Normal2(w[0], w[1])
		deviates[2][j], deviates[3][j] = Normal2(w[2], w[3])
	}
}

// Threshold returns the word threshold k with P(word < k) nearest to the
// probability p in [0, 1]: a word w is a success where uint64(w) < k. It is how
// everything discrete is drawn, so that no device's floating point matters.
func Threshold(p float64) uint64 {
	return uint64(math.Round(p * (1 << 32)))
}
