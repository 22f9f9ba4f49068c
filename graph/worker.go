package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"radd/internal/philox"
	"radd/kernels"
)

// compiled is a segment as a worker runs it.
type compiled[F kernels.Float] struct {
	*program[F]
	memory                    *memory[F]
	parameters                []place   // in the order of θ
	input, weight             []place   // (K)
	first, incoming, outgoing []place   // of the state
	state                     [][]place // (K), likewise
	logits                    []place   // (K)
	loss                      place
	gradient                  []place // as parameters
	power                     []place // q and 1, (2) each, or none
}

func newCompiled[F kernels.Float](s *segment) (*compiled[F], error) {
	p, err := compileSegment[F](s)
	if err != nil {
		return nil, err
	}
	c := &compiled[F]{program: p, memory: p.memory()}
	places := func(nodes gorgonia.Nodes) (list []place) {
		for _, n := range nodes {
			list = append(list, p.places[n])
		}
		return list
	}
	for _, state := range s.state {
		c.state = append(c.state, places(state))
	}
	c.parameters, c.gradient = places(s.parameters), places(s.gradient)
	c.input, c.weight, c.logits = places(s.input), places(s.weight), places(s.logits)
	c.first, c.incoming, c.outgoing = places(s.first), places(s.incoming), places(s.outgoing)
	c.power = places(s.power)
	c.loss = p.places[s.loss]
	return c, nil
}

// load assigns θ, and the objective's q, and computes what follows from them alone.
func (c *compiled[F]) load(theta []F, q float64) {
	c.scatter(c.parameters, theta)
	c.scatter(c.power, []F{F(q), F(q), 1, 1})
	c.phases(-1, 0)
}

// phases runs the phases from … to (exclusive), of which −1 is the shared part.
// Phases 0 to K − 1 are the steps, K is the loss and K + 1 the gradient.
func (c *compiled[F]) phases(from, to int) {
	start := 0
	if from >= 0 {
		start = c.ends[from]
	}
	if err := c.run(c.memory, start, c.ends[to]); err != nil {
		panic(fmt.Errorf("graph: %w", err)) // shapes are fixed: an op that fails now is at fault
	}
}

// scatter copies a vector to places, one part behind the other.
func (c *compiled[F]) scatter(to []place, from []F) {
	for _, p := range to {
		from = from[copy(c.memory.at(p), from):]
	}
}

// gather copies a vector from places.
func (c *compiled[F]) gather(to []F, from []place) {
	for _, p := range from {
		to = to[copy(to, c.memory.at(p)):]
	}
}

// worker is a goroutine with what it needs to go through sessions.
type worker[F kernels.Float] struct {
	of       *Unrolled[F]
	programs map[reading]*compiled[F]
	rest     []F       // scratch: λ
	deviates []float64 // scratch: a step's noise

	compiled *compiled[F]     // of the pass that is going on
	tape     *kernels.Tape[F] // likewise
}

// work does the engine's jobs until that is closed.
func (w *worker[F]) work() {
	for j := range w.of.jobs {
		w.begin(j.theta, j.objective, j.tape)
		switch {
		case j.backward:
			w.backward()
		case j.tape.Teacher != nil:
			w.follow()
			w.finish(j.objective)
		default:
			w.play()
			w.finish(j.objective)
		}
		w.tape = nil
		j.done.Done()
	}
}

// begin sets out on a pass.
func (w *worker[F]) begin(theta []F, o kernels.Objective, t *kernels.Tape[F]) {
	w.compiled, w.tape = w.programs[readingOf(o)], t
	w.compiled.load(theta, o.Q)
}

// segment turns to the memory of the tape's s-th segment. The segments' memories
// lie in the tape's scratch behind its gradient, from a cache line on; they are
// moved where growing has given them another start.
func (w *worker[F]) segment(s int) {
	t, size, start := w.tape, (w.compiled.sizes[own]+cacheLine-1)/cacheLine*cacheLine, w.of.size
	before := shift(t.Workspace(start + cacheLine)[start:])
	scratch := t.Workspace(start + cacheLine + (s+1)*size)[start:]
	now := shift(scratch)
	if now != before {
		copy(scratch[now:], scratch[before:][:s*size])
	}
	w.compiled.memory.spaces[own] = scratch[now+s*size:][:size]
}

// segments returns how many segments the tape's passage has.
func (w *worker[F]) segments() int { return (w.tape.T + w.of.steps - 1) / w.of.steps }

