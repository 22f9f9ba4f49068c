package cuda

import (
	"fmt"
	"unsafe"

	"radd/kernels"
)

// call is a call of Forward. Those that wait while the device is busy share the
// next launch, where they can: so goroutines that each play a network play many
// networks at once.
type call[F kernels.Float] struct {
	theta     []F
	objective kernels.Objective
	tapes     []*kernels.Tape[F]
	done      bool
	err       error
}

// joins reports whether a launch for the one can play the other.
func (c *call[F]) joins(other *call[F]) bool {
	return c.objective == other.objective && c.tapes[0].N == other.tapes[0].N
}

// pass is calls of Forward, or one of Backward. Its memory is used again for the
// next.
type pass[F kernels.Float] struct {
	mode      int64
	n         int
	objective kernels.Objective
	scale     F
	all       []*kernels.Tape[F]
	networks  [][]F              // θ of each
	tapes     []*kernels.Tape[F] // of this launch
	thetas    [][]F              // of each
	from      []int              // of each, the trial to go on with
	sums      []float64          // of each, the loss before the objective's scale
	steps     []int              // room of each on the device

	jobs  []job
	slots []slot
	args  Pointer
	first int // bytes before the jobs in the arena
	codes []int64
	grads []F
}

// Forward implements kernels.Backend.
func (b *Backend[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) float64 {
	c := b.call(theta, o, tapes)
	b.play(c)
	err := c.err
	b.release(c)
	must(err)
	loss := 0.0
	for _, t := range tapes {
		loss += t.Loss
	}
	return loss / float64(len(tapes))
}

// call appends a call to those that wait; release has it used again.
func (b *Backend[F]) call(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) *call[F] {
	b.waiting.Lock()
	defer b.waiting.Unlock()
	if len(b.spare) == 0 {
		b.spare = append(b.spare, new(call[F]))
	}
	last := len(b.spare) - 1
	c := b.spare[last]
	b.spare = b.spare[:last]
	*c = call[F]{theta: theta, objective: o, tapes: tapes}
	b.calls = append(b.calls, c)
	return c
}

func (b *Backend[F]) release(c *call[F]) {
	b.waiting.Lock()
	defer b.waiting.Unlock()
	*c = call[F]{}
	b.spare = append(b.spare, c)
}

// play waits for the device, and plays the call with all that join it, unless
// another call has taken it along.
func (b *Backend[F]) play(c *call[F]) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if c.done {
		return
	}
	together := b.together[:0]
	b.waiting.Lock()
	left := b.calls[:0]
	for _, other := range b.calls {
		if other.joins(c) {
			together = append(together, other)
		} else {
			left = append(left, other)
		}
	}
	b.calls, b.together = left, together
	b.waiting.Unlock()
	err := b.forward(together)
	for i, other := range together {
		other.done, other.err = true, err
		if err != nil && len(together) > 1 { // it may be the error of one of them
			other.err = b.forward(together[i : i+1])
		}
	}
}

// forward plays the calls, which join one another.
func (b *Backend[F]) forward(calls []*call[F]) error {
	p := &b.pass
	p.begin()
	for _, c := range calls {
		for _, t := range c.tapes {
			t.T, t.Loss, t.Behaviour = 0, 0, kernels.Behaviour{}
			if t.Teacher != nil {
				t.Follow()
			}
			p.add(c.theta, t)
		}
	}
	return b.waves(calls[0].objective, modePlay, 1)
}

