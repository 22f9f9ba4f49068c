package main

import (
	"bytes"
	"context"
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

	"radd/distill"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/report"
	"radd/train"
)

type reportCommand struct {
	Folders []string `arg:"" name:"dir" help:"Folders of runs and of sweeps, or folders that hold some."`
	Out     string   `help:"The page to write." placeholder:"F.html"`
	Figures string   `help:"Folder for the figures' files. [default: the page's name with -figures]" placeholder:"DIR"`
	NoFiles bool     `help:"Write the page alone."`
	AsIs    bool     `name:"as-is" help:"Draw what is there; make nothing first."`
	Mice    []string `help:"Trials of mice, to be analyzed with the runs." placeholder:"F"`
	Live    bool     `help:"Serve the page on this machine's loopback address and follow runs and sweeps until Ctrl-C."`
	Port    int      `default:"0" help:"With --live: the port; 0 is any that is free."`
}

func (reportCommand) Help() string {
	return `One self-contained page with every figure of a run, and beside it the figures as SVG, PDF and PNG with their data as
CSV. Of several runs, the page has each by itself and all side by side. What a finished run lacks, its rollout, its
RADD students and its analysis, is made first. A page of more than 12 runs shows only how they compare. Of a sweep, it
tells how far it is, and draws some of its networks.

    radd report runs/a --out a.html
    radd report runs/n25 runs/n50 runs/n100 --out sizes.html
    radd report --live runs
    radd report --live sizes`
}

// reportSummary is what the command tells with --json.
type reportSummary struct {
	Out     string   `json:"out"`
	Files   string   `json:"figures_folder,omitempty"`
	Runs    []string `json:"runs"`
	Sweeps  []string `json:"sweeps,omitempty"`
	Figures int      `json:"figures"`
	Seconds float64  `json:"seconds"`
}

