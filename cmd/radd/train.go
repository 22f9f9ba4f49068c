package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"radd/internal/panics"
	"radd/train"
)

type trainCommand struct {
	Out    string `required:"" help:"The run's folder." placeholder:"DIR"`
	Resume bool   `help:"Go on with the run in the folder, from its newest checkpoint; what no flag names stays as it was."`
	sources

	Hidden            *string `key:""`
	GradientSteps     *string `key:""`
	Objective         *string `key:""`
	Reduction         *string `key:""`
	Q                 *string `key:""`
	Truncate          *string `key:""`
	LR                *string `key:"" name:"lr"`
	Momentum          *string `key:""`
	Sessions          *string `key:""`
	Seed              *string `key:""`
	InitSeed          *string `key:""`
	Init              *string `key:""`
	Teacher           *string `key:""`
	Dtype             *string `key:""`
	Device            *string `key:""`
	Engine            *string `key:""`
	Unroll            *string `key:""`
	Cell              *string `key:""`
	Leak              *string `key:""`
	StateNoise        *string `key:""`
	InputMask         *string `key:""`
	RecurrentMask     *string `key:""`
	ReadoutMask       *string `key:""`
	Excitatory        *string `key:""`
	Solver            *string `key:""`
	Clip              *string `key:""`
	Jobs              *string `key:""`
	MetricsEvery      *string `key:""`
	CheckpointEvery   *string `key:""`
	CheckpointMinutes *string `key:""`
	Keep              *string `key:""`
}

func (trainCommand) Help() string {
	return `One gradient step is one whole session, differentiated without truncation
(unless --truncate says otherwise).
Ctrl-C stops behind a checkpoint; a second one stops at once.

    radd train --out runs/a --objective probability --gradient-steps 20000
    radd train --out runs/a --resume
    radd train --out runs/b --config runs/a/config.yaml --set task.bias=0.7`
}

// config returns the run's configuration: defaults (for --resume, what the run
// was started with), the file, --set, flags.
func (c *trainCommand) config(command *kong.Node) (train.Config, error) {
	cfg := train.DefaultConfig()
	if c.Resume && train.IsRun(c.Out) {
		var err error
		if cfg, err = train.ReadRunConfig(c.Out); err != nil {
			return cfg, err
		}
	}
	if err := errors.Join(c.apply(&cfg), applyFlags(command, &cfg)); err != nil {
		return cfg, err
	}
	resolved, err := cfg.Resolve()
	return resolved, c.blame(err)
}

// Run implements the command.
func (c *trainCommand) Run(ctx context.Context, a *app, command *kong.Context) error {
	cfg, err := c.config(command.Selected())
	if err == nil {
		err = a.handOver(ctx, cfg.Device, 1)
	}
	if err != nil {
		return err
	}
	p := a.progress("training", cfg.GradientSteps)
	s, err := train.Run(ctx, c.Out, cfg, train.Options{Resume: c.Resume, Version: version(), Log: a.log, Report: p.training("")})
	p.end()
	if err != nil && exitCode(err) != exitStopped && exitCode(err) != exitNonFinite {
		return resumable(err)
	}
	if errors.Is(err, train.ErrStopped) {
		err = fmt.Errorf("%w; run again with --resume to go on", err)
	}
	return errors.Join(err, a.trained(s), a.finish(s))
}

// resumable says what to do where a device failed in a run.
func resumable(err error) error {
	if fault := panics.Thrown(nil); errors.As(err, &fault) {
		return fmt.Errorf("%w; its checkpoints are whole: run again with --resume to go on", err)
	}
	return err
}

// describe tells of a run in progress.
func describe(s train.State) string {
	return fmt.Sprintf("loss %.4f, %.2f RNN steps/trial, %.3f correct", s.Loss, s.RNNStepsPerTrial, s.CorrectPerTrial)
}

// trained prints a run's summary.
func (a *app) trained(s train.Summary) error {
	built := ""
	if s.BuildSeconds > 0 {
		built = fmt.Sprintf(", after %.2f s of building graphs", s.BuildSeconds)
	}
	return a.table([][]string{
		{"run", s.Out},
		{"network", fmt.Sprintf("%s of %d hidden units, %s (%s), seed %d", s.Cell, s.Hidden, s.Objective, s.Reduction, s.Seed)},
		{"gradient steps", fmt.Sprint(s.GradientSteps)},
		{"loss", fmt.Sprintf("%.4f  over the last 100 gradient steps, as are the three below", s.Loss)},
		{"RNN steps per trial", fmt.Sprintf("%.3f", s.RNNStepsPerTrial)},
		{"action rate", fmt.Sprintf("%.3f", s.ActionRate)},
		{"correct per trial", fmt.Sprintf("%.3f", s.CorrectPerTrial)},
		{"time", fmt.Sprintf("%.1f s computing, %.0f gradient steps/s, %.2f µs per RNN step on %s (%s, %s)%s",
			s.Seconds, s.GradientStepsPerSecond, s.MicrosPerRNNStep, s.Device, s.ISA, s.Dtype, built)},
	})
}
