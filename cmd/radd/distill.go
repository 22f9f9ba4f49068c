package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"radd/analysis"
	"radd/distill"
	"radd/internal/input"
	"radd/task"
	"radd/train"
)

type distillCommand struct {
	Method     string `required:"" enum:"radd,traditional" help:"radd: linear least squares on projected states (SI 7.3); traditional: training on the teacher's probabilities (SI 7.4)." placeholder:"radd|traditional"`
	OfRun      string `name:"run" help:"The teacher: a run's folder." placeholder:"DIR" xor:"teacher"`
	Trajectory string `help:"radd: anybody's recorded trajectory." placeholder:"F.npz" xor:"teacher"`
	Weights    string `help:"traditional: the teacher's weights, .safetensors or .npz." placeholder:"F" xor:"teacher"`
	Out        string `help:"Folder to write into. [default: the run's distill/radd-full and so on; the trajectory's name with -radd]" placeholder:"DIR"`
	Readout    string `help:"radd: the directions to follow, found in the space of all units or in the principal plane: full or pca. [default: full; with a trajectory that has one, its projection]" placeholder:"full"`
	Resume     bool   `help:"traditional, with --out: go on from the newest checkpoint."`
	sources

	Hidden            *string `key:""`
	GradientSteps     *string `key:""`
	LR                *string `key:"" name:"lr"`
	Momentum          *string `key:""`
	Sessions          *string `key:""`
	Seed              *string `key:""`
	Init              *string `key:""`
	Dtype             *string `key:""`
	Device            *string `key:""`
	Jobs              *string `key:""`
	MetricsEvery      *string `key:""`
	CheckpointEvery   *string `key:""`
	CheckpointMinutes *string `key:""`
	Keep              *string `key:""`
}

func (distillCommand) Help() string {
	return `RADD regresses the teacher's projected states on their past and on the inputs, and writes radd.npz and, where it
plays the task, the student's weights.safetensors. Traditional distillation is a run like any other; the flags
from --hidden on are its own.

    radd distill --method radd --run runs/a --readout pca
    radd distill --method radd --trajectory recorded.npz --out students/a
    radd distill --method traditional --run runs/a
    radd rollout --weights runs/a/distill/radd-pca/weights.safetensors --out rollouts/student`
}

// Run implements the command.
func (c *distillCommand) Run(ctx context.Context, a *app, command *kong.Context) error {
	if c.Method == "radd" {
		return c.radd(ctx, a, command.Selected())
	}
	return c.traditional(ctx, a, command.Selected())
}

func (c *distillCommand) radd(ctx context.Context, a *app, command *kong.Node) error {
	for name, f := range keyFlags(command) {
		if f.Set {
			return misplaced("--"+name, "radd")
		}
	}
	switch {
	case c.Weights != "":
		return misplaced("--weights", "radd")
	case c.Resume:
		return misplaced("--resume", "radd")
	case c.Config != "":
		return misplaced("--config", "radd")
	case len(c.Set) > 0:
		return misplaced("--set", "radd")
	}
	kind := analysis.Kind(c.Readout)
	if kinds := []analysis.Kind{"", analysis.Full, analysis.PCA}; !slices.Contains(kinds, kind) {
		return &input.Error{File: "--readout", Found: fmt.Sprintf("%q", kind), Allowed: "full, pca"}
	}
	p := a.progress("distilling", 0)
	opt := train.Options{Version: version(), Log: a.log, Progress: p.reach}
	var s distill.Summary
	var err error
	switch {
	case c.OfRun != "":
		if kind == "" {
			kind = analysis.Full
		}
		s, err = distill.OfRun(ctx, c.OfRun, c.Out, kind, opt)
	case c.Trajectory != "":
		out := c.Out
		if out == "" {
			out = strings.TrimSuffix(c.Trajectory, filepath.Ext(c.Trajectory)) + "-radd"
		}
		s, err = distill.OfTrajectory(c.Trajectory, out, kind, opt)
	default:
		err = &input.Error{File: "radd distill", Found: "no teacher", Allowed: "--run DIR or --trajectory F.npz"}
	}
	p.end()
	if err != nil {
		return err
	}
	if err := a.table(studentRows(s)); err != nil {
		return err
	}
	return a.finish(s)
}

