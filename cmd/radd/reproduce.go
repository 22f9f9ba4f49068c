package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"radd/distill"
	"radd/internal/atomicfs"
	"radd/internal/input"
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
every network out for 1,000 blocks, plays the four Bayesian actors for 5,000 blocks, and prints one table. Then the
network of 20,000 gradient steps is distilled by RADD and traditionally, and a second table shows how the students
play beside 2-unit networks trained on the task itself and controls. At the end it draws both distilled networks
into one page, whose path is the last line.
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

	teachers         []milestone // whose students play against each other; all rivals play against the first's
	seeds            int         // of traditional students and of 2-unit networks
	twoUnits         []int       // gradient steps of these
	traditionalSteps int
	contestBlocks    int // of the session that students and rivals play, which is another
	contestSeed      uint64
	randomReadouts   int
	resamples        int
}

// milestone is a network: a run, or a shorter one that goes on.
type milestone struct {
	objective     string
	gradientSteps int
	hidden        int    // 0 is the plan's
	seed          uint64 // likewise
}

func (m milestone) folder() string {
	name := fmt.Sprintf("%s-%d", m.objective, m.gradientSteps)
	if m.hidden > 0 {
		name = fmt.Sprintf("%d-units-%s-seed-%d", m.hidden, name, m.seed)
	}
	return name
}

// mainJob returns the plan. The runs of a chain follow one another: each goes
// on where the one before ends.
func mainJob(full bool) plan {
	p := plan{base: train.DefaultConfig(), rolloutBlocks: 1000, baselineBlocks: 5000, seed: 2,
		seeds: 5, twoUnits: []int{5000, 40_000}, traditionalSteps: distill.TraditionalConfig().GradientSteps,
		contestBlocks: 1000, contestSeed: 4, randomReadouts: 20, resamples: 1000}
	p.base.Device, p.base.Jobs = "cpu", 1
	crossEntropy := []milestone{{objective: "cross-entropy", gradientSteps: 5000}}
	probability := []milestone{{objective: "probability", gradientSteps: 5000}, {objective: "probability", gradientSteps: 20_000}}
	p.teachers = []milestone{probability[1], crossEntropy[0]}
	if full {
		crossEntropy = append(crossEntropy, milestone{objective: "cross-entropy", gradientSteps: 100_000})
		probability = append(probability, milestone{objective: "probability", gradientSteps: 100_000})
	}
	p.chains = [][]milestone{crossEntropy, probability} // the paper's own loss first
	return p
}

// result is one row of the first table.
type result struct {
	Network       string `json:"network"`
	Objective     string `json:"objective,omitempty"`
	GradientSteps int    `json:"gradient_steps,omitempty"`
	Folder        string `json:"folder"`
	task.Figures
	seconds float64 // that its training took
}

// reproduction is what the main job leaves, beside the runs.
type reproduction struct {
	Version  string             `json:"version"`
	Seconds  float64            `json:"seconds"` // of this call: what was finished before is not in it
	Results  []result           `json:"results"`
	Contests []*distill.Contest `json:"contests"`
	Page     string             `json:"page"` // of the networks that were distilled
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
	jobs     int
	progress *progress
}

// reproduce carries out the plan into the folder out, with the given number of
// networks at once, 0 for one per core, and prints and keeps its tables.
func reproduce(ctx context.Context, a *app, out string, jobs int, pl plan) error {
	start := time.Now()
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	r := &reproducing{plan: pl, app: a, out: out, jobs: jobs}
	summary := reproduction{Version: version()}
	err := r.all(ctx, &summary)
	a.screen.clear()
	if err != nil {
		return err
	}
	summary.Seconds = time.Since(start).Seconds()
	return r.publish(summary)
}

