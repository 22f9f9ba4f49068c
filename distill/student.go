package distill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// Files of a RADD student's folder.
const (
	resultFile  = "radd.npz"
	weightsFile = "weights.safetensors" // the student, where it is a network
	summaryFile = "summary.json"
)

const (
	formatVersion = "1"
	seed          = 1 // of the bootstrap and the random control
)

// fromFile is the readout of a student that follows the trajectory's own projection.
const fromFile = "projection"

// Made is what a student was made from. Where it is the same, the student is.
type Made struct {
	FormatVersion string `json:"format_version"`
	Readout       string `json:"readout"`                  // full, pca, or projection: the trajectory's own
	WeightsSHA256 string `json:"weights_sha256,omitempty"` // of a run's network
	Blocks        int    `json:"blocks,omitempty"`         // of its rollout
	Seed          uint64 `json:"seed,omitempty"`
	Dtype         string `json:"dtype,omitempty"`
	SHA256        string `json:"trajectory_sha256,omitempty"` // of a trajectory file that is no run's
}

// Summary tells of a RADD student. Vectors are of the projection's rows.
type Summary struct {
	Out    string `json:"out"`
	Method string `json:"method"`
	Source string `json:"source"`
	Made
	Hidden           int          `json:"hidden"`
	TeacherHidden    int          `json:"teacher_hidden"`
	RNNSteps         int          `json:"rnn_steps"`
	Scale            []float64    `json:"scale"` // κ
	R2               []task.Ratio `json:"r2"`
	FreeRunR2        []task.Ratio `json:"free_run_r2"`
	HeldOutR2        []task.Ratio `json:"held_out_r2"`
	HeldOutFreeRunR2 []task.Ratio `json:"held_out_free_run_r2"`
	Condition        task.Ratio   `json:"condition"`
	Rank             int          `json:"rank"`
	Regressors       int          `json:"regressors"`
	ReadoutAngle     task.Ratio   `json:"readout_angle_degrees"` // null where the projection is the file's
	BlockAccuracy    task.Ratio   `json:"block_accuracy"`        // likewise
	PlaysTheTask     bool         `json:"plays_the_task"`        // weights.safetensors is there
	Seconds          float64      `json:"seconds"`               // readouts, regression and reports; the rollout apart
}

// OfRun distils a run's network by RADD into the run's folder
// distill/radd-<readout>, from the run's rollout, which it makes if need be.
// Held-out figures are from another session. Where the folder is of the run's
// newest weights already, its summary is returned; else it is replaced
// atomically, and the log says so.
//
// Source: SI 7.3.
func OfRun(ctx context.Context, run string, readout analysis.Kind, opt train.Options) (Summary, error) {
	opt = opt.Filled()
	rollout, err := train.RolloutMade(ctx, run, opt)
	if err != nil {
		return Summary{}, err
	}
	made := Made{FormatVersion: formatVersion, Readout: string(readout), WeightsSHA256: rollout.WeightsSHA256,
		Blocks: rollout.Blocks, Seed: rollout.Seed, Dtype: rollout.Dtype}
	out := filepath.Join(run, "distill", "radd-"+string(readout))
	release, err := train.Claim(ctx, run)
	if err != nil {
		return Summary{}, err
	}
	defer release()
	old, err := readSummary(out)
	switch {
	case err == nil && old.Made == made:
		old.Out, old.Source = out, run
		return old, nil
	case err == nil:
		opt.Log.Info("distilling again: what is there is of other weights or another rollout", "out", out)
	}
	if err := opt.FS.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return Summary{}, err
	}
	s := Summary{Out: out, Source: run, Made: made}
	err = atomicfs.ReplaceDir(opt.FS, out, func(staging string) error {
		heldOut, err := heldOutOf(ctx, run, filepath.Join(staging, "held-out"), rollout, opt)
		if err != nil {
			return err
		}
		f, err := analysis.OpenFile(filepath.Join(rollout.Out, "states.npz"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := s.distil(staging, f, heldOut.Trajectory, readout, opt); err != nil {
			return err
		}
		return errors.Join(heldOut.Close(), opt.FS.RemoveAll(filepath.Join(staging, "held-out")))
	})
	return s, err
}

// heldOutOf plays another session by the rollout's network into the folder.
func heldOutOf(ctx context.Context, run, folder string, of train.RolloutSummary, opt train.Options) (*analysis.File, error) {
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		return nil, err
	}
	w, err := train.LoadWeights(of.Weights)
	if err != nil {
		return nil, err
	}
	if w.SHA256 != of.WeightsSHA256 {
		return nil, fmt.Errorf("%s has changed since it was rolled out: a training run is going on; try again", of.Weights)
	}
	_, err = train.Rollout(ctx, w, folder, train.RolloutConfig{Blocks: of.Blocks, Seed: of.Seed + 1, Dtype: of.Dtype, Device: "cpu", Task: cfg.Task}, opt)
	if err != nil {
		return nil, err
	}
	return analysis.OpenFile(filepath.Join(folder, "states.npz"))
}

