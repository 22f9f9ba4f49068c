package bench

import (
	"cmp"
	"fmt"
	"slices"
)

// work is what a kernel asks of a multiprocessor for one RNN step of training.
type work struct {
	slots   float64 // warp instructions issued, all in all
	uniform float64 // 16-byte loads from shared memory, of warps that load from one place or from half as many as lanes
	spread  float64 // of warps whose lanes each have a place
	words   float64 // narrower loads, stores and shuffles: 32 words each
	floats  float64 // numbers that go to the device's memory or come from it, for each hidden unit
}

// works are counted from the machine code, by kernel.
//
// Source: cuobjdump of sm_90 by nvcc 11.8, the loops over a session's steps,
// and an estimate of what is not in them; docs/gpu.md, the two limits.
var works = map[string]work{
	"n50_f32":  {570, 36, 0, 10, 2},
	"n100_f32": {3050, 40, 0, 194, 5},
	"n150_f32": {4450, 20, 0, 328, 5},
	"n250_f32": {10600, 112, 256, 452, 5},
	"n50_f64":  {1020, 150, 0, 30, 2},
}

const schedulers = 4 // of a multiprocessor; each issues a warp's instruction a cycle

// Use is how much of a resource the networks of one size take, by what a kernel
// is predicted to ask for and what the device was measured to give.
type Use struct {
	Resource string  `json:"resource"`
	Cycles   float64 `json:"cycles_per_rnn_step"` // of a multiprocessor that does nothing else
	Fraction float64 `json:"fraction"`            // of the cycles that an RNN step takes
}

// cyclesPer returns a multiprocessor's cycles for each RNN step: all of them
// share the rate.
func (r *GPUReport) cyclesPer(rnnStepsPerSecond float64) float64 {
	return float64(r.GPU.Multiprocessors) * r.limit(limitClock) * 1e9 / rnnStepsPerSecond
}

func (r *GPUReport) limit(name string) float64 {
	for _, l := range r.Limits {
		if l.Name == name {
			return l.Value.Median
		}
	}
	return 0
}

// uses returns what the fleet takes of each resource, the most first. Of kernels
// that are not counted, only multiply–adds are known.
func (r *GPUReport) uses(s *Size, f *Fleet) []Use {
	all := r.cyclesPer(f.RNNSteps)
	var uses []Use
	add := func(resource string, cycles float64) { uses = append(uses, Use{resource, cycles, cycles / all}) }
	add("multiply–adds", multiplyAdds(s.Hidden)*r.cyclesPer(1e9*s.Peak))
	if w, ok := works[s.Kernel]; ok {
		bytes := 4.0
		if s.Dtype == "f64" {
			bytes = 8
		}
		add("issue slots", w.slots/schedulers)
		add("shared memory", w.uniform*r.limit(limitUniform)+w.spread*r.limit(limitSpread)+w.words*r.limit(limitShuffle))
		add("memory", w.floats*float64(s.Hidden)*bytes*r.cyclesPer(1e9*r.limit(limitCopy)))
	}
	slices.SortStableFunc(uses, func(a, b Use) int { return cmp.Compare(b.Fraction, a.Fraction) })
	return uses
}

// Aim is a speed that the GPU is wanted to reach.
type Aim struct {
	Name     string  `json:"name"`
	Wanted   float64 `json:"wanted"` // on this device: scaled from an H100
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Met      bool    `json:"met"`
	Binds    string  `json:"binds"` // what holds it back
}

const (
	trainedT = 750 // RNN steps of the sessions that the aims are of

	// The device that the aims are of, an H100.
	aimedMultiprocessors = 132
	aimedGHz             = 1.98
)

// aims holds the report against what is wanted, by the number of
// multiprocessors and their clock.
func (r *GPUReport) aims() []Aim {
	clock := cmp.Or(float64(r.GPU.ClockKHz)/1e6, aimedGHz) / aimedGHz
	device := clock * float64(r.GPU.Multiprocessors) / aimedMultiprocessors
	var aims []Aim
	for _, x := range []struct {
		hidden   int
		dtype    string
		least    int // networks trained together
		most     int
		wanted   float64
		scale    float64
		networks string
	}{
		{50, "f32", 1000, 1 << 30, 2_000_000, device, "1,000 or more networks"},
		{50, "f32", 1, 1, 4_000, clock, "one network"},
		{50, "f64", 1000, 1 << 30, 800_000, device, "1,000 or more networks"},
		{250, "f32", 100, 1 << 30, 120_000, device, "as many as it takes"},
	} {
		a := Aim{Name: fmt.Sprintf("N = %d, %s, %s", x.hidden, x.dtype, x.networks), Wanted: x.wanted * x.scale, Unit: "gradient steps/s"}
		for i := range r.Sizes {
			s := &r.Sizes[i]
			for j := range s.Fleets {
				f := &s.Fleets[j]
				rate := f.RNNSteps / trainedT
				if s.Hidden != x.hidden || s.Dtype != x.dtype || f.Networks < x.least || f.Networks > x.most || rate <= a.Measured {
					continue
				}
				a.Measured = rate
				a.Binds = binds(f.Uses)
			}
		}
		a.Met = a.Measured > 0 && a.Measured >= a.Wanted
		aims = append(aims, a)
	}
	a := Aim{Name: "a sweep of 1,000 networks × 5,000 gradient steps from scratch, files included", Wanted: 60 / device, Unit: "s, at most"}
	if s := r.Sweep; s != nil {
		a.Measured, a.Met = s.Seconds, s.Seconds > 0 && s.Seconds <= a.Wanted && s.Networks == 1000
		a.Binds = fmt.Sprintf("training took %.1f s of it", s.Kernels)
	}
	return append(aims, a)
}

// binds names the resource that is used most. Where a good part of it is left,
// nothing but latency is in the way.
func binds(uses []Use) string {
	const most = .6
	u := uses[0]
	if u.Fraction < most {
		return fmt.Sprintf("latency: of %s, used most, %.0f %%", u.Resource, 100*u.Fraction)
	}
	return fmt.Sprintf("%s, %.0f %%", u.Resource, 100*u.Fraction)
}
