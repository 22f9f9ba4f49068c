package bench

import (
	"context"
	"runtime"

	"time"
	"unsafe"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
	"radd/train"
)

// Config says what to measure.
type Config struct {
	Hidden  []int
	Dtypes  []string // f32, f64
	ISAs    []cpu.ISA
	Rounds  int
	Weights *train.Weights // of a network whose sessions are played; nil: untrained ones of Hidden units
	Burst   time.Duration  // of one measurement
	Version string
	Report  func(done, of int) // called after every part of a round; may be nil
}

// Core is what a core can do at most with an instruction set in a dtype.
type Core struct {
	ISA          cpu.ISA `json:"isa"`
	Dtype        string  `json:"dtype"`
	MultiplyAdds Spread  `json:"multiply_adds"` // 10⁹ elements a second
	Near         Spread  `json:"near"`          // loads from 16 KB, GB/s
	Far          Spread  `json:"far"`           // loads from 192 KB, which is more than a first cache holds, GB/s
}

// Part is a part of a gradient step, in nanoseconds of processor time per RNN
// step.
type Part struct {
	Time     Spread  `json:"ns_per_rnn_step"`
	Ceiling  float64 `json:"ceiling_ns,omitempty"` // 0 where there is none
	Fraction float64 `json:"fraction,omitempty"`   // of the ceiling that is reached; the median over the rounds
}

// Speed is how fast one network is trained on one core.
type Speed struct {
	kernels.Info
	Hidden   int     `json:"hidden"`
	RNNSteps float64 `json:"rnn_steps"` // of a session, mean

	MicrosPerRNNStep       Spread  `json:"us_per_rnn_step"` // drawing, forward, backward, update, by the bare kernels
	GradientStepsPerSecond float64 `json:"gradient_steps_per_second"`
	CeilingMicros          float64 `json:"ceiling_us"`
	Fraction               float64 `json:"fraction"`

	Draw     Part `json:"draw"`
	Forward  Part `json:"forward"`
	Backward Part `json:"backward"` // the gradient product apart
	Gradient Part `json:"gradient_product"`
	Update   Part `json:"update"` // with norm and checks
	Graph    Part `json:"graph"`  // what training through the compiled graph takes more
	// The graph's price over the bare kernels, per cent: the median over the
	// rounds.
	GraphPercent float64 `json:"graph_percent"`

	// As many networks as cores, side by side.
	AllCoresGradientStepsPerSecond float64 `json:"all_cores_gradient_steps_per_second"`
	NetworksPerSecond              float64 `json:"networks_per_second"` // of train's default length, at this session length
	SideBySide                     Spread  `json:"side_by_side"`        // the time of that, in times of one network alone
}

// CPUReport is what MeasureCPU found.
type CPUReport struct {
	Machine
	Rounds int     `json:"rounds"`
	Limits []Core  `json:"core"`
	Speeds []Speed `json:"speeds"`
}

// MeasureCPU measures training on the CPU. It stops with ctx's error.
func MeasureCPU(ctx context.Context, cfg Config) (*CPUReport, error) {
	var subjects []subject
	for _, isa := range cfg.ISAs {
		for _, dtype := range cfg.Dtypes {
			for _, n := range cfg.Hidden {
				s, err := newSubject(isa, dtype, n, &cfg)
				if err != nil {
					return nil, err
				}
				defer s.close()
				subjects = append(subjects, s)
			}
		}
	}
	for round := range cfg.Rounds {
		for i, s := range subjects {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			s.round()
			if cfg.Report != nil {
				cfg.Report(round*len(subjects)+i+1, cfg.Rounds*len(subjects))
			}
		}
	}
	r := &CPUReport{Machine: machine(cfg.Version), Rounds: cfg.Rounds}
	for i, s := range subjects {
		speed, core := s.result()
		r.Speeds = append(r.Speeds, speed)
		if i%len(cfg.Hidden) == 0 {
			r.Limits = append(r.Limits, core)
		}
	}
	return r, nil
}

// subject is one row of the table: a network on an instruction set in a dtype.
type subject interface {
	round()
	result() (Speed, Core)
	close()
}

func newSubject(isa cpu.ISA, dtype string, n int, cfg *Config) (subject, error) {
	if dtype == "f32" {
		return measured[float32](isa, n, cfg)
	}
	return measured[float64](isa, n, cfg)
}

// measurement implements subject.
type measurement[F kernels.Float] struct {
	*training[F]
	isa    cpu.ISA
	probe  *cpu.Probe[F]
	work   cpu.Work
	burst  time.Duration
	graph  func() int
	all    *cpu.Backend[F]
	side   []*kernels.Network[F] // a network a core
	turns  int                   // gradient steps of each that take about a burst
	meanT  float64               // RNN steps of a session
	sample samples
}

func measured[F kernels.Float](isa cpu.ISA, n int, cfg *Config) (*measurement[F], error) {
	var weights []float64
	rules := task.DefaultConfig()
	if cfg.Weights != nil {
		weights = cfg.Weights.Theta
	}
	rules, err := rules.Resolve()
	if err != nil {
		return nil, err
	}
	sampler := task.NewSampler(rules)
	m := &measurement[F]{training: newTraining[F](isa, n, weights, sampler), isa: isa,
		burst: cfg.Burst, all: cpu.New[F](isa, 0), sample: samples{}}
	m.work = cpu.NewProbe[F](isa).Work(n)
	if m.graph, err = m.graphStep(weights); err != nil {
		return nil, err
	}
	for range runtime.GOMAXPROCS(0) {
		m.side = append(m.side, networkOf[F](n, weights, sampler))
	}
	m.meanT = m.training.meanT()
	one := burst(m.burst, m.step) * m.meanT
	m.turns = max(1, int(float64(m.burst)/one))
	return m, nil
}

