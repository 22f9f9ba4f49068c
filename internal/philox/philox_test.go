package philox

import (
	"math"
	"testing"
)

// The known-answer vectors that Random123 ships for philox4x32, 10 rounds.
func TestKnownAnswers(t *testing.T) {
	for _, v := range []struct {
		key  uint64
		in   Counter
		want Words
	}{
		{0, Counter{}, Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{math.MaxUint64, Counter{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxUint32},
			Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0_a4093822, Counter{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Draw(v.key, v.in); got != v.want {
			t.Errorf("Draw(%#x, %#x) = %#x, want %#x", v.key, v.in, got, v.want)
		}
	}
}

func TestUniformIsOpenAndExact(t *testing.T) {
	for _, w := range []uint32{0, 1, 1 << 9, 1 << 31, math.MaxUint32} {
		u := Uniform(w)
		if u <= 0 || u >= 1 || float64(float32(u)) != u {
			t.Errorf("Uniform(%#x) = %v: not in (0, 1) or not a float32", w, u)
		}
	}
}

func TestThreshold(t *testing.T) {
	for p, want := range map[float64]uint64{0: 0, 0.5: 1 << 31, 1: 1 << 32} {
		if got := Threshold(p); got != want {
			t.Errorf("Threshold(%v) = %d, want %d", p, got, want)
		}
	}
}

// Moments of 2¹⁷ pairs; the bounds are five standard errors.
func TestNormalMoments(t *testing.T) {
	const pairs = 1 << 17
	var sum, square, cross float64
	for i := range uint32(pairs) {
		w := Draw(7, Counter{i})
		x, y := Normal2(w[0], w[1])
		sum += x + y
		square += x*x + y*y
		cross += x * y
	}
	const n = 2 * pairs
	if mean := sum / n; math.Abs(mean) > 5/math.Sqrt(n) {
		t.Errorf("mean %v", mean)
	}
	if variance := square / n; math.Abs(variance-1) > 5*math.Sqrt2/math.Sqrt(n) {
		t.Errorf("variance %v", variance)
	}
	if covariance := cross / pairs; math.Abs(covariance) > 5/math.Sqrt(pairs) {
		t.Errorf("covariance %v", covariance)
	}
}

func BenchmarkDraw(b *testing.B) {
	var sum uint32
	for i := range b.N {
		sum += Draw(1, Counter{uint32(i)})[0]
	}
	_ = sum
}
