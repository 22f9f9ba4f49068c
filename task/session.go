package task

import (
	"math/bits"
	"slices"

	"radd/internal/philox"
)

// Stream names the purpose of a draw; it keeps the draws of one seed apart.
type Stream uint32

// Streams of one seed. The three streams of a session follow one another, so
// that a session is named by the first.
const (
	StreamInit      Stream = 0 // a network's first parameters
	StreamTrain     Stream = 1 // blocks, trials and noise of training's sessions: 1, 2, 3
	StreamRollout   Stream = 4 // the same of a rollout's session: 4, 5, 6
	StreamBootstrap Stream = 7 // resampling
)

const (
	blocksOf = 0 // offsets from a session's first stream
	trialsOf = 1
	noiseOf  = 2
)

// SessionBits is the width of the session's index within a batch in the
// generator's counter: a batch may hold up to 2²⁴ sessions.
const SessionBits = 24

// Counter returns the generator's counter for one draw.
func (s Stream) Counter(draw, trial, gradientStep, session uint32) philox.Counter {
	return philox.Counter{draw, trial, gradientStep, uint32(s)<<SessionBits | session}
}

// Sampler holds the integer thresholds by which everything discrete of a
// session is drawn.
type Sampler struct {
	Config   Config   // resolved
	Bias     uint64   // a trial is on its block's side where its word is below
	Strength []uint64 // cumulative: strength i where i thresholds are at or below the word
	Block    []uint64 // cumulative: block length BlockMin + i likewise
}

// NewSampler returns the thresholds of a resolved configuration.
//
// A block's length is geometric with p = Hazard conditioned on [BlockMin,
// BlockMax]: P(length = BlockMin + i) is proportional to (1 − p)^i.
func NewSampler(c Config) *Sampler {
	return &Sampler{
		Config:   c,
		Bias:     philox.Threshold(c.Bias),
		Strength: cumulative(c.StrengthProbabilities),
		Block:    cumulative(c.blockLengthWeights()),
	}
}

// cumulative returns the thresholds of a discrete distribution with the given
// weights. The last is 2³², which no word reaches.
func cumulative(weights []float64) []uint64 {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	thresholds := make([]uint64, len(weights))
	last, sum := 0, 0.0
	for i, w := range weights {
		sum += w
		thresholds[i] = philox.Threshold(min(sum/total, 1))
		if w > 0 {
			last = i
		}
	}
	for i := last; i < len(thresholds); i++ { // rounding must not open a gap at the end
		thresholds[i] = 1 << 32
	}
	return thresholds
}

func pick(thresholds []uint64, word uint32) int {
	if len(thresholds) <= 16 { // a short table is counted through: no branch could be foretold
		i := 0
		for _, threshold := range thresholds {
			i += below(threshold, word)
		}
		return i
	}
	i, found := slices.BinarySearch(thresholds, uint64(word))
	for found && i < len(thresholds) && thresholds[i] == uint64(word) {
		i++
	}
	return i
}

// below returns 1 where the threshold is at or below the word, else 0, without a
// branch.
func below(threshold uint64, word uint32) int {
	_, above := bits.Sub64(uint64(word), threshold, 0)
	return 1 - int(above)
}

// Session is everything about a session that does not depend on the actor.
// Trials are drawn as a whole, observations either recorded or drawn when they
// are asked for.
type Session struct {
	BlockLength []int     // (K) trials
	BlockSide   []int8    // (n) side of each trial's block
	TrialSide   []int8    // (n) stimulus side
	Strength    []float64 // (n) stimulus strength

	// Observation holds recorded observations, (n, MaxSteps, 2) row-major, left
	// before right. Where it is nil, observations are drawn when needed.
	Observation []float64

	rule    Rule
	noiseSD float64
	origin  Origin
}

// Origin says which session of a seed is drawn.
type Origin struct {
	Seed         uint64
	Stream       Stream // StreamTrain or StreamRollout
	GradientStep uint32 // from 0; 0 for a rollout
	Session      uint32 // within the batch, from 0
}

