package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"radd/sweep"
	"radd/train"
)

type sweepCommand struct {
	Run     sweepRunCommand     `cmd:"" help:"Train the sweep's networks that are not finished, roll them out and distil them, on all cores."`
	Status  sweepStatusCommand  `cmd:"" help:"Tell what is done, running, failed and waiting."`
	Submit  sweepSubmitCommand  `cmd:"" help:"Submit a Slurm job array that does what is missing."`
	Collect sweepCollectCommand `cmd:"" help:"Write the sweep's tables: networks, timings, learning curves, and the comparison by what it varies."`
	Extract sweepExtractCommand `cmd:"" help:"Make the run's folder of a finished network."`
}

// sweepFile is the argument that every command on a sweep has.
type sweepFile struct {
	File  string        `arg:"" help:"The sweep's YAML file."`
	Lease time.Duration `default:"2m" help:"Time without a sign of life after which a program on another host is taken to be dead."`
}

// again is the flag of commands that have a sweep's networks trained.
type again struct {
	RetryFailed bool `help:"Train networks again that have failed." xor:"dry"`
}

// reopen has failed networks trained again where that was asked for.
func (c again) reopen(a *app, s *sweep.Sweep, lease time.Duration) error {
	if !c.RetryFailed {
		return nil
	}
	n, err := s.Reopen(lease)
	if n > 0 {
		a.log.Info("failed networks are to be trained again", "networks", n)
	}
	return err
}

type sweepRunCommand struct {
	sweepFile
	Jobs   int  `default:"0" help:"Networks side by side; 0 means one per core."`
	First  int  `help:"Shard to begin at. [default: the task's of a Slurm array, else 0]" default:"-1"`
	NoWait bool `help:"End where all that is left is in the hands of other programs." xor:"wait"`
	DryRun bool `help:"Show how much it is, and do nothing." xor:"wait,dry"`
	again
}

func (sweepRunCommand) Help() string {
	return `Run it again to go on; more programs on the same sweep share the work. Failed networks do not stop the others;
the exit code is 1 then, and stays so until they are tried again (--retry-failed) with success.

    radd sweep run sizes.yaml --dry-run
    radd sweep run sizes.yaml`
}

// Run implements the command.
func (c *sweepRunCommand) Run(ctx context.Context, a *app) error {
	s, err := sweep.Open(c.File)
	if err != nil {
		return err
	}
	const together = 1024 // networks of a shard, at most
	if !c.DryRun {
		if err := a.handOver(ctx, s.Base.Device, min(together, s.Networks())); err != nil {
			return err
		}
	}
	jobs := c.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	if !c.NoWait { // a task of a job array is not the one that asks
		extent, err := s.Extent(ctx)
		if err != nil {
			return err
		}
		if c.DryRun {
			return errors.Join(a.table(extentRows(extent, jobs)), a.finish(extent))
		}
		a.log.Info("the whole sweep", "networks", extent.Networks, "gradient_steps", extent.GradientSteps,
			"disk", bytesText(extent.Bytes), "estimated", time.Duration(extent.CoreSeconds/float64(jobs)*1e9).Round(time.Second), "cores", jobs)
	}
	if err := c.reopen(a, s, c.Lease); err != nil {
		return err
	}
	first := c.First
	if first < 0 {
		first = arrayTask()
	}
	p := a.progress("networks", s.Networks())
	begun := false
	summary, err := s.Run(ctx, sweep.Options{Jobs: jobs, Lease: c.Lease, Wait: !c.NoWait, First: first, Log: a.log,
		Report: func(n sweep.Progress) {
			if !begun {
				begun = true
				p.resume(n.Finished)
			}
			now := strings.Join(n.Now, ", ")
			p.add(n.Finished-p.done, func() string {
				if a.screen.terminal { // it has a line of its own
					return fmt.Sprintf("%d failed", n.Failed)
				}
				return fmt.Sprintf("%d failed; %s", n.Failed, now)
			})
			p.tell(now)
		}})
	p.end()
	var failures *sweep.FailuresError
	if err != nil && !errors.Is(err, sweep.ErrStopped) && !errors.As(err, &failures) {
		return err
	}
	return errors.Join(a.table([][]string{
		{"sweep", summary.Out},
		{"networks", fmt.Sprintf("%d, %d finished, %d of them failed", summary.Networks, summary.Finished, summary.Failed)},
		{"here", fmt.Sprintf("%d networks in %.1f s on %d cores: %.1f core-seconds of training, %.1f of rollouts and distillation",
			summary.Trained, summary.Seconds, summary.Jobs, summary.Kernels, summary.After)},
	}), err, a.finish(summary))
}

