package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"radd/bench"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
	"radd/task"
	"radd/train"
)

type benchCommand struct {
	CPU   benchCPUCommand   `cmd:"" name:"cpu" default:"withargs" help:"Training on the CPU, beside what the core could do at most."`
	GPU   benchGPUCommand   `cmd:"" name:"gpu" help:"Training on the GPU."`
	Peers benchPeersCommand `cmd:"" help:"Training beside other programs that are installed."`
}

func (benchCommand) Help() string {
	return `    radd bench
    radd bench cpu --isa all --out benchmarks
    radd bench peers --python /usr/bin/python3`
}

// atLeastRounds is the fewest rounds of which a median says something.
const atLeastRounds = 9

// choice is what all benchmarks let one choose.
type choice struct {
	Dtype  []string `help:"Floating-point types." default:"f32,f64"`
	Rounds int      `help:"Rounds, each of one measurement of everything; medians over them are shown." default:"9"`
	Out    string   `help:"Folder to write the figures into, absent or empty." placeholder:"DIR"`
}

func (c *choice) check(hidden []int) error {
	for _, n := range hidden {
		if n < 1 || n > maxBenchHidden {
			return &input.Error{File: "--hidden", Found: fmt.Sprint(n), Allowed: fmt.Sprintf("1 to %d", maxBenchHidden)}
		}
	}
	for _, d := range c.Dtype {
		if d != "f32" && d != "f64" {
			return &input.Error{File: "--dtype", Found: d, Allowed: "f32, f64"}
		}
	}
	if c.Rounds < atLeastRounds {
		return &input.Error{File: "--rounds", Found: fmt.Sprint(c.Rounds), Allowed: fmt.Sprintf("%d or more", atLeastRounds)}
	}
	if c.Out == "" {
		return nil
	}
	return train.Vacant(atomicfs.OS, c.Out)
}

// maxBenchHidden keeps a round within minutes.
const maxBenchHidden = 1024

// write writes files into the folder, if there is one: all or none.
func (c *choice) write(files map[string]func(io.Writer) error, summary any) error {
	if c.Out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return err
	}
	return atomicfs.ReplaceDir(atomicfs.OS, c.Out, func(staging string) error {
		for name, draw := range files {
			var b bytes.Buffer
			if err := draw(&b); err != nil {
				return err
			}
			if err := atomicfs.WriteBytes(atomicfs.OS, filepath.Join(staging, name), b.Bytes()); err != nil {
				return err
			}
		}
		return atomicfs.WriteJSON(atomicfs.OS, filepath.Join(staging, "bench.json"), summary)
	})
}

type benchCPUCommand struct {
	Hidden []int `help:"Hidden units of the networks." default:"2,25,50,100,150,250" placeholder:"N,…"`
	choice
	ISA     []string      `name:"isa" help:"Instruction sets, or all. [default: the one that is used]" placeholder:"NAME,…"`
	Weights string        `help:"Play sessions by this trained network, .safetensors or .npz, in place of untrained ones." placeholder:"F"`
	Burst   time.Duration `help:"Processor time of one measurement within a round, of which the fastest gradient step counts." default:"5ms"`
	Growth  bool          `help:"Measure how the time grows with the length of a session and the size of a network, instead."`
}

func (benchCPUCommand) Help() string {
	return `Times one network's gradient step on one core, whole and in parts, beside the ceiling that the core's rates of
multiply–adds and loads set, which are measured in the same rounds; and as many networks as cores side by side.
Times are processor time, so that other programs disturb them little; only what is side by side is timed on the wall.
With --out: bench.json and plots, as SVG and PNG.

    radd bench cpu --hidden 50,250
    radd bench cpu --weights runs/a/weights.safetensors
    radd bench cpu --growth --out benchmarks/growth`
}

