package train

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"radd/graph"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/panics"
	"radd/kernels"
	"radd/task"
)

// ErrStopped says that a run was asked to stop and did so behind a checkpoint,
// from which it can be resumed.
var ErrStopped = errors.New("stopped after writing a checkpoint")

// Options are what a run, or what is made of one, needs besides its configuration. The zero value works.
type Options struct {
	Resume  bool
	Version string       // of the program, for the manifest
	Log     *slog.Logger // messages; nil is silent. They go to log.jsonl as well
	Report  func(State)  // called after every gradient step
	FS      atomicfs.FS  // nil is the operating system's

	// Progress is called as a rollout goes, with the trials done and to do.
	Progress func(done, trials int)
}

// Filled returns the options with what stands for nil.
func (o Options) Filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = atomicfs.OS
	}
	return o
}

// State is how far a run has come. Figures are over the last 100 gradient steps.
type State struct {
	GradientStep  int // done
	GradientSteps int // to do in all
	Loss          task.Ratio
	Figures
}

// Figures are behaviour over a number of gradient steps' sessions.
type Figures struct {
	RNNStepsPerTrial task.Ratio `json:"rnn_steps_per_trial"`
	ActionRate       task.Ratio `json:"action_rate"`
	CorrectPerTrial  task.Ratio `json:"correct_per_trial"`
	CorrectPerAction task.Ratio `json:"correct_per_action"` // null where no action was taken
}

// Summary tells of a finished or stopped run. Loss, gradient norm and figures
// are means over the last 100 gradient steps; trials, RNN steps and seconds are
// over the whole run. Before the first gradient step there are no means: NaN,
// null in JSON.
type Summary struct {
	Out           string     `json:"out"`
	Hidden        int        `json:"hidden"`
	Cell          string     `json:"cell"`
	Engine        string     `json:"engine"`
	Objective     string     `json:"objective"`
	Reduction     string     `json:"reduction"`
	GradientSteps int        `json:"gradient_steps"`
	Loss          task.Ratio `json:"loss"`
	GradientNorm  task.Ratio `json:"gradient_norm"`
	Figures
	Trials                 int64   `json:"trials"`
	RNNSteps               int64   `json:"rnn_steps"`
	Seconds                float64 `json:"seconds"`       // computing, without start-up and files
	BuildSeconds           float64 `json:"build_seconds"` // of the unrolled graphs, once; 0 for the fused op
	GradientStepsPerSecond float64 `json:"gradient_steps_per_second"`
	MicrosPerRNNStep       float64 `json:"us_per_rnn_step"`
	kernels.Info
	Seed uint64 `json:"seed"`
}

// ReadRunConfig returns the configuration of the run in dir, or an *input.Error
// where dir holds none.
func ReadRunConfig(dir string) (Config, error) {
	path := filepath.Join(dir, configFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, &input.Error{File: dir, Found: "no run of this program", Allowed: "a folder with a " + configFile, Cause: err}
	}
	c := DefaultConfig()
	if err := c.Read(path, data); err != nil {
		return Config{}, err
	}
	c, err = c.Resolve()
	return c, InFile(path, err)
}

// IsRun reports whether dir holds a run's configuration.
func IsRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, configFile))
	return err == nil
}

