package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"radd/graph"
	"radd/internal/panics"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
	"radd/sweep"
	"radd/task"
	"radd/train"
)

// GPUConfig says what to measure on a GPU.
type GPUConfig struct {
	Device   string // gpu:K
	Hidden   []int
	Dtypes   []string
	Networks []int // trained together, in ascending order; the first is 1
	Rounds   int
	// Burst is the time of one measurement within a round: so long that starting
	// and ending a training run, whose state goes to the device and back, is little
	// of it.
	Burst   time.Duration
	Weights []train.Weights // trained networks; see networkLike
	Session *task.Session   // that peers play with networks like the first of the weights; nil: no peers
	Python  string          // interpreter of the peers
	Peers   []int           // networks that peers train together
	Sweep   *sweep.Summary  // of a sweep that was timed on the device, for the aims; nil: none
	Version string
	Report  func(done, of int) // may be nil
}

// GPU is a device in a report.
type GPU struct {
	Device            string `json:"device"`
	Name              string `json:"name"`
	ComputeCapability string `json:"compute_capability"`
	MemoryBytes       int    `json:"memory_bytes"`
	Multiprocessors   int    `json:"multiprocessors"`
	ClockKHz          int    `json:"clock_khz"`
	Driver            string `json:"driver"`
}

// GPUReport is what MeasureGPU found.
type GPUReport struct {
	Machine
	GPU    GPU       `json:"gpu"`
	Rounds int       `json:"rounds"`
	Limits []Limit   `json:"limits"`
	Sizes  []Size    `json:"sizes"`
	Peers  []GPUPeer `json:"peers"`
	Absent []Absence `json:"absent"`
	Aims   []Aim     `json:"aims"`

	// A sweep that was timed on the device; may be nil.
	Sweep *sweep.Summary `json:"sweep"`
}

// Size is what was found of networks of one size in one type.
type Size struct {
	kernels.Info
	cuda.Plan
	Hidden   int     `json:"hidden"`
	Trained  string  `json:"trained"`   // the weights that its networks play by; empty: untrained
	RNNSteps float64 `json:"rnn_steps"` // of a session, mean
	Fleets   []Fleet `json:"fleets"`

	// The peak of multiply–adds, 10⁹ a second, as measured.
	Peak float64 `json:"peak"`
	// The warp instructions that the kernel is predicted to issue for an RNN step
	// of training; 0 where they were not counted.
	IssueSlots float64 `json:"issue_slots"`

	GraphMicros Spread `json:"graph_us_per_gradient_step"` // one network through the graph, as radd train does it
	TapeMicros  Spread `json:"tape_us_per_gradient_step"`  // the same through the unrolled graph: the tape

	CPU      string `json:"cpu_isa"`
	OneCore  Spread `json:"cpu_one_network"` // gradient steps a second of one network on the CPU
	AllCores Spread `json:"cpu_all_cores"`   // of a network a core
	// The fewest networks, of those measured, that the GPU trains faster than
	// the CPU's cores; 0: none.
	BreakEven int `json:"break_even"`
}

// Fleet is how fast a number of networks is trained together.
type Fleet struct {
	Networks         int     `json:"networks"`
	GradientSteps    Spread  `json:"gradient_steps_per_second"` // of all networks
	RNNSteps         float64 `json:"rnn_steps_per_second"`
	MicrosPerRNNStep float64 `json:"us_per_rnn_step"` // of each network, as many at once as there are: latency
	Fraction         float64 `json:"fraction"`        // of the peak

	// Cycles are a multiprocessor's for each RNN step, by the measured clock; in
	// each, as many instructions can be issued as it has schedulers.
	Cycles float64 `json:"cycles_per_rnn_step"`
	Uses   []Use   `json:"uses"` // the most first
}

