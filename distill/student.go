package distill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// Files of a RADD student's folder.
const (
	resultFile  = "radd.npz"
	weightsFile = "weights.safetensors" // the student, where it is a network
)

const seed = 1 // of the bootstrap and the random control

// fromFile is the readout of a student that follows the trajectory's own projection.
const fromFile = "projection"

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

// OfRun distils a run's network by RADD from the run's rollout, which it makes if
// need be; held-out figures are from another session. The student goes into the
// folder out, absent or empty, or, where out is "", into the run's folder
// distill/radd-<readout>: if that is of the run's newest weights and rollout
// already, its summary is returned, else it is replaced atomically, and the log
// says so.
//
// Source: SI 7.3.
func OfRun(ctx context.Context, run, out string, readout analysis.Kind, opt train.Options) (Summary, error) {
	var s Summary
	err := ofRun(ctx, run, out, filepath.Join("distill", "radd-"+string(readout)), Made{Readout: string(readout)}, &s, opt,
		func(staging string, rollout train.RolloutSummary, f *analysis.File) error {
			heldOut, err := heldOutOf(ctx, run, filepath.Join(staging, "held-out"), rollout, opt.Filled())
			if err != nil {
				return err
			}
			return errors.Join(s.distil(staging, f, heldOut.Trajectory, readout, opt.Filled()),
				heldOut.Close(), os.RemoveAll(filepath.Join(staging, "held-out")))
		})
	return s, err
}

// heldOutOf plays another session by the rollout's network into the folder.
func heldOutOf(ctx context.Context, run, folder string, of train.RolloutSummary, opt train.Options) (*analysis.File, error) {
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		return nil, err
	}
	w, err := train.LoadRNN(of.Weights)
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
	var s Summary
	err := ofTrajectory(path, out, &s, opt, func(staging string, f *analysis.File) error {
		return s.distil(staging, f, f.HeldOut, readout, opt.Filled())
	})
	return s, err
}

// distil fills the folder and the summary.
func (s *Summary) distil(folder string, f *analysis.File, heldOut *analysis.Trajectory, readout analysis.Kind, opt train.Options) error {
	start := time.Now()
	projection, offset, readouts, err := f.Target(readout)
	var separation *analysis.SeparationError
	if errors.As(err, &separation) {
		return &input.Error{Field: "readout", Found: "no block readout", Cause: err, Do: "record more, or try the other readout"}
	}
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
	if err := writeNPZ(folder, resultFile, opt, result.Write); err != nil {
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
	s.R2, s.FreeRunR2 = task.Ratios(result.R2), task.Ratios(result.Training.FreeRunR2)
	s.HeldOutR2, s.HeldOutFreeRunR2 = task.Ratios(result.HeldOut.R2), task.Ratios(result.HeldOut.FreeRunR2)
	s.Made.Readout, s.ReadoutAngle, s.BlockAccuracy = fromFile, none, none
	if readouts != nil {
		s.Made.Readout = string(readouts.Kind)
		s.ReadoutAngle, s.BlockAccuracy = task.Ratio(readouts.Angle()), task.Ratio(readouts.Block.Accuracy)
	}
	s.Seconds = time.Since(start).Seconds()
	return nil
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

// place tells where the student is and what it is of.
func (s *Summary) place(out, source string) *Made {
	s.Out, s.Source = out, source
	return &s.Made
}

// whole reports whether the student's files are all there.
func (s *Summary) whole(folder string) bool {
	return exists(folder, resultFile) && (!s.PlaysTheTask || exists(folder, weightsFile))
}
