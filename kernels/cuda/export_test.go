package cuda

import (
	"time"

	"radd/kernels"
	"radd/task"
)

// Limit bounds what a backend does at once, as tests want it: 0 leaves a bound
// as it is.
type Limit struct {
	Generic bool
	Blocks  int
	Steps   int
	Records int
	Memory  int
	Trials  int
	Work    int
	Launch  time.Duration
}

// Limit sets bounds.
func (b *Backend[F]) Limit(l Limit) *Backend[F] {
	for _, x := range []struct {
		of    *int
		bound int
	}{
		{&b.limits.blocks, l.Blocks}, {&b.limits.steps, l.Steps}, {&b.limits.records, l.Records},
		{&b.limits.memory, l.Memory}, {&b.limits.trials, l.Trials}, {&b.limits.work, l.Work},
	} {
		if x.bound > 0 {
			*x.of = x.bound
		}
	}
	if l.Launch > 0 {
		b.limits.launch = l.Launch
	}
	b.limits.generic = l.Generic
	return b
}

// Kernels lists all kernels: names, hidden units (0: any) and types.
func Kernels() (all []struct {
	Name, Dtype string
	N           int
}) {
	for _, k := range list {
		all = append(all, struct {
			Name, Dtype string
			N           int
		}{k.name, k.dtype, k.n})
	}
	return all
}

// drawing is the argument of src/draw.cu's kernels.
type drawing struct {
	Task                  Pointer
	Seed                  uint64
	Stream, Step, Session int64
	Most, Trials          int64
	BlockSide, Side       Pointer
	Strength, Observation Pointer
}

// Drawn is a session as the device draws it.
type Drawn struct {
	BlockSide, TrialSide  []int8
	Strength, Observation []float64
}

// Draw draws a session of up to the given trials on the device.
func (b *Backend[F]) Draw(p *task.Sampler, o task.Origin, most int) (s Drawn, err error) {
	steps := p.Config.MaxSteps()
	s = Drawn{make([]int8, most), make([]int8, most), make([]float64, most), make([]float64, 2*most*steps)}
	a := &b.arena
	var d drawing
	var args Pointer
	lay := func() (uploaded int) {
		var at int
		args, at = a.take(sizeOf[drawing](1))
		d = drawing{
			Task: a.putSampler(ruleOf[F](p.Config.Rule(), p.Config.NoiseSD), p),
			Seed: o.Seed, Stream: int64(o.Stream), Step: int64(o.GradientStep), Session: int64(o.Session), Most: int64(most),
		}
		uploaded = a.at
		d.BlockSide, d.Side = space[int8](a, most), space[int8](a, most)
		d.Strength, d.Observation = space[float64](a, most), space[float64](a, 2*most*steps)
		if !a.measures {
			view[drawing](a, at, 1)[0] = d
		}
		return uploaded
	}
	a.begin(true)
	uploaded := lay()
	if err := a.reserve(b.driver, uploaded); err != nil {
		return s, err
	}
	a.begin(false)
	lay()
	c := copies{driver: b.driver}
	upload(&c, a.device, a.host[:uploaded])
	if c.err == nil {
		c.err = b.driver.Launch("draw_"+kernels.Dtype[F](), 1, warp, 0, args)
	}
	if c.err == nil {
		c.err = b.driver.Synchronise()
	}
	one := []drawing{d}
	download(&c, one, args)
	download(&c, s.BlockSide, d.BlockSide)
	download(&c, s.TrialSide, d.Side)
	download(&c, s.Strength, d.Strength)
	download(&c, s.Observation, d.Observation)
	if n := int(one[0].Trials); c.err == nil && n < most {
		s = Drawn{s.BlockSide[:n], s.TrialSide[:n], s.Strength[:n], s.Observation[:2*n*steps]}
	}
	return s, c.err
}

// StepsOf returns the gradient steps that each job of a launch of training has to do.
func StepsOf(d Driver, launched Pointer) ([]int64, error) {
	c := copies{driver: d}
	args := make([]arguments, 1)
	download(&c, args, launched)
	jobs := make([]job, args[0].Jobs)
	download(&c, jobs, args[0].Job)
	var steps []int64
	for _, j := range jobs {
		steps = append(steps, j.Steps)
	}
	return steps, c.err
}

// ArchitectureFor is architectureFor.
func ArchitectureFor(major, minor int) (string, bool) { return architectureFor(major, minor) }

// Waiting returns how many calls of Forward wait for their turn.
func (b *Backend[F]) Waiting() int {
	b.waiting.Lock()
	defer b.waiting.Unlock()
	return len(b.calls)
}

// Driver returns the backend's.
func (b *Backend[F]) Driver() Driver { return b.driver }
