package cuda

import (
	"context"
	"fmt"
	"time"

	"radd/kernels"
	"radd/task"
)

// Train implements kernels.Backend. Networks of one kernel are trained
// together, as many at once as the memory holds. Where the device fails, the
// networks that it was training are as they were before.
func (b *Backend[F]) Train(ctx context.Context, networks []*kernels.Network[F], gradientSteps int) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	var order []key
	groups := map[key][]*kernels.Network[F]{}
	for _, net := range networks {
		if err := checkN(net.Shape.N); err != nil {
			return b.fail("training", err)
		}
		k := key{hidden: net.Shape.N}
		if net.Teacher != nil {
			k.teacher = net.Teacher.Shape.N
			if err := checkN(k.teacher); err != nil {
				return b.fail("training by a teacher", err)
			}
		}
		if net.Err != nil || gradientSteps < 1 {
			continue
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], net)
	}
	for _, k := range order {
		for rest := groups[k]; len(rest) > 0; {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			g := &group[F]{Backend: b, key: k, kernel: b.kernelFor(k.hidden), steps: gradientSteps}
			most, err := g.fit(rest)
			if err != nil {
				return err
			}
			if first := len(rest) == len(groups[k]); first && most < len(rest) && b.told[k] != most {
				b.told[k] = most
				b.log.Warn("the device's memory does not hold all networks: they are trained in waves",
					"device", b.driver.Properties().String(), "hidden", k.hidden, "networks", len(rest), "at_once", most)
			}
			rest = rest[most:]
			if err := g.train(ctx); err != nil {
				g.revert()
				return err
			}
		}
	}
	return ctx.Err()
}

// key says which networks are launched together: hidden units of the network and
// of its teacher, if there is one.
type key struct{ hidden, teacher int }

// group is a set of networks that are trained by the same launches.
type group[F kernels.Float] struct {
	*Backend[F]
	key
	*kernel
	steps    int // gradient steps to do
	networks []*kernels.Network[F]
	before   []before

	grid    int // blocks, each with a slot
	records int // of a network that a launch may return
	room    int // RNN steps of the longest session

	jobs             []job
	going            []int // networks of the launch: those that have gradient steps left
	launched         []job // of each
	args, jobPointer Pointer
	argsAt           int
	statesAt, recsAt []Pointer
	uploaded         int
}

// before is what a device's failure takes a network back to.
type before struct{ step, records int }

// fit takes as many of the networks as fit into the memory and returns their
// number.
func (g *group[F]) fit(networks []*kernels.Network[F]) (int, error) {
	memory, err := g.budget(&g.arena)
	if err != nil {
		return 0, err
	}
	resident, err := g.driver.Resident(g.name, g.kernel.block(g.hidden), sharedFor[F](g.kernel, g.hidden, g.teacher))
	if err != nil {
		return 0, g.fail("kernel "+g.name, err)
	}
	if g.limits.blocks > 0 {
		resident = g.limits.blocks
	}
	if resident < 1 {
		return 0, g.fail("kernel "+g.name, fmt.Errorf("a block needs more than a multiprocessor has"))
	}
	size := func(count, grid int) int {
		g.set(networks[:count], grid)
		a := arena{}
		a.begin(true)
		g.lay(&a)
		return a.at
	}
	for count := len(networks); count >= 1; count /= 2 {
		for grid := min(count, resident); grid >= 1; grid /= 2 {
			if size(count, grid) <= memory {
				return count, nil
			}
		}
	}
	return 0, g.fail("training", fmt.Errorf("one network of %d hidden units needs %d bytes of memory, %d are free: no network fits",
		g.hidden, size(1, 1), memory))
}

func (g *group[F]) set(networks []*kernels.Network[F], grid int) {
	g.networks, g.grid = networks, grid
	g.records = max(min(g.limits.records/len(networks), g.steps), 1)
	g.room = 0
	for _, net := range networks {
		c := &net.Sampler.Config
		g.room = max(g.room, c.Blocks*c.BlockMax*c.MaxSteps())
	}
	g.jobs = make([]job, len(networks))
	g.statesAt = make([]Pointer, len(networks))
	g.recsAt = make([]Pointer, len(networks))
}