// studentRows returns a RADD student as rows of a table.
func studentRows(s distill.Summary) [][]string {
	of := func(v []task.Ratio) string {
		text := make([]string, len(v))
		for i, x := range v {
			text[i] = fmt.Sprintf("%.4f", x)
		}
		return strings.Join(text, "  ")
	}
	rows := [][]string{
		{"student", s.Out},
		{"directions", fmt.Sprintf("%d of %d dimensions, %s", s.Hidden, s.TeacherHidden, s.Readout)},
		{"RNN steps", fmt.Sprint(s.RNNSteps)},
		{"R², one step", of(s.R2)},
		{"R², free run", of(s.FreeRunR2)},
		{"R², one step, held out", of(s.HeldOutR2)},
		{"R², free run, held out", of(s.HeldOutFreeRunR2)},
		{"condition", fmt.Sprintf("%.4g, rank %d of %d", s.Condition, s.Rank, s.Regressors)},
	}
	if s.Readout == string(analysis.Full) || s.Readout == string(analysis.PCA) {
		rows = append(rows, []string{"angle between the readouts", fmt.Sprintf("%.2f°", s.ReadoutAngle)},
			[]string{"block side told by its readout", fmt.Sprintf("%.4f of RNN steps", s.BlockAccuracy)})
	}
	return rows
}

func misplaced(flag, method string) error {
	return &input.Error{File: flag, Found: "a flag that --method " + method + " does not have"}
}

// traditionalSummary is a run's, with the method.
type traditionalSummary struct {
	Method string `json:"method"`
	train.Summary
}

func (c *distillCommand) traditional(ctx context.Context, a *app, command *kong.Node) error {
	switch {
	case c.Trajectory != "":
		return misplaced("--trajectory", c.Method)
	case c.Readout != "":
		return misplaced("--readout", c.Method)
	case c.OfRun == "" && c.Weights == "":
		return &input.Error{File: "radd distill", Found: "no teacher", Allowed: "--run DIR or --weights F"}
	case c.Out == "" && c.Weights != "":
		return &input.Error{File: "--out", Found: "no folder", Allowed: "a folder that is absent or empty"}
	case c.Out == "" && c.Resume:
		return &input.Error{File: "--resume", Found: "no --out", Do: "leave it away: a run's own student goes on by itself"}
	}
	cfg, err := c.config(command)
	if err == nil {
		err = a.handOver(ctx, cfg.Device, 1)
	}
	if err != nil {
		return err
	}
	p := a.progress("distilling", cfg.GradientSteps)
	opt := train.Options{Resume: c.Resume, Version: version(), Log: a.log, Report: p.training("")}
	var s train.Summary
	if c.Out == "" {
		s, err = distill.TraditionalOfRun(ctx, c.OfRun, "traditional", cfg, opt)
	} else {
		s, err = train.Run(ctx, c.Out, cfg, opt)
	}
	p.end()
	if err != nil && exitCode(err) != exitStopped && exitCode(err) != exitNonFinite {
		return resumable(err)
	}
	return errors.Join(err, a.trained(s), a.finish(traditionalSummary{c.Method, s}))
}

// config returns the student's configuration: the paper's (for --resume, what it
// was started with; its task and dtype those of the teacher's run), the file,
// --set, flags.
func (c *distillCommand) config(command *kong.Node) (train.Config, error) {
	cfg := distill.TraditionalConfig()
	if c.OfRun != "" {
		run, err := train.ReadRunConfig(c.OfRun)
		if err != nil {
			return cfg, err
		}
		cfg.Task, cfg.Dtype = run.Task, run.Dtype
	}
	if c.Resume && train.IsRun(c.Out) {
		var err error
		if cfg, err = train.ReadRunConfig(c.Out); err != nil {
			return cfg, err
		}
	}
	if err := errors.Join(c.apply(&cfg), applyFlags(command, &cfg)); err != nil {
		return cfg, err
	}
	cfg.Teacher = c.Weights
	if c.OfRun != "" {
		cfg.Teacher = filepath.Join(c.OfRun, "weights.safetensors")
	}
	resolved, err := cfg.Resolve()
	return resolved, c.blame(err)
}