// advance does step t of the passage, a step of a trial, with the input x,
// assigns the state to the tape and returns the logit of right less that of left.
func (w *worker[F]) advance(t, trial, step int, x []F) F {
	c, K := w.compiled, w.of.steps
	k := t % K
	if k == 0 {
		w.segment(t / K)
		c.scatter(c.first, w.tape.Hidden[t*w.tape.N:][:w.tape.N])
	}
	input := c.memory.at(c.input[k])
	input = input[copy(input, x):]
	if len(input) > 0 {
		w.tape.Session.StateNoise(trial, step, w.deviates)
		for i, d := range w.deviates {
			input[i] = F(d)
		}
	}
	c.phases(k, k+1)
	c.gather(w.tape.State(t), c.state[k])
	logits := c.memory.at(c.logits[k])
	return logits[1] - logits[0]
}

// finish fills the last segment with masked steps and assigns the loss.
func (w *worker[F]) finish(o kernels.Objective) {
	c, K, t := w.compiled, w.of.steps, w.tape
	if rest := t.T % K; rest > 0 {
		for _, p := range c.input[rest:] {
			clear(c.memory.at(p))
		}
		c.phases(rest, K)
	}
	t.Loss = 0
	for s := range w.segments() {
		w.segment(s)
		for k, p := range c.weight {
			w.weigh(c.memory.at(p), o, s*K+k)
		}
		c.phases(K, K+1)
		t.Loss += float64(c.memory.at(c.loss)[0])
	}
}

// weigh assigns the weights (2) of a step: by what the loss goes with what the
// graph reads of a_t. They are 0 beyond the passage.
func (w *worker[F]) weigh(weight []F, o kernels.Objective, step int) {
	t := w.tape
	clear(weight)
	if step >= t.T {
		return
	}
	scale := o.Scale(t.T)
	if readingOf(o) == ofPower {
		scale /= o.Q
	}
	switch {
	case o == kernels.SoftCrossEntropyMean:
		d := float64(t.Teacher.Difference[step])
		weight[0], weight[1] = F(-scale*kernels.Sigmoid(-d)), F(-scale*kernels.Sigmoid(d))
	case t.Counted[step]:
		weight[t.Target[step]] = F(-scale)
	}
}

// backward assigns the gradient of the tape's loss by θ to the tape's own.
func (w *worker[F]) backward() {
	c, K := w.compiled, w.of.steps
	grad := w.of.gradient(w.tape)
	clear(grad)
	clear(w.rest)
	for s := w.segments() - 1; s >= 0; s-- {
		w.segment(s)
		c.scatter(c.incoming, w.rest)
		c.phases(K+1, K+2)
		at := grad
		for _, p := range c.gradient {
			g := c.memory.at(p)
			for i, x := range g {
				at[i] += x
			}
			at = at[len(g):]
		}
		c.gather(w.rest, c.outgoing)
	}
}

// play goes through the tape's trials in closed loop, or as its forced decisions
// say.
func (w *worker[F]) play() {
	p, s := w.tape, w.tape.Session
	rule := s.Rule()
	p.Observations.Begin(s, philox.Normals)
	p.T, p.Behaviour = 0, kernels.Behaviour{}
	feedback := p.FirstFeedback()
	for trial := p.From; trial < p.To; trial++ {
		p.Reserve(rule.MaxSteps)
		side := s.TrialSide[trial]
		p.Trials++
		for step := 0; ; step++ {
			t := p.T
			left, right := p.Observations.At(trial, step)
			x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
			x[0], x[1], x[2] = F(left), F(right), feedback
			d := w.advance(t, trial, step, x)
			out := rule.Step(step, side, float64(d))
			if p.Forced != nil {
				out = p.Forced.Outcome(t, out.Action)
			}
			feedback = F(out.Feedback)
			p.Trial[t], p.Step[t] = int32(trial), int32(step)
			p.Target[t], p.Counted[t] = (side+1)/2, rule.Counted(step)
			p.Difference[t], p.Feedback[t] = d, feedback
			p.T++
			if out.Ended {
				p.Count(side, out.Action)
				break
			}
		}
	}
}

// follow goes along the teacher's tape, step by step.
func (w *worker[F]) follow() {
	p := w.tape
	p.Behaviour = kernels.Behaviour{}
	p.Follow()
	rule := p.Session.Rule()
	for t := range p.T {
		d := w.advance(t, int(p.Trial[t]), int(p.Step[t]), p.Input[t*kernels.Inputs:][:kernels.Inputs])
		p.Difference[t] = d
		if t+1 == p.T || p.Step[t+1] == 0 {
			side := 2*p.Target[t] - 1
			p.Count(side, rule.Step(int(p.Step[t]), side, float64(d)).Action)
		}
	}
}
