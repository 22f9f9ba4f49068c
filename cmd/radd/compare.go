package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/alecthomas/kong"

	"radd/distill"
	"radd/internal/input"
	"radd/sweep"
	"radd/train"
)

type compareCommand struct {
	A          []string `arg:"" help:"Folders of the first set's runs."`
	Against    folders  `required:"" help:"Folders of the second set's runs." placeholder:"DIR…"`
	Margin     float64  `default:"0.05" help:"Differences within this share of the second set's mean count as equivalence."`
	Similarity bool     `help:"Compare the networks themselves, pair by pair, in place of their behaviour. Weights files may stand for runs."`
	Untrained  bool     `help:"With --similarity: also beside untrained networks of the first set's sizes."`
	Out        string   `help:"With --similarity: folder for the tables, absent or empty." placeholder:"DIR"`
}

// folders is a flag's value of several words, as a shell's pattern gives them.
type folders []string

// Decode takes the words up to the next flag.
func (f *folders) Decode(ctx *kong.DecodeContext) error {
	for ctx.Scan.Peek().IsValue() {
		*f = append(*f, ctx.Scan.Pop().String())
	}
	return nil
}

func (compareCommand) Help() string {
	return `Differences A − B of the means over runs, with intervals of a hierarchical bootstrap (runs, then pairs of blocks).
"different": 0 lies outside of the 95 % interval; "equivalent": the 90 % interval lies within the margin.

    radd compare runs/n25-* --against runs/n50-*

With --similarity, how alike the networks are, within and between the sets: states on the same inputs (linear CKA, 1
alike; Procrustes distance, 0 alike), parameters of their RADD students up to signs and scale (0 alike), and the share of
inputs under which they have the same number of fixed points. docs/analysis.md has the definitions.

    radd compare runs/n25-* --against runs/n50-* --similarity --untrained --out similarity`
}

// Run implements the command.
func (c *compareCommand) Run(ctx context.Context, a *app) error {
	switch {
	case c.Similarity:
		return c.similarity(ctx, a)
	case c.Untrained || c.Out != "":
		return &input.Error{File: "radd compare", Found: "--untrained or --out", Allowed: "with --similarity"}
	}
	list, err := sweep.Compare(ctx, c.A, c.Against, c.Margin, train.Options{Version: version(), Log: a.log})
	if err != nil {
		return err
	}
	rows := [][]string{{"measure", "A", "B", "A − B", "95 % interval", "verdict"}}
	for _, d := range list {
		verdict := ""
		switch {
		case d.Different && d.Equivalent:
			verdict = "different, within the margin"
		case d.Different:
			verdict = "different"
		case d.Equivalent:
			verdict = "equivalent"
		}
		rows = append(rows, []string{d.Measure, fmt.Sprintf("%.4f", d.A), fmt.Sprintf("%.4f", d.B), fmt.Sprintf("%+.4f", d.Difference),
			fmt.Sprintf("[%+.4f, %+.4f]", d.Low, d.High), verdict})
	}
	return errors.Join(a.table(rows), a.finish(map[string]any{"runs": []int{len(c.A), len(c.Against)}, "differences": list}))
}

// similarity compares the networks themselves.
func (c *compareCommand) similarity(ctx context.Context, a *app) error {
	first, err := distill.SubjectsOf("A", c.A)
	if err != nil {
		return err
	}
	second, err := distill.SubjectsOf("B", c.Against)
	if err != nil {
		return err
	}
	subjects := append(first[:len(first):len(first)], second...)
	if c.Untrained {
		subjects = append(subjects, distill.UntrainedOf("untrained", first)...)
	}
	opt := train.Options{Version: version(), Log: a.log}
	if c.Out != "" {
		if err := train.Vacant(opt.Filled().FS, c.Out); err != nil {
			return err
		}
	}
	s, err := distill.Compare(ctx, subjects, distill.DefaultSimilarityConfig(), opt)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := s.Write(c.Out, opt); err != nil {
			return err
		}
	}
	rows := [][]string{{"measure", "sets", "pairs", "mean", "95 % interval", "less the mean within the first set"}}
	for _, g := range s.Groups {
		if g.Pairs == 0 {
			continue
		}
		less := ""
		if !math.IsNaN(float64(g.Less)) {
			less = fmt.Sprintf("%+.4f [%+.4f, %+.4f]", g.Less, g.LessLow, g.LessHigh)
		}
		rows = append(rows, []string{g.Measure, g.A + ", " + g.B, fmt.Sprint(g.Pairs), fmt.Sprintf("%.4f", g.Mean), fmt.Sprintf("[%.4f, %.4f]", g.Low, g.High), less})
	}
	return errors.Join(a.table(rows), a.finish(map[string]any{"runs": []int{len(c.A), len(c.Against)}, "out": c.Out, "similarity": s}))
}
