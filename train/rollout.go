package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/panics"
	"radd/kernels"
	"radd/task"
)

// Files of a rollout's folder.
const (
	trialsFile  = "trials.parquet"
	statesFile  = "states.npz"
	sessionFile = "session.npz"
	summaryFile = "summary.json"
)

// rolloutVersion is the format of a rollout's folder. Since 2 trials have their
// cross entropy.
const rolloutVersion = "2"

const (
	rolloutDir = "rollout"      // within a run's folder
	distillDir = "distill"      // likewise: its students
	makingLock = ".making.lock" // likewise
	makingPoll = 100 * time.Millisecond
)

// RolloutConfig is everything that decides a rollout, besides its weights.
type RolloutConfig struct {
	Blocks int    // of the session; Task.Blocks is not looked at
	Seed   uint64 // of the session
	Dtype  string // f32 or f64
	Device string // auto, cpu, gpu or gpu:K
	Task   task.Config
}

// DefaultRolloutConfig returns the paper's rollout: 1,000 blocks.
func DefaultRolloutConfig() RolloutConfig {
	c := DefaultConfig()
	return RolloutConfig{Blocks: 1000, Seed: 2, Dtype: c.Dtype, Device: c.Device, Task: c.Task}
}

// resolve returns the configuration with the session's blocks among the task's
// constants and implied values filled in, or an *input.Error.
func (c RolloutConfig) resolve() (RolloutConfig, error) {
	all := DefaultConfig() // so that its keys check ours
	all.Dtype, all.Device, all.Task = c.Dtype, c.Device, c.Task
	all.Task.Blocks = c.Blocks
	all, err := all.Resolve()
	c.Task = all.Task
	return c, err
}

// RolloutSummary tells what a rollout showed and what it was made from.
type RolloutSummary struct {
	Out           string `json:"out"`
	FormatVersion string `json:"format_version"`
	Weights       string `json:"weights"`
	WeightsSHA256 string `json:"weights_sha256"`
	Hidden        int    `json:"hidden"`
	Cell          string `json:"cell"`
	Blocks        int    `json:"blocks"`
	Seed          uint64 `json:"seed"`
	kernels.Info
	task.Figures
	ByStrength       []task.StrengthSteps `json:"rnn_steps_by_strength"`
	Seconds          float64              `json:"seconds"` // computing, without start-up and files
	MicrosPerRNNStep float64              `json:"us_per_rnn_step"`
	Task             map[string]any       `json:"task"` // constants by key
}

// Rollout plays one long session by the weights in closed loop and records it
// into the folder out, which appears whole or not at all. It returns ctx's error
// when ctx ends, and an *input.Error, before anything is computed, where the
// configuration cannot be used or out is neither absent nor an empty folder.
//
// Source: SI 7.1.
func Rollout(ctx context.Context, w Weights, out string, cfg RolloutConfig, opt Options) (RolloutSummary, error) {
	opt = opt.Filled()
	cfg, err := cfg.resolve()
	if err != nil {
		return RolloutSummary{}, err
	}
	if err := Vacant(opt.FS, out); err != nil {
		return RolloutSummary{}, err
	}
	return rollout(ctx, w, out, cfg, opt, nil)
}

// Play plays the session that [Rollout] records and keeps the summary alone, which
// is a rollout's but for the clock's readings.
func Play(ctx context.Context, w Weights, cfg RolloutConfig, opt Options) (RolloutSummary, error) {
	cfg, err := cfg.resolve()
	if err != nil {
		return RolloutSummary{}, err
	}
	if cfg.Dtype == "f32" {
		return playOn[float32](ctx, w, cfg, opt.Filled(), nil)
	}
	return playOn[float64](ctx, w, cfg, opt.Filled(), nil)
}

// playOn is Play of a resolved configuration on the backend, or, where that is
// nil, on the device that the configuration names.
func playOn[F kernels.Float](ctx context.Context, w Weights, cfg RolloutConfig, opt Options, backend kernels.Backend[F]) (s RolloutSummary, err error) {
	defer panics.Return(&err) // a device's failure
	r, closing, err := open(w, cfg, opt, 0, backend)
	if err != nil {
		return s, err
	}
	defer closing()
	if err := r.play(ctx, func() error { return nil }); err != nil {
		return s, err
	}
	return r.summary(w, ""), nil
}

