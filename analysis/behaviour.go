package analysis

import (
	"math"
	"slices"

	"radd/internal/philox"
	"radd/task"
)

// Figure is one number of somebody's behaviour with its interval: the 2.5th and
// the 97.5th percentile of the bootstrap. Where a figure does not exist, all
// three are NaN, null in JSON.
type Figure struct {
	Value task.Ratio `json:"value"`
	Low   task.Ratio `json:"low"`
	High  task.Ratio `json:"high"`
}

// Within reports whether x lies in the interval.
func (f Figure) Within(x float64) bool { return float64(f.Low) <= x && x <= float64(f.High) }

// Performance is how somebody plays the task, and how near to a teacher.
type Performance struct {
	RNNStepsPerTrial Figure `json:"rnn_steps_per_trial"`
	ActionRate       Figure `json:"action_rate"`
	CorrectPerTrial  Figure `json:"correct_per_trial"`
	// Correct per trial on concordant trials less the same on discordant ones:
	// the use that is made of the block; at all strengths and at strength 0.
	BlockGap     Figure `json:"block_gap"`
	ZeroBlockGap Figure `json:"zero_strength_block_gap"`
	// Trials after a block switch that are lost to the old block, at strength 0:
	// had the preference changed at once after r trials, this would be r. It does
	// not exist where there is no preference to change.
	TrialsToRecover Figure `json:"trials_to_recover"`
	// Along the teacher's own session, given its inputs: the share of trials in
	// which the output at the last RNN step stands for the teacher's action, and
	// the divergence KL(teacher ‖ player) in nats per RNN step.
	Agreement Figure `json:"agreement"`
	KL        Figure `json:"kl"`
}

// list returns the figures in the order of the fields.
func (p *Performance) list() [figures]*Figure {
	return [figures]*Figure{&p.RNNStepsPerTrial, &p.ActionRate, &p.CorrectPerTrial, &p.BlockGap, &p.ZeroBlockGap,
		&p.TrialsToRecover, &p.Agreement, &p.KL}
}

// Median returns the median of each figure over several players, with the range
// in place of an interval. Players for whom a figure does not exist are left out
// of it.
func Median(players []Performance) Performance {
	var median Performance
	for i, f := range median.list() {
		var values []float64
		for _, p := range players {
			if x := float64(p.list()[i].Value); !math.IsNaN(x) {
				values = append(values, x)
			}
		}
		*f = Figure{task.Ratio(math.NaN()), task.Ratio(math.NaN()), task.Ratio(math.NaN())}
		if n := len(values); n > 0 {
			slices.Sort(values)
			*f = Figure{task.Ratio((values[(n-1)/2] + values[n/2]) / 2), task.Ratio(values[0]), task.Ratio(values[n-1])}
		}
	}
	return median
}

// recoverTrials is the number of trials after a switch within which preference
// is followed: no default block is shorter.
const recoverTrials = 20

// minSwing is the least difference between the shares of actions to the block's
// side and away from it, at strength 0, that counts as a preference.
const minSwing = .05

// sums are what a Performance is computed from, over any number of trials.
type sums struct {
	trials, rnnSteps, actions, correct float64
	all, zero                          [2]count // correct, by concordance: [0] discordant, [1] concordant
	late                               count    // actions to the block's side at strength 0, recoverTrials and more after its start
	lateAway                           float64  // actions away from it, likewise
	early                              count    // to the block's side, fewer trials after a switch
	agreed                             count
	kl                                 float64
	steps                              float64 // of the teacher's session
}

type count struct{ yes, of float64 }

func (c *count) add(yes bool) {
	c.of++
	if yes {
		c.yes++
	}
}

func (c count) share() float64 { return c.yes / c.of }

// Behaviour gathers trials, by pairs of successive blocks: a left and a right
// one. The zero Behaviour is empty.
type Behaviour struct {
	pairs []sums
}

func (b *Behaviour) pair(block int) *sums {
	for len(b.pairs) <= block/2 {
		b.pairs = append(b.pairs, sums{})
	}
	return &b.pairs[block/2]
}

