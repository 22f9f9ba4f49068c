package task

import (
	"fmt"
	"math"

	"radd/internal/input"
)

// Config holds every constant of the task. The YAML names are the
// configuration's keys under "task:".
type Config struct {
	Blocks                int       `yaml:"blocks"`                 // blocks in a session
	Hazard                float64   `yaml:"hazard"`                 // p of the geometric block length; the Bayesian actors' chance of a block change
	BlockMin              int       `yaml:"block-min"`              // shortest block, trials
	BlockMax              int       `yaml:"block-max"`              // longest block, trials
	Bias                  float64   `yaml:"bias"`                   // P(trial side = block side)
	Strengths             []float64 `yaml:"strengths"`              // stimulus strengths
	StrengthProbabilities []float64 `yaml:"strength-probabilities"` // their probabilities; empty means uniform
	BlankSteps            int       `yaml:"blank-steps"`            // RNN steps without observation that begin a trial
	MaxObservations       int       `yaml:"max-observations"`       // observations after which a trial times out
	NoiseSD               float64   `yaml:"noise-sd"`               // standard deviation of one observation
	ActionThreshold       float64   `yaml:"action-threshold"`       // an action is taken where max(a_t) exceeds this
	WaitingFeedback       float64   `yaml:"waiting-feedback"`       // feedback of an observation step without action
	CorrectFeedback       float64   `yaml:"correct-feedback"`       // feedback of a correct action
	ErrorFeedback         float64   `yaml:"error-feedback"`         // feedback of a wrong action
	TimeoutFeedback       float64   `yaml:"timeout-feedback"`       // feedback of a time-out
}

// DefaultConfig returns the paper's task.
func DefaultConfig() Config {
	strengths := []float64{0, .5, 1, 1.5, 2, 2.5}
	return Config{
		Blocks:                4,
		Hazard:                .02,
		BlockMin:              20,
		BlockMax:              100,
		Bias:                  .8,
		Strengths:             strengths,
		StrengthProbabilities: uniform(len(strengths)),
		BlankSteps:            2,
		MaxObservations:       10,
		NoiseSD:               1,
		ActionThreshold:       .9,
		WaitingFeedback:       -.05,
		CorrectFeedback:       1,
		ErrorFeedback:         -1,
		TimeoutFeedback:       -1,
	}
}

// Limits that keep tables and counters small; far beyond any experiment.
const (
	maxBlocks       = 10_000_000
	maxBlockLength  = 1_000_000
	maxTrials       = 1 << 32 // in a session: the generator's counter has 32 bits for the trial
	maxPhaseSteps   = 10_000
	maxStrengths    = 1_000
	probabilitySlip = 1e-6 // by which strength-probabilities may miss a sum of 1
)