// RolloutOfRun returns the summary of the rollout in the folder rollout/ of a
// run. Where there is none, or one of other weights, settings or task constants
// than the run's newest and the given ones, it first makes it as [Rollout] does,
// in the place of the old one, and says so. The task's constants are the run's:
// cfg.Task is not looked at. While another process makes the same rollout, it
// waits.
func RolloutOfRun(ctx context.Context, run string, cfg RolloutConfig, opt Options) (RolloutSummary, error) {
	return rolloutOfRun(ctx, run, cfg, opt, nil)
}

// rolloutOfRun is RolloutOfRun on the backend of [rollout].
func rolloutOfRun(ctx context.Context, run string, cfg RolloutConfig, opt Options, backend any) (RolloutSummary, error) {
	opt = opt.Filled()
	of, err := ReadRunConfig(run)
	if err != nil {
		return RolloutSummary{}, err
	}
	cfg.Task = of.Task
	if cfg, err = cfg.resolve(); err != nil {
		return RolloutSummary{}, err
	}
	w, err := LoadWeights(filepath.Join(run, weightsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return RolloutSummary{}, &input.Error{File: run, Found: "a run without weights",
			Do: "wait for its first checkpoint, or train it with --resume"}
	}
	if err != nil {
		return RolloutSummary{}, err
	}

	out := filepath.Join(run, rolloutDir)
	if s, why := made(opt.FS, out, w, cfg); why == "" {
		return s, nil
	}
	release, err := Claim(ctx, run)
	if err != nil {
		return RolloutSummary{}, err
	}
	defer release()
	s, why := made(opt.FS, out, w, cfg)
	if why == "" { // meanwhile
		return s, nil
	}
	opt.Log.Info("making the run's rollout: "+why, "out", out)
	return rollout(ctx, w, out, cfg, opt, backend)
}

// RolloutMade returns the run's rollout as RolloutOfRun does, of whatever session,
// dtype and device it was made last; where there is none, of the default session
// in the run's dtype.
func RolloutMade(ctx context.Context, run string, opt Options) (RolloutSummary, error) {
	of, err := ReadRunConfig(run)
	if err != nil {
		return RolloutSummary{}, err
	}
	cfg := DefaultRolloutConfig()
	cfg.Dtype = of.Dtype
	var s RolloutSummary
	if data, err := os.ReadFile(filepath.Join(run, rolloutDir, summaryFile)); err == nil && json.Unmarshal(data, &s) == nil && s.Blocks > 0 {
		cfg.Blocks, cfg.Seed, cfg.Dtype = s.Blocks, s.Seed, s.Dtype
	}
	return RolloutOfRun(ctx, run, cfg, opt)
}

// Claim waits until no other process makes something of the run, such as its
// rollout, and holds off others until it is released. What killed processes left
// unfinished in the run's folder is removed. A training run that starts does so
// too and is held off; where one is going on, it has done so already.
func Claim(ctx context.Context, run string) (release func(), err error) {
	making := flock.New(filepath.Join(run, makingLock))
	if _, err := making.TryLockContext(ctx, makingPoll); err != nil {
		return nil, fmt.Errorf("waiting for another process that makes something of %s: %w", run, err)
	}
	training := flock.New(filepath.Join(run, lockFile))
	idle, err := training.TryRLock()
	if err != nil {
		making.Unlock()
		return nil, fmt.Errorf("locking %s: %w", run, err)
	}
	release = func() { training.Unlock(); making.Unlock() }
	if idle {
		err = atomicfs.Recover(atomicfs.OS, run)
	}
	// What is trained there replaces folders by itself.
	if err = errors.Join(err, atomicfs.CleanTemp(atomicfs.OS, filepath.Join(run, distillDir))); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// made returns the summary of the rollout in the folder out, if it was made from
// these weights and settings, and otherwise why it has to be made.
func made(fsys atomicfs.FS, out string, w Weights, cfg RolloutConfig) (s RolloutSummary, why string) {
	if _, err := fsys.Lstat(out); errors.Is(err, fs.ErrNotExist) {
		return s, "there is none yet"
	}
	for _, name := range []string{trialsFile, statesFile, sessionFile, summaryFile} {
		if _, err := fsys.Lstat(filepath.Join(out, name)); err != nil {
			return s, "it has no " + name
		}
	}
	data, err := readBytes(fsys, filepath.Join(out, summaryFile))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	switch {
	case err != nil || s.FormatVersion != rolloutVersion:
		return s, "what is there cannot be read by this version"
	case s.WeightsSHA256 != w.SHA256:
		return s, "what is there is of other weights"
	case s.Blocks != cfg.Blocks || s.Seed != cfg.Seed:
		return s, "what is there is of another session"
	case s.Dtype != cfg.Dtype:
		return s, "what is there is of dtype " + s.Dtype
	case !bytes.Equal(canonical(s.Task), canonical(constants(cfg.Task))):
		return s, "what is there is of other task constants"
	}
	s.Out, s.Weights = out, w.Path // the run's folder may have been moved
	return s, ""
}

// constants returns the task's constants by their keys.
func constants(c task.Config) map[string]any {
	m := map[string]any{}
	for _, k := range task.Keys() {
		m[k.Name] = pointee(k.Field(&c))
	}
	return m
}

// canonical returns constants as JSON: the same bytes for the same numbers,
// whether they were read from JSON or not.
func canonical(constants map[string]any) []byte {
	data, err := json.Marshal(constants)
	if err != nil {
		panic("train: constants of the task are finite numbers")
	}
	return data
}

// Vacant returns an *input.Error unless path is free or an empty folder.
func Vacant(fsys atomicfs.FS, path string) error {
	entries, err := fsys.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return &input.Error{File: path, Found: "a file", Allowed: "a name that is free, or an empty folder"}
	case err == nil && len(entries) > 0:
		return &input.Error{File: path, Found: "a folder that is not empty", Do: "choose another --out"}
	}
	return err
}

// rollout makes the rollout of a resolved configuration in the place of whatever
// is at out, on a kernels.Backend of the configuration's dtype, or, where that is
// nil, on the device that the configuration names.
func rollout(ctx context.Context, w Weights, out string, cfg RolloutConfig, opt Options, backend any) (RolloutSummary, error) {
	if cfg.Dtype == "f32" {
		on, _ := backend.(kernels.Backend[float32])
		return record(ctx, w, out, cfg, opt, 0, on)
	}
	on, _ := backend.(kernels.Backend[float64])
	return record(ctx, w, out, cfg, opt, 0, on)
}

// record makes the rollout in stretches of the given number of trials, 0 for
// one that suits the network.
func record[F kernels.Float](ctx context.Context, w Weights, out string, cfg RolloutConfig, opt Options, stretch int, backend kernels.Backend[F]) (s RolloutSummary, err error) {
	defer panics.Return(&err) // a device's failure
	r, closing, err := open(w, cfg, opt, stretch, backend)
	if err != nil {
		return RolloutSummary{}, err
	}
	defer closing()
	place, err := filepath.Abs(out)
	if err != nil {
		return RolloutSummary{}, err
	}
	if linked, err := filepath.EvalSymlinks(place); err == nil {
		place = linked // an empty folder elsewhere: its parent is where to stage
	}
	if err := opt.FS.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return RolloutSummary{}, err
	}
	err = atomicfs.ReplaceDir(opt.FS, place, func(dir string) error {
		if err := r.write(ctx, dir); err != nil {
			return err
		}
		s = r.summary(w, out)
		return atomicfs.WriteJSON(opt.FS, filepath.Join(dir, summaryFile), s)
	})
	if err != nil {
		return RolloutSummary{}, err
	}
	return s, nil
}

// open returns a recording that has not begun, on the backend or, where that is
// nil, on the device that the configuration names, and what closes that.
func open[F kernels.Float](w Weights, cfg RolloutConfig, opt Options, stretch int, backend kernels.Backend[F]) (_ *recording[F], closing func() error, err error) {
	theta, err := thetaAs[F](w)
	if err != nil {
		return nil, nil, err
	}
	closing = func() error { return nil }
	borrowed := backend != nil
	if !borrowed {
		if backend, err = OpenBackend[F](deviceFor(w.engine(), cfg.Device), 1, 1, opt.Log); err != nil {
			return nil, nil, err
		}
		closing = backend.Close
	}
	player, err := play(w, backend)
	if err != nil {
		return nil, nil, errors.Join(err, closing())
	}
	if !borrowed {
		closing = player.Close // and the backend under it
	}
	if stretch == 0 {
		stretch = suitable(w.N, cfg.Task.MaxSteps())
	}
	return newRecording(player, theta, w, cfg, opt, stretch), closing, nil
}

// suitable returns the trials of a stretch: as many as keep its states within a
// few million numbers, up to a thousand.
func suitable(n, maxSteps int) int {
	const numbers = 1 << 22
	return max(1, min(numbers/(n*maxSteps), 1000))
}
