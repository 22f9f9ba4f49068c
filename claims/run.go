package claims

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/panics"
	"radd/internal/strictyaml"
	"radd/sweep"
	"radd/train"
)

// sweepFiles are the studies' sweeps, as radd sweep takes them.
//
//go:embed sweeps/*.yaml
var sweepFiles embed.FS

// Options are what a run of studies needs besides them. The zero value works.
type Options struct {
	Jobs    int  // networks side by side; 0 means one per core
	Quick   bool // two seeds, a thousandth of the gradient steps, short rollouts: to try the code, not the claims
	Version string
	Log     *slog.Logger // nil is silent
	Report  func(what string, done, total int)
}

// Of quick runs.
const (
	fewer       = 1000 // times as few gradient steps
	quickBlocks = 20   // of a rollout
)

// Folders in that of a run.
const (
	sweepsDir = "sweeps" // the sweeps' files and folders
	runsDir   = "runs"   // of networks that are examined by the commands
	dataDir   = "claims" // tables and figures, as in docs
	pageFile  = "claims.md"
)

// Run does the studies of those names, or all, in the folder dir: it trains what
// is missing of their networks, measures, judges and draws. The tables and
// figures are in the folder's claims/, the page beside it in claims.md. It returns
// sweep.ErrStopped when ctx ends while networks are trained; run again, it goes on.
func Run(ctx context.Context, dir string, names []string, opt Options) ([]Finding, error) {
	studies, err := Named(names)
	if err != nil {
		return nil, err
	}
	if opt.Jobs <= 0 {
		opt.Jobs = runtime.GOMAXPROCS(0)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Report == nil {
		opt.Report = func(string, int, int) {}
	}
	if err := os.MkdirAll(filepath.Join(dir, dataDir), 0o755); err != nil {
		return nil, err
	}
	w := &Work{Options: opt, dir: dir, networks: map[string][]*Network{}}
	var findings []Finding
	for _, s := range studies {
		for _, name := range s.Sweeps {
			if err := w.train(ctx, name); err != nil {
				return findings, err
			}
		}
		w.study = s.Name
		table, err := s.Measure(ctx, w)
		if err != nil {
			return findings, fmt.Errorf("%s: %w", s.Name, err)
		}
		if err := s.write(filepath.Join(dir, dataDir), table); err != nil {
			return findings, err
		}
		f := s.judge(table)
		opt.Log.Info("judged", "study", s.Name, "verdict", f.Verdict, "tests", f.Tests, "supporting", f.Support, "against", f.Against)
		findings = append(findings, f)
	}
	page, err := Page(filepath.Join(dir, dataDir))
	if err != nil {
		return findings, err
	}
	return findings, atomicfs.WriteBytes(atomicfs.OS, filepath.Join(dir, pageFile), page)
}

// write writes the study's table and figure into a folder.
func (s *Study) write(dir string, t *analysis.Table) error {
	if err := atomicfs.WriteFile(atomicfs.OS, filepath.Join(dir, s.Name+".csv"), t.Write); err != nil {
		return err
	}
	read, err := readTable(dir, s.Name) // drawn and judged is what was written
	if err != nil {
		return err
	}
	*t = *read
	return atomicfs.WriteFile(atomicfs.OS, filepath.Join(dir, s.Name+".svg"), func(w io.Writer) error { return s.Draw(t).Write(w, "svg") })
}

// Work is studies in progress: their networks, and what it takes to examine them.
type Work struct {
	Options
	dir      string
	study    string
	networks map[string][]*Network // by sweep
}

// Network is a finished network of a sweep.
type Network struct {
	sweep.Network
	Blocks int    // of its sweep's rollout
	Seed   uint64 // likewise

	once sync.Once
	runs string
	err  error
}

// Failed reports whether training ended on a number that is not finite.
func (n *Network) Failed() bool { return n.Result.State == sweep.Failed }

// session returns the configuration of its sweep's rollout.
func (n *Network) session() train.RolloutConfig {
	return train.RolloutConfig{Blocks: n.Blocks, Seed: n.Seed, Dtype: n.Config.Dtype, Device: "cpu", Task: n.Config.Task}
}

// Folder returns the network's run folder, which it makes the first time.
func (n *Network) Folder() (string, error) {
	dir := filepath.Join(n.runs, n.Name)
	n.once.Do(func() {
		if !train.IsRun(dir) {
			n.err = n.Network.Folder(dir)
		}
	})
	return dir, n.err
}

// Networks returns a sweep's finished networks, in the order of its grid. It
// panics where the study does not name the sweep.
func (w *Work) Networks(sweep string) []*Network {
	list, has := w.networks[sweep]
	if !has {
		panic("claims: the study does not name the sweep " + sweep)
	}
	return list
}

// Which returns the networks that a condition holds for.
func Which(list []*Network, condition func(c *train.Config) bool) []*Network {
	var some []*Network
	for _, n := range list {
		if condition(&n.Config) {
			some = append(some, n)
		}
	}
	return some
}

// Each calls do for 0 … n−1, so many at once as there are jobs.
func (w *Work) Each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(w.Jobs)
	var mu sync.Mutex
	done := 0
	for i := range n {
		group.Go(func() error {
			if within.Err() != nil {
				return within.Err()
			}
			if err := panics.Catch(func() error { return do(within, i) }); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			w.Report(w.study, done, n)
			return nil
		})
	}
	return group.Wait()
}

