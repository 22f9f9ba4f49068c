package analysis

import (
	"gonum.org/v1/gonum/floats"

	"radd/task"
)

// Effects compare what one observation does to the state with what feedback
// does.
type Effects struct {
	// Per unit of right − left: the slope of the observation's effect.
	ObservationStimulus task.Ratio `json:"observation_stimulus"`
	ObservationBlock    task.Ratio `json:"observation_block"`
	// Of a correct right action's feedback, less that of a correct left one's,
	// halved: what tells sides apart. The feedback is +1 either way, so only the
	// state can. Then the mean of the two, which tells nothing.
	FeedbackStimulus       task.Ratio `json:"feedback_stimulus"`
	FeedbackBlock          task.Ratio `json:"feedback_block"`
	FeedbackStimulusCommon task.Ratio `json:"feedback_stimulus_common"`
	FeedbackBlockCommon    task.Ratio `json:"feedback_block_common"`
	// Over the standard deviation of the activity along the readout.
	ObservationStimulusPerSD task.Ratio `json:"observation_stimulus_per_sd"`
	FeedbackStimulusPerSD    task.Ratio `json:"feedback_stimulus_per_sd"`
	FeedbackBlockPerSD       task.Ratio `json:"feedback_block_per_sd"`
}

const (
	evidenceBins  = 24
	evidenceRange = 6.  // right − left beyond ± this counts in the outermost bins
	impulseStates = 200 // from which impulses are followed
	impulseLags   = 12
)

// response returns the coordinates of the difference that input x makes in place of
// x0, in the state after that step and after each of the lags − 1 steps without
// input that follow (feedback 0, no observation).
func (r *Recording) response(s *System, h []float64, x, x0 [3]float64, lags int) [][axes]float64 {
	a, b, spare := make([]float64, s.N), make([]float64, s.N), make([]float64, s.N)
	s.Step(a, h, x)
	s.Step(b, h, x0)
	list := make([][axes]float64, lags)
	for lag := range lags {
		if lag > 0 {
			s.Step(spare, a, [3]float64{})
			a, spare = spare, a
			s.Step(spare, b, [3]float64{})
			b, spare = spare, b
		}
		list[lag] = r.Frame.along(floats.SubTo(spare, a, b))
	}
	return list
}

// observationEffect returns what observations do to the state, by their
// evidence, with the effects' slopes along both readouts.
func (r *Recording) observationEffect(s *System) (t *Table, onStimulus, onBlock float64) {
	t = NewTable("observation_effect.csv", "evidence_low", "evidence_high", "count", "evidence",
		"stimulus_change", "stimulus_change_sd", "block_change", "block_change_sd", "stimulus_effect", "block_effect")
	var bins [evidenceBins]struct{ evidence, stimulusChange, blockChange, stimulusEffect, blockEffect moments }
	width := 2 * evidenceRange / evidenceBins
	binOf := func(d float64) int { return int(max(0, min((d+evidenceRange)/width, evidenceBins-1))) }
	for n := range r.Trials {
		for i := max(1, r.first[n]+r.Config.BlankSteps); i < r.first[n+1]; i++ {
			d := r.inputs[i][1] - r.inputs[i][0]
			b := &bins[binOf(d)]
			b.evidence.add(d)
			b.stimulusChange.add(r.at[i][stimulus] - r.at[i-1][stimulus])
			b.blockChange.add(r.at[i][block] - r.at[i-1][block])
		}
	}
	var stimulusLine, blockLine line
	r.eachSampled(func(k, _, step int) {
		if step < r.Config.BlankSteps {
			return
		}
		x := r.inputs[r.sample.step[k]]
		e := r.response(s, r.sample.before[k*s.N:(k+1)*s.N], x, [3]float64{0, 0, x[2]}, 1)[0]
		d := x[1] - x[0]
		b := &bins[binOf(d)]
		b.stimulusEffect.add(e[stimulus])
		b.blockEffect.add(e[block])
		stimulusLine.add(d, e[stimulus])
		blockLine.add(d, e[block])
	})
	for i := range bins {
		if b := &bins[i]; b.evidence.n > 0 {
			t.Add(-evidenceRange+float64(i)*width, -evidenceRange+float64(i+1)*width, b.evidence.n, b.evidence.mean(),
				b.stimulusChange.mean(), b.stimulusChange.sd(), b.blockChange.mean(), b.blockChange.sd(), b.stimulusEffect.mean(), b.blockEffect.mean())
		}
	}
	return t, stimulusLine.fit().Scale, blockLine.fit().Scale
}