func (c *benchCPUCommand) config() (cfg bench.Config, err error) {
	if err := c.check(c.Hidden); err != nil {
		return cfg, err
	}
	cfg = bench.Config{Hidden: c.Hidden, Dtypes: c.Dtype, Rounds: c.Rounds, Burst: c.Burst, Version: version()}
	if c.Burst <= 0 {
		return cfg, &input.Error{File: "--burst", Found: c.Burst.String(), Allowed: "a time above 0"}
	}
	supported := cpu.Supported()
	switch {
	case len(c.ISA) == 0:
		chosen, err := cpu.Choose()
		if err != nil {
			return cfg, err
		}
		cfg.ISAs = []cpu.ISA{chosen}
	case slices.Equal(c.ISA, []string{"all"}):
		cfg.ISAs = supported
	default:
		for _, name := range c.ISA {
			if !slices.Contains(supported, cpu.ISA(name)) {
				return cfg, &input.Error{File: "--isa", Found: name, Allowed: fmt.Sprintf("all, or of %v", supported)}
			}
			cfg.ISAs = append(cfg.ISAs, cpu.ISA(name))
		}
	}
	if c.Weights != "" {
		w, err := train.LoadRNN(c.Weights)
		if err != nil {
			return cfg, err
		}
		cfg.Weights, cfg.Hidden = &w, []int{w.N}
	}
	return cfg, nil
}

// Run implements the command.
func (c *benchCPUCommand) Run(ctx context.Context, a *app) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	p := a.progress("measuring", 0)
	defer p.end()
	cfg.Report = p.reach
	if c.Growth {
		return c.growth(ctx, a, cfg, p)
	}
	r, err := bench.MeasureCPU(ctx, cfg)
	if err != nil {
		return err
	}
	p.end()
	plot := func(format string) func(io.Writer) error {
		return func(w io.Writer) error { return r.WritePlot(w, format) }
	}
	if err := c.write(map[string]func(io.Writer) error{"cpu.svg": plot("svg"), "cpu.png": plot("png")}, r); err != nil {
		return err
	}
	return cpuTables(a, r)
}

// cpuTables prints the report.
func cpuTables(a *app, r *bench.CPUReport) error {
	cores := [][]string{{r.Processor, "", "multiply–adds, 10⁹/s", "loads from 16 KB, GB/s", "from 192 KB"}}
	for _, c := range r.Limits {
		cores = append(cores, []string{string(c.ISA), c.Dtype, c.MultiplyAdds.Format(3), c.Near.Format(3), c.Far.Format(3)})
	}
	speeds := [][]string{{"N", "dtype", "isa", "T", "µs per RNN step", "ceiling", "reached", "gradient steps/s", fmt.Sprintf("on %d cores", r.Machine.Cores), "networks/s", "side by side"}}
	parts := [][]string{{"N", "dtype", "isa", "ns per RNN step: draw", "forward", "reached", "backward", "reached", "gradient product", "reached", "update", "graph", "graph, %"}}
	for _, s := range r.Speeds {
		who := []string{fmt.Sprint(s.Hidden), s.Dtype, s.ISA}
		speeds = append(speeds, slices.Concat(who, []string{fmt.Sprintf("%.0f", s.RNNSteps), s.MicrosPerRNNStep.Format(3), fmt.Sprintf("%.3f", s.CeilingMicros), percent(s.Fraction),
			fmt.Sprintf("%.0f", s.GradientStepsPerSecond), fmt.Sprintf("%.0f", s.AllCoresGradientStepsPerSecond), fmt.Sprintf("%.3f", s.NetworksPerSecond),
			fmt.Sprintf("%.2f ×", s.SideBySide.Median)}))
		parts = append(parts, slices.Concat(who, []string{fmt.Sprintf("%.1f", s.Draw.Time.Median),
			fmt.Sprintf("%.1f", s.Forward.Time.Median), percent(s.Forward.Fraction),
			fmt.Sprintf("%.1f", s.Backward.Time.Median), percent(s.Backward.Fraction),
			fmt.Sprintf("%.1f", s.Gradient.Time.Median), percent(s.Gradient.Fraction),
			fmt.Sprintf("%.1f", s.Update.Time.Median), fmt.Sprintf("%.1f", s.Graph.Time.Median), fmt.Sprintf("%+.1f", s.GraphPercent)}))
	}
	for _, rows := range [][][]string{cores, speeds, parts} {
		if err := a.table(append(rows, nil)); err != nil {
			return err
		}
	}
	return a.finish(r)
}

