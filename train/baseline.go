package train

import (
	"bytes"
	"context"
	"time"

	"radd/task"
)

// BaselineConfig says which Bayesian actor plays which session.
type BaselineConfig struct {
	Kind   task.Kind
	Blocks int    // of the session; Task.Blocks is not looked at
	Seed   uint64 // of the session, which is that of a rollout of this seed
	Task   task.Config
}

// DefaultBaselineConfig returns the session of the paper's rollout, played by
// the default kind of actor.
func DefaultBaselineConfig() BaselineConfig {
	r := DefaultRolloutConfig()
	return BaselineConfig{Kind: task.Difference, Blocks: r.Blocks, Seed: r.Seed, Task: r.Task}
}

// BaselineSummary tells how a Bayesian actor behaved.
type BaselineSummary struct {
	Kind   string `json:"kind"`
	Blocks int    `json:"blocks"`
	Seed   uint64 `json:"seed"`
	task.Figures
	ByStrength []task.StrengthSteps `json:"rnn_steps_by_strength"`
	Seconds    float64              `json:"seconds"`
	Task       map[string]any       `json:"task"` // constants by key
}

// Of reports whether the summary tells of that actor and session.
func (s *BaselineSummary) Of(cfg BaselineConfig) bool {
	resolved, err := cfg.resolve()
	return err == nil && s.Kind == cfg.Kind.String() && s.Blocks == cfg.Blocks && s.Seed == cfg.Seed &&
		bytes.Equal(canonical(s.Task), canonical(constants(resolved.Task)))
}

func (c BaselineConfig) resolve() (RolloutConfig, error) {
	r := DefaultRolloutConfig()
	r.Blocks, r.Seed, r.Task = c.Blocks, c.Seed, c.Task
	return r.resolve()
}

// Baseline plays the session of a rollout by a Bayesian actor. It returns ctx's
// error when ctx ends and an *input.Error where the configuration cannot be
// used.
//
// Source: the paper's Bayesian actor, on the session of SI 7.1.
func Baseline(ctx context.Context, cfg BaselineConfig) (BaselineSummary, error) {
	r, err := cfg.resolve()
	if err != nil {
		return BaselineSummary{}, err
	}
	start := time.Now()
	var s task.Session
	s.Draw(task.NewSampler(r.Task), task.Origin{Seed: r.Seed, Stream: task.StreamRollout})
	actor := task.NewBayes(cfg.Kind, &r.Task)
	var tally task.Tally
	for n := range s.Trials() {
		if n%1000 == 0 && ctx.Err() != nil {
			return BaselineSummary{}, ctx.Err()
		}
		tally.Add(actor.Play(&s, n))
	}
	return BaselineSummary{Kind: cfg.Kind.String(), Blocks: cfg.Blocks, Seed: cfg.Seed,
		Figures: tally.Figures(), ByStrength: tally.ByStrength(),
		Seconds: time.Since(start).Seconds(), Task: constants(r.Task)}, nil
}
