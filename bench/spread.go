package bench

import (
	"fmt"
	"math"
	"slices"
	"time"

	"radd/internal/cputime"
)

// Spread is what repeated measurements of one thing gave.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // the least
	High   float64 `json:"high"` // the most
}

// spread returns the spread of one or more measurements.
func spread(measured []float64) Spread {
	sorted := slices.Sorted(slices.Values(measured))
	n := len(sorted)
	return Spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// Format writes the spread with so many significant digits.
func (s Spread) Format(digits int) string {
	return fmt.Sprintf("%s (%s – %s)", significant(s.Median, digits), significant(s.Low, digits), significant(s.High, digits))
}

// significant writes a number with so many significant digits, and without an
// exponent.
func significant(x float64, digits int) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	behind := digits - 1 - int(math.Floor(math.Log10(math.Abs(x))))
	return fmt.Sprintf("%.*f", max(0, behind), x)
}

// samples are the measurements of named things, a row a round.
type samples map[string][]float64

func (s samples) add(name string, x float64) { s[name] = append(s[name], x) }

// spread returns the spread of a thing.
func (s samples) spread(name string) Spread { return spread(s[name]) }

// each returns f of every round's measurements.
func (s samples) each(f func(of func(name string) float64) float64) []float64 {
	rounds := 0
	for _, list := range s {
		rounds = len(list)
	}
	values := make([]float64, rounds)
	for i := range values {
		values[i] = f(func(name string) float64 { return s[name][i] })
	}
	return values
}

// clockStep is the time below which the clock's own call would show.
const clockStep = 50 * time.Microsecond

// burst calls f again and again for that processor time, three times at least,
// and returns the nanoseconds that a unit took in the fastest of them: what other
// programs take of a core, or of its caches, is no part of it. f returns the
// units that it did; calls that are too short for the clock are taken together.
func burst(least time.Duration, f func() int) float64 { return fastest(cputime.Process, least, f) }

// wallBurst is burst by the clock on the wall, for work that is not one core's.
func wallBurst(least time.Duration, f func() int) float64 {
	start := time.Now()
	return fastest(func() time.Duration { return time.Since(start) }, least, f)
}

func fastest(clock func() time.Duration, least time.Duration, f func() int) float64 {
	best, together := math.Inf(1), 1
	start := clock()
	for times, last := 0, start; times < 3 || last-start < least; {
		units := 0
		for range together {
			units += f()
		}
		now := clock()
		if now-last >= clockStep {
			best = min(best, float64(now-last)/float64(units))
			times++
		} else {
			together *= 2
		}
		last = now
	}
	return best
}