func (m *measurement[F]) close() {
	m.backend.Close()
	m.all.Close()
}

// probeElements are so many that it does not matter what a call takes besides.
const probeElements = 1_000_000

// round measures everything once.
func (m *measurement[F]) round() {
	short := m.burst / 4
	n := m.net.Shape.N
	m.probe = cpu.NewProbe[F](m.isa) // with memory of its own, whose place matters beyond the nearest cache
	m.sample.add("multiply-adds", 1/burst(short, func() int { return m.probe.MultiplyAdds(probeElements) }))
	for name, bytes := range map[string]int{"near": 16 << 10, "far": 192 << 10, "matrix": m.work.MatrixBytes, "parameters": 3 * m.elementBytes() * len(m.net.Theta)} {
		m.probe.Loads(bytes, 1) // what is as near as can be, from here on
		m.sample.add(name, 1/burst(short, func() int { return m.probe.Loads(bytes, 1+4*probeElements/bytes) }))
	}
	m.sample.add("draw", burst(short, m.draw))
	m.sample.add("forward", burst(m.burst, m.forward))
	m.sample.add("backward", burst(m.burst, m.training.backward))
	m.sample.add("gradient", burst(m.burst, func() int {
		m.probe.GradientProducts(n, m.training.steps())
		return m.training.steps()
	}))
	m.sample.add("update", burst(short, m.update))
	m.sample.add("step", burst(m.burst, m.step))
	m.sample.add("graph", burst(m.burst, m.graph))
	m.sample.add("one", m.sideBySide(1))
	m.sample.add("all", m.sideBySide(len(m.side)))
}

// sideBySide returns the nanoseconds of a gradient step of each of so many
// networks at once.
func (m *measurement[F]) sideBySide(networks int) float64 {
	return wallBurst(0, func() int {
		for _, net := range m.side {
			net.Step, net.Records = 0, net.Records[:0]
		}
		m.all.Train(context.Background(), m.side[:networks], m.turns) // its error would be the context's
		return m.turns
	})
}

func (m *measurement[F]) elementBytes() int {
	var one F
	return int(unsafe.Sizeof(one))
}

// ceiling returns the least nanoseconds of a product in a round. What memory of
// the matrix's size gives depends on where it lies, so there the best of all
// rounds counts.
func (m *measurement[F]) ceiling(p cpu.Product, of func(string) float64) float64 {
	vector := float64(m.work.Lanes * m.elementBytes())
	return max(
		float64(p.MultiplyAdds)/of("multiply-adds"),
		float64(p.Matrix)*vector/m.sample.spread("matrix").High,
		float64(p.Matrix+p.Elements)*vector/of("near"),
	)
}

// result returns the subject's row, and what its core can do.
func (m *measurement[F]) result() (Speed, Core) {
	s, T := m.sample, m.meanT
	part := func(time, ceiling func(of func(string) float64) float64) Part {
		times := s.each(time)
		p := Part{Time: spread(times)}
		if ceiling != nil {
			least := s.each(ceiling)
			reached := make([]float64, len(times))
			for i := range reached {
				reached[i] = least[i] / times[i]
			}
			p.Ceiling, p.Fraction = spread(least).Median, spread(reached).Median
		}
		return p
	}
	type figure = func(of func(string) float64) float64
	named := func(name string) figure { return func(of func(string) float64) float64 { return of(name) } }
	product := func(p cpu.Product) figure { return func(of func(string) float64) float64 { return m.ceiling(p, of) } }
	parameters := float64(3 * m.elementBytes() * len(m.net.Theta))
	update := func(of func(string) float64) float64 { return parameters / of("parameters") / T }
	whole := func(of func(string) float64) float64 {
		return m.ceiling(m.work.Forward, of) + m.ceiling(m.work.Backward, of) + m.ceiling(m.work.Gradient, of) + update(of)
	}

	step := part(named("step"), whole)
	steps := float64(len(m.side)) / (s.spread("all").Median * 1e-9)
	speed := Speed{
		Info: m.backend.Info(), Hidden: m.net.Shape.N, RNNSteps: T,
		MicrosPerRNNStep:       Spread{step.Time.Median / 1000, step.Time.Low / 1000, step.Time.High / 1000},
		GradientStepsPerSecond: 1e9 / (step.Time.Median * T),
		CeilingMicros:          step.Ceiling / 1000,
		Fraction:               step.Fraction,

		Draw:    part(named("draw"), nil),
		Forward: part(named("forward"), product(m.work.Forward)),
		Backward: part(func(of func(string) float64) float64 { return of("backward") - of("gradient") },
			product(m.work.Backward)),
		Gradient: part(named("gradient"), product(m.work.Gradient)),
		Update:   part(named("update"), update),
		Graph:    part(func(of func(string) float64) float64 { return of("graph") - of("step") }, nil),
		GraphPercent: spread(s.each(func(of func(string) float64) float64 {
			return 100 * (of("graph")/of("step") - 1)
		})).Median,

		AllCoresGradientStepsPerSecond: steps,
		NetworksPerSecond:              steps / float64(train.DefaultConfig().GradientSteps),
		SideBySide:                     spread(s.each(func(of func(string) float64) float64 { return of("all") / of("one") })),
	}
	return speed, Core{ISA: cpu.ISA(speed.ISA), Dtype: speed.Dtype,
		MultiplyAdds: s.spread("multiply-adds"), Near: s.spread("near"), Far: s.spread("far")}
}