// lanes are the multiply–adds that a multiprocessor does in a cycle, in float32
// and in float64, by architecture.
//
// Source: CUDA C++ Programming Guide, throughput of native arithmetic.
var lanes = map[string]map[string]int{
	"sm_70":  {"f32": 64, "f64": 32},
	"sm_75":  {"f32": 64, "f64": 2},
	"sm_80":  {"f32": 64, "f64": 32},
	"sm_86":  {"f32": 128, "f64": 2},
	"sm_87":  {"f32": 128, "f64": 2},
	"sm_89":  {"f32": 128, "f64": 2},
	"sm_90":  {"f32": 128, "f64": 64},
	"sm_100": {"f32": 128, "f64": 64},
	"sm_120": {"f32": 128, "f64": 2},
}

// multiplyAdds are those of an RNN step that cannot be done without: W_hh h, its
// transpose by dz, and dz hᵀ.
func multiplyAdds(n int) float64 { return 3 * float64(n) * float64(n) }

// MeasureGPU measures training on a GPU of the host, beside the CPU's cores and
// peers. It stops with ctx's error, or with the device's.
func MeasureGPU(ctx context.Context, h cuda.Host, cfg GPUConfig) (r *GPUReport, err error) {
	defer panics.Return(&err)
	r = &GPUReport{Machine: machine(cfg.Version), Rounds: cfg.Rounds, Sweep: cfg.Sweep}
	done, parts := 0, 1+len(cfg.Dtypes)*len(cfg.Hidden)
	if cfg.Session != nil {
		parts += len(cfg.Dtypes) * len(cfg.Hidden)
	}
	report := func() {
		if done++; cfg.Report != nil {
			cfg.Report(done, parts)
		}
	}
	if r.Limits, err = measureLimits(ctx, h, &cfg); err != nil {
		return nil, err
	}
	report()
	for _, dtype := range cfg.Dtypes {
		for _, n := range cfg.Hidden {
			measure := measureSize[float64]
			if dtype == "f32" {
				measure = measureSize[float32]
			}
			size, gpu, err := measure(ctx, h, n, &cfg)
			if err != nil {
				return nil, err
			}
			r.GPU = gpu
			r.hold(&size)
			r.Sizes = append(r.Sizes, size)
			report()
		}
	}
	r.Aims = r.aims()
	if cfg.Session == nil {
		return r, nil
	}
	for _, dtype := range cfg.Dtypes {
		for _, n := range cfg.Hidden {
			peers, absent, err := measureGPUPeers(ctx, dtype, n, &cfg)
			if err != nil {
				return nil, err
			}
			for i := range peers {
				peers[i].compare(r.Sizes)
			}
			r.Peers = append(r.Peers, peers...)
			for _, a := range absent {
				if !slices.Contains(r.Absent, a) {
					r.Absent = append(r.Absent, a)
				}
			}
			report()
		}
	}
	return r, nil
}

// hold holds what was found of one size against the device's limits.
func (r *GPUReport) hold(s *Size) {
	s.Peak = r.limit(limitPeak(s.Dtype))
	s.IssueSlots = works[s.Kernel].slots
	for i := range s.Fleets {
		f := &s.Fleets[i]
		f.Fraction = f.RNNSteps * multiplyAdds(s.Hidden) / (s.Peak * 1e9)
		f.Cycles = r.cyclesPer(f.RNNSteps)
		f.Uses = r.uses(s, f)
	}
}

func gpuOf(p cuda.Properties) GPU {
	return GPU{Device: fmt.Sprintf("gpu:%d", p.Index), Name: p.Name, ComputeCapability: p.ComputeCapability(), MemoryBytes: p.Memory,
		Multiprocessors: p.Multiprocessors, ClockKHz: p.Clock, Driver: p.Driver}
}

// peakOf returns the multiply–adds that the device should do, 10⁹ a second, or 0
// where it is not known.
func peakOf(p cuda.Properties, dtype string) float64 {
	return float64(p.Multiprocessors) * float64(lanes[p.Architecture][dtype]) * float64(p.Clock) / 1e6
}