// arrayTask returns a place to begin that differs between the tasks of a job
// array: shards are spread by a number without pattern.
func arrayTask() int {
	task, err := strconv.Atoi(os.Getenv("SLURM_ARRAY_TASK_ID"))
	if err != nil {
		return 0
	}
	const golden = 2654435761 // 2^32 divided by the golden ratio: successive multiples lie far apart
	return int(uint32(task) * golden >> 1)
}

func extentRows(e sweep.Extent, jobs int) [][]string {
	return [][]string{
		{"networks", fmt.Sprint(e.Networks)},
		{"gradient steps", fmt.Sprint(e.GradientSteps)},
		{"disk", bytesText(e.Bytes)},
		{"estimated", fmt.Sprintf("%.2f core-hours, %v on %d cores", e.CoreSeconds/3600,
			time.Duration(e.CoreSeconds/float64(jobs)*1e9).Round(time.Second), jobs)},
	}
}

func bytesText(n int64) string {
	const units = "kMGT"
	x, unit := float64(n), ""
	for i := 0; i < len(units) && x >= 1000; i++ {
		x, unit = x/1000, units[i:i+1]
	}
	return fmt.Sprintf("%.1f %sB", x, unit)
}

type sweepStatusCommand struct{ sweepFile }

// Run implements the command.
func (c *sweepStatusCommand) Run(a *app) error {
	s, err := sweep.Open(c.File)
	if err != nil {
		return err
	}
	st, err := s.Status(c.Lease)
	if err != nil {
		return err
	}
	left := "unknown: nothing runs, or nothing like it is finished"
	switch {
	case st.Waiting+st.Running == 0:
		left = "nothing"
	case st.Remaining != nil:
		left = time.Duration(*st.Remaining * 1e9).Round(time.Second).String()
	}
	rows := [][]string{
		{"sweep", st.Out},
		{"networks", fmt.Sprint(st.Networks)},
		{"done", fmt.Sprint(st.Done)},
		{"running", fmt.Sprintf("%d, by %d claims of %d cores", st.Running, st.Claims, st.Cores)},
		{"failed", fmt.Sprint(st.Failed)},
		{"waiting", fmt.Sprint(st.Waiting)},
		{"shards", fmt.Sprintf("%d of %d published; %d claims of programs that died", st.Published, st.Shards, st.Dead)},
		{"core time", fmt.Sprintf("%.0f s, %d gradient steps", st.Seconds, st.GradientSteps)},
		{"remaining", left},
	}
	for _, why := range st.Reasons {
		rows = append(rows, []string{"failure", why})
	}
	if st.MoreReasons > 0 {
		rows = append(rows, []string{"failures", fmt.Sprintf("and %d more", st.MoreReasons)})
	}
	return errors.Join(a.table(rows), a.finish(st))
}

type sweepCollectCommand struct {
	File string `arg:"" help:"The sweep's YAML file."`
	Out  string `help:"Folder for the tables. [default: tables/ in the sweep's folder]" placeholder:"DIR"`
}

// Run implements the command.
func (c *sweepCollectCommand) Run(a *app) error {
	s, err := sweep.Open(c.File)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = filepath.Join(s.Out, "tables")
	}
	t, err := s.Collect(out)
	if err != nil {
		return err
	}
	if t.Missing > 0 {
		a.log.Warn("the sweep is not finished: the tables lack networks", "missing", t.Missing)
	}
	rows := [][]string{{"tables", t.Out}, {"networks", fmt.Sprintf("%d, %d of them failed", t.Networks, t.Failed)}}
	return errors.Join(a.table(append(rows, comparisonRows(t.Comparison)...)), a.finish(t))
}

