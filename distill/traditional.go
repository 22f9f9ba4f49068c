package distill

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"radd/internal/atomicfs"
	"radd/train"
)

// TraditionalConfig returns the paper's traditional distillation: 2 hidden
// units, 10,000 gradient steps. The teacher is left to be named.
//
// Source: SI 7.4.
func TraditionalConfig() train.Config {
	c := train.DefaultConfig()
	c.Hidden, c.GradientSteps, c.Objective = 2, 10_000, "soft-cross-entropy"
	return c
}

// remaking is what the folder of a student that will replace another is called
// while it is trained.
const remaking = ".remaking-"

// TraditionalOfRun distils a run's network into the run's folder
// distill/<name>, a run's folder itself. What is there goes on, or is finished,
// if it was begun with the same weights and configuration; else another student
// is trained beside it and replaces it when it is finished, and the log says so.
// Errors are those of [train.Run].
//
// Source: SI 7.4.
func TraditionalOfRun(ctx context.Context, run, name string, cfg train.Config, opt train.Options) (train.Summary, error) {
	if _, err := vanilla(run); err != nil {
		return train.Summary{}, err
	}
	opt = opt.Filled()
	opt.Resume = true
	cfg.Teacher = filepath.Join(run, weightsFile)
	sum, err := train.FileSum(cfg.Teacher)
	if err != nil {
		return train.Summary{}, err
	}
	cfg.TeacherSHA256 = sum
	out := filepath.Join(run, "distill", name)
	if same, err := sameRun(out, &cfg); err != nil || same {
		if err != nil {
			return train.Summary{}, err
		}
		return train.Run(ctx, out, cfg, opt)
	}
	opt.Log.Info("distilling again: what is there is of other weights or another configuration", "out", out)
	beside := filepath.Join(run, "distill", remaking+name)
	if same, err := sameRun(beside, &cfg); err != nil || !same { // an earlier replacement, of other weights again
		if err := errors.Join(err, opt.FS.RemoveAll(beside)); err != nil {
			return train.Summary{}, err
		}
	}
	s, err := train.Run(ctx, beside, cfg, opt)
	if err != nil {
		return s, err
	}
	s.Out = out
	return s, atomicfs.Supersede(opt.FS, beside, out)
}

// sameRun reports whether the folder is absent, or holds a run that goes on
// under the configuration.
func sameRun(dir string, cfg *train.Config) (bool, error) {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if !train.IsRun(dir) {
		return true, nil // train.Run tells what is wrong with it
	}
	is, err := train.ReadRunConfig(dir)
	if err != nil {
		return false, err
	}
	resolved, err := cfg.Resolve()
	if err != nil {
		return false, err
	}
	return is.Differs(&resolved) == nil && is.GradientSteps <= resolved.GradientSteps, nil
}