// Backward implements kernels.Backend. Every tape has a gradient of its own.
func (b *Backend[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	b.turn.Lock()
	defer b.turn.Unlock()
	p := &b.pass
	p.grads = extend(p.grads, len(tapes)*len(theta))
	p.begin()
	for _, t := range tapes {
		p.add(theta, t)
	}
	must(b.waves(o, modeDifferentiate, scale/F(len(tapes))))
	clear(grad)
	for i := range tapes {
		for j, g := range p.grads[i*len(theta):][:len(theta)] {
			grad[j] += g
		}
	}
}

// begin empties the pass; add appends a tape of the network θ to it.
func (p *pass[F]) begin() { p.all, p.networks = p.all[:0], p.networks[:0] }

func (p *pass[F]) add(theta []F, t *kernels.Tape[F]) {
	if len(theta) != (kernels.Shape{N: t.N}).Size() {
		panic("cuda: θ has the wrong length")
	}
	p.all, p.networks = append(p.all, t), append(p.networks, theta)
}

// waves computes as many tapes at once as the memory holds.
func (b *Backend[F]) waves(o kernels.Objective, mode int64, scale F) error {
	p := &b.pass
	p.mode, p.n, p.objective, p.scale = mode, p.all[0].N, o, scale
	if err := checkN(p.n); err != nil {
		return b.fail("a passage", err)
	}
	memory, err := b.budget(&b.arena)
	if err != nil {
		return err
	}
	for done := 0; done < len(p.all); {
		most := b.fits(done, memory)
		if most == 0 {
			return b.fail("a passage", fmt.Errorf("one session needs more than the %d bytes of memory that are free", memory))
		}
		if mode == modePlay {
			err = b.passages()
		} else {
			err = b.differentiate(done)
		}
		if err != nil {
			return err
		}
		done += most
	}
	clear(p.all)
	clear(p.networks)
	return nil
}

// room returns the steps that one launch may make of a tape, from a trial on.
func (b *Backend[F]) room(t *kernels.Tape[F], from int) int {
	switch {
	case b.pass.mode == modeDifferentiate:
		return t.T
	case from == t.To: // played to its end, beside tapes that go on
		return 0
	case t.Teacher != nil:
		return t.T
	case t.Forced != nil:
		return len(t.Forced.Trial) - t.T
	}
	return (b.until(t, from) - from) * t.Session.Rule().MaxSteps
}

// until returns the trial before which a launch stops that plays a tape from the
// given one on.
func (b *Backend[F]) until(t *kernels.Tape[F], from int) int {
	trials := b.limits.work / (t.N * t.N * t.Session.Rule().MaxSteps)
	return min(t.To, from+max(1, min(trials, b.limits.trials)))
}

// fits sets the pass to as many tapes, from the given one on, as the memory holds,
// and returns their number.
func (b *Backend[F]) fits(first, memory int) int {
	p := &b.pass
	for count := len(p.all) - first; count >= 1; count /= 2 {
		p.tapes, p.thetas = p.all[first:first+count], p.networks[first:first+count]
		p.reset()
		if b.measure(&b.ruler); b.ruler.at <= memory {
			return count
		}
	}
	return 0
}

// reset sets the tapes of the launch to their beginning.
func (p *pass[F]) reset() {
	count := len(p.tapes)
	p.from = extend(p.from, count)
	p.sums = extend(p.sums, count)
	p.steps = extend(p.steps, count)
	p.jobs = extend(p.jobs, count)
	p.slots = extend(p.slots, count)
	for i, t := range p.tapes {
		p.from[i], p.sums[i] = t.From, 0
	}
}

// measure lays the launch out for its size; it returns the part to upload.
func (b *Backend[F]) measure(a *arena) (uploaded int) {
	a.begin(true)
	return b.lay(a)
}

// lay puts what the launch needs into the arena.
func (b *Backend[F]) lay(a *arena) (uploaded int) {
	p := &b.pass
	count := len(p.tapes)
	var args int
	p.args, args = a.take(sizeOf[arguments](1))
	jobPointer, jobs := a.take(sizeOf[job](count))
	slotPointer, slots := a.take(sizeOf[slot](count))
	p.first = jobs
	var theta Pointer
	for i, t := range p.tapes {
		if i == 0 || &p.thetas[i][0] != &p.thetas[i-1][0] {
			theta = put(a, p.thetas[i])
		}
		b.layJob(a, i, t, theta)
	}
	uploaded = a.at
	for i, t := range p.tapes {
		T, n := p.steps[i], p.n
		s := slot{Tape: tapePointers{
			Hidden: space[F](a, (T+1)*n), Input: space[F](a, T*kernels.Inputs), Difference: space[F](a, T),
			Slope: space[F](a, T), Code: space[int64](a, T),
		}}
		if t.Teacher != nil {
			s.Lead.Difference = space[F](a, T)
		}
		s.Transposed = space[F](a, n*n)
		if p.mode == modeDifferentiate {
			s.Tape.Dz = space[F](a, T*n)
			s.Grad = space[F](a, len(p.thetas[i]))
		}
		p.slots[i] = s
	}
	if !a.measures {
		*(*arguments)(unsafe.Pointer(&a.host[args])) = arguments{Mode: p.mode, Jobs: int64(count), Job: jobPointer, Slot: slotPointer}
		copy(view[job](a, jobs, count), p.jobs)
		copy(view[slot](a, slots, count), p.slots)
	}
	return uploaded
}

// layJob puts one tape's session and decisions into the arena.
func (b *Backend[F]) layJob(a *arena, i int, t *kernels.Tape[F], theta Pointer) {
	p := &b.pass
	s := t.Session
	sd, origin := s.Noise()
	from := p.from[i]
	p.steps[i] = b.room(t, from)
	j := job{
		Task: putOne(a, ruleOf[F](s.Rule(), sd)), N: int64(p.n), Objective: objectiveOf(p.objective), State: [2]Pointer{theta},
		Scale: float64(p.scale),
		Seed:  origin.Seed, Stream: int64(origin.Stream), Step: int64(origin.GradientStep), Session: int64(origin.Session),
		From: int64(from), To: int64(b.until(t, from)), First: float64(t.FirstFeedback()),
	}
	switch {
	case p.mode == modeDifferentiate || t.Teacher != nil:
		j.T = int64(p.steps[i])
	case p.steps[i] == 0:
	default:
		if t.T > 0 { // going on
			j.First = float64(t.Feedback[t.T-1])
		}
		steps := s.Rule().MaxSteps
		to := int(j.To)
		// Arrays begin with trial from; the kernel counts from trial 0.
		j.Side = put(a, s.TrialSide[from:to]) - Pointer(from)
		j.Strength = putAs[F](a, s.Strength[from:to]) - Pointer(sizeOf[F](from))
		if s.Observation != nil {
			j.Observation = putAs[F](a, s.Observation[2*steps*from:2*steps*to]) - Pointer(sizeOf[F](2*steps*from))
		}
		if d := t.Forced; d != nil {
			j.ForcedFeedback = putAs[F](a, d.Feedback[t.T:])
			end, at := a.take(sizeOf[int64](p.steps[i]))
			j.ForcedEnd = end
			if !a.measures {
				for k, e := range view[int64](a, at, p.steps[i]) {
					e = 0
					if d.Outcome(t.T+k, 0).Ended {
						e = 1
					}
					view[int64](a, at, p.steps[i])[k] = e
				}
			}
		}
	}
	p.jobs[i] = j
}

// start uploads the launch's arguments; tapes go up apart.
func (b *Backend[F]) start() error {
	a := &b.arena
	uploaded := b.measure(a)
	if err := a.reserve(b.driver, uploaded); err != nil {
		return b.fail(fmt.Sprintf("allocating %d bytes", a.at), err)
	}
	a.begin(false)
	b.lay(a)
	return b.fail("copying to the device", b.driver.Upload(a.device, a.host[:uploaded]))
}

// run launches the kernel and reads the jobs back.
func (b *Backend[F]) run() error {
	p := &b.pass
	k := b.kernelFor(p.n)
	if err := b.launch(k, len(p.tapes), p.n, 0, p.args); err != nil {
		return err
	}
	return b.fail("copying from the device", b.driver.Download(bytesOf(p.jobs[:len(p.tapes)]), b.arena.device+Pointer(p.first)))
}

// copies goes through transfers until one fails.
type copies struct {
	driver Driver
	err    error
}

func upload[E any](c *copies, to Pointer, v []E) {
	if c.err == nil && len(v) > 0 {
		c.err = c.driver.Upload(to, bytesOf(v))
	}
}

func download[E any](c *copies, v []E, from Pointer) {
	if c.err == nil && len(v) > 0 {
		c.err = c.driver.Download(bytesOf(v), from)
	}
}

// passages takes the tapes through their passages, in stretches where they are
// long.
func (b *Backend[F]) passages() error {
	p := &b.pass
	p.reset()
	for more := true; more; {
		if err := b.start(); err != nil {
			return err
		}
		c := &b.copies
		c.driver, c.err = b.driver, nil
		n := p.n
		for i, t := range p.tapes {
			s := p.slots[i].Tape
			switch {
			case p.steps[i] == 0:
			case t.Teacher != nil:
				upload(c, s.Hidden, t.Hidden[:n])
				upload(c, s.Input, t.Input[:t.T*kernels.Inputs])
				p.codes = codesOf(t, p.codes)
				upload(c, s.Code, p.codes[:t.T])
				upload(c, p.slots[i].Lead.Difference, t.Teacher.Difference[:t.T])
			default:
				upload(c, s.Hidden, t.Hidden[t.T*n:(t.T+1)*n])
			}
		}
		if c.err != nil {
			return b.fail("copying to the device", c.err)
		}
		if err := b.run(); err != nil {
			return err
		}
		more = false
		for i, t := range p.tapes {
			b.read(c, i, t)
			more = more || p.from[i] < t.To
		}
		if c.err != nil {
			return b.fail("copying from the device", c.err)
		}
	}
	for i, t := range p.tapes {
		t.Loss = p.sums[i] * p.objective.Scale(t.T)
	}
	return nil
}

// read appends what the launch made of a tape to its record.
func (b *Backend[F]) read(c *copies, i int, t *kernels.Tape[F]) {
	p := &b.pass
	j, s, n := &p.jobs[i], p.slots[i].Tape, p.n
	if j.T == 0 {
		return
	}
	p.sums[i] += j.Record.Loss
	t.Actions += int(j.Record.Actions)
	t.Correct += int(j.Record.Correct)
	from, T := t.T, int(j.T)
	if t.Teacher != nil {
		download(c, t.Hidden[n:(T+1)*n], s.Hidden+Pointer(sizeOf[F](n)))
		download(c, t.Difference[:T], s.Difference)
		p.from[i] = t.To
		return
	}
	t.Reserve(T)
	download(c, t.Hidden[(from+1)*n:(from+T+1)*n], s.Hidden+Pointer(sizeOf[F](n)))
	download(c, t.Input[from*kernels.Inputs:(from+T)*kernels.Inputs], s.Input)
	download(c, t.Difference[from:from+T], s.Difference)
	p.codes = extend(p.codes, T)
	download(c, p.codes[:T], s.Code)
	rule := t.Session.Rule()
	trial := p.from[i] - 1
	for k, code := range p.codes[:T] {
		at := from + k
		step := int(code >> 1)
		if step == 0 {
			trial++
		}
		t.Trial[at], t.Step[at] = int32(trial), int32(step)
		t.Target[at], t.Counted[at] = int8(code&1), rule.Counted(step)
		if k > 0 {
			t.Feedback[at-1] = t.Input[at*kernels.Inputs+2]
		}
	}
	t.Feedback[from+T-1] = F(j.Last)
	t.T += T
	t.Trials += int(j.Record.Trials)
	p.from[i] = int(j.To)
}

// codesOf returns the codes of the tape's steps, in the memory of v.
func codesOf[F kernels.Float](t *kernels.Tape[F], v []int64) []int64 {
	v = extend(v, t.T)
	for i := range t.T {
		v[i] = int64(t.Step[i])<<1 | int64(t.Target[i])
	}
	return v
}

// differentiate assigns the gradients of the tapes, the first of which is the
// call's tape of the given index.
func (b *Backend[F]) differentiate(index int) error {
	p := &b.pass
	p.reset()
	if err := b.start(); err != nil {
		return err
	}
	c := &b.copies
	c.driver, c.err = b.driver, nil
	for i, t := range p.tapes {
		s := p.slots[i].Tape
		upload(c, s.Hidden, t.Hidden[:(t.T+1)*p.n])
		upload(c, s.Input, t.Input[:t.T*kernels.Inputs])
		upload(c, s.Difference, t.Difference[:t.T])
		p.codes = codesOf(t, p.codes)
		upload(c, s.Code, p.codes[:t.T])
		if t.Teacher != nil {
			upload(c, p.slots[i].Lead.Difference, t.Teacher.Difference[:t.T])
		}
	}
	if c.err != nil {
		return b.fail("copying to the device", c.err)
	}
	if err := b.run(); err != nil {
		return err
	}
	for i := range p.tapes {
		size := len(p.thetas[i])
		download(c, p.grads[(index+i)*size:][:size], p.slots[i].Grad)
	}
	return b.fail("copying from the device", c.err)
}

func extend[E any](v []E, n int) []E {
	if n <= len(v) {
		return v
	}
	return append(v, make([]E, n-len(v))...)
}

// must panics with a device's failure, which Forward and Backward cannot return.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