// all trains, plays and distils.
func (r *reproducing) all(ctx context.Context, summary *reproduction) error {
	rivals := r.rivals()
	total := 0
	for _, chain := range slices.Concat(r.chains, rivals) {
		total += chain[len(chain)-1].gradientSteps
	}
	r.progress = r.app.progress("training", total)
	parts, within := atOnce(ctx, r.jobs)
	networks, small := make([][]result, len(r.chains)), make([][]result, len(rivals))
	for i := len(r.chains) - 1; i >= 0; i-- { // the longest first
		parts.do(func() (err error) {
			networks[i], err = r.chain(within, r.chains[i], true)
			return err
		})
	}
	for i, chain := range rivals {
		parts.do(func() (err error) {
			small[i], err = r.chain(within, chain, false)
			return err
		})
	}
	actors := make([]result, len(task.Kinds()))
	for i, kind := range task.Kinds() {
		parts.do(func() (err error) {
			actors[i], err = r.actor(within, kind)
			return err
		})
	}
	if err := parts.wait(); err != nil {
		return err
	}
	r.progress.end()
	summary.Results = append(slices.Concat(networks...), actors...)
	var err error
	summary.Contests, err = r.contests(ctx, slices.Concat(networks...), small)
	if err == nil {
		summary.Page, err = r.draw(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; radd reproduce goes on from there", train.ErrStopped)
	}
	return err
}

// draw draws the networks that were distilled into one page and returns its path.
func (r *reproducing) draw(ctx context.Context) (string, error) {
	var folders []string
	for _, m := range r.teachers {
		folders = append(folders, filepath.Join(r.out, m.folder()))
	}
	page := filepath.Join(r.out, "report.html")
	_, err := drawRuns(ctx, r.app, folders, page)
	return page, err
}

// chain trains the networks of a chain, and rolls each out if asked to.
func (r *reproducing) chain(ctx context.Context, chain []milestone, rollOut bool) ([]result, error) {
	var results []result
	before := milestone{}
	for _, m := range chain {
		row := result{Network: fmt.Sprintf("%d units", r.config(m).Hidden), Objective: m.objective,
			GradientSteps: m.gradientSteps, Folder: filepath.Join(r.out, m.folder())}
		if before.gradientSteps > 0 && !train.IsRun(row.Folder) {
			if err := train.Fork(results[len(results)-1].Folder, row.Folder); err != nil {
				return nil, err
			}
		}
		trained, err := r.train(ctx, row.Folder, m, before.gradientSteps)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Folder, err)
		}
		row.seconds, before = trained.Seconds, m
		if !rollOut {
			results = append(results, row)
			continue
		}
		rollout, err := train.RolloutOfRun(ctx, row.Folder, train.RolloutConfig{
			Blocks: r.rolloutBlocks, Seed: r.seed, Dtype: r.base.Dtype, Device: "cpu", Task: r.base.Task,
		}, r.options())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Folder, err)
		}
		row.Figures = rollout.Figures
		results = append(results, row)
	}
	return results, nil
}

func (r *reproducing) options() train.Options {
	return train.Options{Version: version(), Log: r.app.log}
}

// config returns the configuration of a network.
func (r *reproducing) config(m milestone) train.Config {
	cfg := r.base
	cfg.Objective, cfg.GradientSteps = m.objective, m.gradientSteps
	if m.hidden > 0 {
		cfg.Hidden, cfg.Seed = m.hidden, m.seed
	}
	return cfg
}

// train trains one network on from the given number of gradient steps.
func (r *reproducing) train(ctx context.Context, folder string, m milestone, from int) (train.Summary, error) {
	opt, done := r.options(), from
	opt.Resume = true
	opt.Report = func(s train.State) {
		r.progress.add(s.GradientStep-done, func() string { return filepath.Base(folder) + ": " + describe(s) })
		done = s.GradientStep
	}
	s, err := train.Run(ctx, folder, r.config(m), opt)
	if err == nil && done == from { // it was finished before
		r.progress.add(m.gradientSteps-from, func() string { return m.folder() + " is finished" })
	}
	return s, err
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
	return row, atomicfs.WriteJSON(atomicfs.OS, path, s)
}

// publish prints the table and keeps it, as Markdown and as JSON.
func (r *reproducing) publish(summary reproduction) error {
	text := summary.markdown()
	err := errors.Join(
		atomicfs.WriteJSON(atomicfs.OS, filepath.Join(r.out, "reproduce.json"), summary),
		atomicfs.WriteBytes(atomicfs.OS, filepath.Join(r.out, "reproduce.md"), []byte(text)))
	if err != nil {
		return err
	}
	if !r.app.quiet {
		fmt.Fprintf(r.app.stdout, "%s\nThe page with every figure: %s\n", text, summary.Page)
	}
	return r.app.finish(summary)
}

const whyTwoLosses = `The paper's text states a cross-entropy loss, but its released code hands probabilities, not their logarithms, to
PyTorch's negative-log-likelihood loss and so minimises minus the probability of the correct side: the objective
"probability". With it a network acts early, and the paper's 3.5 RNN steps per trial follow; with the cross entropy it
waits longer, times out more often, and comes close to a Bayesian actor instead.
`

// markdown returns the tables, with the paper's statements in the first one's
// last row.
func (s reproduction) markdown() string {
	rows := [][]string{{"network", "objective", "gradient steps", "trials", "RNN steps per trial", "action rate", "correct per trial", "correct per action"}}
	for _, r := range s.Results {
		rows = append(rows, []string{r.Network, r.Objective, thousands(r.GradientSteps), thousands(r.Trials), fmt.Sprintf("%.2f", r.RNNStepsPerTrial),
			fmt.Sprintf("%.3f", r.ActionRate), fmt.Sprintf("%.3f", r.CorrectPerTrial), fmt.Sprintf("%.3f", r.CorrectPerAction)})
	}
	rows = append(rows, []string{"the paper's 50 units", "as stated", "converged by about 5,000", "about 50,000", "about 3.5", "", "", ""})
	text := markdownTable(rows) + "\n" + whyTwoLosses
	for _, c := range s.Contests {
		text += "\n" + contestMarkdown(c)
	}
	return text
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

// thousands writes a number with commas, and nothing for 0.
func thousands(n int) string {
	if n == 0 {
		return ""
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