// train trains a sweep's networks that are missing, and lists them all.
func (w *Work) train(ctx context.Context, name string) error {
	if w.networks[name] != nil {
		return nil
	}
	text, err := sweepFiles.ReadFile("sweeps/" + name + ".yaml")
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, sweepsDir, name+".yaml")
	if w.Quick {
		if text, err = quick(name+".yaml", text); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := atomicfs.WriteBytes(atomicfs.OS, path, text); err != nil {
		return err
	}
	s, err := sweep.Open(path)
	if err != nil {
		return err
	}
	_, err = s.Run(ctx, sweep.Options{Jobs: w.Jobs, Wait: true, Asked: true, Log: w.Log,
		Report: func(p sweep.Progress) { w.Report(name, p.Finished, p.Networks) }})
	var failures *sweep.FailuresError
	if errors.As(err, &failures) {
		w.Log.Warn("networks failed", "sweep", name, "failed", failures.Failed, "networks", failures.Networks)
		err = nil
	}
	if err != nil {
		return err
	}
	finished, missing, err := s.Finished()
	if err == nil && missing > 0 {
		err = fmt.Errorf("%s: %d networks are missing", path, missing)
	}
	if err != nil {
		return err
	}
	list := make([]*Network, len(finished))
	for i, n := range finished {
		list[i] = &Network{Network: n, Blocks: s.Rollout.Blocks, Seed: s.Rollout.Seed, runs: filepath.Join(w.dir, runsDir)}
	}
	w.networks[name] = list
	return nil
}

// quick returns a sweep's text at small scale.
func quick(path string, text []byte) ([]byte, error) {
	f, err := sweep.Parse(path, text)
	if err != nil {
		return nil, err
	}
	f.Base.GradientSteps = max(1, f.Base.GradientSteps/fewer)
	f.Rollout.Blocks = min(f.Rollout.Blocks, quickBlocks)
	for _, grid := range append(f.List, f.Grid) {
		for key, value := range grid {
			if text, is := value.(string); is {
				if first, _, is := strings.Cut(text, ".."); is {
					grid[key] = first + "..2"
				}
			}
			if key != "gradient-steps" {
				continue
			}
			list, several := value.([]any)
			if !several {
				list = []any{value}
			}
			for i := range list {
				list[i] = max(1, number(list[i])/fewer)
			}
			grid[key] = list
		}
	}
	return strictyaml.Encode(f)
}

// number returns a whole number of a YAML document.
func number(v any) int {
	switch v := v.(type) {
	case int:
		return v
	case int64:
		return int(v)
	case uint64:
		return int(v)
	}
	panic("claims: gradient steps that are no whole number")
}
