package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"radd/graph"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/kernels"
)

// Fleet trains many networks of one size and dtype, without a folder for each.
// A network's weights and metrics are, byte for byte, those of [Run] with its
// configuration. Methods may be called from several goroutines at once.
//
// On the CPU a network is trained by kernels.Train, or, with another solver than
// plain SGD, through the graph, on the goroutine that calls Advance; on another
// device all networks of a call go to Backend.Train together.
type Fleet interface {
	// Info says what computes.
	Info() kernels.Info

	// Together reports whether the device takes many networks in one call of
	// Advance: else each is better off in a call of its own.
	Together() bool

	// Advance takes the networks of those indices further by the given number of
	// gradient steps, fewer where they are done, fail or ctx ends. The error is
	// the device's; a network's own is in its State.
	Advance(ctx context.Context, networks []int, gradientSteps int) error

	// State tells how far a network is.
	State(network int) FleetState

	// Resume brings a network that has not begun to where the snapshot is, that
	// of a run of the same configuration but for its length. One of another device
	// or instruction set it leaves at its start.
	Resume(network int, from *Snapshot) error

	// Snapshot returns the network as files.
	Snapshot(network int) (Snapshot, error)

	// Rollout is RolloutOfRun on what the fleet computes on, in its dtype, whatever
	// the configuration names. On a GPU calls from several goroutines share launches.
	Rollout(ctx context.Context, run string, cfg RolloutConfig, opt Options) (RolloutSummary, error)

	// Play is likewise Play.
	Play(ctx context.Context, w Weights, cfg RolloutConfig, opt Options) (RolloutSummary, error)

	// Fail says that a network is not to go on, and why.
	Fail(network int, why error)

	Close() error
}

// FleetState is how far one network of a fleet is.
type FleetState struct {
	Summary       // Out is empty
	Done    bool  // all its gradient steps, or failed
	Err     error // why it failed: a *kernels.NonFiniteError, or what it panicked with
}

// Snapshot is a run as the bytes of its files. All but Seconds depend on the
// configuration, the instruction set and the gradient step alone.
type Snapshot struct {
	Weights, Momentum, State, Metrics []byte
	Seconds                           float64 // computing
}

// OpenFleet returns a fleet of those configurations, at their start or, where
// resume has a snapshot of the same index, from there on. It returns an
// *input.Error where a configuration cannot be used, or differs in hidden, dtype
// or device from the first.
func OpenFleet(configs []Config, resume []*Snapshot, log *slog.Logger) (Fleet, error) {
	for i := range configs {
		c, err := configs[i].Resolve()
		if err == nil {
			c, err = c.Summed()
		}
		if err != nil {
			return nil, err
		}
		if c.Engine != "fused" {
			return nil, &input.Error{Field: "engine", Found: c.Engine, Allowed: "fused, to train many networks"}
		}
		for _, k := range allKeys() {
			is, first := fmt.Sprint(k.Value(&c)), fmt.Sprint(k.Value(&configs[0]))
			if (k.Name == "hidden" || k.Name == "dtype" || k.Name == "device") && is != first {
				return nil, &input.Error{Field: k.Name, Found: is, Allowed: first + ", as the others of the fleet"}
			}
		}
		configs[i] = c
	}
	if configs[0].Dtype == "f32" {
		return openFleet[float32](configs, resume, log)
	}
	return openFleet[float64](configs, resume, log)
}

// Summed returns the configuration with the SHA-256 of the weights that it names
// filled in, where they are not.
func (c Config) Summed() (Config, error) {
	for _, f := range []struct {
		path string
		sum  *string
	}{{c.Init, &c.InitSHA256}, {c.Teacher, &c.TeacherSHA256}} {
		if f.path != "" && *f.sum == "" {
			sum, err := FileSum(f.path)
			if err != nil {
				return c, err
			}
			*f.sum = sum
		}
	}
	return c, nil
}

type fleet[F kernels.Float] struct {
	backend kernels.Backend[F]
	members []*member[F]
	batches sync.Pool // of *kernels.Batch[F]: one that a network is through with serves the next
}

// member is one network of a fleet; mu is held while it is trained.
type member[F kernels.Float] struct {
	mu      sync.Mutex
	cfg     Config
	net     *kernels.Network[F]
	state   *state
	metrics bytes.Buffer
	seconds float64
	failed  error
}