// lay puts networks, slots and tables into the arena.
func (g *group[F]) lay(a *arena) {
	var slotsAt int
	var slotPointer Pointer
	g.args, g.argsAt = a.take(sizeOf[arguments](1))
	g.jobPointer, _ = a.take(sizeOf[job](len(g.networks)))
	slotPointer, slotsAt = a.take(sizeOf[slot](g.grid))
	samplers := map[*task.Sampler]Pointer{}
	teachers := map[*kernels.Teacher[F]]Pointer{}
	for i, net := range g.networks {
		c := &net.Sampler.Config
		if _, ok := samplers[net.Sampler]; !ok {
			samplers[net.Sampler] = a.putSampler(ruleOf[F](c.Rule(), c.NoiseSD), net.Sampler)
		}
		j := job{
			Task: samplers[net.Sampler], N: int64(g.hidden), Objective: objectiveOf(net.Objective),
			Seed: net.Seed, Stream: int64(task.StreamTrain), Step: int64(net.Step),
			Scale: float64(1 / F(net.Sessions)), Sessions: int64(net.Sessions),
			LearningRate: float64(F(net.LearningRate)), Momentum: float64(F(net.Momentum)),
		}
		if t := net.Teacher; t != nil {
			if _, ok := teachers[t]; !ok {
				teachers[t] = put(a, t.Theta)
			}
			j.TeacherN, j.Teacher = int64(g.teacher), teachers[t]
		}
		g.statesAt[i] = g.putState(a, net)
		g.jobs[i] = j
	}
	g.uploaded = a.at
	half := Pointer(sizeOf[F](2 * (kernels.Shape{N: g.hidden}).Size()))
	for i := range g.networks {
		g.jobs[i].State = [2]Pointer{g.statesAt[i], space[byte](a, int(half))}
		g.recsAt[i] = space[record](a, g.records)
		g.jobs[i].Records = g.recsAt[i]
	}
	for i := range g.grid {
		s := g.slot(a)
		if !a.measures {
			view[slot](a, slotsAt, g.grid)[i] = s
		}
	}
	if !a.measures {
		view[arguments](a, g.argsAt, 1)[0] = arguments{Mode: modeTrain, Job: g.jobPointer, Slot: slotPointer}
	}
}

// putState adds θ and, behind it, the velocity.
func (g *group[F]) putState(a *arena, net *kernels.Network[F]) Pointer {
	size := net.Shape.Size()
	p, at := a.take(sizeOf[F](2 * size))
	if !a.measures {
		copy(view[F](a, at, size), net.Theta)
		copy(view[F](a, at, 2*size)[size:], net.Velocity)
	}
	return p
}

// slot takes the scratch of one block.
func (g *group[F]) slot(a *arena) slot {
	n, T := g.hidden, g.room
	s := slot{
		Tape: tapePointers{
			Hidden: space[F](a, (T+1)*n), Input: space[F](a, T*kernels.Inputs), Difference: space[F](a, T),
			Slope: space[F](a, T), Dz: space[F](a, T*n), Code: space[int64](a, T),
		},
		Grad: space[F](a, (kernels.Shape{N: n}).Size()), Transposed: space[F](a, n*n),
	}
	if g.teacher > 0 {
		s.Lead = tapePointers{
			Hidden: space[F](a, (T+1)*g.teacher), Input: space[F](a, T*kernels.Inputs), Difference: space[F](a, T),
			Code: space[int64](a, T), Dz: space[F](a, g.teacher*g.teacher),
		}
	}
	return s
}

// train launches until all gradient steps are done, all networks have failed, or
// ctx ends.
func (g *group[F]) train(ctx context.Context) error {
	for _, net := range g.networks {
		g.before = append(g.before, before{net.Step, len(net.Records)})
	}
	a := &g.arena
	a.begin(true)
	g.lay(a)
	if err := a.reserve(g.driver, g.uploaded); err != nil {
		return g.fail(fmt.Sprintf("allocating %d bytes", a.at), err)
	}
	a.begin(false)
	g.lay(a)
	if err := g.driver.Upload(a.device, a.host[:g.uploaded]); err != nil {
		return g.fail("copying to the device", err)
	}
	var err error
	for active := true; active && err == nil && ctx.Err() == nil; {
		active, err = g.launch()
	}
	if err == nil {
		err = g.finish()
	}
	return err
}