// Add takes in a trial that somebody played: its block, and its number within
// the block, both from 0. Trials without bias, of block side 0, count in the
// first three figures alone.
func (b *Behaviour) Add(block, within int, t task.Trial) {
	s := b.pair(block)
	s.trials++
	s.rnnSteps += float64(t.RNNSteps)
	if t.Action != 0 {
		s.actions++
	}
	if t.Correct() {
		s.correct++
	}
	if t.BlockSide == 0 {
		return
	}
	concordance := 0
	if t.Concordant() {
		concordance = 1
	}
	s.all[concordance].add(t.Correct())
	if t.Strength != 0 {
		return
	}
	s.zero[concordance].add(t.Correct())
	switch {
	case within >= recoverTrials:
		s.late.add(t.Action == t.BlockSide)
		if t.Action == -t.BlockSide {
			s.lateAway++
		}
	case block > 0: // a session's first block follows no switch
		s.early.add(t.Action == t.BlockSide)
	}
}

// Compare takes in a trial of the teacher's session that somebody followed:
// whether both stood for the same action at its end, and KL(teacher ‖ player)
// summed over its RNN steps.
func (b *Behaviour) Compare(block int, agrees bool, rnnSteps int, kl float64) {
	s := b.pair(block)
	s.agreed.add(agrees)
	s.steps += float64(rnnSteps)
	s.kl += kl
}

func (s *sums) plus(o *sums) {
	s.trials += o.trials
	s.rnnSteps += o.rnnSteps
	s.actions += o.actions
	s.correct += o.correct
	for i := range s.all {
		s.all[i].plus(o.all[i])
		s.zero[i].plus(o.zero[i])
	}
	s.late.plus(o.late)
	s.lateAway += o.lateAway
	s.early.plus(o.early)
	s.agreed.plus(o.agreed)
	s.kl += o.kl
	s.steps += o.steps
}

func (c *count) plus(o count) { c.yes += o.yes; c.of += o.of }

// figures of a Performance, in the order of its fields.
const figures = 8

func (s *sums) figures() [figures]float64 {
	return [figures]float64{
		s.rnnSteps / s.trials,
		s.actions / s.trials,
		s.correct / s.trials,
		s.all[1].share() - s.all[0].share(),
		s.zero[1].share() - s.zero[0].share(),
		s.recovery(),
		s.agreed.share(),
		s.kl / s.steps,
	}
}

// recovery returns recoverTrials·(late − early)/(late − away): the preference for
// the block's side that is missing after a switch, in units of the whole swing
// from one side to the other.
func (s *sums) recovery() float64 {
	late := s.late.share()
	swing := late - s.lateAway/s.late.of
	if !(swing >= minSwing) {
		return math.NaN()
	}
	return recoverTrials * (late - s.early.share()) / swing
}

// Performance returns the figures with intervals from that many bootstrap
// samples of the pairs of blocks, drawn by the seed.
func (b *Behaviour) Performance(resamples int, seed uint64) Performance {
	var all sums
	for i := range b.pairs {
		all.plus(&b.pairs[i])
	}
	values := all.figures()
	samples := [figures][]float64{}
	for r := range resamples {
		sample := b.resample(seed, r)
		for i, x := range sample.figures() {
			if !math.IsNaN(x) {
				samples[i] = append(samples[i], x)
			}
		}
	}
	var p Performance
	for i, f := range p.list() {
		low, high := interval(samples[i])
		*f = Figure{task.Ratio(values[i]), task.Ratio(low), task.Ratio(high)}
		if math.IsNaN(values[i]) {
			f.Low, f.High = f.Value, f.Value
		}
	}
	return p
}

// resample returns the sums of as many pairs as there are, drawn with
// replacement.
func (b *Behaviour) resample(seed uint64, sample int) sums {
	var s sums
	var words philox.Words
	n := uint64(len(b.pairs))
	for i := range b.pairs {
		if i%4 == 0 {
			words = philox.Draw(seed, task.StreamBootstrap.Counter(uint32(i/4), uint32(sample), 0, 0))
		}
		s.plus(&b.pairs[uint64(words[i%4])*n>>32])
	}
	return s
}

// interval returns the 2.5th and the 97.5th percentile of the samples, which it
// sorts; NaN of none.
func interval(samples []float64) (low, high float64) {
	if len(samples) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(samples)
	at := func(p float64) float64 { return samples[int(p*float64(len(samples)-1)+.5)] }
	return at(.025), at(.975)
}
