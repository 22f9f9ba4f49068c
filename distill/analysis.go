package distill

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/train"
)

// readoutsFile holds an analysis's arrays.
const readoutsFile = "readouts.npz"

// Analysis tells of a network's states and readouts.
type Analysis struct {
	Out    string `json:"out"`
	Source string `json:"source"`
	Made
	*analysis.Report
}

// AnalysisOfRun examines a run's rollout, which it makes if need be, into the
// folder out, absent or empty, or, where out is "", into the run's folder
// analysis, which is left alone where it is of the run's newest weights and
// rollout, and else replaced.
func AnalysisOfRun(ctx context.Context, run, out string, opt train.Options) (Analysis, error) {
	a := Analysis{Report: new(analysis.Report)}
	err := ofRun(ctx, run, out, "analysis", "", &a, opt, func(staging string, _ train.RolloutSummary, f *analysis.File) error {
		return a.examine(staging, f, opt.Filled())
	})
	return a, err
}

// AnalysisOfWeights examines a network of a weights file by a rollout of the
// default session, which is not kept.
func AnalysisOfWeights(ctx context.Context, path, out string, opt train.Options) (Analysis, error) {
	opt = opt.Filled()
	a := Analysis{Out: out, Source: path, Report: new(analysis.Report)}
	if err := train.Vacant(opt.FS, out); err != nil {
		return a, err
	}
	w, err := train.LoadRNN(path)
	if err != nil {
		return a, err
	}
	cfg := train.DefaultRolloutConfig()
	cfg.Device = "cpu"
	a.Made = Made{FormatVersion: formatVersion, WeightsSHA256: w.SHA256, Blocks: cfg.Blocks, Seed: cfg.Seed, Dtype: cfg.Dtype}
	err = into(out, &a, opt, func(staging string) error {
		rollout := filepath.Join(staging, "rollout")
		if _, err := train.Rollout(ctx, w, rollout, cfg, opt); err != nil {
			return err
		}
		f, err := analysis.OpenFile(filepath.Join(rollout, statesFile))
		if err != nil {
			return err
		}
		return errors.Join(a.examine(staging, f, opt), f.Close(), opt.FS.RemoveAll(rollout))
	})
	return a, err
}

// AnalysisOfTrajectory examines a recorded trajectory into the folder out, which
// is absent or empty.
func AnalysisOfTrajectory(path, out string, opt train.Options) (Analysis, error) {
	a := Analysis{Report: new(analysis.Report)}
	err := ofTrajectory(path, out, &a, opt, func(staging string, f *analysis.File) error {
		return a.examine(staging, f, opt.Filled())
	})
	return a, err
}

// examine fills the folder and the report.
func (a *Analysis) examine(folder string, f *analysis.File, opt train.Options) error {
	report, err := analysis.Examine(f)
	if err != nil {
		return err
	}
	a.Report = report
	return atomicfs.WriteFile(opt.FS, filepath.Join(folder, readoutsFile), func(w io.Writer) error {
		z := npz.NewWriter(w)
		return errors.Join(report.Write(z), z.Close())
	})
}

func (a *Analysis) place(out, source string) *Made {
	a.Out, a.Source = out, source
	return &a.Made
}

func (a *Analysis) whole(folder string) bool { return exists(folder, readoutsFile) }
