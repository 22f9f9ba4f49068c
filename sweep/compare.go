package sweep

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"radd/internal/input"
	"radd/internal/parquet"
	"radd/internal/philox"
	"radd/task"
	"radd/train"
)

// Difference is one measure of behaviour in two sets of runs: the means over the
// runs, their difference, and what a hierarchical bootstrap makes of it.
type Difference struct {
	Measure    string     `json:"measure"`
	A          task.Ratio `json:"a"`
	B          task.Ratio `json:"b"`
	Difference task.Ratio `json:"difference"` // A − B
	Low        task.Ratio `json:"low"`        // 2.5th and 97.5th percentile
	High       task.Ratio `json:"high"`
	Different  bool       `json:"different"` // 0 lies outside of them
	Margin     task.Ratio `json:"margin"`
	Equivalent bool       `json:"equivalent"` // the 5th and the 95th percentile lie within ± margin
}

// share is a quotient of sums.
type share struct{ of, over float64 }

// played is a run's behaviour: for every pair of successive blocks, a left and a
// right one, the sums that each measure is the quotient of.
type played struct {
	pairs []map[string]share
}

// crossEntropy is the measure of nats, which is a share of observations.
const crossEntropy = "cross_entropy_per_observation"

// switchTrials is the number of trials from a block's start that are followed: no
// default block is shorter.
const switchTrials = 20

func readPlayed(ctx context.Context, run string, opt train.Options) (*played, error) {
	rollout, err := train.RolloutMade(ctx, run, opt)
	if err != nil {
		return nil, err
	}
	p := &played{}
	block, within := int64(-1), 0
	for r, err := range parquet.Read[train.TrialRow](filepath.Join(rollout.Out, trialsFile)) {
		if err != nil {
			return nil, err
		}
		if r.Block != block || block < 0 {
			if block, within = block+1, 0; r.Block != block {
				return nil, &input.Error{File: rollout.Out, Field: "block", Found: fmt.Sprint(r.Block), Allowed: "blocks one after the other"}
			}
			if block%2 == 0 {
				p.pairs = append(p.pairs, map[string]share{})
			}
		}
		p.add(&r, within)
		within++
	}
	if len(p.pairs) == 0 {
		return nil, &input.Error{File: rollout.Out, Found: "a rollout without trials"}
	}
	return p, nil
}

// add takes in a trial, the one of that number in its block, to the newest pair.
func (p *played) add(r *train.TrialRow, within int) {
	pair := p.pairs[len(p.pairs)-1]
	count := func(measure string, x float64) {
		s := pair[measure]
		pair[measure] = share{s.of + x, s.over + 1}
	}
	truth := func(measure string, yes bool) {
		x := 0.0
		if yes {
			x = 1
		}
		count(measure, x)
	}
	concordance := "discordant"
	if r.TrialSide == r.BlockSide {
		concordance = "concordant"
	}
	count("rnn_steps_per_trial", float64(r.RNNSteps))
	nats := pair[crossEntropy]
	pair[crossEntropy] = share{nats.of + r.CrossEntropy, nats.over + float64(r.Observations)}
	truth("action_rate", r.Action != 0)
	truth("correct_per_trial", r.Correct)
	if r.Action != 0 {
		truth("correct_per_action", r.Correct)
	}
	truth("correct_"+concordance, r.Correct)
	if r.Strength == 0 {
		truth("correct_zero_strength_"+concordance, r.Correct)
	}
	block := "left"
	if r.BlockSide > 0 {
		block = "right"
	}
	signed := r.Strength * float64(r.TrialSide)
	if r.Strength == 0 {
		signed = 0
	}
	outcome := "error"
	switch {
	case r.Correct:
		outcome = "correct"
	case r.Action == 0:
		outcome = "time-out"
	}
	for _, o := range []string{"correct", "error", "time-out"} {
		truth(fmt.Sprintf("outcomes: %s at %g", o, r.Strength), o == outcome)
	}
	count(fmt.Sprintf("chronometric: rnn_steps at %g", r.Strength), float64(r.RNNSteps))
	count(fmt.Sprintf("chronometric: rnn_steps at %g, %s", r.Strength, concordance), float64(r.RNNSteps))
	if r.Action != 0 {
		truth(fmt.Sprintf("psychometric: right at %+g, %s block", signed, block), r.Action > 0)
		count(fmt.Sprintf("rnn_steps by outcome: %s, %s", outcome, concordance), float64(r.RNNSteps))
		truth(fmt.Sprintf("by observations: correct after %02d", r.Observations), r.Correct)
	}
	if within >= switchTrials {
		return
	}
	truth(fmt.Sprintf("within a block: correct in trial %02d, %s", within+1, concordance), r.Correct)
	if r.Block > 0 && r.Action != 0 {
		toward := r.Action == r.BlockSide
		truth(fmt.Sprintf("recovery: toward the block in trial %02d", within+1), toward)
		if r.Strength == 0 {
			truth(fmt.Sprintf("recovery: toward the block at 0, trials %02d to %02d", within/5*5+1, within/5*5+5), toward)
		}
	}
}

