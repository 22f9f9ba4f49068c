package distill

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// readoutsFile holds an analysis's arrays.
const readoutsFile = "readouts.npz"

// analysisVersion is an analysis's format version: an analysis that lacks tables
// which another version has is made again.
const analysisVersion = "2"

// Analysis tells of a network: its states and readouts, and, where it is a run's
// or a weights file's, everything that the tables beside it hold.
type Analysis struct {
	Out    string `json:"out"`
	Source string `json:"source"`
	Made
	*analysis.Report
	TwoComponents task.Ratio `json:"two_components"` // share of the variance
	analysis.Space
	Dynamics    *analysis.Dynamics      `json:"dynamics,omitempty"`
	Causal      []Causal                `json:"causal,omitempty"`
	FixedPoints []analysis.PointSummary `json:"fixed_points,omitempty"`
	Frontier    *analysis.Frontier      `json:"frontier,omitempty"`
	Players     []Player                `json:"players,omitempty"`
	Mice        []string                `json:"mice,omitempty"` // files of their trials
	Tables      []string                `json:"tables"`
	Seconds     float64                 `json:"seconds"` // rollout and students apart
}

// AnalysisOfRun examines a run's network, by its rollout and its RADD students,
// which it makes if need be, its other students, the Bayesian actors, and the
// trials of mice in files that [analysis.ReadTrials] reads. It goes into the
// folder out, absent or empty, or, where out is "", into the run's folder
// analysis, which is left alone where it is of the run's newest weights, rollout
// and students and of the same mice, and else replaced. Where no mice are given,
// those that it had stay, as long as their files do.
func AnalysisOfRun(ctx context.Context, run, out string, opt train.Options, mice ...string) (Analysis, error) {
	opt = opt.Filled()
	a := Analysis{Report: new(analysis.Report)}
	cfg, err := vanilla(run)
	if err != nil {
		return a, err
	}
	if out != "" {
		if err := train.Vacant(opt.FS, out); err != nil {
			return a, err
		}
	}
	if err := readable(mice); err != nil {
		return a, err
	}
	if len(mice) == 0 && out == "" {
		mice = miceOf(filepath.Join(run, "analysis"))
	}
	if mice, err = absolute(mice); err != nil {
		return a, err
	}
	if _, err := train.RolloutMade(ctx, run, opt); err != nil {
		return a, err
	}
	students, err := studentsOf(ctx, run, opt)
	if err != nil {
		return a, err
	}
	sum, err := playersSum(students, mice)
	if err != nil {
		return a, err
	}
	err = ofRun(ctx, run, out, "analysis", Made{FormatVersion: analysisVersion, PlayersSHA256: sum}, &a, opt, func(staging string, rollout train.RolloutSummary, f *analysis.File) error {
		w, err := train.LoadRNN(rollout.Weights)
		if err != nil {
			return err
		}
		return a.fill(ctx, staging, f, network{w, students, mice, cfg.Task}, opt)
	})
	return a, err
}

// AnalysisOfWeights examines a network of a weights file by a rollout of the
// default session, which is not kept, beside the Bayesian actors.
func AnalysisOfWeights(ctx context.Context, path, out string, opt train.Options, mice ...string) (Analysis, error) {
	opt = opt.Filled()
	a := Analysis{Out: out, Source: path, Report: new(analysis.Report)}
	if err := errors.Join(train.Vacant(opt.FS, out), readable(mice)); err != nil {
		return a, err
	}
	w, err := train.LoadRNN(path)
	if err != nil {
		return a, err
	}
	cfg := train.DefaultRolloutConfig()
	cfg.Device = "cpu"
	a.Made = Made{FormatVersion: analysisVersion, WeightsSHA256: w.SHA256, Blocks: cfg.Blocks, Seed: cfg.Seed, Dtype: cfg.Dtype}
	err = into(out, &a, opt, func(staging string) error {
		rollout := filepath.Join(staging, "rollout")
		if _, err := train.Rollout(ctx, w, rollout, cfg, opt); err != nil {
			return err
		}
		f, err := analysis.OpenFile(filepath.Join(rollout, statesFile))
		if err != nil {
			return err
		}
		return errors.Join(a.fill(ctx, staging, f, network{w, nil, mice, cfg.Task}, opt), f.Close(), opt.FS.RemoveAll(rollout))
	})
	return a, err
}

