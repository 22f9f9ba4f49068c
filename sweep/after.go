package sweep

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"radd/analysis"
	"radd/distill"
	"radd/internal/input"
	"radd/train"
)

const scratchPrefix = "radd-sweep-"

// scratchFolder makes a folder for rollouts, in the system's temporary one. It
// removes those of programs that died.
func scratchFolder() (string, error) {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	here := self()
	for _, path := range left {
		of := here
		name := strings.Split(strings.TrimPrefix(filepath.Base(path), scratchPrefix), "-")
		if len(name) != 4 || name[2] != here.spaceNumber() { // in a container, perhaps, and alive
			continue
		}
		of.PID, _ = strconv.Atoi(name[0])
		if of.Started = name[1]; of.Started != "" && of.PID > 0 && of.dead(here) {
			os.RemoveAll(path)
		}
	}
	return here.scratch()
}

// scratch makes the process's scratch folder.
func (p process) scratch() (string, error) {
	return os.MkdirTemp("", fmt.Sprintf("%s%d-%s-%s-", scratchPrefix, p.PID, p.Started, p.spaceNumber()))
}

// spaceNumber is the number in the name of the process's space.
func (p process) spaceNumber() string { return strings.Trim(p.Space, "pid:[]") }

// after rolls a trained network out and distils it, by the commands' own ways, in
// a scratch folder, and keeps the figures and the students. Where nothing is
// distilled, nothing but figures is made.
func (w *openShard) after(ctx context.Context, e *entry) (err error) {
	start := time.Now()
	run := filepath.Join(w.scratch, e.result.Name)
	defer os.RemoveAll(run)
	defer func() {
		if fault := recover(); fault != nil {
			e.result.State, e.result.Why = Failed, fmt.Sprintf("crashed after training: %v\n%s", fault, debug.Stack())
		}
		e.timing.Rollout = time.Since(start).Seconds()
	}()
	if err := e.snapshot.Folder(run, e.config); err != nil {
		return err
	}
	file := w.shard.plan.file
	cfg := train.DefaultRolloutConfig()
	cfg.Blocks, cfg.Seed = file.Rollout.Blocks, file.Rollout.Seed
	var s train.RolloutSummary
	if len(file.Distill) > 0 {
		s, err = w.fleet.Rollout(ctx, run, cfg, train.Options{})
	} else {
		cfg.Task = e.config.Task
		var weights train.Weights
		if weights, err = train.LoadWeights(filepath.Join(run, weightsFile)); err == nil {
			s, err = w.fleet.Play(ctx, weights, cfg, train.Options{})
		}
	}
	if err != nil {
		return err
	}
	e.result.Rollout, e.result.ByStrength = &s.Figures, s.ByStrength
	e.result.Students = map[string]distill.Summary{}
	for _, readout := range file.Distill {
		s, err := distill.OfRun(ctx, run, "", analysis.Kind(readout), train.Options{})
		if input.Is(err) { // it has no such readout: a finding
			e.result.Undistilled = append(e.result.Undistilled, readout+": "+strings.ReplaceAll(err.Error(), w.scratch, ""))
			continue
		}
		if err != nil {
			return err
		}
		if s.PlaysTheTask {
			if e.students[readout], err = os.ReadFile(filepath.Join(s.Out, weightsFile)); err != nil {
				return err
			}
		}
		s.Out, s.Source, s.Seconds = "", "", 0 // a result tells of no place and no clock
		e.result.Students[readout] = s
	}
	return nil
}
