package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"radd/sweep"
	"radd/train"
)

type compareCommand struct {
	A       []string `arg:"" help:"Folders of the first set's runs."`
	Against folders  `required:"" help:"Folders of the second set's runs." placeholder:"DIR…"`
	Margin  float64  `default:"0.05" help:"Differences within this share of the second set's mean count as equivalence."`
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

    radd compare runs/n25-* --against runs/n50-*`
}

// Run implements the command.
func (c *compareCommand) Run(ctx context.Context, a *app) error {
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
