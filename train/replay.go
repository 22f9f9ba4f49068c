package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/npz"
	"radd/internal/panics"
	"radd/kernels"
	"radd/task"
)

// ReplayConfig says which session goes through which weights, and how.
type ReplayConfig struct {
	Weights   string  // .safetensors or .npz
	Session   string  // .npz
	Force     string  // .npz whose decisions are followed; empty for the closed loop
	Out       string  // .npz, replaced where it is there
	Objective string  // cross-entropy, probability or q-log
	Q         float64 // of q-log
	Reduction string  // mean or sum
	Dtype     string  // f32 or f64
	Engine    string  // fused or unrolled
	Device    string  // auto, cpu, gpu or gpu:K
	Task      task.Config
}

// DefaultReplayConfig returns a replay in which only the files are left to name.
func DefaultReplayConfig() ReplayConfig {
	c := DefaultConfig()
	return ReplayConfig{Objective: c.Objective, Q: c.Q, Reduction: c.Reduction, Dtype: c.Dtype, Engine: c.Engine, Device: c.Device, Task: c.Task}
}

// ReplaySummary tells what a replay showed. Under forced decisions, actions are
// those that the network itself would have taken where the record ends a trial.
type ReplaySummary struct {
	Out           string     `json:"out"`
	Weights       string     `json:"weights"`
	WeightsSHA256 string     `json:"weights_sha256"`
	Session       string     `json:"session"`
	Force         string     `json:"force,omitempty"`
	Hidden        int        `json:"hidden"`
	Objective     string     `json:"objective"`
	Reduction     string     `json:"reduction"`
	Engine        string     `json:"engine"`
	Loss          task.Ratio `json:"loss"`          // null where it is no finite number
	GradientNorm  task.Ratio `json:"gradient_norm"` // likewise
	kernels.Info
	task.Figures
	Seconds          float64 `json:"seconds"` // computing, without start-up and files
	MicrosPerRNNStep float64 `json:"us_per_rnn_step"`
}

// Replay sends a recorded session through given weights, in closed loop or
// following recorded decisions, and writes every RNN step, the loss and its
// gradient to the file cfg.Out, whole or not at all. It returns ctx's error when
// ctx ends, and an *input.Error, before anything is written, where the
// configuration or a file cannot be used.
func Replay(ctx context.Context, cfg ReplayConfig, opt Options) (ReplaySummary, error) {
	opt = opt.Filled()
	if cfg.Objective == softCrossEntropy {
		return ReplaySummary{}, &input.Error{Field: "objective", Found: cfg.Objective + ", which needs a teacher", Allowed: "cross-entropy, probability or q-log"}
	}
	all := DefaultConfig() // so that its keys check ours
	all.Objective, all.Q, all.Reduction, all.Dtype, all.Engine, all.Device, all.Task =
		cfg.Objective, cfg.Q, cfg.Reduction, cfg.Dtype, cfg.Engine, cfg.Device, cfg.Task
	all, err := all.Resolve()
	if err != nil {
		return ReplaySummary{}, err
	}
	cfg.Task = all.Task
	if err := replaceable(cfg.Out, cfg.Weights, cfg.Session, cfg.Force); err != nil {
		return ReplaySummary{}, err
	}
	if cfg.Dtype == "f32" {
		return replay[float32](ctx, cfg, all.objective(), opt)
	}
	return replay[float64](ctx, cfg, all.objective(), opt)
}

// replaceable returns an *input.Error unless a file can be put at path that
// replaces none of the sources.
func replaceable(path string, sources ...string) error {
	if path == "" {
		return &input.Error{Field: "out", Found: "no file", Allowed: "a name that is free, or a file to replace"}
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		folder, err := os.Stat(filepath.Dir(path))
		if err != nil || !folder.IsDir() {
			return &input.Error{File: path, Found: "its folder does not exist", Do: "make it first"}
		}
		return nil
	}
	if err != nil {
		return unreadable(path, err)
	}
	if !there.Mode().IsRegular() {
		return &input.Error{File: path, Found: "it is not a file", Allowed: "a name that is free, or a file to replace"}
	}
	for _, source := range sources {
		if s, err := os.Stat(source); err == nil && os.SameFile(s, there) {
			return &input.Error{File: path, Found: "the result would replace what it is computed from", Do: "choose another --out"}
		}
	}
	return nil
}

