package cpu

import (
	"math"
	"math/big"
	"math/bits"
	"testing"

	"radd/kernels"
)

// tanhTolerance is the promise, in units of the last place of the true value.
const tanhTolerance = 3

// TestTanh compares the vectorised tanh with values computed in 200 bits.
func TestTanh(t *testing.T) {
	forVectorISAs(t, tanhAccuracy[float32], tanhAccuracy[float64])
}

func tanhAccuracy[F kernels.Float](t *testing.T, isa ISA) {
	sweep := 40000
	if testing.Short() {
		sweep = 2000
	}
	var xs []F
	// Evenly over the range, and evenly over the exponents from the smallest
	// subnormal to the largest number.
	for i := range sweep {
		xs = append(xs, F(22*(float64(i)+.3)/float64(sweep)))
		xs = append(xs, fraction[F](float64(i)/float64(sweep)))
	}
	// Where the exponent k of the reduction changes, where the result rounds to
	// 1, and where x² vanishes.
	for k := range 60 {
		xs = append(xs, around(F((float64(k)+.5)*math.Ln2/2), 40)...)
	}
	for _, x := range []float64{.25, .5, 1, 2, 9.01, 9.011, 10, 18.714, 19.0615, 20, 0x1p-12, 0x1p-26, 0x1p-27, 0x1p-63, 0x1p-126, 0x1p-511, 0x1p-1022} {
		xs = append(xs, around(F(x), 40)...)
	}
	got := append([]F(nil), xs...)
	routinesOf[F](isa).tanh(got)
	worst, at := 0.0, F(0)
	for i, x := range xs {
		if off := ulps(got[i], bigTanh(float64(x))); off > worst {
			worst, at = off, x
		}
	}
	t.Logf("%d values: within %.2f ulp (at %v)", len(xs), worst, at)
	if worst > tanhTolerance {
		t.Errorf("tanh(%v) is off by %.2f ulp, allowed %v", at, worst, tanhTolerance)
	}
}

// TestTanhSweep compares it with math.Tanh, which is within 1e-15 of the true
// value, over the range of float32: every number in 61.
func TestTanhSweep(t *testing.T) {
	const (
		stride = 61
		slack  = 1e-15 / 0x1p-24 // of math.Tanh, in ulps of float32
	)
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, isa := range vectorISAs() {
		tanh := routinesOf[float32](isa).tanh
		var x, y [1 << 12]float32
		worst := 0.0
		infinity := math.Float32bits(float32(math.Inf(1)))
		for from := uint32(0); from < infinity; {
			for i := range x {
				x[i] = math.Float32frombits(min(from, infinity))
				from += stride
			}
			y = x
			tanh(y[:])
			for i, v := range y {
				want := math.Tanh(float64(x[i]))
				worst = max(worst, math.Abs(float64(v)-want)/unit[float32](want))
			}
		}
		t.Logf("%s: within %.3f ulp", isa, worst)
		if worst > tanhTolerance-slack {
			t.Errorf("%s: tanh is off by %.3f ulp, allowed %v", isa, worst, tanhTolerance)
		}
	}
}

func TestTanhSpecial(t *testing.T) {
	forVectorISAs(t, tanhSpecial[float32], tanhSpecial[float64])
}

func tanhSpecial[F kernels.Float](t *testing.T, isa ISA) {
	tanh := routinesOf[F](isa).tanh
	smallest := fraction[F](0)
	infinity := F(math.Inf(1))
	for _, test := range []struct{ x, want F }{
		{0, 0}, {smallest, smallest}, {3 * smallest, 3 * smallest},
		{infinity, 1}, {25, 1}, {1e30, 1}, {fraction[F](1), 1},
	} {
		for _, sign := range []F{1, F(math.Copysign(1, -1))} {
			got := []F{sign * test.x}
			tanh(got)
			want := F(math.Copysign(float64(test.want), float64(sign)))
			if got[0] != want || math.Signbit(float64(got[0])) != math.Signbit(float64(want)) {
				t.Errorf("tanh(%v) is %v, want %v", sign*test.x, got[0], want)
			}
		}
	}
	// NaN stays where it is, and every length goes as far as it says.
	const most = 70
	for n := range most {
		var x, mirrored [most]F
		for i := range x {
			x[i] = F(math.Sin(float64(i*i+1))) * 4
			mirrored[i] = -x[i]
		}
		nan := n / 2
		x[nan], mirrored[nan] = F(math.NaN()), F(math.NaN())
		before := x
		tanh(x[:n])
		tanh(mirrored[:n])
		for i, y := range x {
			switch {
			case i >= n && y != before[i] && i != nan:
				t.Errorf("tanh of %d elements wrote to element %d", n, i)
			case i == nan && y == y:
				t.Errorf("tanh(NaN) is %v", y)
			case i < n && i != nan && y != -mirrored[i]:
				t.Errorf("tanh(%v) is %v, tanh(%v) is %v", before[i], y, -before[i], mirrored[i])
			case i < n && i != nan && !(math.Abs(float64(y)-math.Tanh(float64(before[i]))) < 1e-6):
				t.Errorf("tanh(%v) is %v", before[i], y)
			}
		}
	}
}

