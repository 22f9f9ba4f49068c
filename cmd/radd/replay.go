package main

import (
	"context"
	"fmt"

	"radd/train"
)

type replayCommand struct {
	Weights   string  `required:"" help:"Weights file, .safetensors or .npz." placeholder:"F"`
	Session   string  `required:"" help:"Recorded session." placeholder:"F.npz"`
	Out       string  `required:"" help:"File to write; an existing one is replaced." placeholder:"F.npz"`
	Force     string  `help:"Take trial ends and feedback from this earlier replay, not from the network." placeholder:"F.npz"`
	Objective string  `default:"cross-entropy" help:"Loss: cross-entropy, probability or q-log."`
	Q         float64 `default:"0.5" help:"Of q-log: 0 (the cross entropy) to 1 (the probability but for a constant)."`
	Reduction string  `default:"mean" help:"Mean over RNN steps, or sum (cross-entropy only)."`
	Dtype     string  `default:"f32" help:"Floating-point type: f32 or f64."`
	Engine    string  `default:"fused" help:"The fused session op, or the graph unrolled step by step: fused or unrolled."`
	Device    string  `default:"auto" help:"What computes: auto, cpu, gpu or gpu:K."`
	sources
}

func (replayCommand) Help() string {
	return `Writes a row per RNN step (trial, step, input, hidden, prob, feedback, target, counted), the loss, and the
gradient by every weight.

    radd replay --weights runs/a/weights.safetensors --session runs/a/rollout/session.npz --out replay.npz
    radd replay --weights W.npz --session S.npz --dtype f64 --objective probability --engine unrolled --out R.npz`
}

// Run implements the command.
func (c *replayCommand) Run(ctx context.Context, a *app) error {
	if err := a.handOver(ctx, c.Device, 1); err != nil {
		return err
	}
	t, err := c.task(train.DefaultConfig().Task)
	if err != nil {
		return err
	}
	s, err := train.Replay(ctx, train.ReplayConfig{
		Weights: c.Weights, Session: c.Session, Out: c.Out, Force: c.Force,
		Objective: c.Objective, Q: c.Q, Reduction: c.Reduction, Dtype: c.Dtype, Engine: c.Engine, Device: c.Device, Task: t,
	}, train.Options{Version: version(), Log: a.log})
	if err != nil {
		return err
	}
	if err := a.table(append([][]string{{"replay", c.Out}, {"loss", fmt.Sprint(s.Loss)}}, figureRows(s.Figures)...)); err != nil {
		return err
	}
	return a.finish(s)
}
