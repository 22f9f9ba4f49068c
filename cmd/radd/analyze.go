package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"radd/distill"
	"radd/internal/input"
	"radd/train"
)

type analyzeCommand struct {
	OfRun      string `name:"run" help:"A run's folder." placeholder:"DIR" xor:"what"`
	Weights    string `help:"A weights file, .safetensors or .npz, which is rolled out for 1,000 blocks." placeholder:"F" xor:"what"`
	Trajectory string `help:"Anybody's recorded trajectory." placeholder:"F.npz" xor:"what"`
	Out        string `help:"Folder to write into, absent or empty. [default: the run's analysis/; the trajectory's name with -analysis]" placeholder:"DIR"`
}

func (analyzeCommand) Help() string {
	return `Stimulus and block readout in the full space and in the principal plane, the angle between them in the ordinary
metric and in the states' covariance metric, the same between the two halves of the data, held-out accuracy, and
the variance that each principal component explains: readouts.npz and summary.json.

    radd analyze --run runs/a
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
		s, err = distill.AnalysisOfRun(ctx, c.OfRun, c.Out, opt)
	case c.Weights != "" && c.Out == "":
		err = &input.Error{File: "--out", Found: "no folder", Allowed: "a folder that is absent or empty"}
	case c.Weights != "":
		s, err = distill.AnalysisOfWeights(ctx, c.Weights, c.Out, opt)
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
	for _, r := range s.Readouts {
		for _, why := range []string{r.Missing, r.MissingHalves} {
			if why != "" {
				rows = append(rows, []string{string(r.Kind), why})
			}
		}
	}
	return rows
}