// Run implements the command.
func (c *reportCommand) Run(ctx context.Context, a *app) error {
	start := time.Now()
	if c.Live {
		return c.serve(ctx, a)
	}
	if c.Out == "" {
		return &input.Error{File: "--out", Found: "no file", Allowed: "the page to write, F.html", Do: "or --live to serve it"}
	}
	if stat, err := os.Stat(c.Out); err == nil && stat.IsDir() {
		return &input.Error{File: c.Out, Found: "a folder", Allowed: "the page to write, F.html"}
	}
	runs, _, err := report.Find(c.Folders...)
	if err != nil {
		return err
	}
	if !c.AsIs {
		if err := analyzeRuns(ctx, a, runs, c.Mice...); err != nil {
			return err
		}
	}
	files := c.Figures
	if files == "" && !c.NoFiles {
		files = figuresBeside(c.Out)
	}
	s, err := writeReport(c.Folders, c.Out, files)
	if err != nil {
		return err
	}
	s.Seconds = time.Since(start).Seconds()
	rows := [][]string{{"page", s.Out}, {"runs", fmt.Sprint(len(s.Runs))}, {"figures", fmt.Sprint(s.Figures)}}
	if len(s.Sweeps) > 0 {
		rows = slices.Insert(rows, 2, []string{"sweeps", fmt.Sprint(len(s.Sweeps))})
	}
	if s.Files != "" {
		rows = append(rows, []string{"as files", s.Files})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(s)
}

// drawRuns analyzes runs and writes their page and figures.
func drawRuns(ctx context.Context, a *app, dirs []string, out string) (reportSummary, error) {
	if err := analyzeRuns(ctx, a, dirs); err != nil {
		return reportSummary{}, err
	}
	return writeReport(dirs, out, figuresBeside(out))
}

// figuresBeside returns the folder for the figures of a page.
func figuresBeside(page string) string {
	return strings.TrimSuffix(page, filepath.Ext(page)) + "-figures"
}

// analyzeRuns makes what finished runs lack. An analysis with mice is left alone,
// as long as it is of the newest weights, unless there are mice to analyze.
func analyzeRuns(ctx context.Context, a *app, dirs []string, mice ...string) error {
	p := a.progress("analyzing", len(dirs))
	defer p.end()
	for i, dir := range dirs {
		if err := analyzeRun(ctx, a, dir, mice); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		p.reach(i+1, len(dirs))
	}
	return nil
}

func analyzeRun(ctx context.Context, a *app, dir string, mice []string) error {
	finished, err := train.Finished(dir)
	if err != nil || !finished {
		return err
	}
	opt := train.Options{Version: version(), Log: a.log}
	r, err := report.ReadRun(dir)
	switch {
	case err != nil && !input.Is(err):
		return err
	case err == nil && r.Config.Cell != "rnn":
		a.log.Info("analyses are of vanilla networks: of another cell's there is the rollout", "run", dir, "cell", r.Config.Cell)
		_, err := train.RolloutMade(ctx, dir, opt)
		return err
	case err == nil && len(mice) == 0 && r.HasMice():
		if sum, err := train.FileSum(filepath.Join(dir, "weights.safetensors")); err != nil || sum == r.Analysis.Weights {
			return err
		}
	}
	_, err = distill.AnalysisOfRun(ctx, dir, "", opt, mice...) // also where one by another version cannot be read
	return err
}

// writeReport writes the page of the runs and sweeps in the folders, and their
// figures into the folder files unless it is "".
func writeReport(dirs []string, out, files string) (reportSummary, error) {
	s := reportSummary{Out: out, Files: files}
	runs, sweeps, err := report.Read(dirs...)
	if err != nil {
		return s, err
	}
	folders := foldersOf(runs, sweeps, files != "")
	for _, f := range folders {
		s.Figures += len(f.figures)
	}
	for _, r := range runs {
		s.Runs = append(s.Runs, r.Dir)
	}
	for _, w := range sweeps {
		s.Sweeps = append(s.Sweeps, w.Dir)
	}
	opt := report.PageOptions{Title: pageTitle(runs, sweeps), Version: version()}
	if files != "" {
		if err := writeFigures(folders, files); err != nil {
			return s, err
		}
		opt.Files = files
		if rel, err := filepath.Rel(filepath.Dir(out), files); err == nil {
			opt.Files = rel
		}
	}
	var page bytes.Buffer
	if err := report.WritePage(&page, runs, sweeps, opt); err != nil {
		return s, err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return s, err
	}
	return s, atomicfs.WriteBytes(atomicfs.OS, out, page.Bytes())
}

func pageTitle(runs []*report.Run, sweeps []*report.Sweep) string {
	switch {
	case len(runs) == 1 && len(sweeps) == 0:
		return runs[0].Name
	case len(runs) == 0 && len(sweeps) == 1:
		return sweeps[0].Name
	case len(sweeps) == 0:
		return fmt.Sprintf("%d runs", len(runs))
	}
	return fmt.Sprintf("%d runs, %d sweeps", len(runs), len(sweeps))
}

// figureFolder is a folder of figures' files.
type figureFolder struct {
	name    string
	figures []*report.Figure
}

// foldersOf returns the folders of all figures: a run's and a sweep's are in one of
// its name, those that compare runs in side-by-side. Overviews are not on the page.
func foldersOf(runs []*report.Run, sweeps []*report.Sweep, overviews bool) []figureFolder {
	var own []string
	for _, r := range runs {
		own = append(own, r.Name)
	}
	for _, s := range sweeps {
		own = append(own, s.Name)
	}
	var list []figureFolder
	for i, name := range report.Names(own) {
		f := figureFolder{name: name}
		if i < len(runs) {
			for _, section := range runs[i].Figures() {
				f.figures = append(f.figures, section.Figures...)
			}
			if overviews {
				f.figures = append(f.figures, runs[i].Overviews()...)
			}
		} else {
			f.figures = sweeps[i-len(runs)].Figures()
		}
		list = append(list, f)
	}
	return append(list, figureFolder{"side-by-side", report.SideBySide(runs)})
}

// writeFigures writes every figure in every format below the folder. Files that
// are there already are replaced, one by one.
func writeFigures(folders []figureFolder, below string) error {
	group := new(errgroup.Group)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, folder := range folders {
		if len(folder.figures) == 0 {
			continue
		}
		if err := os.MkdirAll(filepath.Join(below, folder.name), 0o755); err != nil {
			return errors.Join(err, group.Wait())
		}
		for _, f := range folder.figures {
			group.Go(func() error {
				for _, format := range report.Formats() {
					err := atomicfs.WriteFile(atomicfs.OS, filepath.Join(below, folder.name, f.Name+"."+format), func(w io.Writer) error { return f.Write(w, format) })
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// serve serves the page until the context ends.
func (c *reportCommand) serve(ctx context.Context, a *app) error {
	if c.Out != "" || c.Figures != "" || len(c.Mice) > 0 {
		return &input.Error{File: "--live", Found: "together with a flag of pages that are written", Allowed: "--port alone"}
	}
	if _, _, err := report.Find(c.Folders...); err != nil {
		return err
	}
	live := &report.Live{Dirs: c.Folders, PageOptions: report.PageOptions{Title: strings.Join(c.Folders, ", "), Version: version()}}
	return live.Serve(ctx, c.Port, func(address string) {
		fmt.Fprintln(a.stdout, address)
		a.log.Info("serving until Ctrl-C", "page", address)
	})
}