// Resolve returns the configuration with implied values filled in
// (StrengthProbabilities), or an *input.Error that names the first key whose
// value cannot be used.
func (c Config) Resolve() (Config, error) {
	bad := func(key string, found any, allowed string) error {
		return &input.Error{Field: "task." + key, Found: fmt.Sprint(found), Allowed: allowed}
	}
	probability := func(p float64) bool { return p >= 0 && p <= 1 }
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case c.Blocks < 1 || c.Blocks > maxBlocks:
		return c, bad("blocks", c.Blocks, fmt.Sprintf("1 to %d", maxBlocks))
	case !probability(c.Hazard):
		return c, bad("hazard", c.Hazard, "a probability, 0 to 1")
	case c.BlockMin < 1 || c.BlockMin > maxBlockLength:
		return c, bad("block-min", c.BlockMin, fmt.Sprintf("1 to %d trials", maxBlockLength))
	case c.BlockMax < c.BlockMin || c.BlockMax > maxBlockLength:
		return c, bad("block-max", c.BlockMax, fmt.Sprintf("block-min (%d) to %d trials", c.BlockMin, maxBlockLength))
	case int64(c.Blocks)*int64(c.BlockMax) > maxTrials:
		return c, bad("blocks", c.Blocks, fmt.Sprintf("up to %d blocks of block-max (%d) trials", maxTrials/c.BlockMax, c.BlockMax))
	case !probability(c.Bias):
		return c, bad("bias", c.Bias, "a probability, 0 to 1")
	case len(c.Strengths) == 0 || len(c.Strengths) > maxStrengths:
		return c, bad("strengths", fmt.Sprintf("%d values", len(c.Strengths)), fmt.Sprintf("1 to %d values", maxStrengths))
	case c.BlankSteps < 0 || c.BlankSteps > maxPhaseSteps:
		return c, bad("blank-steps", c.BlankSteps, fmt.Sprintf("0 to %d RNN steps", maxPhaseSteps))
	case c.MaxObservations < 1 || c.MaxObservations > maxPhaseSteps:
		return c, bad("max-observations", c.MaxObservations, fmt.Sprintf("1 to %d RNN steps", maxPhaseSteps))
	case !(c.NoiseSD > 0) || !finite(c.NoiseSD):
		return c, bad("noise-sd", c.NoiseSD, "a finite number above 0")
	case !(c.ActionThreshold > .5 && c.ActionThreshold < 1):
		return c, bad("action-threshold", c.ActionThreshold, "above 0.5 and below 1")
	}
	for _, f := range []struct {
		key   string
		value float64
	}{{"waiting-feedback", c.WaitingFeedback}, {"correct-feedback", c.CorrectFeedback}, {"error-feedback", c.ErrorFeedback}, {"timeout-feedback", c.TimeoutFeedback}} {
		if !finite(f.value) {
			return c, bad(f.key, f.value, "a finite number")
		}
	}
	for _, s := range c.Strengths {
		if !(s >= 0) || !finite(s) {
			return c, bad("strengths", s, "finite numbers, 0 or above")
		}
	}
	if len(c.StrengthProbabilities) == 0 {
		c.StrengthProbabilities = uniform(len(c.Strengths))
	}
	if len(c.StrengthProbabilities) != len(c.Strengths) {
		return c, bad("strength-probabilities", fmt.Sprintf("%d values", len(c.StrengthProbabilities)),
			fmt.Sprintf("one for each of the %d strengths", len(c.Strengths)))
	}
	sum := 0.0
	for _, p := range c.StrengthProbabilities {
		if !probability(p) {
			return c, bad("strength-probabilities", p, "probabilities, 0 to 1")
		}
		sum += p
	}
	if math.Abs(sum-1) > probabilitySlip {
		return c, bad("strength-probabilities", fmt.Sprintf("a sum of %v", sum), "a sum of 1")
	}
	return c, nil
}

// MaxSteps is the most RNN steps that one trial can last.
func (c *Config) MaxSteps() int { return c.BlankSteps + c.MaxObservations }

func uniform(n int) []float64 {
	p := make([]float64, n)
	for i := range p {
		p[i] = 1 / float64(n)
	}
	return p
}

// Key is one key of the configuration: what it means and what it may be.
type Key struct {
	Name    string
	Help    string
	Allowed string
	Field   func(*Config) any // a pointer to the key's value
}

// Keys lists every key of the configuration in the order of the file.
func Keys() []Key {
	return []Key{
		{"blocks", "blocks in a session", "1 or more", func(c *Config) any { return &c.Blocks }},
		{"hazard", "p of the geometric block length, and the Bayesian actors' chance of a block change after a trial", "0 to 1", func(c *Config) any { return &c.Hazard }},
		{"block-min", "trials in the shortest block", "1 or more", func(c *Config) any { return &c.BlockMin }},
		{"block-max", "trials in the longest block", "block-min or more", func(c *Config) any { return &c.BlockMax }},
		{"bias", "probability that a trial is on its block's side", "0 to 1", func(c *Config) any { return &c.Bias }},
		{"strengths", "stimulus strengths", "numbers, 0 or above", func(c *Config) any { return &c.Strengths }},
		{"strength-probabilities", "their probabilities; an empty list means uniform", "one per strength, with sum 1", func(c *Config) any { return &c.StrengthProbabilities }},
		{"blank-steps", "RNN steps without observation that begin a trial", "0 or more", func(c *Config) any { return &c.BlankSteps }},
		{"max-observations", "observations after which a trial times out", "1 or more", func(c *Config) any { return &c.MaxObservations }},
		{"noise-sd", "standard deviation of an observation", "above 0", func(c *Config) any { return &c.NoiseSD }},
		{"action-threshold", "probability above which an action is taken", "above 0.5, below 1", func(c *Config) any { return &c.ActionThreshold }},
		{"waiting-feedback", "feedback of an observation step without action", "a finite number", func(c *Config) any { return &c.WaitingFeedback }},
		{"correct-feedback", "feedback of a correct action", "a finite number", func(c *Config) any { return &c.CorrectFeedback }},
		{"error-feedback", "feedback of a wrong action", "a finite number", func(c *Config) any { return &c.ErrorFeedback }},
		{"timeout-feedback", "feedback of a time-out", "a finite number", func(c *Config) any { return &c.TimeoutFeedback }},
	}
}
