package analysis

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"radd/task"
)

// rowsOf returns a table's rows by column, as it is written.
func rowsOf(t *testing.T, table *Table) []map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t *testing.T, row map[string]string, column string) float64 {
	t.Helper()
	if row[column] == "" {
		return nan
	}
	x, err := strconv.ParseFloat(row[column], 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// blockless is the Bayesian actor without blocks by quadrature: the density of
// the summed differences S after n observations, as long as none has crossed the
// threshold, by the trapezoidal rule.
type blockless struct {
	right, left []float64 // (10) probability to act after observation n+1
	out         float64   // to time out
}

// blocklessAt returns what the actor does at a strength on the right side.
//
// Given strength μ a difference is N(μ, 2), and the log likelihood ratio of
// sum S of n of them to strength 0 is μS/2 − nμ²/4.
func blocklessAt(c *task.Config, strength float64) blockless {
	const points, reach = 401, 60. // no bound is farther off
	logOdds := func(S float64, n int) float64 {
		sum := [2]float64{}
		for i, μ := range c.Strengths {
			for side, sign := range []float64{-1, 1} {
				sum[side] += c.StrengthProbabilities[i] * math.Exp(μ*sign*S/2-float64(n)*μ*μ/4)
			}
		}
		return math.Log(sum[1] / sum[0])
	}
	threshold := math.Log(c.ActionThreshold / (1 - c.ActionThreshold))
	bound := func(n int) float64 {
		low, high := 0., reach
		for range 60 {
			if middle := (low + high) / 2; logOdds(middle, n) > threshold {
				high = middle
			} else {
				low = middle
			}
		}
		return high
	}
	normal := func(x float64) float64 { return math.Exp(-x*x/4) / math.Sqrt(4*math.Pi) } // variance 2
	above := func(x float64) float64 { return math.Erfc(x/2) / 2 }
	b := blockless{right: make([]float64, c.MaxObservations), left: make([]float64, c.MaxObservations)}
	nodes, weights := []float64{0}, []float64{1} // of S after n − 1 observations: at first it is 0
	for n := 1; n <= c.MaxObservations; n++ {
		edge := bound(n)
		next, density := make([]float64, points), make([]float64, points)
		step := 2 * edge / (points - 1)
		for i := range next {
			next[i] = -edge + float64(i)*step
		}
		for k, from := range nodes {
			b.right[n-1] += weights[k] * above(edge-from-strength)
			b.left[n-1] += weights[k] * above(edge+from+strength)
			for i, to := range next {
				density[i] += weights[k] * normal(to-from-strength)
			}
		}
		for i := range density {
			density[i] *= step
		}
		density[0], density[points-1] = density[0]/2, density[points-1]/2
		nodes, weights = next, density
	}
	for n := range b.right {
		b.out -= b.right[n] + b.left[n]
	}
	b.out++
	return b
}

// Behavioural curves of the actor without blocks against quadrature. Each share
// is within five standard errors, which one of two hundred exceeds in a run of
// 10,000; the rule's error is below 2e-4.
func TestCurvesOfBlockless(t *testing.T) {
	const sigmas, gridError = 5, 2e-4
	c := task.DefaultConfig()
	c.Blocks = 1000
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: 2, Stream: task.StreamRollout})
	actor := task.NewBayes(task.Blockless, &c)
	trials := make([]task.Trial, s.Trials())
	for n := range trials {
		trials[n] = actor.Play(&s, n)
	}
	curves := NewCurves()
	curves.Add("blockless", PlayedSession(&s, trials))
	want := map[string]blockless{}
	for _, strength := range c.Strengths {
		want[fmt.Sprint(strength)] = blocklessAt(&c, strength)
	}
	total := func(v []float64) (sum float64) {
		for _, x := range v {
			sum += x
		}
		return sum
	}
	near := func(what string, got, want, n float64) {
		t.Helper()
		if bound := sigmas*math.Sqrt(want*(1-want)/n) + gridError; math.Abs(got-want) > bound {
			t.Errorf("%s: %v, want %v ± %v", what, got, want, bound)
		}
	}
	counts := map[string]float64{} // trials by strength
	for _, row := range rowsOf(t, curves.chronometric) {
		b := want[row["strength"]]
		counts[row["strength"]] = number(t, row, "trials")
		mean := b.out * float64(c.MaxSteps())
		square := b.out * float64(c.MaxSteps()*c.MaxSteps())
		for n := range b.right {
			steps := float64(c.BlankSteps + n + 1)
			mean += steps * (b.right[n] + b.left[n])
			square += steps * steps * (b.right[n] + b.left[n])
		}
		got := number(t, row, "mean")
		if bound := sigmas*math.Sqrt((square-mean*mean)/counts[row["strength"]]) + 5*gridError; math.Abs(got-mean) > bound {
			t.Errorf("RNN steps at strength %s: %v, want %v ± %v", row["strength"], got, mean, bound)
		}
	}
	for _, row := range rowsOf(t, curves.outcomes) {
		b := want[row["strength"]]
		p := map[string]float64{"correct": total(b.right), "error": total(b.left), "time-out": b.out}[row["outcome"]]
		near("strength "+row["strength"]+" "+row["outcome"], number(t, row, "share"), p, counts[row["strength"]])
	}
	for _, row := range rowsOf(t, curves.psychometric) {
		b := want[strings.TrimPrefix(row["signed_strength"], "-")]
		p := total(b.right) / (total(b.right) + total(b.left))
		if strings.HasPrefix(row["signed_strength"], "-") {
			p = 1 - p
		}
		near("right at "+row["signed_strength"]+" in block "+row["block_side"], number(t, row, "share"), p, number(t, row, "actions"))
		if low, high := number(t, row, "low"), number(t, row, "high"); !(low <= number(t, row, "share") && number(t, row, "share") <= high) {
			t.Errorf("share beside its interval: %v", row)
		}
	}
	for _, row := range rowsOf(t, curves.byObservations) {
		n := int(number(t, row, "observations")) - 1
		acts, correct := 0., 0.
		for _, b := range want {
			acts += (b.right[n] + b.left[n]) / float64(len(want))
			correct += b.right[n] / float64(len(want))
		}
		near(fmt.Sprintf("correct after %d observations", n+1), number(t, row, "share"), correct/acts, number(t, row, "actions"))
		near(fmt.Sprintf("actions after %d observations", n+1), number(t, row, "actions")/float64(len(trials)), acts, float64(len(trials)))
	}
	fit := rowsOf(t, curves.fits)[0]
	if number(t, fit, "bias_low") > 0 || number(t, fit, "bias_high") < 0 || number(t, fit, "slope") < 1 {
		t.Errorf("blocks move the curve of an actor who does not know them: %v", fit)
	}
}

