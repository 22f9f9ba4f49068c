package cuda

import (
	"fmt"

	"radd/kernels"
)

// Interpreter runs a program on a device by one kernel, with a block for every
// session: all of a session's steps in one launch, as long as it is no longer than
// Steps, and all of its gradient in another. Calls take turns with those of the
// backend. They panic with an *Error where the device fails.
type Interpreter[F kernels.Float] struct {
	// Results do not depend on these.
	Threads int // of a block, a multiple of 32
	Steps   int // most RNN steps of a session in one launch, or those of one trial

	backend *Backend[F]
	program *Program[F]
	n       int             // elements of a state
	size    int             // of θ
	fixed   arena           // the program
	at      programPointers // in it
	image   []F             // of the common space

	arena    arena
	ruler    arena // measures
	copies   copies
	ways     []way
	waysAt   int // bytes before them in the arena
	trips    []trip[F]
	going    []*trip[F] // that are not at their end
	deviates []float64  // scratch: a step's noise
	steps    []int64    // scratch
}

const (
	// tapeThreads are many, because a warp sums a row of a product.
	tapeThreads = 512
	// tapeSteps keep launches short, and are more than a trained network's session
	// can have.
	tapeSteps = 8192
)

// trip is a tape's way through the launches of one call.
type trip[F kernels.Float] struct {
	mode     int64
	tape     *kernels.Tape[F]
	from     int     // forward: steps done; backward: segments to do
	trial    int     // the next
	feedback F       // input of the next step
	rest     []F     // λ
	loss     float64 // before the objective's scale

	// What the next launch does.
	trials, steps, segments int
	input, weight           []F
}

// First returns the device of a backend that runs single passages, or nil where it
// has none.
func First[F kernels.Float](b kernels.Backend[F]) *Backend[F] {
	switch b := b.(type) {
	case *Backend[F]:
		return b
	case Together[F]:
		return b[0]
	}
	return nil
}

// Interpret puts a program on the device, which Close takes away again.
func (b *Backend[F]) Interpret(p *Program[F]) (*Interpreter[F], error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	p.mark()
	i := &Interpreter[F]{Threads: tapeThreads, Steps: tapeSteps, backend: b, program: p, n: sizesOf(p.First), size: sizesOf(p.Parameters),
		image: make([]F, p.Sizes[SpaceCommon]), deviates: make([]float64, max(p.Width-kernels.Inputs, 0))}
	for _, f := range p.Fill {
		copy(i.image[f.Place.At:], f.Data)
	}
	a := &i.fixed
	lay := func() {
		i.at = programPointers{
			Tape: put(a, p.Tape), Link: put(a, p.Links), End: put(a, p.Ends),
			Steps: int64(p.Steps), Width: int64(p.Width), Vectors: int64(len(p.First)), Parameters: int64(len(p.Gradient)),
			Input: put(a, p.Input), Weight: put(a, p.Weight), Logits: put(a, p.Logits), State: put(a, p.State),
			First: put(a, p.First), Incoming: put(a, p.Incoming), Outgoing: put(a, p.Outgoing),
			Gradient: put(a, p.Gradient), Loss: putOne(a, p.Loss),
		}
		for space, n := range p.Sizes {
			i.at.Size[space] = int64(n)
		}
	}
	a.begin(true)
	lay()
	if err := a.reserve(b.driver, a.at); err != nil {
		return nil, b.fail(fmt.Sprintf("allocating %d bytes for a tape", a.at), err)
	}
	a.begin(false)
	lay()
	if err := b.driver.Upload(a.device, a.host[:a.at]); err != nil {
		return nil, b.fail("copying a tape to the device", err)
	}
	return i, nil
}

// Close gives the device's memory back. The backend is closed after it.
func (i *Interpreter[F]) Close() error {
	b := i.backend
	b.turn.Lock()
	defer b.turn.Unlock()
	err := i.arena.free(b.driver)
	if e := i.fixed.free(b.driver); err == nil {
		err = e
	}
	return b.fail("freeing a tape", err)
}

