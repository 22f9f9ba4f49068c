package bench

import (
	"fmt"
	"io"
	"strings"
)

// Table is rows of cells, the first being the header.
type Table struct {
	Title string
	Rows  [][]string
}

// Tables returns the report as people read it.
func (r *GPUReport) Tables() []Table {
	speeds := [][]string{{"N", "dtype", "networks", "gradient steps/s", "RNN steps/s", "µs per RNN step of each", "of the peak"}}
	slots := [][]string{{"N", "dtype", "networks", "issue slots per RNN step, predicted", "cycles per RNN step", "issue slots in them", "of those predicted", "of each resource"}}
	kernels := [][]string{{"N", "dtype", "kernel", "threads", "shared memory", "registers", "spill stores", "spill loads", "resident", "per multiprocessor"}}
	beside := [][]string{{"N", "dtype", "T", "sessions", "faster than the cores from", "CPU, one network", fmt.Sprintf("CPU, %d cores", r.Cores), "through the graph, µs", "unrolled, on the tape, µs"}}
	for _, s := range r.Sizes {
		who := []string{fmt.Sprint(s.Hidden), s.Dtype}
		row := func(cells ...string) []string { return append(who[:2:2], cells...) }
		for _, f := range s.Fleets {
			speeds = append(speeds, row(fmt.Sprint(f.Networks), f.GradientSteps.Format(4), significant(f.RNNSteps, 4), significant(f.MicrosPerRNNStep, 4), fmt.Sprintf("%.1f %%", 100*f.Fraction)))
		}
		if len(s.Fleets) > 0 {
			f := s.Fleets[len(s.Fleets)-1]
			predicted, ratio := "not counted", ""
			if s.IssueSlots > 0 {
				predicted, ratio = significant(s.IssueSlots, 4), significant(schedulers*f.Cycles/s.IssueSlots, 3)
			}
			var used []string
			for _, u := range f.Uses {
				used = append(used, fmt.Sprintf("%s %.0f %%", u.Resource, 100*u.Fraction))
			}
			slots = append(slots, row(fmt.Sprint(f.Networks), predicted, significant(f.Cycles, 4), significant(schedulers*f.Cycles, 4), ratio, strings.Join(used, ", ")))
		}
		registers, stores, loads := "not known", "", ""
		if s.Registers > 0 {
			registers, stores, loads = fmt.Sprint(s.Registers), fmt.Sprint(s.SpillStores), fmt.Sprint(s.SpillLoads)
		}
		kernels = append(kernels, row(s.Kernel, fmt.Sprint(s.Threads), fmt.Sprint(s.Shared), registers, stores, loads,
			fmt.Sprint(s.Resident), fmt.Sprint(s.Resident/max(r.GPU.Multiprocessors, 1))))
		trained := s.Trained
		if trained == "" {
			trained = "untrained"
		}
		from := "none of those measured"
		if s.BreakEven > 0 {
			from = fmt.Sprintf("%d networks", s.BreakEven)
		}
		beside = append(beside, row(fmt.Sprintf("%.0f", s.RNNSteps), trained, from, significant(s.OneCore.Median, 4), significant(s.AllCores.Median, 4), s.GraphMicros.Format(4), s.TapeMicros.Format(4)))
	}
	limits := [][]string{{"microbenchmark", "unit", "measured", "worked out beforehand", "measured of that"}}
	for _, l := range r.Limits {
		model, of := "", ""
		if l.Model > 0 {
			model, of = significant(l.Model, 4), fmt.Sprintf("%.0f %%", 100*l.Value.Median/l.Model)
		}
		limits = append(limits, []string{l.Name, l.Unit, l.Value.Format(4), model, of})
	}
	tables := []Table{
		{"Limits of the device", limits},
		{"Training: medians over the rounds, with the least and the most", speeds},
		{"Training of the most networks, by multiprocessor and the clock above", slots},
		{"Beside the CPU, gradient steps/s: " + r.Processor, beside},
		{"Kernels", kernels},
	}
	peers := [][]string{{"library", "gradient steps by", "N", "dtype", "networks", "T", "gradient steps/s", "radd's", "radd, times as fast", "loss"}}
	for _, p := range r.Peers {
		ours, times := "not measured at as many", ""
		if p.Times > 0 {
			ours, times = significant(p.Ours, 4), significant(p.Times, 3)
		}
		peers = append(peers, []string{p.Library, p.Name, fmt.Sprint(p.Hidden), p.Dtype, fmt.Sprint(p.Networks), fmt.Sprint(p.RNNSteps),
			p.GradientSteps.Format(4), ours, times, fmt.Sprintf("%.7f", p.Loss)})
	}
	for _, a := range r.Absent {
		peers = append(peers, []string{a.Name, "not timed: " + a.Why})
	}
	if len(peers) > 1 {
		tables = append(tables, Table{"Other programs on the same device", peers})
	}
	aims := [][]string{{"aim", "wanted here", "measured", "unit", "met", "what binds"}}
	for _, a := range r.Aims {
		measured, met := "not measured", ""
		if a.Measured > 0 {
			measured, met = significant(a.Measured, 4), map[bool]string{true: "yes", false: "no"}[a.Met]
		}
		aims = append(aims, []string{a.Name, significant(a.Wanted, 4), measured, a.Unit, met, a.Binds})
	}
	return append(tables, Table{"Aims, scaled from an H100 by multiprocessors and clock; gradient steps of 750 RNN steps", aims})
}

// WriteMarkdown writes the tables.
func (r *GPUReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: compute capability %s, %.0f GiB, %d multiprocessors at up to %.2f GHz, driver %s. %s; %d rounds; %s.\n",
		r.GPU.Name, r.GPU.ComputeCapability, float64(r.GPU.MemoryBytes)/(1<<30), r.GPU.Multiprocessors, float64(r.GPU.ClockKHz)/1e6, r.GPU.Driver,
		r.Version, r.Rounds, r.Time)
	for _, t := range r.Tables() {
		fmt.Fprintf(&b, "\n%s\n\n", t.Title)
		columns := len(t.Rows[0])
		for i, row := range t.Rows {
			cells := append(row[:len(row):len(row)], make([]string, columns-len(row))...)
			for j, cell := range cells {
				cells[j] = strings.ReplaceAll(cell, "|", `\|`)
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
			if i == 0 {
				fmt.Fprintf(&b, "|%s\n", strings.Repeat(" --- |", columns))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
