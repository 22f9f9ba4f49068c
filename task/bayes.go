package task

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"radd/internal/input"
)

// Kind says what a Bayesian makes of an observation.
type Kind uint8

// The kinds of Bayesian, by their evidence. v is the variance of one
// observation, d = right − left.
const (
	// Difference takes d ~ N(s·μ, 2v): all that the paper's actor sees.
	Difference Kind = iota
	// Full takes both observations, N(μ, v) on the stimulus side and N(0, v) on
	// the other: the best that can be done.
	Full
	// Blockless is Difference with the prior ½ on every trial.
	Blockless
	// Published is the paper's released code. It departs from Difference twice:
	// its prior over sides is the block posterior itself, as if Bias were 1,
	// and it forgets the strength after every observation. Both make it
	// overconfident, so it acts sooner and times out less.
	Published
	// SideHidden is Difference without being told the side of a trial that timed
	// out: feedback −1 came without an action that it could judge. It then takes
	// the trial's observations into the block posterior in place of the side.
	SideHidden
	// FeedbackBlind is Difference without any feedback: of every trial it has the
	// observations alone.
	FeedbackBlind
	// SemiMarkov is Difference with the true distribution of a block's length: it
	// keeps the joint posterior over the block's side and its age.
	SemiMarkov
	// Exponential takes as its prior over sides an exponentially weighted mean of
	// the sides of past trials, m ← ExponentialDecay·m + (1 − ExponentialDecay)·[right],
	// from ½ on. It is Difference else, and its Block is m.
	Exponential
)

// ExponentialDecay is by how much a side counts less in Exponential's mean than
// the side of the trial after it.
const ExponentialDecay = .9

var kindNames = [...]string{"difference", "full", "blockless", "published", "side-hidden", "feedback-blind", "semi-markov", "exponential"}

// Kinds returns the kinds whose posteriors rollouts record, the default first.
func Kinds() []Kind { return []Kind{Difference, Full, Blockless, Published} }