// feedbackEffect returns what the feedback that ended a trial does to the state
// on the next trial's blank steps, by action, outcome and side, with the mean
// effect of lag 1 by readout after correct actions, left and right.
func (r *Recording) feedbackEffect(s *System) (t *Table, correct [2][2]float64) {
	t = NewTable("feedback_effect.csv", "action", "outcome", "trial_side", "lag", "count", "stimulus_change", "stimulus_change_sd", "block_change", "block_change_sd",
		"stimulus_effect", "stimulus_effect_sd", "block_effect", "block_effect_sd")
	lags := max(1, r.Config.BlankSteps)
	type sums struct{ change, effect [2]moments }
	var by [3][2][]sums // by outcome and trial side, by lag
	for o := range by {
		for side := range by[o] {
			by[o][side] = make([]sums, lags)
		}
	}
	of := func(n int) []sums { t := r.Trials[n]; return by[outcome(t)][(1+t.Side)/2] }
	for n := range len(r.Trials) - 1 {
		for lag := range min(lags, r.first[n+2]-r.first[n+1]) {
			i := r.first[n+1] + lag
			for k := range 2 {
				of(n)[lag].change[k].add(r.at[i][stimulus+k] - r.at[r.first[n+1]-1][stimulus+k])
			}
		}
	}
	r.eachSampled(func(k, n, step int) {
		if step != 0 || n == 0 {
			return
		}
		x := r.inputs[r.sample.step[k]]
		for lag, e := range r.response(s, r.sample.before[k*s.N:(k+1)*s.N], x, [3]float64{x[0], x[1], 0}, lags) {
			for axis := range 2 {
				of(n - 1)[lag].effect[axis].add(e[stimulus+axis])
			}
		}
	})
	for o := range by {
		for side := range by[o] {
			trialSide := 2*side - 1
			action := [3]int{trialSide, -trialSide, 0}[o]
			for lag := range by[o][side] {
				b := &by[o][side][lag]
				t.Add(action, outcomeNames[o], trialSide, lag+1, b.change[0].n, b.change[0].mean(), b.change[0].sd(), b.change[1].mean(), b.change[1].sd(),
					b.effect[0].mean(), b.effect[0].sd(), b.effect[1].mean(), b.effect[1].sd())
			}
		}
	}
	for side := range 2 {
		for axis := range 2 {
			correct[side][axis] = by[0][side][0].effect[axis].mean()
		}
	}
	return t, correct
}

// impulses returns what one input adds to the state from sampled states at
// trials' starts, and how long it stays without further input.
func (r *Recording) impulses(s *System) *Table {
	t := NewTable("impulse.csv", "input", "lag", "stimulus", "stimulus_sd", "block", "block_sd")
	var starts []int // in the sample
	r.eachSampled(func(k, _, step int) {
		if step == r.Config.BlankSteps-1 {
			starts = append(starts, k)
		}
	})
	for _, in := range []struct {
		name string
		x    [3]float64
	}{{"left", [3]float64{1, 0, 0}}, {"right", [3]float64{0, 1, 0}}, {"penalty", [3]float64{0, 0, -1}}, {"reward", [3]float64{0, 0, 1}}} {
		var by [impulseLags][2]moments
		for i := range min(impulseStates, len(starts)) {
			k := starts[i*len(starts)/min(impulseStates, len(starts))]
			for lag, e := range r.response(s, r.sample.after[k*s.N:(k+1)*s.N], in.x, [3]float64{}, impulseLags) {
				by[lag][0].add(e[stimulus])
				by[lag][1].add(e[block])
			}
		}
		for lag := range by {
			b := &by[lag]
			t.Add(in.name, lag+1, b[0].mean(), b[0].sd(), b[1].mean(), b[1].sd())
		}
	}
	return t
}

// effects returns the tables of effects with their summary.
func (r *Recording) effects(s *System) (*Effects, []*Table) {
	observation, onStimulus, onBlock := r.observationEffect(s)
	feedback, correct := r.feedbackEffect(s)
	var sd [2]moments
	for _, x := range r.at {
		sd[0].add(x[stimulus])
		sd[1].add(x[block])
	}
	common := func(axis int) task.Ratio { return task.Ratio((correct[1][axis] + correct[0][axis]) / 2) }
	half := func(axis int) float64 { return (correct[1][axis] - correct[0][axis]) / 2 }
	return &Effects{
		ObservationStimulus: task.Ratio(onStimulus), ObservationBlock: task.Ratio(onBlock),
		FeedbackStimulus: task.Ratio(half(0)), FeedbackBlock: task.Ratio(half(1)),
		FeedbackStimulusCommon: common(0), FeedbackBlockCommon: common(1),
		ObservationStimulusPerSD: task.Ratio(onStimulus / sd[0].sd()),
		FeedbackStimulusPerSD:    task.Ratio(half(0) / sd[0].sd()),
		FeedbackBlockPerSD:       task.Ratio(half(1) / sd[1].sd()),
	}, []*Table{observation, feedback, r.impulses(s)}
}
