package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"radd/claims"
	"radd/internal/input"
)

type claimsCommand struct {
	Name  []string `arg:"" optional:"" help:"Studies, by name; none means all."`
	Out   string   `help:"Folder for networks, tables, figures and the page." placeholder:"DIR" xor:"what" required:""`
	List  bool     `help:"List the studies, and do nothing." xor:"what" required:""`
	Quick bool     `help:"Two seeds, a thousandth of the gradient steps, short rollouts: to try the code, not the claims."`
	Jobs  int      `default:"0" help:"Networks side by side; 0 means one per core."`
}

func (claimsCommand) Help() string {
	return `Trains the studies' networks, measures, judges by the tests that were fixed beforehand, and writes DIR/claims.md with
a figure and a table for each study in DIR/claims. Networks that several studies use are trained once. Run it again to
go on: what is finished is not done again.

    radd claims --list
    radd claims convergence --out studies
    radd claims --quick --out studies-quick`
}

// Run implements the command.
func (c *claimsCommand) Run(ctx context.Context, a *app) error {
	if c.Jobs < 0 {
		return &input.Error{File: "--jobs", Found: fmt.Sprint(c.Jobs), Allowed: "0 or more"}
	}
	studies, err := claims.Named(c.Name)
	if err != nil {
		return err
	}
	if c.List {
		rows := [][]string{{"study", "claim"}}
		var names []string
		for _, s := range studies {
			rows, names = append(rows, []string{s.Name, s.Title}), append(names, s.Name)
		}
		return errors.Join(a.table(rows), a.finish(map[string]any{"studies": names}))
	}
	var mu sync.Mutex
	var p *progress
	what := ""
	end := func() {
		if p != nil {
			p.end()
		}
	}
	findings, err := claims.Run(ctx, c.Out, c.Name, claims.Options{Jobs: c.Jobs, Quick: c.Quick, Version: version(), Log: a.log,
		Report: func(now string, done, total int) {
			mu.Lock()
			defer mu.Unlock()
			if now != what {
				end()
				p, what = a.progress(now, total), now
				p.resume(done - 1)
			}
			p.reach(done, total)
		}})
	end()
	if err != nil {
		return err
	}
	rows := [][]string{{"study", "verdict", "tests", "support it", "against it"}}
	for _, f := range findings {
		rows = append(rows, []string{f.Name, string(f.Verdict), fmt.Sprint(f.Tests), fmt.Sprint(f.Support), fmt.Sprint(f.Against)})
	}
	return errors.Join(a.table(rows), a.finish(map[string]any{"out": c.Out, "findings": findings}))
}
