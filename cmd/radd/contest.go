package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"radd/analysis"
	"radd/distill"
	"radd/train"
)

// rivals returns the chains of the 2-unit networks that are trained on the task
// itself, one of every seed, with the loss of the first teacher.
func (p *plan) rivals() [][]milestone {
	var chains [][]milestone
	for k := range p.seeds {
		var chain []milestone
		for _, steps := range p.twoUnits {
			chain = append(chain, milestone{p.teachers[0].objective, steps, 2, uint64(1 + k)})
		}
		chains = append(chains, chain)
	}
	return chains
}

// contests distils the teachers among the networks and has the students play:
// the first teacher's against everybody, the others' against their teacher.
func (r *reproducing) contests(ctx context.Context, networks []result, rivals [][]result) ([]*distill.Contest, error) {
	students := make([][]distill.Contestant, len(r.teachers))
	parts, within := atOnce(ctx, r.jobs)
	for i, m := range r.teachers {
		parts.do(func() (err error) {
			if students[i], err = r.radd(within, filepath.Join(r.out, m.folder())); err != nil {
				err = fmt.Errorf("%s: %w", m.folder(), err)
			}
			return err
		})
	}
	if err := parts.wait(); err != nil {
		return nil, err
	}
	var contests []*distill.Contest
	for i, m := range r.teachers {
		folder := filepath.Join(r.out, m.folder())
		var teacher result
		for _, n := range networks {
			if n.Folder == folder {
				teacher = n
			}
		}
		contestants := students[i]
		if i == 0 {
			traditional, err := r.traditional(ctx, folder)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", folder, err)
			}
			contestants = append(contestants, traditional)
			contestants = append(contestants, entrants(rivals)...)
		}
		contestants = append(contestants, distill.Contestant{Name: "control: pca student, reset before every trial",
			Weights: contestants[0].Weights, Reset: true})
		c, err := distill.HoldContest(ctx, distill.ContestConfig{Run: folder, Seconds: teacher.seconds, Contestants: contestants,
			Blocks: r.contestBlocks, Seed: r.contestSeed, RandomReadouts: r.randomReadouts, Resamples: r.resamples, Workers: r.jobs}, r.options())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		contests = append(contests, c)
	}
	return contests, nil
}

// radd distils a run by RADD, with both kinds of readouts, pca first.
func (r *reproducing) radd(ctx context.Context, run string) ([]distill.Contestant, error) {
	var list []distill.Contestant
	for _, kind := range []analysis.Kind{analysis.PCA, analysis.Full} {
		s, err := distill.OfRun(ctx, run, "", kind, r.options())
		if err != nil {
			return nil, err
		}
		list = append(list, distill.Contestant{Name: "RADD student, " + string(kind), Seconds: s.Seconds,
			Weights: []string{filepath.Join(s.Out, "weights.safetensors")}})
	}
	return list, nil
}

// traditional distils a run traditionally, once for every seed.
func (r *reproducing) traditional(ctx context.Context, run string) (distill.Contestant, error) {
	c := distill.Contestant{Name: "traditional students", GradientSteps: r.traditionalSteps, Weights: make([]string, r.seeds)}
	seconds := make([]float64, r.seeds)
	p := r.app.progress("distilling", r.seeds*r.traditionalSteps)
	defer p.end()
	parts, within := atOnce(ctx, r.jobs)
	for k := range r.seeds {
		parts.do(func() error {
			name := "traditional" // of seed 1, as radd distill calls it
			if k > 0 {
				name = fmt.Sprintf("traditional-seed-%d", 1+k)
			}
			cfg := distill.TraditionalConfig()
			cfg.Task, cfg.Dtype, cfg.Device, cfg.Jobs = r.base.Task, r.base.Dtype, r.base.Device, r.base.Jobs
			cfg.GradientSteps, cfg.Seed = r.traditionalSteps, uint64(1+k)
			opt, done := r.options(), 0
			opt.Report = func(s train.State) {
				p.add(s.GradientStep-done, func() string { return fmt.Sprintf("%s: soft cross entropy %.4f", name, s.Loss) })
				done = s.GradientStep
			}
			s, err := distill.TraditionalOfRun(within, run, name, cfg, opt)
			c.Weights[k], seconds[k] = filepath.Join(s.Out, "weights.safetensors"), s.Seconds
			return err
		})
	}
	err := parts.wait()
	for _, s := range seconds {
		c.Seconds += s / float64(r.seeds)
	}
	return c, err
}

// entrants returns the 2-unit networks by their training's length: chains of
// every seed.
func entrants(chains [][]result) []distill.Contestant {
	var list []distill.Contestant
	for i := range chains[0] {
		c := distill.Contestant{Name: "2 units trained on the task", GradientSteps: chains[0][i].GradientSteps}
		for _, chain := range chains {
			c.Weights = append(c.Weights, filepath.Join(chain[i].Folder, "weights.safetensors"))
			c.Seconds += chain[i].seconds / float64(len(chains))
		}
		list = append(list, c)
	}
	return list
}

// contestMarkdown returns a contest as a Markdown table.
func contestMarkdown(c *distill.Contest) string {
	rows := [][]string{{"player", "gradient steps", "seconds", "parameters", "RNN steps per trial", "action rate", "correct per trial",
		"block gap", "block gap, zero strength", "trials to recover", "agreement", "KL"}}
	for _, e := range c.Entries {
		name := e.Name
		if e.Players > 1 {
			name = fmt.Sprintf("%s (%d)", name, e.Players)
		}
		seconds, parameters := "", ""
		if x := float64(e.Seconds); !math.IsNaN(x) {
			seconds = fmt.Sprintf("%.1f", x)
		}
		if e.Parameters > 0 {
			parameters = thousands(e.Parameters)
		}
		row := []string{name, thousands(e.GradientSteps), seconds, parameters}
		for _, f := range []struct {
			analysis.Figure
			digits int
		}{{e.RNNStepsPerTrial, 2}, {e.ActionRate, 3}, {e.CorrectPerTrial, 3}, {e.BlockGap, 3}, {e.ZeroBlockGap, 3}, {e.TrialsToRecover, 1}, {e.Agreement, 3}, {e.KL, 4}} {
			row = append(row, cell(f.Figure, f.digits, e.Players > 1))
		}
		rows = append(rows, row)
	}
	return fmt.Sprintf(`Students of %s, %s blocks of another session than the one they were fitted to. Block gap: correct per trial on
concordant less discordant trials. Trials to recover: after a block switch, at zero strength. Agreement (share of
trials) and KL (nats per RNN step): along the teacher's own passage. ± is half of the 95 %% bootstrap interval over
pairs of blocks; of several players, the median with the range.

`, filepath.Base(c.Teacher), thousands(c.Blocks)) + markdownTable(rows)
}

// cell writes a figure with its interval, or, of several players, its range.
func cell(f analysis.Figure, digits int, several bool) string {
	switch {
	case math.IsNaN(float64(f.Value)):
		return "–"
	case several:
		return fmt.Sprintf("%.*f (%.*f – %.*f)", digits, f.Value, digits, f.Low, digits, f.High)
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, f.Value, digits, (f.High-f.Low)/2)
}
