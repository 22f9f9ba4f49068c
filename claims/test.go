package claims

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"radd/internal/philox"
	"radd/task"
)

// Outcome is what a test says of a claim.
type Outcome int

// The outcomes.
const (
	Undecided Outcome = iota
	Supports
	Against
)

func (o Outcome) String() string { return [...]string{"undecided", "supports", "against"}[o] }

// Test is one of a study's primary tests: a figure's mean over seeds, or its
// standard deviation, against bounds that were fixed beforehand.
type Test struct {
	Name           string
	Spread         bool // the figure is the standard deviation over seeds
	Units          int  // seeds for which the figure exists
	Value          float64
	Low, High      float64 // 95 % bootstrap interval
	Least, Most    float64 // the bounds; infinite where there is none
	Within, Beyond float64 // p, of the figure lying within the bounds, and outside of them
	Outcome        Outcome // after Holm's correction over the study's tests
}

// below and above are the bounds of tests that have one only.
var below, above = math.Inf(-1), math.Inf(1)

// alpha is the level of all tests.
const alpha = .05

// Mean returns the test of a figure's mean over seeds against the bounds least
// and most, of which one may be infinite: two one-sided t tests. Values that do not
// exist are left out; of fewer than two nothing can be told.
//
// Source: Schuirmann 1987.
func Mean(name string, values []float64, least, most float64) Test {
	values = existing(values)
	t := Test{Name: name, Units: len(values), Least: least, Most: most, Within: 1, Beyond: 1}
	t.Value, t.Low, t.High = MeanInterval(values)
	if t.Units < 2 {
		return t
	}
	se := deviation(values) / math.Sqrt(float64(t.Units))
	over := func(bound float64) float64 { return upper(t.Value-bound, se, t.Units-1) } // p of a mean above the bound
	under := func(bound float64) float64 { return upper(bound-t.Value, se, t.Units-1) }
	t.Within = max(over(least), under(most))
	t.Beyond = min(under(least), over(most))
	return t
}

// upper returns the p value of a difference above 0 by Student's t.
func upper(difference, se float64, freedom int) float64 {
	switch {
	case math.IsInf(difference, 1) || se == 0 && difference > 0:
		return 0
	case math.IsInf(difference, -1) || se == 0:
		return 1
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(freedom)}.Survival(difference / se)
}

// Spread returns the test of a figure's standard deviation over seeds against
// an upper bound, by χ².
func Spread(name string, values []float64, most float64) Test {
	values = existing(values)
	t := Test{Name: name, Spread: true, Units: len(values), Least: math.Inf(-1), Most: most, Within: 1, Beyond: 1}
	t.Value, t.Low, t.High = interval(values, deviation)
	if t.Units < 2 {
		return t
	}
	freedom := float64(t.Units - 1)
	x := distuv.ChiSquared{K: freedom}
	ratio := freedom * t.Value * t.Value / (most * most)
	t.Within, t.Beyond = x.CDF(ratio), x.Survival(ratio)
	return t
}

// settle decides the tests by Holm's step-down procedure, once for the
// hypotheses that figures lie within their bounds and once for the contrary.
//
// Source: Holm 1979.
func settle(tests []Test) {
	holm := func(p func(*Test) float64, outcome Outcome) {
		order := make([]int, len(tests))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch x, y := p(&tests[a]), p(&tests[b]); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		for rank, i := range order {
			if p(&tests[i])*float64(len(tests)-rank) > alpha {
				return
			}
			tests[i].Outcome = outcome
		}
	}
	for i := range tests {
		tests[i].Outcome = Undecided
	}
	holm(func(t *Test) float64 { return t.Within }, Supports)
	holm(func(t *Test) float64 { return t.Beyond }, Against)
}

// Verdict is what comes out of a study.
type Verdict string

// The verdicts.
const (
	Holds            Verdict = "holds"
	HoldsOnCondition Verdict = "holds with a condition"
	DoesNotHold      Verdict = "does not hold"
	CannotBeTold     Verdict = "can’t be told"
)

// verdict returns the verdict of settled tests.
func verdict(tests []Test) Verdict {
	var count [3]int
	for _, t := range tests {
		count[t.Outcome]++
	}
	switch {
	case count[Supports] == len(tests) && len(tests) > 0:
		return Holds
	case count[Supports] > 0:
		return HoldsOnCondition
	case count[Against] > 0:
		return DoesNotHold
	}
	return CannotBeTold
}

// bounds tells of the test's bounds in words.
func (t *Test) bounds() string {
	switch {
	case math.IsInf(t.Least, -1) && t.Spread:
		return "SD at most " + short(t.Most)
	case math.IsInf(t.Least, -1):
		return "at most " + short(t.Most)
	case math.IsInf(t.Most, 1):
		return "at least " + short(t.Least)
	case t.Least == -t.Most:
		return "±" + short(t.Most)
	}
	return short(t.Least) + " to " + short(t.Most)
}

// resamples gives the ends of an interval to about 3 % of its width.
const resamples = 2000

// MeanInterval returns the mean of values that exist, with its 95 % percentile
// bootstrap interval; NaN of none.
func MeanInterval(values []float64) (value, low, high float64) {
	return interval(existing(values), mean)
}

// interval returns a statistic of values with its 95 % percentile bootstrap interval.
func interval(values []float64, statistic func([]float64) float64) (value, low, high float64) {
	n := uint64(len(values))
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	samples, drawn := make([]float64, resamples), make([]float64, n)
	for r := range samples {
		var words philox.Words
		for i := range drawn {
			if i%4 == 0 {
				words = philox.Draw(1, task.StreamBootstrap.Counter(uint32(i/4), uint32(r), 0, 0))
			}
			drawn[i] = values[uint64(words[i%4])*n>>32]
		}
		samples[r] = statistic(drawn)
	}
	slices.Sort(samples)
	at := func(p float64) float64 { return samples[int(p*float64(resamples-1)+.5)] }
	return statistic(values), at(.025), at(.975)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, x := range values {
		sum += x
	}
	return sum / float64(len(values))
}

// deviation is the standard deviation of a sample, 0 of one value.
func deviation(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, x := range values {
		sum += float64((x - m) * (x - m))
	}
	return math.Sqrt(sum / float64(max(len(values)-1, 1)))
}

// existing returns the values that are numbers.
func existing(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}

// short writes a number with three significant digits.
func short(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	if a := math.Abs(x); a >= 1000 && a < 1e7 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// spoken returns a mean of values with its interval.
func spoken(values []float64) string {
	m, low, high := MeanInterval(values)
	return fmt.Sprintf("%s [%s, %s]", short(m), short(low), short(high))
}

// percent writes a share.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
