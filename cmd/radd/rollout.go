package main

import (
	"context"
	"fmt"
	"path/filepath"

	"radd/internal/input"
	"radd/task"
	"radd/train"
)

type rolloutCommand struct {
	OfRun   string `name:"run" help:"A run's folder: its newest weights and its task." placeholder:"DIR" xor:"who"`
	Weights string `help:"A weights file, .safetensors or .npz." placeholder:"F" xor:"who"`
	Blocks  int    `default:"1000" help:"Blocks of the session."`
	Seed    uint64 `default:"2" help:"Seed of the session."`
	Dtype   string `help:"Floating-point type: f32 or f64. [default: f32; with --run, the run's]" placeholder:"f32"`
	Device  string `default:"auto" help:"What computes: auto, cpu, gpu or gpu:K."`
	Out     string `help:"Folder to write into, absent or empty. [default: the run's rollout/]" placeholder:"DIR"`
	sources
}

func (rolloutCommand) Help() string {
	return `One long session in closed loop, recorded: trials.parquet, states.npz, session.npz, summary.json.
A run's rollout is left alone where it was made from the same weights and settings.

    radd rollout --run runs/a
    radd rollout --weights runs/a/weights.safetensors --blocks 100 --out rollouts/a`
}

// Run implements the command.
func (c *rolloutCommand) Run(ctx context.Context, a *app) error {
	s, err := c.play(ctx, a)
	if err != nil {
		return err
	}
	if err := a.table(append([][]string{{"rollout", s.Out}}, figureRows(s.Figures)...)); err != nil {
		return err
	}
	return a.finish(s)
}

func (c *rolloutCommand) play(ctx context.Context, a *app) (none train.RolloutSummary, err error) {
	cfg := train.RolloutConfig{Blocks: c.Blocks, Seed: c.Seed, Dtype: c.Dtype, Device: c.Device, Task: train.DefaultConfig().Task}
	path := c.Weights
	switch {
	case c.OfRun != "":
		run, err := train.ReadRunConfig(c.OfRun)
		if err != nil {
			return none, err
		}
		cfg.Task = run.Task
		if cfg.Dtype == "" {
			cfg.Dtype = run.Dtype
		}
		path = filepath.Join(c.OfRun, "weights.safetensors")
	case c.Weights == "":
		return none, &input.Error{File: "radd rollout", Found: "nothing to play with", Allowed: "--run DIR or --weights F"}
	case cfg.Dtype == "":
		cfg.Dtype = "f32"
	}
	if cfg.Task, err = c.task(cfg.Task); err != nil {
		return none, err
	}
	if err := a.handOver(ctx, c.Device, 1); err != nil {
		return none, err
	}
	p := a.progress("rolling out", 0)
	defer p.end()
	opt := train.Options{Version: version(), Log: a.log, Progress: p.reach}
	switch {
	case c.Out == "" && c.OfRun == "":
		return none, &input.Error{File: "--out", Found: "no folder", Allowed: "a folder that is absent or empty"}
	case c.Out == "" && (c.Config != "" || len(c.Set) > 0):
		return none, &input.Error{File: "--out", Found: "no folder for the rollout of another task", Allowed: "a folder that is absent or empty",
			Do: "leave --config and --set away to roll out the run's own task"}
	case c.Out == "":
		return train.RolloutOfRun(ctx, c.OfRun, cfg, opt)
	}
	w, err := train.LoadWeights(path)
	if err != nil {
		return none, err
	}
	return train.Rollout(ctx, w, c.Out, cfg, opt)
}

// figureRows returns behaviour as rows of a table.
func figureRows(f task.Figures) [][]string {
	rows := [][]string{{"trials", fmt.Sprint(f.Trials)}, {"RNN steps", fmt.Sprint(f.RNNSteps)}}
	for _, r := range []struct {
		name  string
		value task.Ratio
	}{
		{"RNN steps per trial", f.RNNStepsPerTrial},
		{"action rate", f.ActionRate},
		{"correct per trial", f.CorrectPerTrial},
		{"correct per action", f.CorrectPerAction},
		{"correct, concordant trials", f.CorrectConcordant},
		{"correct, discordant trials", f.CorrectDiscordant},
		{"the same at zero strength, concordant", f.CorrectZeroStrengthConcordant},
		{"and discordant", f.CorrectZeroStrengthDiscordant},
		{"cross entropy per observation, nats", f.CrossEntropyPerObservation},
	} {
		rows = append(rows, []string{r.name, fmt.Sprintf("%.4f", r.value)})
	}
	return rows
}
