package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/panics"
	"radd/task"
	"radd/train"
)

type reproduceCommand struct {
	Out  string `default:"runs" help:"Folder for all runs and results."`
	Full bool   `help:"Go on to 100,000 gradient steps with both objectives."`
	Jobs int    `default:"0" help:"Networks trained at once; 0 means one per core."`
}

func (reproduceCommand) Help() string {
	return `Trains 50 units with the loss that the paper states and with the one that its released code minimises, rolls
every network out for 1,000 blocks, plays the four Bayesian actors for 5,000 blocks, and prints one table.
What is finished is not done again; Ctrl-C stops behind a checkpoint.

    radd reproduce
    radd reproduce --full`
}

// plan is what the main job does.
type plan struct {
	base           train.Config // of every network
	chains         [][]milestone
	rolloutBlocks  int // of every network's rollout: SI 7.1
	baselineBlocks int // of every Bayesian actor's session
	seed           uint64
}

// milestone is a network of the table: a run, or a shorter one that goes on.
type milestone struct {
	objective     string
	gradientSteps int
}

func (m milestone) folder() string { return fmt.Sprintf("%s-%d", m.objective, m.gradientSteps) }

// mainJob returns the plan. The runs of a chain follow one another: each goes
// on where the one before ends.
func mainJob(full bool) plan {
	p := plan{base: train.DefaultConfig(), rolloutBlocks: 1000, baselineBlocks: 5000, seed: 2}
	p.base.Device, p.base.Jobs = "cpu", 1
	crossEntropy := []milestone{{"cross-entropy", 5000}}
	probability := []milestone{{"probability", 5000}, {"probability", 20_000}}
	if full {
		crossEntropy = append(crossEntropy, milestone{"cross-entropy", 100_000})
		probability = append(probability, milestone{"probability", 100_000})
	}
	p.chains = [][]milestone{crossEntropy, probability} // the paper's own loss first
	return p
}

// result is one row of the table.
type result struct {
	Network       string `json:"network"`
	Objective     string `json:"objective,omitempty"`
	GradientSteps int    `json:"gradient_steps,omitempty"`
	Folder        string `json:"folder"`
	task.Figures
}

// reproduction is what the main job leaves, beside the runs.
type reproduction struct {
	Version string   `json:"version"`
	Seconds float64  `json:"seconds"` // of this call: what was finished before is not in it
	Results []result `json:"results"`
}

// Run implements the command.
func (c *reproduceCommand) Run(ctx context.Context, a *app) error {
	if c.Out == "" {
		return &input.Error{File: "--out", Found: "no folder", Allowed: "a folder, absent or of this command's"}
	}
	if c.Jobs < 0 {
		return &input.Error{File: "--jobs", Found: fmt.Sprint(c.Jobs), Allowed: "0 or more"}
	}
	return reproduce(ctx, a, c.Out, c.Jobs, mainJob(c.Full))
}

// reproducing is a main job in progress.
type reproducing struct {
	plan
	app      *app
	out      string
	progress *progress
}

// reproduce carries out the plan into the folder out, with the given number of
// networks at once, 0 for one per core, and prints and keeps its table.
func reproduce(ctx context.Context, a *app, out string, jobs int, pl plan) error {
	start := time.Now()
	total := 0
	for _, chain := range pl.chains {
		total += chain[len(chain)-1].gradientSteps
	}
	r := &reproducing{pl, a, out, a.progress("training", total)}
	defer r.progress.end()

	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	networks := make([][]result, len(pl.chains))
	actors := make([]result, len(task.Kinds()))
	errs := make([]error, len(networks)+len(actors))
	do := func(part int, f func() error) {
		group.Go(func() error {
			errs[part] = panics.Catch(f)
			return errs[part]
		})
	}
	for i := len(pl.chains) - 1; i >= 0; i-- { // the longest first
		do(i, func() (err error) {
			networks[i], err = r.chain(within, pl.chains[i])
			return err
		})
	}
	for i, kind := range task.Kinds() {
		do(len(networks)+i, func() (err error) {
			actors[i], err = r.actor(within, kind)
			return err
		})
	}
	group.Wait()
	if err := outcome(errs); err != nil {
		return err
	}
	r.progress.end()
	summary := reproduction{Version: version(), Seconds: time.Since(start).Seconds(),
		Results: append(slices.Concat(networks...), actors...)}
	return r.publish(summary)
}

// outcome returns the error of a main job, given those of its parts: the first
// failure, which makes the other parts stop; train.ErrStopped where there is
// none and they were stopped from outside.
func outcome(errs []error) (stopped error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, train.ErrStopped), errors.Is(err, context.Canceled):
			stopped = fmt.Errorf("%w; radd reproduce goes on from there", train.ErrStopped)
		default:
			return err
		}
	}
	return stopped
}