// A session of three blocks of known trials.
func handPlayed() *Played {
	paper := task.DefaultConfig()
	p := &Played{Observed: true, Feedback: feedback(paper.Rule())}
	for block, length := range []int{3, 4, 2} {
		side := int8(1 - 2*(block%2))
		for n := range length {
			trial := task.Trial{Side: side, BlockSide: side, Strength: float64(n % 2), RNNSteps: 3 + n, Observations: 1 + n, Action: side}
			if block == 1 && n == 0 {
				trial.Action = -side
			}
			if block == 2 && n == 1 {
				trial.Action, trial.Side = 0, -side
			}
			p.Trials = append(p.Trials, trial)
		}
	}
	p.divide([]int{3, 4, 2}, true)
	return p
}

func TestCurvesByHand(t *testing.T) {
	c := NewCurves()
	performance := c.Add("hand", handPlayed())
	if p := float64(performance.CorrectPerTrial.Value); math.Abs(p-7./9) > 1e-12 {
		t.Errorf("correct per trial %v", p)
	}
	find := func(table *Table, where ...string) map[string]string {
		t.Helper()
		for _, row := range rowsOf(t, table) {
			match := true
			for i := 0; i < len(where); i += 2 {
				match = match && row[where[i]] == where[i+1]
			}
			if match {
				return row
			}
		}
		t.Fatalf("%s has no row %v", table.Name, where)
		return nil
	}
	for _, test := range []struct {
		table  *Table
		where  []string
		column string
		want   float64
	}{
		{c.withinBlock, []string{"strengths", "all", "concordance", "all", "trial", "0"}, "share", 2. / 3},
		{c.withinBlock, []string{"strengths", "all", "concordance", "all", "trial", "1"}, "share", 2. / 3},
		{c.withinBlock, []string{"strengths", "zero", "concordance", "all", "trial", "2"}, "trials", 2},
		{c.withinBlock, []string{"strengths", "all", "concordance", "discordant", "trial", "1"}, "trials", 1},
		{c.recovery, []string{"strengths", "all", "trial", "0"}, "share", .5},
		{c.recovery, []string{"strengths", "all", "trial", "0"}, "actions", 2},
		{c.recovery, []string{"strengths", "all", "trial", "1"}, "actions", 1}, // a time-out is no action
		{c.recovery, []string{"strengths", "all", "trial", "-1"}, "share", 0},
		{c.recovery, []string{"strengths", "zero", "trial", "-3"}, "actions", 1},
		{c.outcomes, []string{"strength", "1", "outcome", "time-out"}, "share", .25},
		{c.chronometric, []string{"strength", "0"}, "mean", 19. / 5},
		{c.stepsByOutcome, []string{"strength", "", "correct", "0", "concordant", "1"}, "mean", 3},
		{c.byObservations, []string{"observations", "2"}, "reward", (.95 + .95 - 1.05) / 3},
		{c.byObservations, []string{"observations", "2"}, "reward_rate", (.95 + .95 - 1.05) / 12},
		{c.byObservations, []string{"observations", "1"}, "trial_share", 3. / 9},
		{c.fits, []string{"by", "previous_block_length", "from", "3"}, "trials", 4},
		{c.performance, []string{"figure", "action_rate"}, "value", 8. / 9},
	} {
		if got := number(t, find(test.table, test.where...), test.column); math.Abs(got-test.want) > 1e-8 {
			t.Errorf("%s %v: %s is %v, want %v", test.table.Name, test.where, test.column, got, test.want)
		}
	}
}