// AnalysisOfTrajectory examines a recorded trajectory into the folder out, which
// is absent or empty.
func AnalysisOfTrajectory(path, out string, opt train.Options) (Analysis, error) {
	a := Analysis{Report: new(analysis.Report)}
	err := ofTrajectory(path, out, &a, opt, func(staging string, f *analysis.File) error {
		start := time.Now()
		if err := a.examine(f); err != nil {
			return err
		}
		return a.write(staging, a.Report.Tables(), start, opt.Filled())
	})
	return a, err
}

// miceOf returns the files of the mice in an earlier analysis that can still be
// read.
func miceOf(folder string) (mice []string) {
	var was Analysis
	data, err := os.ReadFile(filepath.Join(folder, summaryFile))
	if err != nil || json.Unmarshal(data, &was) != nil {
		return nil
	}
	for _, path := range was.Mice {
		if readable([]string{path}) == nil {
			mice = append(mice, path)
		}
	}
	return mice
}

func absolute(paths []string) (list []string, err error) {
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	return list, nil
}

// readable returns the error of the first file of trials that cannot be read, so
// that it is known before anything is computed.
func readable(mice []string) error {
	for _, path := range mice {
		if _, err := analysis.ReadTrials(path); err != nil {
			return err
		}
	}
	return nil
}

// network is what is analyzed, besides its rollout.
type network struct {
	weights  train.Weights
	students []student
	mice     []string
	task     task.Config
}

// examine fills the report.
func (a *Analysis) examine(f *analysis.File) (err error) {
	if a.Report, err = analysis.Examine(f); err == nil {
		a.TwoComponents = sumOf(a.Explained[:min(2, len(a.Explained))])
	}
	return err
}

func sumOf(shares []task.Ratio) (sum task.Ratio) {
	for _, x := range shares {
		sum += x
	}
	return sum
}

// fill fills the folder and the summary with everything.
func (a *Analysis) fill(ctx context.Context, folder string, f *analysis.File, n network, opt train.Options) error {
	start := time.Now()
	n.task.Blocks = a.Blocks
	var err error
	if n.task, err = n.task.Resolve(); err != nil {
		return err
	}
	if err := a.examine(f); err != nil {
		return err
	}
	tables := a.Report.Tables()
	var s task.Session
	s.Draw(task.NewSampler(n.task), task.Origin{Seed: a.Seed, Stream: task.StreamRollout})
	s.Record()

	if a.Report.Frame() != nil {
		more, err := a.space(ctx, folder, f, n, &s, opt)
		if err != nil {
			return err
		}
		tables = append(tables, more...)
	}
	var b *behaviour
	if a.Dtype == kernels.Dtype[float32]() {
		b, err = behaviourOf[float32](ctx, n, &s, a.Seed, opt)
	} else {
		b, err = behaviourOf[float64](ctx, n, &s, a.Seed, opt)
	}
	if err != nil {
		return err
	}
	a.Players, a.Causal, a.Frontier, a.Mice = b.players, b.causal, b.frontier, n.mice
	return a.write(folder, append(tables, b.tables...), start, opt)
}

func behaviourOf[F kernels.Float](ctx context.Context, n network, s *task.Session, seed uint64, opt train.Options) (*behaviour, error) {
	backend, err := train.OpenBackend[F]("cpu", 1, 1, opt.Log) // its callers are the workers
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	return behave(ctx, contendersOf(backend, n.weights, n.students, n.mice, s, &n.task), s, seed, &n.task)
}

// searchStates is the number of recorded states from which fixed points are
// searched for.
const searchStates = 96