func replay[F kernels.Float](ctx context.Context, cfg ReplayConfig, o kernels.Objective, opt Options) (s ReplaySummary, err error) {
	defer panics.Return(&err) // a device's failure
	w, err := LoadWeights(cfg.Weights)
	if err != nil {
		return ReplaySummary{}, err
	}
	theta, err := thetaAs[F](w)
	if err != nil {
		return ReplaySummary{}, err
	}
	session, err := ReadSession(cfg.Session, cfg.Task)
	if err != nil {
		return ReplaySummary{}, err
	}
	if w.Cell != "rnn" && cfg.Engine != "unrolled" {
		return ReplaySummary{}, &input.Error{Field: "engine", Found: cfg.Engine, Allowed: "unrolled, for the cell " + w.Cell}
	}
	of := w.config()
	tape := kernels.NewTape[F](w.N * of.cell().States())
	tape.Begin(session)
	if cfg.Force != "" {
		if tape.Forced, err = readDecisions(cfg.Force, session); err != nil {
			return ReplaySummary{}, err
		}
	}
	backend, err := OpenBackend[F](deviceFor(cfg.Engine, cfg.Device), 1, 1, opt.Log)
	if err != nil {
		return ReplaySummary{}, err
	}
	defer func() { backend.Close() }()
	if cfg.Engine == "unrolled" {
		u, err := openUnrolled(&of, backend)
		if err != nil {
			return ReplaySummary{}, err
		}
		backend = u
	}

	if err := ctx.Err(); err != nil {
		return ReplaySummary{}, err
	}
	start := time.Now()
	tapes, grad := []*kernels.Tape[F]{tape}, make([]F, len(theta))
	backend.Forward(theta, o, tapes)
	if err := ctx.Err(); err != nil {
		return ReplaySummary{}, err
	}
	backend.Backward(theta, o, tapes, 1, grad)
	seconds := time.Since(start).Seconds()
	if err := ctx.Err(); err != nil {
		return ReplaySummary{}, err
	}
	err = atomicfs.WriteFile(opt.FS, cfg.Out, func(out io.Writer) error {
		z := npz.NewWriter(out)
		return errors.Join(writeReplay(z, tape, of.layout(), grad), z.Close())
	})
	if err != nil {
		return ReplaySummary{}, err
	}

	var tally task.Tally
	for _, t := range tape.Played() {
		tally.Add(t)
	}
	return ReplaySummary{Out: cfg.Out, Weights: cfg.Weights, WeightsSHA256: w.SHA256, Session: cfg.Session, Force: cfg.Force,
		Hidden: w.N, Objective: cfg.Objective, Reduction: cfg.Reduction, Engine: cfg.Engine,
		Loss: task.Ratio(tape.Loss), GradientNorm: task.Ratio(kernels.Norm(grad)),
		Info: backend.Info(), Figures: tally.Figures(),
		Seconds: seconds, MicrosPerRNNStep: seconds / float64(tape.T) * 1e6}, nil
}

// ReadSession reads a recorded session. The error is an *input.Error.
func ReadSession(path string, c task.Config) (*task.Session, error) {
	f, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := task.ReadSession(f, "", c)
	return s, InFile(path, err)
}

// readDecisions reads the decisions of an earlier passage through the session;
// names are bare or, failing that, after record/.
func readDecisions(path string, s *task.Session) (*kernels.Decisions, error) {
	f, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := func(array string) string {
		if folder := "record/" + array; !f.Has(array) && f.Has(folder) {
			return folder
		}
		return array
	}
	for _, array := range []string{"trial", "step", "feedback"} {
		shape, err := f.Want(name(array), -1)
		if err != nil {
			return nil, err
		}
		if most := s.Trials() * s.Rule().MaxSteps; shape[0] > most { // before it is read: it could fill the memory
			return nil, &input.Error{File: path, Field: name(array), Found: fmt.Sprintf("%d values", shape[0]),
				Allowed: fmt.Sprintf("one per RNN step, of which the session has %d at most", most)}
		}
	}
	var d kernels.Decisions
	if d.Trial, _, err = f.Int64(name("trial")); err != nil {
		return nil, err
	}
	if d.Step, _, err = f.Int64(name("step")); err != nil {
		return nil, err
	}
	if d.Feedback, _, err = f.Float64(name("feedback")); err != nil {
		return nil, err
	}
	return &d, InFile(path, d.Check(s))
}

// writeReplay adds a replay's arrays to the archive.
// grad is the gradient of its loss by the parameters of the layout.
func writeReplay[F kernels.Float](z *npz.Writer, p *kernels.Tape[F], layout []kernels.Parameter, grad []F) error {
	T := p.T
	if err := errors.Join(
		npz.Add(z, "trial", integers(p.Trial[:T]), T),
		npz.Add(z, "step", integers(p.Step[:T]), T),
		npz.Add(z, "input", p.Input[:T*kernels.Inputs], T, kernels.Inputs),
		npz.Add(z, "hidden", p.Hidden[p.N:(T+1)*p.N], T, p.N),
		npz.Add(z, "prob", probabilities(nil, p), T, kernels.Actions),
		npz.Add(z, "feedback", p.Feedback[:T], T),
		npz.Add(z, "target", integers(p.Target[:T]), T),
		npz.Add(z, "counted", p.Counted[:T], T),
		npz.Add(z, "loss", []float64{p.Loss}),
	); err != nil {
		return err
	}
	for _, w := range layout {
		if err := npz.Add(z, "grad/"+w.Name, grad[w.Start:w.End], w.Shape...); err != nil {
			return err
		}
	}
	return nil
}