// Forward plays the passages as kernels.Backend's Forward does, and keeps in the
// tapes' Work, behind a vector of θ's size, what Backward needs: the own space of
// every segment.
func (i *Interpreter[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) {
	i.backend.turn.Lock()
	defer i.backend.turn.Unlock()
	i.begin(theta, o, len(tapes))
	for k, t := range tapes {
		q := &i.trips[k]
		q.tape, q.loss = t, 0
		q.depart()
		if q.more() {
			i.going = append(i.going, q)
		}
	}
	for len(i.going) > 0 {
		for _, q := range i.going {
			i.prepare(q, o)
		}
		i.launch()
	}
	for k, t := range tapes {
		if t.Loss = i.trips[k].loss; t.T > 0 {
			t.Loss *= i.scale(o, t.T)
		}
		count(t)
		i.trips[k].tape = nil
	}
}

// Backward assigns the gradient by θ of each tape's loss to the start of its Work.
func (i *Interpreter[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) {
	i.backend.turn.Lock()
	defer i.backend.turn.Unlock()
	i.begin(theta, o, len(tapes))
	for k, t := range tapes {
		q := &i.trips[k]
		q.mode, q.tape, q.from, q.rest = modeDifferentiateTape, t, i.segments(t.T), extend(q.rest, i.n)
		clear(q.rest)
		clear(t.Workspace(i.size))
		if q.more() {
			i.going = append(i.going, q)
		}
	}
	for len(i.going) > 0 {
		for _, q := range i.going {
			q.segments = min(q.from, max(1, i.Steps/i.program.Steps))
		}
		i.launch()
	}
	for k, t := range tapes {
		if t.T == 0 {
			continue
		}
		grad, scale := t.Workspace(i.size), F(i.scale(o, t.T))
		for j := range grad {
			grad[j] *= scale
		}
		i.trips[k].tape = nil
	}
}

// Run runs a program without steps once, in the given spaces, which it uploads and
// reads back.
func (i *Interpreter[F]) Run(common, own []F) error {
	b, a, c := i.backend, &i.arena, &i.copies
	b.turn.Lock()
	defer b.turn.Unlock()
	var w way
	lay := func(a *arena) {
		p := i.at
		_, args := a.take(sizeOf[programPointers](1))
		w = way{Mode: modeRunOnce, Until: int64(len(i.program.Tape))}
		w.Memory[SpaceCommon], w.Memory[SpaceOwn] = put(a, common), put(a, own)
		p.Image, p.Way = w.Memory[SpaceCommon], putOne(a, w)
		if !a.measures {
			view[programPointers](a, args, 1)[0] = p
		}
	}
	a.begin(true)
	lay(a)
	if err := a.reserve(b.driver, a.at); err != nil {
		return b.fail(fmt.Sprintf("allocating %d bytes", a.at), err)
	}
	a.begin(false)
	lay(a)
	c.driver, c.err = b.driver, nil
	upload(c, a.device, a.host[:a.at])
	if c.err != nil {
		return b.fail("copying to the device", c.err)
	}
	if err := i.kernel(1); err != nil {
		return err
	}
	download(c, common, w.Memory[SpaceCommon])
	download(c, own, w.Memory[SpaceOwn])
	return b.fail("copying from the device", c.err)
}

// kernel runs a launch whose arguments begin the arena.
func (i *Interpreter[F]) kernel(blocks int) error {
	name := "tape_f64"
	if kernels.Dtype[F]() == "f32" {
		name = "tape_f32"
	}
	err := i.backend.driver.Launch(name, blocks, i.Threads, 0, i.arena.device)
	if err == nil {
		err = i.backend.driver.Synchronise()
	}
	if err != nil {
		return i.backend.fail("kernel "+name, err)
	}
	return nil
}

// begin sets out on a call.
func (i *Interpreter[F]) begin(theta []F, o kernels.Objective, tapes int) {
	if len(theta) != i.size {
		panic("cuda: θ has the wrong length")
	}
	for _, p := range i.program.Parameters {
		theta = theta[copy(i.image[p.At:][:p.Size], theta):]
	}
	power := [...]F{F(o.Q), 1}
	for k, p := range i.program.Power {
		for j := range p.Size {
			i.image[p.At+j] = power[k]
		}
	}
	if more := tapes - len(i.trips); more > 0 {
		i.trips = append(i.trips, make([]trip[F], more)...)
		i.ways = extend(i.ways, tapes)
	}
	i.going = i.going[:0]
	i.copies.driver, i.copies.err = i.backend.driver, nil
}

// scale returns the factor of what the tape makes with weights of −1.
func (i *Interpreter[F]) scale(o kernels.Objective, T int) float64 {
	if len(i.program.Power) > 0 {
		return o.Scale(T) / o.Q
	}
	return o.Scale(T)
}

// segments returns how many hold the first steps of a passage.
func (i *Interpreter[F]) segments(steps int) int {
	return (steps + i.program.Steps - 1) / i.program.Steps
}

// depart finds out how the passage is gone through. Decisions that are given fix
// all of its inputs.
func (q *trip[F]) depart() {
	t := q.tape
	q.mode, q.from, q.trial, q.feedback = modeFollowTape, 0, t.From, t.FirstFeedback()
	t.T, t.Behaviour = 0, kernels.Behaviour{}
	switch {
	case t.Teacher != nil:
		t.Follow()
	case t.Forced != nil:
		t.Observations.Begin(t.Session, nil)
		for ; q.trial < t.To; q.trial++ {
			for step, ended := 0, false; !ended; step++ {
				t.Reserve(1)
				out := t.Forced.Outcome(t.T, 0)
				q.record(step, F(out.Feedback))
				ended = out.Ended
			}
			t.Trials++
		}
	default:
		q.mode = modePlayTape
		t.Observations.Begin(t.Session, nil)
	}
}

// more reports whether the passage goes on.
func (q *trip[F]) more() bool {
	switch q.mode {
	case modePlayTape:
		return q.trial < q.tape.To
	case modeFollowTape:
		return q.from < q.tape.T
	}
	return q.from > 0
}

// record appends a step of a trial to the tape, for which there is room.
func (q *trip[F]) record(step int, feedback F) {
	t, at := q.tape, q.tape.T
	rule := t.Session.Rule()
	left, right := t.Observations.At(q.trial, step)
	x := t.Input[at*kernels.Inputs:][:kernels.Inputs]
	x[0], x[1], x[2] = F(left), F(right), q.feedback
	t.Trial[at], t.Step[at] = int32(q.trial), int32(step)
	t.Target[at], t.Counted[at] = (t.Session.TrialSide[q.trial]+1)/2, rule.Counted(step)
	t.Feedback[at], q.feedback = feedback, feedback
	t.T++
}

// prepare fills in what the next launch of a passage is given.
func (i *Interpreter[F]) prepare(q *trip[F], o kernels.Objective) {
	t := q.tape
	q.input, q.weight = q.input[:0], q.weight[:0]
	rule := t.Session.Rule()
	if q.mode == modePlayTape {
		q.trials = min(t.To-q.trial, max(1, i.Steps/rule.MaxSteps))
		q.steps = q.trials * rule.MaxSteps
		for trial := q.trial; trial < q.trial+q.trials; trial++ {
			for step := range rule.MaxSteps {
				left, right := t.Observations.At(trial, step)
				q.input = append(q.input, F(left), F(right))
				q.input = i.noise(q.input, t, trial, step)
			}
		}
	} else {
		q.steps = min(t.T-q.from, i.Steps)
		for at := q.from; at < q.from+q.steps; at++ {
			q.input = append(q.input, t.Input[at*kernels.Inputs:][:kernels.Inputs]...)
			q.input = i.noise(q.input, t, int(t.Trial[at]), int(t.Step[at]))
			var weight [kernels.Actions]F
			switch {
			case o == kernels.SoftCrossEntropyMean:
				d := float64(t.Teacher.Difference[at])
				weight = [...]F{F(-kernels.Sigmoid(-d)), F(-kernels.Sigmoid(d))}
			case t.Counted[at]:
				weight[t.Target[at]] = -1
			}
			q.weight = append(q.weight, weight[:]...)
		}
	}
	q.segments = i.segments(q.from%i.program.Steps + q.steps)
}

// noise appends the deviates of a step.
func (i *Interpreter[F]) noise(input []F, t *kernels.Tape[F], trial, step int) []F {
	if len(i.deviates) > 0 {
		t.Session.StateNoise(trial, step, i.deviates)
		for _, d := range i.deviates {
			input = append(input, F(d))
		}
	}
	return input
}

// lay puts a launch into the arena.
func (i *Interpreter[F]) lay(a *arena, going []*trip[F]) (uploaded int) {
	p := i.at
	_, args := a.take(sizeOf[programPointers](1))
	p.Way, i.waysAt = a.take(sizeOf[way](len(going)))
	p.Image = put(a, i.image)
	for k, q := range going {
		t := q.tape
		w := way{Mode: q.mode, From: int64(q.from), Segments: int64(q.segments)}
		if q.mode == modeDifferentiateTape {
			w.Rest, w.Grad = put(a, q.rest[:i.n]), put(a, t.Work[:i.size])
		} else {
			w.Task, w.Input = putOne(a, ruleOf[F](t.Session.Rule(), 0)), put(a, q.input)
			w.First = float64(q.feedback)
		}
		switch q.mode {
		case modePlayTape:
			w.Side = put(a, t.Session.TrialSide[q.trial:][:q.trials])
			w.Trials = int64(q.trials)
			w.Ends = truth(q.trial+q.trials == t.To)
		case modeFollowTape:
			w.Weight = put(a, q.weight)
			w.Until = int64(q.from + q.steps)
			w.Ends = truth(q.from+q.steps == t.T)
		}
		i.ways[k] = w
	}
	uploaded = a.at
	for k, q := range going {
		w := &i.ways[k]
		for s, count := range [spaces]int{1, 1, q.segments} {
			w.Memory[s] = space[F](a, count*i.program.Sizes[s])
		}
		if q.mode != modeDifferentiateTape {
			w.Hidden, w.Difference = space[F](a, (q.steps+1)*i.n), space[F](a, q.steps)
			w.Feedback, w.Step = space[F](a, q.steps), space[int64](a, q.steps)
		}
	}
	if !a.measures {
		view[programPointers](a, args, 1)[0] = p
		copy(view[way](a, i.waysAt, len(going)), i.ways)
	}
	return uploaded
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// launch does what is prepared of as many of the passages that are going as the
// memory holds, and reads what came of it.
func (i *Interpreter[F]) launch() {
	b, a, c := i.backend, &i.arena, &i.copies
	free, err := b.budget(a)
	must(err)
	blocks, uploaded := len(i.going), 0
	for ; ; blocks /= 2 {
		if blocks == 0 {
			must(b.fail("a passage", fmt.Errorf("one session's tape needs more than the %d bytes of memory that are free", free)))
		}
		i.ruler.begin(true)
		if uploaded = i.lay(&i.ruler, i.going[:blocks]); i.ruler.at <= free {
			break
		}
	}
	a.begin(true)
	i.lay(a, i.going[:blocks])
	if err := a.reserve(b.driver, uploaded); err != nil {
		must(b.fail(fmt.Sprintf("allocating %d bytes", a.at), err))
	}
	a.begin(false)
	i.lay(a, i.going[:blocks])
	upload(c, a.device, a.host[:uploaded])
	own := i.program.Sizes[SpaceOwn]
	for k, q := range i.going[:blocks] {
		w, t := &i.ways[k], q.tape
		if q.mode == modeDifferentiateTape {
			upload(c, w.Memory[SpaceOwn], t.Work[i.size+(q.from-q.segments)*own:][:q.segments*own])
			continue
		}
		upload(c, w.Hidden, t.Hidden[q.from*i.n:][:i.n])
		if q.from%i.program.Steps > 0 { // in the middle of a segment
			upload(c, w.Memory[SpaceOwn], t.Work[i.size+q.from/i.program.Steps*own:][:own])
		}
	}
	must(b.fail("copying to the device", c.err))
	must(i.kernel(blocks))
	download(c, i.ways[:blocks], a.device+Pointer(i.waysAt))
	on := i.going[:0]
	for k, q := range i.going {
		if k < blocks && c.err == nil {
			i.read(q, &i.ways[k])
		}
		if q.more() {
			on = append(on, q)
		}
	}
	must(b.fail("copying from the device", c.err))
	i.going = on
}

// read takes over what a launch made of a passage.
func (i *Interpreter[F]) read(q *trip[F], w *way) {
	c, t, from := &i.copies, q.tape, q.from
	if q.mode == modeDifferentiateTape {
		download(c, q.rest[:i.n], w.Rest)
		download(c, t.Work[:i.size], w.Grad)
		q.from -= q.segments
		return
	}
	steps := int(w.Until) - from
	q.loss += w.Loss
	if q.mode == modePlayTape {
		t.Reserve(steps)
		i.steps = extend(i.steps, steps)
		download(c, i.steps[:steps], w.Step)
		download(c, t.Feedback[from:][:steps], w.Feedback)
		to := q.trial + q.trials
		for k, step := range i.steps[:steps] {
			if k > 0 && step == 0 {
				q.trial++
			}
			q.record(int(step), t.Feedback[from+k])
		}
		q.trial = to
		t.Trials += q.trials
	}
	download(c, t.Hidden[(from+1)*i.n:][:steps*i.n], w.Hidden+Pointer(sizeOf[F](i.n)))
	download(c, t.Difference[from:][:steps], w.Difference)
	q.from += steps
	own, first, last := i.program.Sizes[SpaceOwn], from/i.program.Steps, i.segments(q.from)
	t.Workspace(i.size + last*own)
	download(c, t.Work[i.size+first*own:][:(last-first)*own], w.Memory[SpaceOwn])
}

// count assigns what the network's own output stands for at the trials' ends.
func count[F kernels.Float](t *kernels.Tape[F]) {
	rule := t.Session.Rule()
	for at := range t.T {
		if at+1 == t.T || t.Step[at+1] == 0 {
			side := 2*t.Target[at] - 1
			t.Count(side, rule.Step(int(t.Step[at]), side, float64(t.Difference[at])).Action)
		}
	}
}