// OfTrajectory distils a recorded trajectory by RADD into the folder out, which
// is absent or empty. The readout may be "": then the file's own projection is
// followed, or, where it has none, its full readouts.
//
// Source: SI 7.3.
func OfTrajectory(path, out string, readout analysis.Kind, opt train.Options) (Summary, error) {
	opt = opt.Filled()
	if err := train.Vacant(opt.FS, out); err != nil {
		return Summary{}, err
	}
	f, err := analysis.OpenFile(path)
	if err != nil {
		return Summary{}, err
	}
	defer f.Close()
	hash, err := train.FileSum(path)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Out: out, Source: path, Made: Made{FormatVersion: formatVersion, SHA256: hash}}
	if err := opt.FS.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return Summary{}, err
	}
	err = atomicfs.ReplaceDir(opt.FS, out, func(staging string) error {
		return s.distil(staging, f, f.HeldOut, readout, opt)
	})
	return s, err
}

// distil fills the folder and the summary.
func (s *Summary) distil(folder string, f *analysis.File, heldOut *analysis.Trajectory, readout analysis.Kind, opt train.Options) error {
	start := time.Now()
	projection, offset, readouts, err := f.Target(readout)
	if err != nil {
		return err
	}
	result, err := Distil(f.Trajectory, heldOut, Problem{Projection: projection, Offset: offset}, seed)
	var condition *ConditionError
	if errors.As(err, &condition) {
		opt.Log.Warn(condition.Error())
	} else if err != nil {
		return err
	}
	err = atomicfs.WriteFile(opt.FS, filepath.Join(folder, resultFile), func(w io.Writer) error {
		z := npz.NewWriter(w)
		return errors.Join(result.Write(z), z.Close())
	})
	if err != nil {
		return err
	}
	s.PlaysTheTask = f.HasProbability() && result.Q == kernels.Inputs
	if s.PlaysTheTask {
		if err := s.network(folder, f, result.RADD, opt); err != nil {
			return err
		}
	}

	s.Method, s.Hidden, s.TeacherHidden, s.RNNSteps = "radd", result.M, result.N, result.T
	s.Scale, s.Condition, s.Rank, s.Regressors = result.Scale, task.Ratio(result.Condition), result.Rank, result.M+result.Q+1
	s.R2, s.FreeRunR2 = ratios(result.R2), ratios(result.Training.FreeRunR2)
	s.HeldOutR2, s.HeldOutFreeRunR2 = ratios(result.HeldOut.R2), ratios(result.HeldOut.FreeRunR2)
	s.Made.Readout, s.ReadoutAngle, s.BlockAccuracy = fromFile, none, none
	if readouts != nil {
		s.Made.Readout = string(readouts.Kind)
		s.ReadoutAngle, s.BlockAccuracy = task.Ratio(readouts.Angle()), task.Ratio(readouts.Block.Accuracy)
	}
	s.Seconds = time.Since(start).Seconds()
	return atomicfs.WriteJSON(opt.FS, filepath.Join(folder, summaryFile), s)
}

// network writes the student as a network that plays the task.
func (s *Summary) network(folder string, f *analysis.File, r *RADD, opt train.Options) error {
	theta, err := r.Network(f.Trajectory)
	var condition *ConditionError
	if errors.As(err, &condition) {
		opt.Log.Warn("the student's readout: " + condition.Error())
	} else if err != nil {
		return err
	}
	var b bytes.Buffer
	meta := kernels.Meta{"format_version": formatVersion, "method": "radd", "readout": s.Made.Readout}
	if err := kernels.WriteWeights(&b, kernels.Shape{N: r.M}, theta, meta); err != nil {
		return err
	}
	return atomicfs.WriteBytes(opt.FS, filepath.Join(folder, weightsFile), b.Bytes())
}

var none = task.Ratio(math.NaN())

func ratios(v []float64) []task.Ratio {
	r := make([]task.Ratio, len(v))
	for i, x := range v {
		r[i] = task.Ratio(x)
	}
	return r
}

// readSummary returns the summary of the student in a folder that is whole.
func readSummary(folder string) (Summary, error) {
	var s Summary
	data, err := os.ReadFile(filepath.Join(folder, summaryFile))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, resultFile))
	}
	if err == nil && s.PlaysTheTask {
		_, err = os.Stat(filepath.Join(folder, weightsFile))
	}
	return s, err
}