// table returns the run's sums as rows of pairs, a column a measure.
func (p *played) table(measures []string) [][]share {
	rows := make([][]share, len(p.pairs))
	for i, pair := range p.pairs {
		for _, m := range measures {
			rows[i] = append(rows[i], pair[m])
		}
	}
	return rows
}

// compareSeed and compareResamples are those of the hierarchical bootstrap: ends
// of an interval to about 3 % of its width.
const (
	compareSeed      = 1
	compareResamples = 2000
)

// Compare holds the runs of one set against those of another, for every figure
// of behaviour and every point of the behavioural curves. Runs, as their seeds,
// are the units: each bootstrap sample draws runs, and within each drawn run pairs
// of blocks. The margin is relative to the second set's mean. Missing rollouts are
// made.
//
// Source: Saravanan, Berman and Sober 2020, the hierarchical bootstrap; Schuirmann
// 1987, equivalence by two one-sided tests at 5 %.
func Compare(ctx context.Context, a, b []string, margin float64, opt train.Options) ([]Difference, error) {
	if !(margin > 0) {
		return nil, &input.Error{File: "--margin", Found: fmt.Sprint(margin), Allowed: "a number above 0"}
	}
	var sets [2][]*played
	seen := map[string]bool{}
	for k, runs := range [][]string{a, b} {
		for _, run := range runs {
			p, err := readPlayed(ctx, run, opt)
			if err != nil {
				return nil, err
			}
			sets[k] = append(sets[k], p)
			for _, pair := range p.pairs {
				for m := range pair {
					seen[m] = true
				}
			}
		}
		if len(runs) == 0 {
			return nil, &input.Error{File: "radd compare", Found: "a set without runs", Allowed: "radd compare A… --against B…"}
		}
	}
	measures := sortedKeys(seen)
	curve := func(measure string) int { return strings.Count(measure, ":") }
	slices.SortStableFunc(measures, func(a, b string) int { return curve(a) - curve(b) }) // figures, then points of curves
	var tables [2][][][]share
	for k, set := range sets {
		for _, p := range set {
			tables[k] = append(tables[k], p.table(measures))
		}
	}
	n := len(measures)
	var means [2][]float64
	for k := range tables {
		means[k] = meanOf(n, tables[k], nil)
	}
	samples := make([][]float64, n)
	for r := range compareResamples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d := draws{sample: uint32(r)}
		x := meanOf(n, tables[0], &d)
		y := meanOf(n, tables[1], &d)
		for m := range n {
			if diff := x[m] - y[m]; !math.IsNaN(diff) {
				samples[m] = append(samples[m], diff)
			}
		}
	}
	var list []Difference
	for m, name := range measures {
		d := Difference{Measure: name, A: task.Ratio(means[0][m]), B: task.Ratio(means[1][m]), Difference: task.Ratio(means[0][m] - means[1][m]),
			Low: task.Ratio(math.NaN()), High: task.Ratio(math.NaN()), Margin: task.Ratio(margin * math.Abs(means[1][m]))}
		if s := samples[m]; len(s) > 0 {
			slices.Sort(s)
			d.Low, d.High = task.Ratio(percentile(s, .025)), task.Ratio(percentile(s, .975))
			d.Different = d.Low > 0 || d.High < 0
			d.Equivalent = percentile(s, .05) >= -float64(d.Margin) && percentile(s, .95) <= float64(d.Margin)
		}
		list = append(list, d)
	}
	return list, nil
}

// draws is the stream of random numbers of one bootstrap sample.
type draws struct {
	sample uint32
	at     uint32
	words  philox.Words
}

// below returns a number from 0 to n−1.
func (d *draws) below(n int) int {
	if d.at%4 == 0 {
		d.words = philox.Draw(compareSeed, task.StreamBootstrap.Counter(d.at/4, d.sample, 0, 0))
	}
	x := d.words[d.at%4]
	d.at++
	return int(uint64(x) * uint64(n) >> 32)
}

// meanOf returns the mean over runs of every measure: of all runs and pairs, or,
// where d is not nil, of as many drawn with replacement. Runs for which a measure
// does not exist are left out of it.
func meanOf(measures int, runs [][][]share, d *draws) []float64 {
	mean := make([]float64, measures)
	counts := make([]float64, measures)
	sums := make([]share, measures)
	for i := range runs {
		run := runs[i]
		if d != nil {
			run = runs[d.below(len(runs))]
		}
		clear(sums)
		for k := range run {
			pair := run[k]
			if d != nil {
				pair = run[d.below(len(run))]
			}
			for m, s := range pair {
				sums[m].of += s.of
				sums[m].over += s.over
			}
		}
		for m, s := range sums {
			if s.over > 0 {
				mean[m] += s.of / s.over
				counts[m]++
			}
		}
	}
	for m := range mean {
		mean[m] /= counts[m] // NaN where no run has it
	}
	return mean
}