func openFleet[F kernels.Float](configs []Config, resume []*Snapshot, log *slog.Logger) (_ *fleet[F], err error) {
	f := &fleet[F]{}
	if f.backend, err = OpenBackend[F](configs[0].Device, len(configs), 1, log); err != nil {
		return nil, err
	}
	for i, cfg := range configs {
		m := &member[F]{cfg: cfg}
		if m.net, err = newNetwork[F](&m.cfg); err != nil {
			break
		}
		if err = initialise(&m.cfg, m.net); err != nil {
			break
		}
		m.state = &state{FormatVersion: formatVersion, Identity: m.cfg.identity(), Info: f.backend.Info()}
		m.metrics.WriteString(metricsHeader)
		if i < len(resume) && resume[i] != nil {
			if err = m.restore(resume[i]); err != nil {
				break
			}
		}
		f.members = append(f.members, m)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// restore brings the member to where the snapshot is.
func (m *member[F]) restore(from *Snapshot) error {
	var s state
	if err := json.Unmarshal(from.State, &s); err != nil {
		return fmt.Errorf("a snapshot's state: %w", err)
	}
	switch {
	case s.FormatVersion != formatVersion || s.Identity != m.state.Identity:
		return errors.New("a snapshot of another configuration or version")
	case s.Info != m.state.Info:
		return nil // bytes of two instruction sets are not mixed: from the start again
	}
	layout := m.cfg.layout()
	for _, v := range []struct {
		data   []byte
		layout []kernels.Parameter
		into   []F
	}{{from.Weights, layout, m.net.Theta}, {from.Momentum, momentLayout(layout, m.net), m.net.Velocity}} {
		vector, err := kernels.DecodeParameters("a snapshot", v.data, v.layout)
		if err != nil {
			return err
		}
		copy(v.into, convert[F](vector))
	}
	m.state, m.net.Step, m.seconds = &s, s.GradientStep, from.Seconds
	m.metrics.Reset()
	m.metrics.Write(from.Metrics)
	return nil
}

func (f *fleet[F]) Info() kernels.Info { return f.backend.Info() }
func (f *fleet[F]) Together() bool     { return f.Info().Device != "cpu" && f.plain() }
func (f *fleet[F]) Close() error       { return f.backend.Close() }

func (f *fleet[F]) Rollout(ctx context.Context, run string, cfg RolloutConfig, opt Options) (RolloutSummary, error) {
	cfg.Dtype = kernels.Dtype[F]()
	return rolloutOfRun(ctx, run, cfg, opt, f.backend)
}

func (f *fleet[F]) Play(ctx context.Context, w Weights, cfg RolloutConfig, opt Options) (RolloutSummary, error) {
	cfg.Dtype = kernels.Dtype[F]()
	cfg, err := cfg.resolve()
	if err != nil {
		return RolloutSummary{}, err
	}
	return playOn(ctx, w, cfg, opt.Filled(), f.backend)
}

func (f *fleet[F]) Advance(ctx context.Context, networks []int, gradientSteps int) error {
	if f.Together() {
		return f.together(ctx, networks, gradientSteps)
	}
	for _, i := range networks {
		f.members[i].advance(ctx, f, gradientSteps)
	}
	return nil
}

// plain reports whether all configurations are.
func (f *fleet[F]) plain() bool {
	return !slices.ContainsFunc(f.members, func(m *member[F]) bool { return !m.cfg.plain() })
}

// advance trains one network; a panic is its failure.
func (m *member[F]) advance(ctx context.Context, f *fleet[F], gradientSteps int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done() {
		return
	}
	start := time.Now()
	defer func() {
		if fault := recover(); fault != nil {
			m.failed = fmt.Errorf("crashed: %v\n%s", fault, debug.Stack())
		}
		m.take(time.Since(start))
	}()
	gradientSteps = min(gradientSteps, m.cfg.GradientSteps-m.net.Step)
	if m.cfg.plain() {
		batch, _ := f.batches.Get().(*kernels.Batch[F])
		if batch == nil || !batch.Fits(m.net) {
			batch = kernels.BatchOf(m.net)
		}
		batch.Train(ctx, f.backend, m.net, gradientSteps)
		f.batches.Put(batch)
	} else {
		m.failed = m.step(ctx, f.backend, gradientSteps)
	}
}

// plain reports whether kernels.Train and Backend.Train make the configuration's
// updates: else the graph does.
func (c *Config) plain() bool { return c.Solver == "sgd" && c.Clip == 0 && c.Truncate == 0 }

// step trains one network through the graph.
func (m *member[F]) step(ctx context.Context, backend kernels.Backend[F], gradientSteps int) error {
	trainer, err := graph.NewTrainer(truncated(&m.cfg, backend), m.net)
	if err != nil {
		return err
	}
	trainer.Use(m.cfg.Solver, m.cfg.Clip, m.cfg.cell(), m.cfg.Hidden)
	for range gradientSteps {
		if ctx.Err() != nil {
			return nil
		}
		r, err := trainer.Step()
		if err != nil {
			return err
		}
		m.net.Records = append(m.net.Records, r)
	}
	return nil
}

// together trains the networks side by side on one device, in stretches that end
// where the next of them is done.
func (f *fleet[F]) together(ctx context.Context, networks []int, gradientSteps int) error {
	for gradientSteps > 0 && ctx.Err() == nil {
		steps := gradientSteps
		var nets []*kernels.Network[F]
		var members []*member[F]
		for _, i := range networks {
			if m := f.members[i]; !m.done() {
				steps = min(steps, m.cfg.GradientSteps-m.net.Step)
				nets, members = append(nets, m.net), append(members, m)
			}
		}
		if len(nets) == 0 {
			return nil
		}
		for _, m := range members {
			m.mu.Lock()
		}
		start := time.Now()
		err := f.backend.Train(ctx, nets, steps)
		share := time.Since(start) / time.Duration(len(nets))
		for _, m := range members {
			m.take(share)
			m.mu.Unlock()
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		gradientSteps -= steps
	}
	return nil
}

// take moves what training has appended to the network's records into state
// and metrics.
func (m *member[F]) take(computing time.Duration) {
	m.seconds += computing.Seconds()
	for _, r := range m.net.Records {
		m.state.add(r)
		if step := m.state.GradientStep; step == 1 || step%m.cfg.MetricsEvery == 0 {
			_ = metricsRow(&m.metrics, step, r) // memory does not fail
		}
	}
	m.net.Records = m.net.Records[:0]
}

func (m *member[F]) done() bool {
	return m.failed != nil || m.net.Err != nil || m.net.Step >= m.cfg.GradientSteps
}

func (f *fleet[F]) Fail(network int, why error) {
	m := f.members[network]
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = why
}

func (f *fleet[F]) Resume(network int, from *Snapshot) error {
	m := f.members[network]
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.restore(from)
}

func (f *fleet[F]) State(network int) FleetState {
	m := f.members[network]
	m.mu.Lock()
	defer m.mu.Unlock()
	s := FleetState{Done: m.done(), Err: errors.Join(m.failed, m.net.Err)}
	s.Summary = summarize(&m.cfg, m.state, m.seconds)
	return s
}

func (f *fleet[F]) Snapshot(network int) (Snapshot, error) {
	m := f.members[network]
	m.mu.Lock()
	defer m.mu.Unlock()
	files, err := checkpointFiles(&m.cfg, m.cfg.layout(), m.net, m.state)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{files[0].data, files[1].data, files[2].data, bytes.Clone(m.metrics.Bytes()), m.seconds}, nil
}

// Folder makes the run's folder dir of a snapshot: weights, metrics and
// checkpoint are those that [Run] would have left there, and it can be resumed.
// The folder appears whole or not at all, and may not be there before.
func (s Snapshot) Folder(dir string, cfg Config) error {
	cfg, err := cfg.Resolve()
	if err != nil {
		return err
	}
	var st state
	if err := json.Unmarshal(s.State, &st); err != nil {
		return fmt.Errorf("a snapshot's state: %w", err)
	}
	if cfg, err = cfg.Summed(); err != nil {
		return err
	}
	if st.Identity != cfg.identity() {
		return errors.New("a snapshot of another configuration")
	}
	text, err := cfg.YAML()
	if err != nil {
		return err
	}
	timing := fmt.Sprintf("%s%d,%.6f,%.4f\n", timingHeader, st.GradientStep, s.Seconds, s.Seconds/float64(max(st.RNNSteps, 1))*1e6)
	return atomicfs.WriteDir(atomicfs.OS, dir, func(staging string) error {
		for _, f := range []file{{configFile, text}, {metricsFile, s.Metrics}, {timingFile, []byte(timing)}, {weightsFile, s.Weights}} {
			if err := atomicfs.WriteBytes(atomicfs.OS, filepath.Join(staging, f.name), f.data); err != nil {
				return err
			}
		}
		return publish(atomicfs.OS, staging, st.GradientStep,
			summed(file{weightsFile, s.Weights}, file{momentumFile, s.Momentum}, file{stateFile, s.State}))
	})
}