// Finished reports whether the network of the run in dir has taken all its gradient
// steps: what its weights say, and those of another program say nothing else.
func Finished(dir string) (bool, error) {
	c, err := ReadRunConfig(dir)
	if err != nil {
		return false, err
	}
	meta, err := kernels.ReadMeta(filepath.Join(dir, weightsFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return meta["gradient_step"] == "" || meta["gradient_step"] == strconv.Itoa(c.GradientSteps), err
}

// InFile names the file in an *input.Error that does not name one yet.
func InFile(path string, err error) error {
	var e *input.Error
	if errors.As(err, &e) && e.File == "" {
		e.File = path
	}
	return err
}

// Run trains one network into the folder dir, or goes on with the run there. It
// returns ErrStopped when ctx ends, after writing a checkpoint; a
// *kernels.NonFiniteError when a loss, gradient or weight is no finite number,
// after putting the evidence into non-finite/; and an *input.Error, before
// anything is written, where configuration or folder cannot be used.
//
// Source: SI 7.2.
func Run(ctx context.Context, dir string, cfg Config, opt Options) (Summary, error) {
	opt = opt.Filled()
	cfg, err := cfg.Resolve()
	if err != nil {
		return Summary{}, err
	}
	if cfg.Dtype == "f32" {
		return run[float32](ctx, dir, cfg, opt)
	}
	return run[float64](ctx, dir, cfg, opt)
}

// training is one run in progress.
type training[F kernels.Float] struct {
	Options
	dir     string
	cfg     Config
	info    kernels.Info
	net     *kernels.Network[F]
	layout  []kernels.Parameter // of the network's θ
	trainer *graph.Trainer[F]
	state   *state
	config  []byte // the folder's config.yaml
	journal *journal
	logFile atomicfs.File

	building    time.Duration // of graphs
	initialised bool          // the network's parameters are those to start from

	computing time.Duration // since the last row of timing.csv
	rnnSteps  int64         // likewise
}

func run[F kernels.Float](ctx context.Context, dir string, cfg Config, opt Options) (sum Summary, err error) {
	defer panics.Return(&err) // a device's failure
	backend, err := OpenBackend[F](deviceFor(cfg.Engine, cfg.Device), 1, cfg.Jobs, opt.Log)
	if err != nil {
		return Summary{}, err
	}
	defer func() { backend.Close() }()
	var building time.Duration
	if cfg.Engine == "unrolled" {
		u, err := openUnrolled(&cfg, backend)
		if err != nil {
			return Summary{}, err
		}
		backend, building = u, u.BuildTime()
	}
	net, err := newNetwork[F](&cfg)
	if err != nil {
		return Summary{}, err
	}
	begun, err := goesOn(dir, &cfg, opt)
	if err != nil {
		return Summary{}, err
	}
	if !begun { // before the folder is made: the weights to start from may be at fault
		if err := initialise(&cfg, net); err != nil {
			return Summary{}, err
		}
	}
	t := &training[F]{Options: opt, dir: dir, cfg: cfg, info: backend.Info(), net: net, layout: cfg.layout(),
		building: building, initialised: !begun}
	unlock, err := t.enter()
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.prepare(); err != nil {
		return Summary{}, err
	}
	if t.trainer, err = graph.NewTrainer(truncated(&cfg, backend), net); err != nil {
		return Summary{}, err
	}
	t.trainer.Use(cfg.Solver, cfg.Clip, cfg.cell(), cfg.Hidden)
	if net.Step < cfg.GradientSteps {
		err = t.loop(ctx)
	}
	return t.summary(), err
}

// newNetwork returns a network without parameters yet, and its teacher, if it
// has one; it fills in the teacher's SHA-256.
func newNetwork[F kernels.Float](cfg *Config) (*kernels.Network[F], error) {
	size := sizeOf(cfg.layout())
	net := &kernels.Network[F]{
		Shape:        kernels.Shape{N: cfg.Hidden * cfg.cell().States()}, // of tapes
		Sampler:      task.NewSampler(cfg.Task),
		Objective:    cfg.objective(),
		Seed:         cfg.Seed,
		Sessions:     cfg.Sessions,
		LearningRate: cfg.LearningRate,
		Momentum:     cfg.Momentum,
		Theta:        make([]F, size),
		Velocity:     make([]F, size*graph.Moments(cfg.Solver)),
	}
	if cfg.Teacher != "" {
		w, err := LoadRNN(cfg.Teacher)
		if err != nil {
			return nil, err
		}
		if was := cfg.TeacherSHA256; was != "" && was != w.SHA256 {
			return nil, &input.Error{File: cfg.Teacher, Found: "SHA-256 " + w.SHA256, Allowed: was + ", the teacher that the run was started with",
				Do: "put those weights back, or distil into another folder"}
		}
		theta, err := thetaAs[F](w)
		if err != nil {
			return nil, err
		}
		cfg.TeacherSHA256 = w.SHA256
		net.Teacher = &kernels.Teacher[F]{Shape: kernels.Shape{N: w.N}, Theta: theta}
	}
	return net, nil
}

// goesOn reports whether the folder holds a run with a checkpoint to go on from.
// The weights that it started from are then not needed any more and may be gone;
// it fills in the SHA-256 that they had.
func goesOn(dir string, cfg *Config, opt Options) (bool, error) {
	if !opt.Resume || !IsRun(dir) {
		return false, nil
	}
	steps, err := checkpointSteps(opt.FS, dir)
	if err != nil || len(steps) == 0 {
		return false, err
	}
	started, err := ReadRunConfig(dir)
	if err == nil && cfg.Init == started.Init && cfg.InitSHA256 == "" {
		cfg.InitSHA256 = started.InitSHA256
	}
	return true, err
}

// initialise assigns the parameters that a run starts with: fresh ones or those
// of a file, whose SHA-256 it fills in.
func initialise[F kernels.Float](cfg *Config, net *kernels.Network[F]) error {
	if cfg.Init == "" {
		seed := cfg.InitSeed
		if seed == 0 {
			seed = cfg.Seed
		}
		kernels.Uniform(1/math.Sqrt(float64(cfg.Hidden)), seed, net.Theta)
		graph.Settle(cfg.cell(), cfg.Hidden, net.Theta)
		return nil
	}
	w, err := LoadWeights(cfg.Init)
	if err != nil {
		return err
	}
	if w.N != cfg.Hidden {
		return &input.Error{File: cfg.Init, Found: fmt.Sprintf("a network of %d hidden units", w.N),
			Allowed: fmt.Sprintf("hidden = %d", cfg.Hidden), Do: fmt.Sprintf("train with --hidden %d", w.N)}
	}
	if w.Cell != cfg.Cell {
		return &input.Error{File: cfg.Init, Found: "a network of the cell " + w.Cell,
			Allowed: "cell = " + cfg.Cell, Do: "train with --cell " + w.Cell}
	}
	if cfg.InitSHA256 != "" && cfg.InitSHA256 != w.SHA256 {
		return &input.Error{File: cfg.Init, Found: "SHA-256 " + w.SHA256, Allowed: cfg.InitSHA256 + ", the weights that the run was started with",
			Do: "put those weights back, or train into another folder"}
	}
	theta, err := thetaAs[F](w)
	if err != nil {
		return err
	}
	cfg.InitSHA256 = w.SHA256
	copy(net.Theta, theta)
	graph.Settle(cfg.cell(), cfg.Hidden, net.Theta)
	return nil
}

// enter checks that the folder can be used, makes it where it is missing and
// locks it against other processes.
func (t *training[F]) enter() (unlock func(), err error) {
	if err := t.admit(); err != nil {
		return nil, err
	}
	if err := t.FS.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(t.dir, lockFile))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", t.dir, err)
	case !locked:
		return nil, &input.Error{File: t.dir, Found: "a folder that another process is using", Do: "wait for it, or choose another --out"}
	}
	if err := t.admit(); err != nil { // somebody may have been here in between
		lock.Unlock()
		return nil, err
	}
	return func() { lock.Unlock() }, nil
}