// Draw makes the session the one at the origin, reusing its memory. The noise
// of an observation is not drawn before Observe asks for it.
func (s *Session) Draw(p *Sampler, o Origin) {
	c := &p.Config
	s.rule, s.noiseSD, s.origin, s.Observation = c.Rule(), c.NoiseSD, o, nil

	blocks := o.Stream + blocksOf
	first := philox.Draw(o.Seed, blocks.Counter(0, 0, o.GradientStep, o.Session))
	side := int8(-1)
	if first[0] < 1<<31 {
		side = +1
	}
	s.BlockLength = slices.Grow(s.BlockLength[:0], c.Blocks)
	n := 0
	var words philox.Words
	for k := range c.Blocks {
		if k%4 == 0 {
			words = philox.Draw(o.Seed, blocks.Counter(1+uint32(k/4), 0, o.GradientStep, o.Session))
		}
		length := c.BlockMin + pick(p.Block, words[k%4])
		s.BlockLength = append(s.BlockLength, length)
		n += length
	}

	s.BlockSide = slices.Grow(s.BlockSide[:0], n)
	s.TrialSide = slices.Grow(s.TrialSide[:0], n)
	s.Strength = slices.Grow(s.Strength[:0], n)
	trials := o.Stream + trialsOf
	for _, length := range s.BlockLength {
		for range length {
			words := philox.Draw(o.Seed, trials.Counter(0, uint32(len(s.TrialSide)), o.GradientStep, o.Session))
			trialSide := side * int8(1-2*below(p.Bias, words[0]))
			s.BlockSide = append(s.BlockSide, side)
			s.TrialSide = append(s.TrialSide, trialSide)
			s.Strength = append(s.Strength, c.Strengths[pick(p.Strength, words[1])])
		}
		side = -side
	}
}

// Trials returns the number of trials.
func (s *Session) Trials() int { return len(s.TrialSide) }

// Rule returns the closed loop that the session is played by.
func (s *Session) Rule() Rule { return s.rule }

// Noise returns the standard deviation of an observation, and the origin that
// observations are drawn from where Observation is nil: what a device needs to
// draw them itself.
func (s *Session) Noise() (sd float64, o Origin) { return s.noiseSD, s.origin }

// Observe returns both observations of one RNN step: trial from 0, step from 0
// within the trial. On a blank step both are 0; on every other the observation
// on the stimulus side is N(strength, sd²) and the other N(0, sd²).
func (s *Session) Observe(trial, step int) (left, right float64) {
	if s.Observation != nil {
		i := (trial*s.rule.MaxSteps + step) * 2
		return s.Observation[i], s.Observation[i+1]
	}
	if step < s.rule.BlankSteps {
		return 0, 0
	}
	// One call of the generator serves two observation steps.
	k := step - s.rule.BlankSteps
	w := philox.Draw(s.origin.Seed, s.noise(k/2, trial))
	if k%2 == 0 {
		left, right = philox.Normal2(w[0], w[1])
	} else {
		left, right = philox.Normal2(w[2], w[3])
	}
	return s.observation(trial, left, right)
}

// noise is the generator's counter for two observation steps of a trial, draw
// counting from 0.
func (s *Session) noise(draw, trial int) philox.Counter {
	o := s.origin
	return (o.Stream + noiseOf).Counter(uint32(draw), uint32(trial), o.GradientStep, o.Session)
}

// observation makes both observations of standard normal deviates.
func (s *Session) observation(trial int, left, right float64) (float64, float64) {
	left, right = left*s.noiseSD, right*s.noiseSD
	if s.TrialSide[trial] > 0 {
		return left, right + s.Strength[trial]
	}
	return left + s.Strength[trial], right
}

// Record draws every observation of every possible step, so that the session
// can be saved: it makes Observation (n, MaxSteps, 2).
func (s *Session) Record() {
	all := make([]float64, 0, s.Trials()*s.rule.MaxSteps*2)
	for trial := range s.Trials() {
		all = s.appendTrial(all, trial)
	}
	s.Observation = all
}

// appendTrial appends the observations of every possible step of one trial,
// (MaxSteps, 2).
func (s *Session) appendTrial(all []float64, trial int) []float64 {
	for step := range s.rule.MaxSteps {
		left, right := s.Observe(trial, step)
		all = append(all, left, right)
	}
	return all
}