// chain trains the networks of a chain and rolls each out.
func (r *reproducing) chain(ctx context.Context, chain []milestone) ([]result, error) {
	var results []result
	before := milestone{}
	for _, m := range chain {
		row := result{Network: fmt.Sprintf("%d units", r.base.Hidden), Objective: m.objective,
			GradientSteps: m.gradientSteps, Folder: filepath.Join(r.out, m.folder())}
		if before.gradientSteps > 0 && !train.IsRun(row.Folder) {
			if err := train.Fork(results[len(results)-1].Folder, row.Folder); err != nil {
				return nil, err
			}
		}
		if err := r.train(ctx, row.Folder, m, before.gradientSteps); err != nil {
			return nil, fmt.Errorf("%s: %w", row.Folder, err)
		}
		rollout, err := train.RolloutOfRun(ctx, row.Folder, train.RolloutConfig{
			Blocks: r.rolloutBlocks, Seed: r.seed, Dtype: r.base.Dtype, Device: "cpu", Task: r.base.Task,
		}, r.options())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Folder, err)
		}
		row.Figures = rollout.Figures
		results = append(results, row)
		before = m
	}
	return results, nil
}

func (r *reproducing) options() train.Options {
	return train.Options{Version: version(), Log: r.app.log}
}

// train trains one network on from the given number of gradient steps.
func (r *reproducing) train(ctx context.Context, folder string, m milestone, from int) error {
	cfg := r.base
	cfg.Objective, cfg.GradientSteps = m.objective, m.gradientSteps
	opt, done := r.options(), from
	opt.Resume = true
	opt.Report = func(s train.State) {
		r.progress.add(s.GradientStep-done, func() string { return m.objective + ": " + describe(s) })
		done = s.GradientStep
	}
	_, err := train.Run(ctx, folder, cfg, opt)
	if err == nil && done == from { // it was finished before
		r.progress.add(m.gradientSteps-from, func() string { return m.folder() + " is finished" })
	}
	return err
}

// actor plays one Bayesian actor, unless its figures are there.
func (r *reproducing) actor(ctx context.Context, kind task.Kind) (result, error) {
	row := result{Network: "Bayesian actor " + kind.String(), Folder: filepath.Join(r.out, "bayesian-"+kind.String())}
	cfg := train.BaselineConfig{Kind: kind, Blocks: r.baselineBlocks, Seed: r.seed, Task: r.base.Task}
	path := filepath.Join(row.Folder, "summary.json")
	var s train.BaselineSummary
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &s) == nil && s.Of(cfg) {
		row.Figures = s.Figures
		return row, nil
	}
	s, err := train.Baseline(ctx, cfg)
	if err != nil {
		return row, err
	}
	row.Figures = s.Figures
	if err := os.MkdirAll(row.Folder, 0o755); err != nil {
		return row, err
	}
	return row, writeJSON(path, s)
}

// publish prints the table and keeps it, as Markdown and as JSON.
func (r *reproducing) publish(summary reproduction) error {
	text := summary.markdown()
	err := errors.Join(
		writeJSON(filepath.Join(r.out, "reproduce.json"), summary),
		atomicfs.WriteFile(atomicfs.OS, filepath.Join(r.out, "reproduce.md"), func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}))
	if err != nil {
		return err
	}
	if !r.app.quiet {
		fmt.Fprint(r.app.stdout, text)
	}
	return r.app.finish(summary)
}

const whyTwoLosses = `The paper's text states a cross-entropy loss, but its released code hands probabilities, not their logarithms, to
PyTorch's negative-log-likelihood loss and so minimises minus the probability of the correct side: the objective
"probability". With it a network acts early, and the paper's 3.5 RNN steps per trial follow; with the cross entropy it
waits longer, times out more often, and comes close to a Bayesian actor instead.
`

// markdown returns the table, with the paper's statements as its last row.
func (s reproduction) markdown() string {
	rows := [][]string{{"network", "objective", "gradient steps", "trials", "RNN steps per trial", "action rate", "correct per trial", "correct per action"}}
	for _, r := range s.Results {
		steps := ""
		if r.GradientSteps > 0 {
			steps = thousands(r.GradientSteps)
		}
		rows = append(rows, []string{r.Network, r.Objective, steps, thousands(r.Trials), fmt.Sprintf("%.2f", r.RNNStepsPerTrial),
			fmt.Sprintf("%.3f", r.ActionRate), fmt.Sprintf("%.3f", r.CorrectPerTrial), fmt.Sprintf("%.3f", r.CorrectPerAction)})
	}
	rows = append(rows, []string{"the paper's 50 units", "as stated", "converged by about 5,000", "about 50,000", "about 3.5", "", "", ""})
	return markdownTable(rows) + "\n" + whyTwoLosses
}

// markdownTable returns rows as a Markdown table whose columns are aligned in
// plain text, too. The first row is the header.
func markdownTable(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", width[j], cell)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range width {
				b.WriteString("| " + strings.Repeat("-", w) + " ")
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return atomicfs.WriteFile(atomicfs.OS, path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