// space returns the tables of states, and writes the fixed points' arrays.
func (a *Analysis) space(ctx context.Context, folder string, f *analysis.File, n network, s *task.Session, opt train.Options) ([]*analysis.Table, error) {
	r, err := analysis.Record(f.Trajectory, s, n.task, a.Report.Frame(), a.Report.Found(analysis.Full))
	if err != nil {
		return nil, err
	}
	system := analysis.SystemOf("network", n.weights.N, n.weights.Theta)
	var tables []*analysis.Table
	a.Space, tables = r.Space(system)
	dynamics, more, err := r.Dynamics(f.Trajectory, system)
	if err != nil {
		return nil, err
	}
	a.Dynamics, tables = dynamics, append(tables, more...)

	beliefs := []*analysis.Beliefs{r.Beliefs()}
	for _, st := range n.students {
		if st.kind == "" || st.weights.N != 2 {
			continue
		}
		b, err := studentBeliefs(ctx, st.name, st.weights, s, &n.task)
		if err != nil {
			return nil, err
		}
		beliefs = append(beliefs, b)
	}
	tables = append(tables, analysis.LawTables(beliefs, &n.task)...)

	circuits, fields, points := analysis.NewCircuitTable(), analysis.NewFieldTable(), analysis.NewPointTables()
	for _, kind := range []analysis.Kind{analysis.PCA, analysis.Full} {
		if readouts := a.Report.Found(kind); readouts != nil {
			r.AddCircuits(circuits, system, readouts)
		}
	}
	conditions := analysis.Conditions(&n.task)
	dissect := func(system *analysis.System, starts []float64, place func([]float64) analysis.Place, frame *analysis.Frame, views ...analysis.View) error {
		found := system.FixedPointsOf(conditions, starts)
		a.FixedPoints = append(a.FixedPoints, points.Add(system, conditions, found, place, frame)...)
		for _, v := range views {
			v.AddField(fields, conditions, found)
		}
		return writeNPZ(folder, "fixed_points-"+system.Name+".npz", opt, func(w *npz.Writer) error {
			return analysis.WritePoints(w, system, conditions, found)
		})
	}
	if err := dissect(system, r.States(searchStates), r.PlaceOf, r.Frame, r.PlaneView(system), r.ReadoutsView(system)); err != nil {
		return nil, err
	}
	for _, st := range n.students {
		if st.weights.N != 2 {
			continue
		}
		system := analysis.SystemOf(st.name, 2, st.weights.Theta)
		view := analysis.UnitsView(system)
		if st.kappa != nil {
			analysis.AddStudentCircuit(circuits, system, st.kind, *st.kappa)
			view = r.StudentView(system, *st.kappa)
		}
		place := func(h []float64) analysis.Place { return analysis.PlaceOfUnits(h, st.kappa) }
		if err := dissect(system, analysis.Grid(), place, nil, view); err != nil {
			return nil, err
		}
	}
	return slices.Concat(tables, []*analysis.Table{circuits, fields}, points.Tables()), nil
}

// write writes the arrays of the report and the tables, and says so in the
// summary.
func (a *Analysis) write(folder string, tables []*analysis.Table, start time.Time, opt train.Options) error {
	if err := writeNPZ(folder, readoutsFile, opt, a.Report.Write); err != nil {
		return err
	}
	a.Tables = nil
	for _, t := range tables {
		if err := writeTo(folder, t.Name, opt, t.Write); err != nil {
			return err
		}
		a.Tables = append(a.Tables, t.Name)
	}
	a.Seconds = time.Since(start).Seconds()
	return nil
}

func writeTo(folder, name string, opt train.Options, write func(io.Writer) error) error {
	return atomicfs.WriteFile(opt.FS, filepath.Join(folder, name), write)
}

func (a *Analysis) place(out, source string) *Made {
	a.Out, a.Source = out, source
	return &a.Made
}

// whole reports whether the analysis's files are all there.
func (a *Analysis) whole(folder string) bool {
	for _, name := range append([]string{readoutsFile}, a.Tables...) {
		if !exists(folder, name) {
			return false
		}
	}
	return len(a.Tables) > 0
}
