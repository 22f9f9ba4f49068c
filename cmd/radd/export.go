package main

import (
	"context"
	"errors"
	"fmt"

	"radd/sweep"
	"radd/train"
)

type exportCommand struct {
	OfRun  []string `name:"run" required:"" help:"A run's folder; may be repeated." placeholder:"DIR" sep:"none"`
	Format string   `required:"" help:"alf: IBL's table of trials, a folder a session; csv: all columns." placeholder:"alf|csv"`
	Out    string   `required:"" help:"Folder to write into." placeholder:"DIR"`
}

func (exportCommand) Help() string {
	return `In ALF an action to the right is a choice of -1, and a second is an RNN step.

    radd export --run runs/a --format alf --out sessions
    radd export --run runs/a --run runs/b --format csv --out trials`
}

// Run implements the command.
func (c *exportCommand) Run(ctx context.Context, a *app) error {
	all, err := sweep.Export(ctx, c.OfRun, c.Format, c.Out, train.Options{Version: version(), Log: a.log})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, e := range all {
		rows = append(rows, []string{e.Out, fmt.Sprintf("%d trials", e.Trials)})
	}
	return errors.Join(a.table(rows), a.finish(map[string]any{"exported": all}))
}