func percent(fraction float64) string { return fmt.Sprintf("%.0f %%", 100*fraction) }

// growth measures how time grows.
func (c *benchCPUCommand) growth(ctx context.Context, a *app, cfg bench.Config, p *progress) error {
	g, err := bench.MeasureGrowth(ctx, cfg)
	if err != nil {
		return err
	}
	p.end()
	files := map[string]func(io.Writer) error{}
	for _, format := range []string{"svg", "png"} {
		files["growth-length."+format] = func(w io.Writer) error { return g.WriteByLength(w, format) }
		files["growth-size."+format] = func(w io.Writer) error { return g.WriteBySize(w, format) }
	}
	if err := c.write(files, g); err != nil {
		return err
	}
	rows := [][]string{{"isa", "dtype", "N", "T", "µs per gradient step", "µs per RNN step", "exponent"}}
	for _, x := range g.Growths {
		for _, by := range []struct {
			points []bench.Point
			cells  func(size int) []string
		}{
			{x.ByLength, func(T int) []string { return []string{fmt.Sprint(x.Hidden), fmt.Sprint(T)} }},
			{x.BySize, func(N int) []string { return []string{fmt.Sprint(N), fmt.Sprintf("%.0f", x.RNNSteps)} }},
		} {
			for i, q := range by.points {
				exponent := ""
				if i > 0 {
					exponent = fmt.Sprintf("%.2f", q.Exponent)
				}
				rows = append(rows, slices.Concat([]string{x.ISA, x.Dtype}, by.cells(q.Size),
					[]string{q.Step.Format(4), fmt.Sprintf("%.4f", q.PerRNNStep), exponent}))
			}
		}
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(g)
}

type benchGPUCommand struct {
	Hidden []int `help:"Hidden units of the networks." default:"2,25,50,100,150,250" placeholder:"N,…"`
	choice
	Device   string   `help:"What is measured: gpu:K." default:"gpu:0"`
	Networks []int    `help:"How many networks are trained together." default:"1,4,16,100,256,1000,2000" placeholder:"M,…"`
	Weights  []string `help:"Play sessions as these trained networks do, .safetensors or .npz, in place of untrained ones: each size as the largest that is not larger." placeholder:"F,…"`
	Session  string   `help:"Time other programs as well, on this recorded session and networks that play as the first of the weights does." placeholder:"F.npz"`
	Peers    []int    `help:"How many networks other programs train together." default:"1,100,1000" placeholder:"M,…"`
	Sweep    string   `help:"Hold a sweep against its aim: the summary that radd sweep run --json printed." placeholder:"F.json"`
	Python   string   `help:"Python that has PyTorch or JAX." default:"python3"`

	Burst time.Duration `help:"Time of one measurement within a round." default:"250ms"`
}

func (benchGPUCommand) Help() string {
	return `Runs microbenchmarks on one GPU, which tell its limits; then trains sets of networks: gradient steps and RNN steps a second by N, type and number of networks, a lone
network's time of an RNN step, the part of the limits that is reached, cycles beside the issue slots that were
predicted, kernels with their registers and resident blocks, and from how many networks on the GPU is faster than the
CPU's cores; and what was aimed at. A peer is timed only if its loss agrees with this program's. With --out:
bench.json and gpu.md.

    radd bench gpu --out benchmarks/gpu
    radd bench gpu --weights n2.npz,n50.npz --hidden 50 --networks 1,1000`
}

func (c *benchGPUCommand) config() (cfg bench.GPUConfig, err error) {
	if err := c.check(c.Hidden); err != nil {
		return cfg, err
	}
	for flag, list := range map[string][]int{"--networks": c.Networks, "--peers": c.Peers} {
		if len(list) == 0 || list[0] < 1 || !slices.IsSorted(list) {
			return cfg, &input.Error{File: flag, Found: fmt.Sprint(list), Allowed: "numbers from 1 on, in ascending order"}
		}
	}
	if kind, index, _ := strings.Cut(c.Device, ":"); kind != "gpu" || index == "" {
		return cfg, &input.Error{File: "--device", Found: c.Device, Allowed: "gpu:K, one device"}
	}
	if c.Burst <= 0 {
		return cfg, &input.Error{File: "--burst", Found: c.Burst.String(), Allowed: "a time above 0"}
	}
	cfg = bench.GPUConfig{Device: c.Device, Hidden: c.Hidden, Dtypes: c.Dtype, Networks: c.Networks, Rounds: c.Rounds, Burst: c.Burst,
		Python: c.Python, Peers: c.Peers, Version: version()}
	for _, path := range c.Weights {
		w, err := train.LoadRNN(path)
		if err != nil {
			return cfg, err
		}
		cfg.Weights = append(cfg.Weights, w)
	}
	if c.Sweep != "" {
		data, err := os.ReadFile(c.Sweep)
		if err == nil {
			err = json.Unmarshal(data, &cfg.Sweep)
		}
		if err == nil && (cfg.Sweep == nil || cfg.Sweep.Networks < 1) {
			err = errors.New("it is not a sweep's summary")
		}
		if err != nil {
			return cfg, &input.Error{File: c.Sweep, Cause: err}
		}
	}
	if c.Session == "" {
		return cfg, nil
	}
	if len(cfg.Weights) == 0 {
		return cfg, &input.Error{File: "--session", Found: "no --weights to play it with"}
	}
	cfg.Session, err = train.ReadSession(c.Session, task.DefaultConfig())
	return cfg, err
}

// Run implements the command.
func (c *benchGPUCommand) Run(ctx context.Context, a *app) error {
	cfg, err := c.config()
	if err == nil {
		err = a.handOver(ctx, c.Device, slices.Max(c.Networks))
	}
	if err != nil {
		return err
	}
	p := a.progress("measuring", 0)
	defer p.end()
	cfg.Report = p.reach
	r, err := bench.MeasureGPU(ctx, cuda.Installed(), cfg)
	if err != nil {
		return err
	}
	p.end()
	if err := c.write(map[string]func(io.Writer) error{"gpu.md": r.WriteMarkdown}, r); err != nil {
		return err
	}
	for _, t := range r.Tables() {
		if err := a.table(append([][]string{{t.Title}}, append(t.Rows, nil)...)); err != nil {
			return err
		}
	}
	return a.finish(r)
}

type benchPeersCommand struct {
	Hidden []int `help:"Hidden units of the networks." default:"50" placeholder:"N,…"`
	choice
	Python string `help:"Python whose libraries are timed." default:"python3" placeholder:"python3"`
}

func (benchPeersCommand) Help() string {
	return `Times one gradient step on one core, over one session of 600 RNN steps: by this program's kernels, by gorgonia's
graph of primitive ops, and by PyTorch and JAX where Python has them. A peer is timed only if its loss agrees with
this program's.

    radd bench peers --python /usr/bin/python3`
}

// Run implements the command.
func (c *benchPeersCommand) Run(ctx context.Context, a *app) error {
	if err := c.check(c.Hidden); err != nil {
		return err
	}
	p := a.progress("measuring", 0)
	defer p.end()
	r, err := bench.MeasurePeers(ctx, bench.PeersConfig{Hidden: c.Hidden, Dtypes: c.Dtype, Rounds: c.Rounds, Python: c.Python,
		Version: version(), Report: p.reach})
	if err != nil {
		return err
	}
	p.end()
	if err := c.write(nil, r); err != nil {
		return err
	}
	rows := [][]string{{"library", "gradient steps by", "dtype", "N", "T", "µs per RNN step", "times radd", "loss"}}
	for _, x := range r.Peers {
		rows = append(rows, []string{x.Library, x.Name, x.Dtype, fmt.Sprint(x.Hidden), fmt.Sprint(x.RNNSteps), x.MicrosPerRNNStep.Format(3),
			significant(x.Times.Median), fmt.Sprintf("%.7f", x.Loss)})
	}
	for _, x := range r.Absent {
		rows = append(rows, []string{x.Name, "not timed: " + x.Why})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(r)
}

// significant writes a ratio: beside each other, two digits of it tell enough.
func significant(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