// networkLike returns a network of n hidden units, at learning rate 0, that plays
// as the largest of the trained ones that is not larger does: its units come
// first, and the others, freshly initialised, have no way to them nor to the
// readout. So networks of all sizes play sessions of the same length. Where none
// is small enough, it is untrained.
func networkLike[F kernels.Float](n int, trained []train.Weights, sampler *task.Sampler) (net *kernels.Network[F], like string) {
	var best *train.Weights
	for i, w := range trained {
		if w.N <= n && (best == nil || w.N > best.N) {
			best = &trained[i]
		}
	}
	net = networkOf[F](n, nil, sampler)
	if best == nil {
		return net, ""
	}
	to, from := kernels.Views(net.Shape, net.Theta), kernels.Views(kernels.Shape{N: best.N}, best.Theta)
	rows := func(to []F, from []float64, width, taken, count int) {
		for i := range count {
			row := to[i*width:][:width]
			clear(row)
			for j, x := range from[i*taken:][:taken] {
				row[j] = F(x)
			}
		}
	}
	rows(to.InputHidden, from.InputHidden, kernels.Inputs, kernels.Inputs, best.N)
	rows(to.HiddenHidden, from.HiddenHidden, n, best.N, best.N)
	rows(to.InputBias, from.InputBias, 1, 1, best.N)
	rows(to.HiddenBias, from.HiddenBias, 1, 1, best.N)
	rows(to.Readout, from.Readout, n, best.N, kernels.Actions)
	rows(to.ReadoutBias, from.ReadoutBias, 1, 1, kernels.Actions)
	return net, fmt.Sprintf("as %d trained units", best.N)
}

// fleet is a set of networks in training on a backend.
type fleet[F kernels.Float] struct {
	backend  kernels.Backend[F]
	networks []*kernels.Network[F]
	steps    int // gradient steps of each that take about a burst
}

// train trains for that many gradient steps from the first one on, and returns
// the time and the RNN steps of all.
func (f *fleet[F]) train(ctx context.Context, steps int) (time.Duration, int, error) {
	for _, net := range f.networks {
		net.Step, net.Records = 0, net.Records[:0]
	}
	start := time.Now()
	err := f.backend.Train(ctx, f.networks, steps)
	took := time.Since(start)
	rnnSteps := 0
	for _, net := range f.networks {
		if net.Err != nil {
			return 0, 0, net.Err
		}
		for _, r := range net.Records {
			rnnSteps += r.RNNSteps
		}
	}
	return took, rnnSteps, err
}

// prepare finds how many gradient steps a burst takes.
func (f *fleet[F]) prepare(ctx context.Context, burst time.Duration) error {
	f.steps = 1
	for {
		took, _, err := f.train(ctx, f.steps)
		if err != nil || took >= burst {
			return err
		}
		if took < burst/2 && f.steps == 1 {
			if took, _, err = f.train(ctx, 1); err != nil { // memory is there by now
				return err
			}
		}
		more := float64(burst) / float64(max(took, 1))
		f.steps = int(math.Ceil(float64(f.steps) * min(more*1.1, 16)))
	}
}

// rate returns gradient steps and RNN steps a second.
func (f *fleet[F]) rate(ctx context.Context) (gradientSteps, rnnSteps float64, err error) {
	took, steps, err := f.train(ctx, f.steps)
	return float64(f.steps*len(f.networks)) / took.Seconds(), float64(steps) / took.Seconds(), err
}