// launch runs one launch and reads its records; it reports whether any network
// has gradient steps left.
func (g *group[F]) launch() (active bool, err error) {
	a := &g.arena
	g.going, g.launched = g.going[:0], g.launched[:0]
	for i, net := range g.networks {
		left := g.before[i].step + g.steps - net.Step
		if net.Err != nil || left < 1 {
			continue // the kernel wants a gradient step of a job: the barriers are there
		}
		j := g.jobs[i]
		j.Steps = int64(min(left, g.records))
		if g.limits.steps > 0 {
			j.Steps = min(j.Steps, int64(g.limits.steps))
		}
		g.going, g.launched = append(g.going, i), append(g.launched, j)
	}
	waves := (len(g.going) + g.grid - 1) / g.grid
	args := view[arguments](a, g.argsAt, 1)
	args[0].Jobs, args[0].Quantum = int64(len(g.going)), uint64(g.limits.launch/time.Duration(max(waves, 1)))
	c := copies{driver: g.driver}
	upload(&c, g.args, args)
	upload(&c, g.jobPointer, g.launched)
	if c.err != nil {
		return false, g.fail("copying to the device", c.err)
	}
	if err := g.Backend.launch(g.kernel, g.grid, g.hidden, g.teacher, g.args); err != nil {
		return false, err
	}
	download(&c, g.launched, g.jobPointer)
	for k, i := range g.going {
		g.jobs[i] = g.launched[k]
		left, err := g.read(&c, i, g.networks[i])
		if err != nil {
			return false, err
		}
		active = active || left
	}
	return active, g.fail("copying from the device", c.err)
}

// read takes a network's records over and reports whether it goes on.
func (g *group[F]) read(c *copies, i int, net *kernels.Network[F]) (bool, error) {
	j := &g.jobs[i]
	count := int(j.Done)
	if j.Status != statusGoing {
		count++ // what the gradient step showed that failed
	}
	records := make([]record, count)
	download(c, records, g.recsAt[i])
	if c.err != nil {
		return false, nil
	}
	for _, r := range records[:j.Done] {
		net.Records = append(net.Records, r.public())
		net.Step++
	}
	switch j.Status {
	case statusNotFinite:
		net.Err = records[j.Done].public().Check(net.Step + 1)
	case statusWeightNotFinite:
		theta := make([]F, net.Shape.Size())
		download(c, theta, j.State[1-j.Current])
		net.Err = kernels.CheckWeights(theta, net.Step+1, records[j.Done].public())
	}
	if j.Status != statusGoing && net.Err == nil && c.err == nil {
		return false, g.fail("training", fmt.Errorf("the kernel stopped a network whose numbers are all finite"))
	}
	return net.Err == nil && net.Step < g.before[i].step+g.steps, nil
}

func (r record) public() kernels.Record {
	return kernels.Record{
		Loss: r.Loss, GradientNorm: r.GradientNorm, RNNSteps: int(r.RNNSteps),
		Behaviour: kernels.Behaviour{Trials: int(r.Trials), Actions: int(r.Actions), Correct: int(r.Correct)},
	}
}

// finish assigns the networks' parameters, all of them or none.
func (g *group[F]) finish() error {
	size := (kernels.Shape{N: g.hidden}).Size()
	states := make([]F, 2*size*len(g.networks))
	c := copies{driver: g.driver}
	for i := range g.networks {
		j := &g.jobs[i]
		download(&c, states[2*size*i:][:2*size], j.State[j.Current])
	}
	if c.err != nil {
		return g.fail("copying from the device", c.err)
	}
	for i, net := range g.networks {
		copy(net.Theta, states[2*size*i:][:size])
		copy(net.Velocity, states[2*size*i+size:][:size])
	}
	return nil
}

// revert takes the networks back to where their parameters are.
func (g *group[F]) revert() {
	for i, net := range g.networks[:len(g.before)] {
		net.Step, net.Err, net.Records = g.before[i].step, nil, net.Records[:g.before[i].records]
	}
}
