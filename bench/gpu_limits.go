package bench

import (
	"context"
	"fmt"
	"math"

	"radd/kernels/cuda"
)

// Limit is what the device does at most of one thing, measured by a
// microbenchmark.
type Limit struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value Spread  `json:"value"`
	Model float64 `json:"model"` // what was worked out beforehand; 0: nothing
}

// Names of the limits that others are computed from.
const (
	limitClock   = "clock under multiply–adds"
	limitUniform = "16-byte load, one place for all lanes"
	limitSpread  = "16-byte load, a place for each lane"
	limitShuffle = "shuffle"
	limitCopy    = "copy, read and written"
)

func limitPeak(dtype string) string { return "multiply–adds, " + dtype }

// probes are the microbenchmarks, and how a reading tells the value.
var probes = []struct {
	name, unit string
	probe      cuda.Probe
	value      func(r cuda.Reading, p cuda.Properties) float64
	model      func(p cuda.Properties) float64
}{
	{limitClock, "GHz", wholeDevice("probe_multiply_add_f32"),
		func(r cuda.Reading, _ cuda.Properties) float64 { return perNanosecond(float64(r.Cycles), r) },
		func(p cuda.Properties) float64 { return float64(p.Clock) / 1e6 }},
	{limitPeak("f32"), "10⁹/s", wholeDevice("probe_multiply_add_f32"), lanesPerNanosecond,
		func(p cuda.Properties) float64 { return peakOf(p, "f32") }},
	{limitPeak("f64"), "10⁹/s", wholeDevice("probe_multiply_add_f64"), lanesPerNanosecond,
		func(p cuda.Properties) float64 { return peakOf(p, "f64") }},
	{limitUniform, cyclesOfAll, wholeDevice("probe_load_uniform"), cyclesEach, constant(2)},
	{limitSpread, cyclesOfAll, wholeDevice("probe_load_spread"), cyclesEach, constant(4)},
	{limitShuffle, cyclesOfAll, wholeDevice("probe_shuffle"), cyclesEach, constant(1)},
	{limitUniform + ", latency", cyclesOfOne, oneBlock("probe_load_uniform", 32), cyclesAlone, nil},
	{limitSpread + ", latency", cyclesOfOne, oneBlock("probe_load_spread", 32), cyclesAlone, nil},
	{limitShuffle + ", latency", cyclesOfOne, oneBlock("probe_shuffle", 32), cyclesAlone, nil},
	{"barrier of 64 threads", cyclesOfOne, oneBlock("probe_barrier", 64), cyclesAlone, nil},
	{"barrier of 128 threads", cyclesOfOne, oneBlock("probe_barrier", 128), cyclesAlone, nil},
	{"barrier of 256 threads", cyclesOfOne, oneBlock("probe_barrier", 256), cyclesAlone, nil},
	{limitCopy, "GB/s", wholeDevice("probe_copy"),
		func(r cuda.Reading, _ cuda.Properties) float64 { return perNanosecond(2*float64(r.Bytes), r) }, nil},
}

const (
	cyclesOfAll = "cycles of a multiprocessor for each warp's"
	cyclesOfOne = "cycles, alone"
)

func wholeDevice(kernel string) cuda.Probe { return cuda.Probe{Kernel: kernel, Threads: 256} }

func oneBlock(kernel string, threads int) cuda.Probe {
	return cuda.Probe{Kernel: kernel, Threads: threads, Alone: true}
}

func constant(x float64) func(cuda.Properties) float64 {
	return func(cuda.Properties) float64 { return x }
}

func perNanosecond(x float64, r cuda.Reading) float64 {
	return x / float64(max(r.Time.Nanoseconds(), 1))
}

func lanesPerNanosecond(r cuda.Reading, _ cuda.Properties) float64 {
	const lanes = 32 // of a warp
	return perNanosecond(lanes*float64(r.Operations)*float64(r.Warps), r)
}

// cyclesEach is the time of a multiprocessor for each of its warps' operations.
func cyclesEach(r cuda.Reading, p cuda.Properties) float64 {
	return float64(r.Cycles) * float64(p.Multiprocessors) / (float64(r.Operations) * float64(r.Warps))
}

func cyclesAlone(r cuda.Reading, _ cuda.Properties) float64 {
	return float64(r.Cycles) / float64(r.Operations)
}

// measureLimits runs the microbenchmarks on a device of the host, each in bursts
// of at least the given time.
func measureLimits(ctx context.Context, h cuda.Host, cfg *GPUConfig) (limits []Limit, err error) {
	var index int
	if _, err := fmt.Sscanf(cfg.Device, "gpu:%d", &index); err != nil {
		return nil, fmt.Errorf("device %q: gpu:K is wanted: one is measured at a time", cfg.Device)
	}
	d, err := h.Open(index)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	properties := d.Properties()
	for _, p := range probes {
		if p.name == limitCopy {
			const most = 1 << 30 // bytes: caches hold little of it
			p.probe.Bytes = min(properties.Memory/64, most)
		}
		rounds := 1
		for {
			r, err := p.probe.Run(d, rounds)
			if err != nil {
				return nil, err
			}
			if r.Time >= cfg.Burst/4 {
				break
			}
			const atMost = 16 // times as many in one go: the clock may be coarse
			more := float64(cfg.Burst/4) / float64(max(r.Time, 1))
			rounds = int(math.Ceil(float64(rounds) * min(max(more*1.1, 2), atMost)))
		}
		var values []float64
		for range cfg.Rounds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := p.probe.Run(d, rounds)
			if err != nil {
				return nil, err
			}
			values = append(values, p.value(r, properties))
		}
		l := Limit{Name: p.name, Unit: p.unit, Value: spread(values)}
		if p.model != nil {
			l.Model = p.model(properties)
		}
		limits = append(limits, l)
	}
	return limits, nil
}
