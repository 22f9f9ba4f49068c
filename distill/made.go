package distill

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/train"
)

const (
	summaryFile   = "summary.json" // of every folder that is made of a run or a trajectory
	statesFile    = "states.npz"   // of a rollout
	formatVersion = "1"
)

// Made is what something was made from. Where it is the same, so is what would
// be made.
type Made struct {
	FormatVersion string `json:"format_version"`
	Readout       string `json:"readout,omitempty"`        // full, pca, or projection: the trajectory's own
	WeightsSHA256 string `json:"weights_sha256,omitempty"` // of a run's network
	Blocks        int    `json:"blocks,omitempty"`         // of its rollout
	Seed          uint64 `json:"seed,omitempty"`
	Dtype         string `json:"dtype,omitempty"`
	SHA256        string `json:"trajectory_sha256,omitempty"` // of a trajectory file that is no run's
	PlayersSHA256 string `json:"players_sha256,omitempty"`    // of an analysis's students and mice together
}

// product is the summary of something that is made into a folder.
type product[T any] interface {
	*T
	place(out, source string) *Made
	whole(folder string) bool // its files but the summary are all there
}

// ofRun makes something of a run's rollout, which it makes if need be, by fill,
// whose summary is p. It goes into the folder out, absent or empty, or, where out
// is "", into the run's folder of that name, unless that holds the same already.
// of says what else than the rollout it is made of.
func ofRun[T any, P product[T]](ctx context.Context, run, out, name string, of Made, p P, opt train.Options,
	fill func(staging string, rollout train.RolloutSummary, f *analysis.File) error) error {
	opt = opt.Filled()
	if out != "" {
		if err := train.Vacant(opt.FS, out); err != nil {
			return err
		}
	}
	if _, err := vanilla(run); err != nil {
		return err
	}
	rollout, err := train.RolloutMade(ctx, run, opt)
	if err != nil {
		return err
	}
	is := Made{FormatVersion: cmp.Or(of.FormatVersion, formatVersion), Readout: of.Readout, PlayersSHA256: of.PlayersSHA256, WeightsSHA256: rollout.WeightsSHA256,
		Blocks: rollout.Blocks, Seed: rollout.Seed, Dtype: rollout.Dtype}
	if out == "" {
		out = filepath.Join(run, name)
		release, err := train.Claim(ctx, run)
		if err != nil {
			return err
		}
		defer release()
		there := P(new(T)) // nothing of it stays in what is made in its place
		data, err := os.ReadFile(filepath.Join(out, summaryFile))
		if err == nil && json.Unmarshal(data, there) == nil && *there.place(out, run) == is && there.whole(out) {
			*p = *there
			return nil
		}
		if err == nil {
			opt.Log.Info("making it again: what is there is of other weights or another rollout", "out", out)
		}
	}
	*p.place(out, run) = is
	return into(out, p, opt, func(staging string) error {
		f, err := analysis.OpenFile(filepath.Join(rollout.Out, statesFile))
		if err != nil {
			return err
		}
		defer f.Close()
		return fill(staging, rollout, f)
	})
}

// vanilla returns a run's configuration, or an *input.Error where there is none or
// its network's cell is not rnn.
func vanilla(run string) (train.Config, error) {
	cfg, err := train.ReadRunConfig(run)
	if err == nil {
		err = train.Vanilla(run, cfg.Cell)
	}
	return cfg, err
}

// ofTrajectory makes something of a trajectory file into the folder out, absent
// or empty, by fill, whose summary is p.
func ofTrajectory[T any, P product[T]](path, out string, p P, opt train.Options, fill func(staging string, f *analysis.File) error) error {
	opt = opt.Filled()
	if err := train.Vacant(opt.FS, out); err != nil {
		return err
	}
	f, err := analysis.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := train.FileSum(path)
	if err != nil {
		return err
	}
	*p.place(out, path) = Made{FormatVersion: formatVersion, SHA256: sum}
	return into(out, p, opt, func(staging string) error { return fill(staging, f) })
}

// into fills the folder out, which appears whole or not at all, in the place of
// whatever is there, and adds the summary.
func into(out string, p any, opt train.Options, fill func(staging string) error) error {
	if err := opt.FS.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return atomicfs.ReplaceDir(opt.FS, out, func(staging string) error {
		if err := fill(staging); err != nil {
			return err
		}
		return atomicfs.WriteJSON(opt.FS, filepath.Join(staging, summaryFile), p)
	})
}

func exists(folder, name string) bool {
	_, err := os.Stat(filepath.Join(folder, name))
	return err == nil
}
