package main

import (
	"context"
	"fmt"

	"radd/task"
	"radd/train"
)

type baselineCommand struct {
	Kind   string `default:"difference" help:"What the actor knows and is told: see below."`
	Blocks int    `default:"1000" help:"Blocks of the session."`
	Seed   uint64 `default:"2" help:"Seed of the session; with a rollout's seed, the rollout's session."`
	sources
}

func (baselineCommand) Help() string {
	return `A Bayesian actor knows the generative model and acts by the same threshold as a network.

    difference      takes right − left: all that the paper's actor sees
    full            takes both observations: the best that can be done
    blockless       as difference, with even odds at every trial's start
    published       the paper's released code
    side-hidden     as difference, but the side of a trial that timed out is not told
    feedback-blind  as difference, but no trial's side is told
    semi-markov     as difference, but it knows the shortest and the longest block
    exponential     as difference, but its prior is an exponentially weighted mean of past sides

    radd baseline --kind full --blocks 5000`
}

// Run implements the command.
func (c *baselineCommand) Run(ctx context.Context, a *app) error {
	kind, err := task.ParseKind(c.Kind)
	if err != nil {
		return train.InFile("--kind", err)
	}
	t, err := c.task(train.DefaultConfig().Task)
	if err != nil {
		return err
	}
	s, err := train.Baseline(ctx, train.BaselineConfig{Kind: kind, Blocks: c.Blocks, Seed: c.Seed, Task: t})
	if err != nil {
		return err
	}
	rows := append([][]string{{"Bayesian actor", c.Kind}}, figureRows(s.Figures)...)
	for _, x := range s.ByStrength {
		rows = append(rows, []string{fmt.Sprintf("RNN steps per trial at strength %v", x.Strength), fmt.Sprintf("%.3f", x.Mean())})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(s)
}
