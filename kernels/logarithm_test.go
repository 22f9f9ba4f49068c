package kernels

import (
	"math"
	"math/big"
	"testing"
)

// TestLogarithm compares it with the series of the logarithm in 200 bits.
func TestLogarithm(t *testing.T) {
	const ulps = 2.5 // of log(1 + e); an exponential is within one, log1p within 2 of its argument's
	worst := 0.0
	for i := range 4000 {
		e := math.Ldexp(float64(i+1)/4000, -i%7*9)
		got, want := log1p(e), bigLog1p(e)
		d := new(big.Float).Sub(big.NewFloat(got), want)
		off, _ := d.Float64()
		rounded, _ := want.Float64()
		worst = max(worst, math.Abs(off)/(math.Nextafter(rounded, 2)-rounded))
	}
	t.Logf("log1p is within %.2f ulp", worst)
	if worst > ulps {
		t.Errorf("log1p is off by %.2f ulp, allowed %v", worst, ulps)
	}
	for _, x := range []struct{ d, want float64 }{
		{0, -math.Ln2},
		{800, 0},
		{-800, -800},
		{math.Inf(1), 0},
		{math.Inf(-1), math.Inf(-1)},
		{40, -math.Exp(-40)},
		{-40, -40},
	} {
		if got := LogSigmoid(x.d); math.Abs(got-x.want) > 1e-15*math.Abs(x.want) && got != x.want {
			t.Errorf("LogSigmoid(%v) is %v, want %v", x.d, got, x.want)
		}
	}
	if got := LogSigmoid(math.NaN()); !math.IsNaN(got) {
		t.Errorf("LogSigmoid(NaN) is %v", got)
	}
}

// bigLog1p returns log(1 + e) = 2 atanh(e/(2 + e)) for 0 < e ≤ 1.
func bigLog1p(e float64) *big.Float {
	const precision = 200
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }
	x := number(e)
	s := new(big.Float).Quo(x, new(big.Float).Add(number(2), x))
	square := new(big.Float).Mul(s, s)
	sum, power := number(0), new(big.Float).Set(s)
	for k := 1.0; k < 140; k += 2 {
		sum.Add(sum, new(big.Float).Quo(power, number(k)))
		power.Mul(power, square)
	}
	return sum.Mul(sum, number(2))
}
