package analysis

import "math"

// z95 is the 97.5th percentile of the standard normal distribution.
const z95 = 1.959963984540054

// Wilson returns a 95 % interval of a share of which yes among n were counted;
// NaN of none.
//
// Source: Wilson, "Probable inference, the law of succession, and statistical
// inference", 1927.
func Wilson(yes, n int) (low, high float64) {
	N, p := float64(n), float64(yes)/float64(n)
	centre := p + z95*z95/(2*N)
	half := z95 * math.Sqrt(p*(1-p)/N+z95*z95/(4*N*N))
	scale := 1 + z95*z95/N
	return max(0, (centre-half)/scale), min(1, (centre+half)/scale)
}

// moments sum up numbers.
//
// Source: Welford 1962.
type moments struct {
	n                int
	average, squares float64
}

func (m *moments) add(x float64) {
	m.n++
	d := x - m.average
	m.average += d / float64(m.n)
	m.squares += float64(d * (x - m.average))
}

// mean returns the mean, NaN of none.
func (m *moments) mean() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return m.average
}

// sd returns the standard deviation, with divisor n − 1.
func (m *moments) sd() float64 { return math.Sqrt(m.squares / float64(m.n-1)) }

// interval returns mean ± 1.96 standard errors.
func (m *moments) interval() (low, high float64) {
	half := z95 * m.sd() / math.Sqrt(float64(m.n))
	return m.mean() - half, m.mean() + half
}