// shownFigures are those of a comparison that the terminal shows.
var shownFigures = []string{"rnn_steps_per_trial", "correct_per_trial", "correct_zero_strength_concordant",
	"correct_zero_strength_discordant", "radd_full.stimulus.held_out_r2", "radd_full.block.held_out_r2"}

// comparisonRows returns a comparison as a table: a row a group, a column a figure
// that any of the groups has.
func comparisonRows(list []sweep.Comparison) [][]string {
	list = slices.DeleteFunc(slices.Clone(list), func(c sweep.Comparison) bool { return !slices.Contains(shownFigures, c.Figure) })
	if len(list) == 0 {
		return nil
	}
	var header []string
	for _, k := range train.Keys() {
		if _, varied := list[0].Keys[k.Name]; varied {
			header = append(header, k.Name)
		}
	}
	keys := len(header)
	header = append(header, "seeds")
	for _, figure := range shownFigures {
		if slices.ContainsFunc(list, func(c sweep.Comparison) bool { return c.Figure == figure }) {
			header = append(header, figure)
		}
	}
	rows := [][]string{header}
	at := map[string][]string{} // the groups' rows
	for _, c := range list {
		id := fmt.Sprint(c.Keys)
		row := at[id]
		if row == nil {
			row = slices.Repeat([]string{"–"}, len(header))
			for i, key := range header[:keys] {
				row[i] = c.Keys[key]
			}
			row[keys] = fmt.Sprint(c.Seeds)
			at[id], rows = row, append(rows, row)
		}
		row[slices.Index(header, c.Figure)] = fmt.Sprintf("%.4f [%.4f, %.4f]", c.Mean, c.Low, c.High)
	}
	return rows
}

type sweepExtractCommand struct {
	File string   `arg:"" help:"The sweep's YAML file."`
	Name []string `arg:"" help:"Networks, by their names."`
	Out  string   `required:"" help:"Folder in which each gets its run's folder, by its name." placeholder:"DIR"`
}

// Run implements the command.
func (c *sweepExtractCommand) Run(a *app) error {
	s, err := sweep.Open(c.File)
	if err != nil {
		return err
	}
	if err := s.Extract(c.Out, c.Name...); err != nil {
		return err
	}
	return a.finish(map[string]any{"out": c.Out, "networks": c.Name})
}

type sweepSubmitCommand struct {
	File    string `arg:"" help:"The sweep's YAML file."`
	DryRun  bool   `help:"Show the script, and do nothing." xor:"dry"`
	Program string `help:"The program that the tasks run. [default: this one]" placeholder:"radd"`
	again
}

func (sweepSubmitCommand) Help() string {
	return `Partition, time, memory, cores and GPUs of a task are the file's, under slurm. Folder, file and program must be on
a file system that all nodes share.

    radd sweep submit sizes.yaml --dry-run
    radd sweep submit sizes.yaml`
}

// Run implements the command.
func (c *sweepSubmitCommand) Run(ctx context.Context, a *app) error {
	s, err := sweep.Open(c.File)
	if err != nil {
		return err
	}
	program := c.Program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	if err := c.reopen(a, s, sweep.DefaultLease); err != nil {
		return err
	}
	sub, err := s.Prepare(ctx, program)
	if err != nil {
		return err
	}
	if sub == nil {
		a.log.Info("nothing to submit: every network is finished")
		return a.finish(sweep.Submission{})
	}
	if c.DryRun {
		if !a.quiet {
			fmt.Fprint(a.stdout, sub.Script)
		}
		return a.finish(sub)
	}
	if err := s.Submit(ctx, sub); err != nil {
		return err
	}
	return errors.Join(a.table([][]string{{"job", sub.Job}, {"tasks", fmt.Sprint(sub.Tasks)}, {"shards", fmt.Sprint(sub.Shards)}}), a.finish(sub))
}