// Baselines returns all kinds: those of Kinds, then those that know less or more
// of what a trial tells.
func Baselines() []Kind {
	return append(Kinds(), SideHidden, FeedbackBlind, SemiMarkov, Exponential)
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind returns the kind of that name, or an *input.Error that lists them.
func ParseKind(name string) (Kind, error) {
	i := slices.Index(kindNames[:], name)
	if i < 0 {
		return 0, &input.Error{Field: "kind", Found: fmt.Sprintf("%q", name), Allowed: strings.Join(kindNames[:], ", ")}
	}
	return Kind(i), nil
}

// Bayes infers each trial's side from its observations and from what the sides
// of earlier trials tell about the block. It knows the generative model, but
// (SemiMarkov apart) for the limits on a block's length: it takes a block to
// change after any trial with probability Hazard.
//
// It goes through a session trial by trial, from the first. [Bayes.Play] makes
// it an actor, [Bayes.Watch] an observer of somebody else's decisions; both
// consist of
//
//	BeginTrial()           prior over sides from the block posterior
//	Observe(left, right)   posterior over sides, once for each observation
//	EndTrial(side)         block posterior from the true side, then the hazard
//
// # Method
//
// Within a trial the posterior is a joint one over side and strength. The
// evidence of n observations for strength μ on a side is, in units of its
// standard deviation, x_1 … x_n, and relative to strength 0
//
//	Π N(x_i; μ, 1) / N(x_i; 0, 1) = exp(μ·Σx − n·μ²/2)
//
// with x the observation on that side for Full and ±d for the others. The sums
// for the two sides are therefore all there is to carry, and summing over μ
// with its prior gives each side's evidence. Published does so for each
// observation alone.
//
// Beliefs are kept as log odds of right against left, so that certainty never
// rounds into a belief that no evidence can move. Where Bias and Hazard are 0
// or 1, log odds may be infinite; if an outcome then contradicts a certainty,
// the past is forgotten and the outcome alone decides. Evidence beyond 1e150
// standard deviations counts as 1e150, which keeps every sum finite.
//
// Source: the paper's Bayesian actor; its released code for Published.
type Bayes struct {
	kind    Kind
	hazard  float64   // P(block change) after a trial
	swap    float64   // P(trial side ≠ block side)
	outcome float64   // log odds that a trial on the right gives for a block on the right
	sd      float64   // standard deviation of the evidence
	mu      []float64 // (M) strengths, in units of sd
	logP    []float64 // (M) log of their prior probabilities

	lengths *lengths // of blocks, for SemiMarkov

	block float64 // log odds of b = +1 at the present trial's start
	prior float64 // log odds of s = +1 before observations
	side  float64 // log odds of s = +1 by now
	seen  float64 // what the trial's observations add to the prior

	right, left float64 // the trial's evidence for each side, summed
	n           float64 // observations in it
}

const evidenceLimit = 1e150 // its square times all observations of a trial is finite

// NewBayes returns a Bayesian of the kind, at the start of a session of the
// resolved configuration. It panics if there is no such kind.
func NewBayes(kind Kind, c *Config) *Bayes {
	if int(kind) >= len(kindNames) {
		panic("task: no such kind of Bayesian")
	}
	b := &Bayes{
		kind:    kind,
		hazard:  c.Hazard,
		swap:    1 - c.Bias,
		outcome: math.Log(c.Bias) - math.Log(1-c.Bias),
		sd:      c.NoiseSD,
		mu:      make([]float64, len(c.Strengths)),
		logP:    make([]float64, len(c.Strengths)),
	}
	if kind != Full {
		b.sd *= math.Sqrt2
	}
	if kind == SemiMarkov {
		b.lengths = lengthsOf(c)
	}
	for i, s := range c.Strengths {
		b.mu[i] = b.standard(s)
		b.logP[i] = math.Log(c.StrengthProbabilities[i])
	}
	return b
}

// Block returns P(b = +1), the block posterior at the start of the present
// trial (between trials, of the next).
func (b *Bayes) Block() float64 { return logistic(b.block) }

// BlockLogOdds returns the log odds of b = +1: what Block is the probability of.
func (b *Bayes) BlockLogOdds() float64 { return b.block }

// Side returns P(s = +1), the posterior over sides by now; after a trial, as
// its last step left it.
func (b *Bayes) Side() float64 { return logistic(b.side) }

// LogOdds returns the log odds of s = +1, right against left, by now: what Side
// is the probability of.
func (b *Bayes) LogOdds() float64 { return b.side }

// BeginTrial sets the posterior over sides to the prior, and returns it as
// P(s = +1).
func (b *Bayes) BeginTrial() float64 {
	switch b.kind {
	case Blockless:
		b.prior = 0
	case Published, Exponential:
		b.prior = b.block
	default:
		b.prior = flip(b.block, b.swap)
	}
	b.side, b.seen, b.right, b.left, b.n = b.prior, 0, 0, 0, 0
	return b.Side()
}

// Observe takes one observation step's left and right observation, not NaN, and
// returns the posterior P(s = +1). Blank steps are not observed: they are no
// evidence of a weak stimulus.
func (b *Bayes) Observe(left, right float64) float64 {
	right, left = b.standard(right), b.standard(left)
	if b.kind != Full {
		right -= left
		left = -right
	}
	if b.kind == Published {
		b.seen = b.evidence(right, 1) - b.evidence(left, 1)
		b.side += b.seen
		return b.Side()
	}
	b.right += right
	b.left += left
	b.n++
	b.seen = b.evidence(b.right, b.n) - b.evidence(b.left, b.n)
	b.side = b.prior + b.seen
	return b.Side()
}

// EndTrial takes the trial's true side, ±1, into the block posterior and lets
// the block change with the hazard. Where the side is not told, 0, the trial's
// observations stand in for it; FeedbackBlind is never told. Side stays what it
// was.
func (b *Bayes) EndTrial(side int8) {
	if b.kind == FeedbackBlind {
		side = 0
	}
	outcome := float64(side) * b.outcome // log odds that the trial gives for a block on the right
	if side == 0 {
		outcome = flip(b.seen, b.swap)
	}
	switch b.kind {
	case SemiMarkov:
		b.block = b.lengths.pass(outcome)
		return
	case Exponential:
		told := logistic(b.seen) // P(right) by the trial alone
		if side != 0 {
			told = float64(1+side) / 2
		}
		mean := ExponentialDecay*b.Block() + (1-ExponentialDecay)*told
		b.block = math.Log(mean) - math.Log1p(-mean)
		return
	}
	b.block += outcome
	if math.IsNaN(b.block) { // ∞ − ∞: what was certain did not happen
		b.block = outcome
	}
	b.block = flip(b.block, b.hazard)
}

// Play acts on the session's next trial by the session's closed loop and
// returns what came of it; [Bayes.Side] then is the posterior that it ended
// with. The posterior's log odds stand where a network has the difference of
// its logits, so it acts where a side's posterior exceeds the action threshold.
func (b *Bayes) Play(s *Session, trial int) Trial {
	side := s.TrialSide[trial]
	t := Trial{Side: side, BlockSide: s.BlockSide[trial], Strength: s.Strength[trial]}
	b.BeginTrial()
	for ended := false; !ended; t.RNNSteps++ {
		if s.rule.Counted(t.RNNSteps) {
			b.Observe(s.Observe(trial, t.RNNSteps))
			t.Observations++
			t.Nats += softplus(-float64(side) * b.side)
		}
		outcome := s.rule.Step(t.RNNSteps, side, b.side)
		ended, t.Action = outcome.Ended, outcome.Action
	}
	if b.kind == SideHidden && t.Action == 0 {
		side = 0
	}
	b.EndTrial(side)
	return t
}

// Watch observes the session's next trial, in which somebody else took the
// given number of RNN steps. It appends P(s = +1) after each of them to
// posterior, the prior on blank steps, and returns the extended slice. It takes
// no action, so SideHidden is told the side of every trial, too.
func (b *Bayes) Watch(s *Session, trial, rnnSteps int, posterior []float64) []float64 {
	p := b.BeginTrial()
	for step := range rnnSteps {
		if s.rule.Counted(step) {
			p = b.Observe(s.Observe(trial, step))
		}
		posterior = append(posterior, p)
	}
	b.EndTrial(s.TrialSide[trial])
	return posterior
}

// standard returns x in standard deviations of the evidence.
func (b *Bayes) standard(x float64) float64 {
	return max(-evidenceLimit, min(x/b.sd, evidenceLimit))
}

// evidence returns the log likelihood ratio of n observations with sum x, in
// standard deviations, between a stimulus of unknown strength and one of
// strength 0: log Σ_μ P(μ) exp(μ·x − n·μ²/2).
func (b *Bayes) evidence(x, n float64) float64 {
	most := math.Inf(-1)
	for i, mu := range b.mu {
		most = max(most, b.logP[i]+mu*(x-n*mu/2))
	}
	sum := 0.0
	for i, mu := range b.mu {
		sum += math.Exp(b.logP[i] + mu*(x-n*mu/2) - most)
	}
	return most + math.Log(sum)
}

// flip returns the log odds of a variable ±1 that had the given log odds and
// then changed its sign with probability p.
func flip(logOdds, p float64) float64 {
	switch p {
	case 0:
		return logOdds
	case 1:
		return -logOdds
	}
	q := math.Exp(-math.Abs(logOdds)) // odds of the less likely sign
	return math.Copysign(1, logOdds) * (math.Log((1-p)+p*q) - math.Log(p+(1-p)*q))
}

func logistic(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// softplus returns log(1 + exp(x)): the nats that a belief with log odds x
// against what is true falls short.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