func measureSize[F kernels.Float](ctx context.Context, h cuda.Host, n int, cfg *GPUConfig) (s Size, gpu GPU, err error) {
	opened, err := cuda.OpenBackend[F](h, cfg.Device, slog.New(slog.DiscardHandler))
	if err != nil {
		return s, gpu, err
	}
	defer opened.Close()
	device, ok := opened.(*cuda.Backend[F])
	if !ok {
		return s, gpu, fmt.Errorf("%s is several devices: one is measured at a time", cfg.Device)
	}
	p := device.Properties()
	gpu = gpuOf(p)
	s = Size{Info: device.Info(), Hidden: n}
	if s.Plan, err = device.Plan(n); err != nil {
		return s, gpu, err
	}
	rules, err := task.DefaultConfig().Resolve()
	if err != nil {
		return s, gpu, err
	}
	sampler := task.NewSampler(rules)
	var networks []*kernels.Network[F]
	for i := range max(slices.Max(cfg.Networks), 1) {
		net, like := networkLike[F](n, cfg.Weights, sampler)
		net.Seed, s.Trained = uint64(i), like
		networks = append(networks, net)
	}
	isa, err := cpu.Choose()
	if err != nil {
		return s, gpu, err
	}
	s.CPU = string(isa)
	host := cpu.New[F](isa, 0)
	defer host.Close()
	cores := machine("").Cores
	for len(networks) < cores {
		net, _ := networkLike[F](n, cfg.Weights, sampler)
		net.Seed = uint64(len(networks))
		networks = append(networks, net)
	}
	fleets := []*fleet[F]{{backend: host, networks: networks[:1]}, {backend: host, networks: networks[:cores]}}
	for _, count := range cfg.Networks {
		fleets = append(fleets, &fleet[F]{backend: device, networks: networks[:count]})
	}
	for _, f := range fleets {
		if err := f.prepare(ctx, cfg.Burst); err != nil {
			return s, gpu, err
		}
	}
	alone, _ := networkLike[F](n, cfg.Weights, sampler)
	unrolled, err := graph.NewUnrolled[F](graph.RNN{}, n, graph.DefaultSteps, 1, device)
	if err != nil {
		return s, gpu, err
	}
	defer unrolled.Close()
	var trainers [2]*graph.Trainer[F] // which train the same network, at learning rate 0
	for i, b := range []kernels.Backend[F]{device, unrolled} {
		if trainers[i], err = graph.NewTrainer(b, alone); err != nil {
			return s, gpu, err
		}
	}

	rates := make([][]float64, len(fleets))
	rnnRates := make([][]float64, len(fleets))
	var graphs [len(trainers)][]float64
	for range cfg.Rounds {
		for i, f := range fleets {
			steps, rnnSteps, err := f.rate(ctx)
			if err != nil {
				return s, gpu, err
			}
			rates[i], rnnRates[i] = append(rates[i], steps), append(rnnRates[i], rnnSteps)
		}
		for i, trainer := range trainers {
			alone.Step = 0
			graphs[i] = append(graphs[i], wallBurst(cfg.Burst/4, func() int {
				alone.Step %= sessions
				if _, e := trainer.Step(); e != nil {
					err = e
				}
				return 1
			})/1000)
			if err != nil {
				return s, gpu, err
			}
		}
	}
	s.OneCore, s.AllCores = spread(rates[0]), spread(rates[1])
	s.GraphMicros, s.TapeMicros = spread(graphs[0]), spread(graphs[1])
	for i, count := range cfg.Networks {
		s.Fleets = append(s.Fleets, newFleet(count, rates[i+2], rnnRates[i+2]))
	}
	s.RNNSteps = spread(rnnRates[len(fleets)-1]).Median / spread(rates[len(fleets)-1]).Median
	s.BreakEven = breakEven(s.Fleets, s.OneCore.Median, s.AllCores.Median)
	return s, gpu, nil
}

func newFleet(networks int, rates, rnnRates []float64) Fleet {
	f := Fleet{Networks: networks, GradientSteps: spread(rates), RNNSteps: spread(rnnRates).Median}
	f.MicrosPerRNNStep = 1e6 * float64(networks) / f.RNNSteps
	return f
}

// breakEven returns the fewest networks from which on the GPU is faster than the
// CPU, on which so many networks share the cores; 0 if there are none.
func breakEven(fleets []Fleet, one, all float64) (networks int) {
	for _, f := range slices.Backward(fleets) {
		if f.GradientSteps.Median <= min(one*float64(f.Networks), all) {
			break
		}
		networks = f.Networks
	}
	return networks
}