// admit returns an *input.Error where the folder cannot take this run.
func (t *training[F]) admit() error {
	if t.dir == "" {
		return &input.Error{Field: "out", Found: "no folder", Allowed: "a folder that is absent or empty"}
	}
	stat, err := t.FS.Lstat(t.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && stat.Mode()&os.ModeSymlink != 0 {
		stat, err = os.Stat(t.dir)
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, os.ErrNotExist) { // a file on the way, a link to nothing
		return unreadable(t.dir, err)
	}
	if err != nil {
		return err
	}
	if !stat.IsDir() {
		return &input.Error{File: t.dir, Found: "a file", Allowed: "a folder, or a name that is free"}
	}
	entries, err := t.FS.ReadDir(t.dir)
	if err != nil {
		return err
	}
	empty := true
	for _, e := range entries { // a run that was killed at its start leaves no more than these
		if e.Name() != lockFile && !strings.HasPrefix(e.Name(), ".tmp-") {
			empty = false
		}
	}
	switch {
	case empty:
		return nil
	case !t.Resume && IsRun(t.dir):
		return &input.Error{File: t.dir, Found: "a run", Do: "go on with it by --resume, or choose another --out"}
	case !t.Resume:
		return &input.Error{File: t.dir, Found: "a folder that is not empty", Do: "choose another --out"}
	case !IsRun(t.dir):
		return &input.Error{File: t.dir, Found: "a folder that is not empty and has no " + configFile, Do: "resume a run of this program, or choose another --out"}
	}
	started, err := ReadRunConfig(t.dir)
	if err != nil {
		return err
	}
	return started.Differs(&t.cfg)
}

// prepare loads the newest checkpoint, if there is one, and brings every file
// of the folder to its step.
func (t *training[F]) prepare() error {
	if err := atomicfs.Recover(t.FS, t.dir); err != nil {
		return err
	}
	s, weights, err := load(t.FS, t.dir, &t.cfg, t.layout, t.net, t.Log)
	if err != nil {
		return err
	}
	if s != nil && s.GradientStep > t.cfg.GradientSteps {
		return &input.Error{File: t.dir, Field: "gradient-steps", Found: strconv.Itoa(t.cfg.GradientSteps),
			Allowed: fmt.Sprintf("%d, which are done, or more", s.GradientStep)}
	}
	if s == nil {
		if !t.initialised { // the checkpoints have just been removed
			if err := initialise(&t.cfg, t.net); err != nil {
				return err
			}
		}
		s = &state{FormatVersion: formatVersion, Identity: t.cfg.identity(), Info: t.info}
	}
	finished := weights != nil && s.GradientStep == t.cfg.GradientSteps
	if s.Info != t.info && !finished {
		t.Log.Warn("another device or instruction set than before: from here on, results are not byte for byte those of an undisturbed run",
			"before", s.Info, "now", t.info)
		s.Info = t.info
	}
	t.state = s

	if t.config, err = t.cfg.YAML(); err != nil {
		return err
	}
	if was, err := ReadRunConfig(t.dir); finished && err == nil && was.GradientSteps == s.GradientStep {
		if t.config, err = readBytes(t.FS, filepath.Join(t.dir, configFile)); err != nil { // what it was finished with
			return err
		}
	}
	if err := t.keep(configFile, t.config); err != nil {
		return err
	}
	if err := t.openLog(); err != nil {
		return err
	}
	if weights != nil {
		if err := t.keep(weightsFile, weights); err != nil {
			return err
		}
		message := "resuming"
		if finished {
			message = "finished before"
		}
		t.Log.Info(message, "run", t.dir, "gradient_step", s.GradientStep)
	}
	if !finished || !t.manifestOf(weights) { // else it tells who finished the run
		if err := t.writeManifest(weights); err != nil {
			return err
		}
	}
	if t.journal, err = openJournal(t.FS, t.dir, s.GradientStep); err != nil {
		return err
	}
	if want := t.rows(s.GradientStep); t.journal.rows != want {
		t.Log.Warn("metrics.csv lacks rows of gradient steps that are done: somebody changed or removed it",
			"run", t.dir, "rows", t.journal.rows, "of", want)
	}
	return nil
}

// rows returns the rows that metrics.csv has after that many gradient steps.
func (t *training[F]) rows(steps int) int {
	rows := steps / t.cfg.MetricsEvery
	if t.cfg.MetricsEvery > 1 && steps > 0 {
		rows++ // the first step's
	}
	return rows
}

// keep gives the file those bytes, if it does not hold them yet.
func (t *training[F]) keep(name string, data []byte) error {
	path := filepath.Join(t.dir, name)
	if old, err := readIfThere(t.FS, path); err == nil && string(old) == string(data) {
		return nil
	}
	return atomicfs.WriteBytes(t.FS, path, data)
}

// openLog sends messages to log.jsonl as well.
func (t *training[F]) openLog() error {
	f, err := t.FS.OpenFile(filepath.Join(t.dir, logFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	t.logFile = f
	t.Log = slog.New(slog.NewMultiHandler(t.Log.Handler(), slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return nil
}

// close closes the files that a run keeps open.
func (t *training[F]) close() error {
	var errs []error
	if t.journal != nil {
		errs = append(errs, t.journal.Close())
	}
	if t.logFile != nil {
		errs = append(errs, t.logFile.Close())
	}
	return errors.Join(errs...)
}

// loop trains to the configured length.
func (t *training[F]) loop(ctx context.Context) error {
	saved := time.Now()
	for t.net.Step < t.cfg.GradientSteps {
		start := time.Now()
		r, err := t.trainer.Step()
		t.computing += time.Since(start)
		if err != nil {
			return t.fail(r, err)
		}
		t.rnnSteps += int64(r.RNNSteps)
		t.state.add(r)
		step := t.net.Step
		if step == 1 || step%t.cfg.MetricsEvery == 0 {
			if err := t.journal.record(step, r); err != nil {
				return err
			}
		}
		if t.Report != nil {
			t.Report(t.progress())
		}
		overdue := t.cfg.CheckpointMinutes > 0 && time.Since(saved).Minutes() >= t.cfg.CheckpointMinutes
		if step%t.cfg.CheckpointEvery == 0 || step == t.cfg.GradientSteps || overdue || ctx.Err() != nil {
			if err := t.checkpoint(); err != nil {
				return err
			}
			saved = time.Now()
		}
		if ctx.Err() != nil && step < t.cfg.GradientSteps {
			t.Log.Info("stopped", "run", t.dir, "gradient_step", step)
			return ErrStopped
		}
	}
	return nil
}

// checkpoint puts the run so far on the disk, metrics first.
func (t *training[F]) checkpoint() error {
	if err := t.journal.time(t.net.Step, t.computing.Seconds(), t.rnnSteps); err != nil {
		return err
	}
	t.computing, t.rnnSteps = 0, 0
	if err := t.journal.Sync(); err != nil {
		return err
	}
	weights, err := save(t.FS, t.dir, &t.cfg, t.layout, t.net, t.state)
	if err != nil {
		return err
	}
	if err := t.keep(weightsFile, weights); err != nil {
		return err
	}
	t.Log.Debug("checkpoint", "gradient_step", t.net.Step)
	if t.net.Step == t.cfg.GradientSteps {
		if err := t.writeManifest(weights); err != nil {
			return err
		}
	}
	return prune(t.FS, t.dir, t.net.Step, t.cfg.Keep)
}

func (t *training[F]) progress() State {
	loss, _, f := t.state.averages()
	return State{GradientStep: t.net.Step, GradientSteps: t.cfg.GradientSteps, Loss: loss, Figures: f}
}

// averages returns means over the recent gradient steps, NaN where there are
// none.
func (s *state) averages() (loss, norm task.Ratio, f Figures) {
	if len(s.Recent) == 0 {
		loss, norm = task.Ratio(math.NaN()), task.Ratio(math.NaN())
	}
	var r kernels.Record
	for _, x := range s.Recent {
		loss += task.Ratio(x.Loss / float64(len(s.Recent)))
		norm += task.Ratio(x.GradientNorm / float64(len(s.Recent)))
		r.Tally(x.RNNSteps, x.Behaviour)
	}
	ratio := func(a, b int) task.Ratio { return task.Ratio(float64(a) / float64(b)) }
	return loss, norm, Figures{RNNStepsPerTrial: ratio(r.RNNSteps, r.Trials), ActionRate: ratio(r.Actions, r.Trials),
		CorrectPerTrial: ratio(r.Correct, r.Trials), CorrectPerAction: ratio(r.Correct, r.Actions)}
}

func (t *training[F]) summary() Summary {
	s := summarize(&t.cfg, t.state, t.journal.seconds+t.computing.Seconds())
	s.Out, s.BuildSeconds = t.dir, t.building.Seconds()
	return s
}

// summarize tells of a run in that state, after so many seconds of computing.
func summarize(cfg *Config, state *state, seconds float64) Summary {
	objective, reduction := cfg.objective().Names()
	s := Summary{Hidden: cfg.Hidden, Cell: cfg.Cell, Engine: cfg.Engine, Objective: objective, Reduction: reduction,
		GradientSteps: state.GradientStep, Trials: state.Trials, RNNSteps: state.RNNSteps,
		Seconds: seconds, Info: state.Info, Seed: cfg.Seed}
	s.Loss, s.GradientNorm, s.Figures = state.averages()
	if s.Seconds > 0 {
		s.GradientStepsPerSecond = float64(s.GradientSteps) / s.Seconds
		s.MicrosPerRNNStep = s.Seconds / float64(max(s.RNNSteps, 1)) * 1e6
	}
	return s
}