// TestOdds compares the vectorised exponential with Go's.
func TestOdds(t *testing.T) {
	const tolerance = 4e-16 // two units of the last place of numbers below a power of two: both are within one
	for _, isa := range Supported() {
		odds := routinesOf[float64](isa).odds
		for n := range 40 {
			var d [40]float64
			for i := range d {
				d[i] = 40 * math.Sin(float64(i+n*n)) * math.Sin(float64(i))
			}
			before := d
			odds(d[:n])
			for i, got := range d {
				want := before[i]
				if i < n {
					want = kernels.Odds(want)
				}
				if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
					t.Fatalf("%s: of %d, odds(%v) is %v, want %v", isa, n, before[i], got, want)
				}
			}
		}
		special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 1e300, -800, math.NaN()}
		odds(special)
		for i, want := range []float64{1, 1, 0, 0, 0, 0} {
			if math.Abs(special[i]-want) > 1e-300 {
				t.Errorf("%s: odds %d is %v, want %v", isa, i, special[i], want)
			}
		}
		if !math.IsNaN(special[6]) {
			t.Errorf("%s: the odds of NaN are %v", isa, special[6])
		}
	}
}

// fraction returns the positive number of the type at a fraction of the way, in
// its own order, from the smallest to the largest finite one.
func fraction[F kernels.Float](p float64) F {
	if kernels.Dtype[F]() == "f32" {
		last := float64(math.Float32bits(math.MaxFloat32) - 1)
		return F(math.Float32frombits(1 + uint32(p*last)))
	}
	high, low := bits.Mul64(math.Float64bits(math.MaxFloat64)-1, uint64(p*(1<<53)))
	return F(math.Float64frombits(1 + (high<<11 | low>>53)))
}

// around returns count numbers of the type on either side of x.
func around[F kernels.Float](x F, count int) []F {
	var list []F
	up, down := x, x
	for range count {
		list = append(list, up, down)
		if kernels.Dtype[F]() == "f32" {
			up, down = F(math.Nextafter32(float32(up), 100)), F(math.Nextafter32(float32(down), 0))
		} else {
			up, down = F(math.Nextafter(float64(up), 100)), F(math.Nextafter(float64(down), 0))
		}
	}
	return list
}

// unit returns the unit of the last place of a number of the type near x > 0.
func unit[F kernels.Float](x float64) float64 {
	precision, smallest := 53, -1074
	if kernels.Dtype[F]() == "f32" {
		precision, smallest = 24, -149
	}
	_, exponent := math.Frexp(x)
	return math.Ldexp(1, max(exponent-precision, smallest))
}

// ulps returns the distance of got from want in units of want's last place.
func ulps[F kernels.Float](got F, want *big.Float) float64 {
	rounded, _ := want.Float64()
	off, _ := new(big.Float).Sub(new(big.Float).SetFloat64(float64(got)), want).Float64()
	return math.Abs(off) / unit[F](rounded)
}

// bigTanh returns tanh(x), x ≥ 0, to 200 bits.
func bigTanh(x float64) *big.Float {
	const precision = 200
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }
	if x < 0x1p-70 { // tanh(x) = x (1 − x²/3 + …)
		return number(x)
	}
	if x > 100 {
		return number(1)
	}
	// expm1(y) = Σ y^i/i! of y = 2x/2^halvings, then expm1(2y) = expm1(y) (expm1(y) + 2).
	const halvings = 12
	y := new(big.Float).SetMantExp(number(2*x), -halvings)
	sum, term := number(0), number(1)
	for i := 1; term.MantExp(nil) > y.MantExp(nil)-precision; i++ {
		term.Mul(term, y)
		term.Quo(term, number(float64(i)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, new(big.Float).Add(sum, number(2)))
	}
	return sum.Quo(sum, new(big.Float).Add(sum, number(2)))
}
