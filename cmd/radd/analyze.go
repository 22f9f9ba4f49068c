package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"radd/analysis"
	"radd/distill"
	"radd/internal/input"
	"radd/task"
	"radd/train"
)

type analyzeCommand struct {
	OfRun      string   `name:"run" help:"A run's folder." placeholder:"DIR" xor:"what"`
	Weights    string   `help:"A weights file, .safetensors or .npz, which is rolled out for 1,000 blocks." placeholder:"F" xor:"what"`
	Trajectory string   `help:"Anybody's recorded trajectory." placeholder:"F.npz" xor:"what"`
	Mice       []string `help:"Trials of animals, CSV or Parquet, IBL's columns or a rollout's: they join the tables of behaviour. May be given again." placeholder:"F"`
	Out        string   `help:"Folder to write into, absent or empty. [default: the run's analysis/; the trajectory's name with -analysis]" placeholder:"DIR"`
}

func (analyzeCommand) Help() string {
	return `Writes what figures are drawn from: a CSV for each, arrays as .npz, and summary.json; docs/analysis.md has every
column. Of a run or a weights file: principal components; readouts, their angles and split halves; trajectories
along blocks and trials; activity beside the Bayesian posteriors; effects of observations and feedback; the
effective circuit; vector fields, fixed points and their spectra; and the behaviour of the network, of its students,
of Bayesian actors and of the network without feedback. Of a trajectory: components and readouts.

    radd analyze --run runs/a
    radd analyze --run runs/a --mice _ibl_trials.table.pqt
    radd analyze --trajectory recorded.npz --out analyses/recorded`
}

// Run implements the command.
func (c *analyzeCommand) Run(ctx context.Context, a *app) error {
	p := a.progress("analyzing", 0)
	opt := train.Options{Version: version(), Log: a.log, Progress: p.reach}
	var s distill.Analysis
	var err error
	switch {
	case c.OfRun != "":
		s, err = distill.AnalysisOfRun(ctx, c.OfRun, c.Out, opt, c.Mice...)
	case c.Weights != "" && c.Out == "":
		err = &input.Error{File: "--out", Found: "no folder", Allowed: "a folder that is absent or empty"}
	case c.Weights != "":
		s, err = distill.AnalysisOfWeights(ctx, c.Weights, c.Out, opt, c.Mice...)
	case c.Trajectory != "" && len(c.Mice) > 0:
		err = &input.Error{File: "--mice", Found: "a trajectory, beside which nobody's behaviour is told", Allowed: "with --run or --weights"}
	case c.Trajectory != "":
		out := c.Out
		if out == "" {
			out = strings.TrimSuffix(c.Trajectory, filepath.Ext(c.Trajectory)) + "-analysis"
		}
		s, err = distill.AnalysisOfTrajectory(c.Trajectory, out, opt)
	default:
		err = &input.Error{File: "radd analyze", Found: "nothing to analyze", Allowed: "--run DIR, --weights F or --trajectory F.npz"}
	}
	p.end()
	if err != nil {
		return err
	}
	if err := a.table(analysisRows(s)); err != nil {
		return err
	}
	return a.finish(s)
}

// findings returns what there is to tell of a network that plays the task.
func findings(s distill.Analysis) [][]string {
	var rows [][]string
	for _, p := range s.Posteriors {
		if p.Kind == analysis.PCA && p.Observer == task.Difference.String() {
			rows = append(rows, []string{p.Readout + " posterior, R² of the activity along its readout", fmt.Sprintf("%.3f", p.R2)})
		}
	}
	if e := s.Effects; e != nil {
		rows = append(rows,
			[]string{"an observation's effect along the stimulus readout", fmt.Sprintf("%.4f per unit, %.4f sd", e.ObservationStimulus, e.ObservationStimulusPerSD)},
			[]string{"feedback's effect along the block readout", fmt.Sprintf("%.4f, %.4f sd", e.FeedbackBlock, e.FeedbackBlockPerSD)})
	}
	for _, c := range s.Causal {
		rows = append(rows, []string{"correct per trial, " + strings.ReplaceAll(c.Player, "-", " "), fmt.Sprintf("%.4f", c.CorrectPerTrial.Value)})
	}
	for _, p := range s.FixedPoints {
		if p.System == "network" {
			rows = append(rows, []string{"fixed points, input " + p.Condition,
				fmt.Sprintf("%d, %d stable; slowest time constant %.1f RNN steps", p.Fixed, p.Stable, p.TimeConstant)})
		}
	}
	if f := s.Frontier; f != nil {
		rows = append(rows, []string{"correct per trial of a Bayesian actor as fast", fmt.Sprintf("%.4f", f.CorrectAtSteps)})
	}
	return rows
}

// analysisRows returns an analysis as rows of a table.
func analysisRows(s distill.Analysis) [][]string {
	rows := [][]string{{"analysis", s.Out}, {"hidden units", fmt.Sprint(s.Hidden)}, {"RNN steps", fmt.Sprint(s.RNNSteps)}}
	for i, share := range s.Explained[:min(3, len(s.Explained))] {
		rows = append(rows, []string{fmt.Sprintf("variance explained by component %d", i+1), fmt.Sprintf("%.4f", share)})
	}
	header, cells := []string{"readouts"}, [][]string{
		{"angle between stimulus and block readout"}, {"the same in the covariance metric"},
		{"stimulus readout, between halves of the data"}, {"block readout, between halves of the data"},
		{"block side told by its readout, of RNN steps"}, {"the same, held out"},
	}
	for _, r := range s.Readouts {
		header = append(header, string(r.Kind))
		for i, cell := range []string{
			fmt.Sprintf("%.2f°", r.Angle), fmt.Sprintf("%.2f°", r.CovarianceAngle),
			fmt.Sprintf("%.2f°", r.HalvesAngles[0]), fmt.Sprintf("%.2f°", r.HalvesAngles[1]),
			fmt.Sprintf("%.4f", r.BlockAccuracy), fmt.Sprintf("%.4f", r.HeldOutBlockAccuracy),
		} {
			cells[i] = append(cells[i], cell)
		}
	}
	rows = append(rows, header)
	rows = append(rows, cells...)
	rows = append(rows, findings(s)...)
	for _, r := range s.Readouts {
		for _, why := range []string{r.Missing, r.MissingHalves} {
			if why != "" {
				rows = append(rows, []string{string(r.Kind), why})
			}
		}
	}
	return rows
}