// Counts that follow a curve give its parameters back.
func TestPsychometricFit(t *testing.T) {
	const slope, shift, side, n = 1.7, .6, -.2, 100_000
	f := psychometricFit{}
	for _, x := range []float64{-2, -1, -.5, 0, .5, 1, 2} {
		for _, b := range []int8{-1, +1} {
			p := 1 / (1 + math.Exp(-slope*x-shift*float64(b)-side))
			trial := task.Trial{Side: int8(math.Copysign(1, x)), Strength: math.Abs(x), BlockSide: b, Action: +1}
			for i := range n {
				if i == int(p*n+.5) {
					trial.Action = -1
				}
				f.add(trial)
			}
		}
	}
	got := f.fit()
	for _, e := range []struct {
		name string
		estimate
		want float64
	}{{"slope", got.slope, slope}, {"bias", got.bias, shift / slope}, {"side", got.side, side}} {
		if math.Abs(e.value-e.want) > 1e-4 || !(e.low < e.want && e.want < e.high) || e.high-e.low > .1 {
			t.Errorf("%s: %+v, want %v", e.name, e.estimate, e.want)
		}
	}
	for name, f := range map[string]*psychometricFit{
		"nothing":           {},
		"one side always":   fitOf(task.Trial{Side: 1, Strength: 1, BlockSide: 1, Action: 1}, task.Trial{Side: -1, Strength: 1, BlockSide: -1, Action: 1}),
		"perfectly by side": fitOf(task.Trial{Side: 1, Strength: 1, BlockSide: 1, Action: 1}, task.Trial{Side: -1, Strength: 1, BlockSide: -1, Action: -1}, task.Trial{Side: 1, Strength: 2, BlockSide: -1, Action: 1}, task.Trial{Side: -1, Strength: 2, BlockSide: 1, Action: -1}),
	} {
		if got := f.fit(); !math.IsNaN(got.slope.value) || !math.IsNaN(got.bias.low) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func fitOf(trials ...task.Trial) *psychometricFit {
	f := new(psychometricFit)
	for _, t := range trials {
		f.add(t)
	}
	return f
}

// Wilson's interval: its ends are where the observed share is 1.96 standard
// errors away.
func TestWilson(t *testing.T) {
	for _, x := range [][2]int{{0, 10}, {3, 10}, {10, 10}, {500, 1000}} {
		low, high := Wilson(x[0], x[1])
		p, n := float64(x[0])/float64(x[1]), float64(x[1])
		for _, end := range []float64{low, high} {
			if end > 0 && end < 1 {
				if z := math.Abs(p-end) / math.Sqrt(end*(1-end)/n); math.Abs(z-z95) > 1e-9 {
					t.Errorf("%v: the end %v is %v standard errors away", x, end, z)
				}
			}
		}
		if !(low <= p && p <= high && low >= 0 && high <= 1) {
			t.Errorf("%v: %v to %v", x, low, high)
		}
	}
	if low, _ := Wilson(0, 0); !math.IsNaN(low) {
		t.Errorf("of none: %v", low)
	}
}

func TestTable(t *testing.T) {
	table := NewTable("t.csv", "a", "b", "c", "d")
	table.Add("x,y", 3, true, 1./3)
	table.Add("", int8(-1), false, math.Inf(1))
	table.Add("z", int64(2), true, math.Copysign(0, -1))
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	if want := "a,b,c,d\n\"x,y\",3,1,0.333333333\n,-1,0,\nz,2,1,0\n"; b.String() != want || table.Rows() != 3 {
		t.Errorf("%q, want %q", b.String(), want)
	}
	for name, bad := range map[string][]any{"too few": {1, 2, 3}, "another type": {1, 2, 3, []int{}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			table.Add(bad...)
		}()
	}
}
