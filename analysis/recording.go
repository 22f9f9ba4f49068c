package analysis

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
	"radd/kernels"
	"radd/task"
)

// Recording is a network's passage through a whole session of the task, as what
// is looked at sees it: coordinates in place of states. Its memory grows with T,
// but not with T·N.
type Recording struct {
	T       int
	Session *task.Session
	Config  task.Config
	Frame   *Frame
	Trials  []task.Trial // (n)

	first  []int           // (n+1) RNN step at which each trial begins; the last is T
	at     [][axes]float64 // (T) coordinates
	full   [][2]float64    // (T) along the readouts of the full space; nil where there are none
	logit  []float64       // (T) log a(right) − log a(left)
	inputs [][3]float64    // (T)
	blocks []blockOf       // (n)

	blockPosterior [][]float64 // by task.Baselines, (n) log odds of a block on the right, at each trial's start
	sidePosterior  [][]float64 // by task.Baselines, (T) log odds of the right side after each RNN step

	sample sample
}

// sample are RNN steps of which whole states are kept.
type sample struct {
	step   []int     // (m) ascending; step i is one of them, and not the recording's first
	before []float64 // (m, N) state before the step
	after  []float64 // (m, N) state after it
}

// sampleSteps is how many RNN steps are sampled, and sampleNumbers how many
// numbers they may come to.
const (
	sampleSteps   = 6000
	sampleNumbers = 1 << 21
)

// Record reads the trajectory of a network that played the whole session in
// closed loop by the configuration's rule. full may be nil, and so may frame where
// the recording's Dynamics are all that is asked for.
//
// The error is an *input.Error where the trajectory is not one of such a
// passage: it has no probabilities, other inputs than three, or does not fit the
// session.
func Record(t *Trajectory, s *task.Session, config task.Config, frame *Frame, full *Readouts) (*Recording, error) {
	r := &Recording{Session: s, Config: config, Frame: frame}
	T, err := t.Count()
	if err != nil {
		return nil, err
	}
	if t.Q != kernels.Inputs {
		return nil, &input.Error{File: t.Name, Field: inputName, Found: "other inputs than left and right observation and feedback"}
	}
	every := max(1, T/min(sampleSteps, max(16, sampleNumbers/t.N)))
	var fullAxes *mat.Dense
	if full != nil {
		fullAxes = full.Projection
	}
	before := make([]float64, t.N)
	for c, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		if c.Probability == nil {
			return nil, missing(t, probabilityName)
		}
		for i := range c.T {
			h := c.Hidden[i*t.N : (i+1)*t.N]
			if frame != nil {
				r.at = append(r.at, frame.Coordinates(h))
			}
			if fullAxes != nil {
				r.full = append(r.full, [2]float64{floats.Dot(fullAxes.RawRowView(0), h), floats.Dot(fullAxes.RawRowView(1), h)})
			}
			r.logit = append(r.logit, math.Log(c.Probability[2*i+1])-math.Log(c.Probability[2*i]))
			r.inputs = append(r.inputs, [3]float64(c.Input[3*i:3*i+3]))
			if r.T%every == every-1 {
				r.sample.step = append(r.sample.step, r.T)
				r.sample.before = append(r.sample.before, before...)
				r.sample.after = append(r.sample.after, h...)
			}
			copy(before, h)
			r.T++
		}
	}
	if err := r.divide(t); err != nil {
		return nil, err
	}
	r.observe()
	return r, nil
}

// divide finds the trials: the session's observations tell how many RNN steps
// each took, because the rule ends it where the network's output says so.
func (r *Recording) divide(t *Trajectory) error {
	s, rule := r.Session, r.Session.Rule()
	at := 0
	for n := range s.Trials() {
		r.first = append(r.first, at)
		trial := task.Trial{Side: s.TrialSide[n], BlockSide: s.BlockSide[n], Strength: s.Strength[n]}
		for ended := false; !ended; at++ {
			if at == r.T {
				return &input.Error{File: t.Name, Field: hiddenName, Found: "a recording that ends before its session does"}
			}
			outcome := rule.Step(trial.RNNSteps, trial.Side, r.logit[at])
			trial.RNNSteps++
			if rule.Counted(trial.RNNSteps - 1) {
				trial.Observations++
				trial.Nats += kernels.CrossEntropySum.Loss(trial.Side, r.logit[at])
			}
			ended, trial.Action = outcome.Ended, outcome.Action
		}
		r.Trials = append(r.Trials, trial)
	}
	if at != r.T {
		return &input.Error{File: t.Name, Field: hiddenName, Found: "a recording that goes on after its session has ended"}
	}
	r.first = append(r.first, at)
	p := PlayedSession(s, r.Trials)
	r.blocks = p.blocks
	return nil
}

// observe has the Bayesian observers watch.
func (r *Recording) observe() {
	kinds := task.Baselines()
	r.blockPosterior, r.sidePosterior = make([][]float64, len(kinds)), make([][]float64, len(kinds))
	parallel(len(kinds), func(k int) {
		b := task.NewBayes(kinds[k], &r.Config)
		rule := r.Session.Rule()
		blocks, sides := make([]float64, 0, len(r.Trials)), make([]float64, 0, r.T)
		for n, t := range r.Trials {
			blocks = append(blocks, b.BlockLogOdds())
			b.BeginTrial()
			for step := range t.RNNSteps {
				if rule.Counted(step) {
					b.Observe(r.Session.Observe(n, step))
				}
				sides = append(sides, b.LogOdds())
			}
			told := t.Side
			if kinds[k] == task.SideHidden && t.Action == 0 {
				told = 0
			}
			b.EndTrial(told)
		}
		r.blockPosterior[k], r.sidePosterior[k] = blocks, sides
	})
}

// start returns the RNN step that a trial's observations follow: its last blank
// one, or where there is none the last of the trial before; −1 of the first.
func (r *Recording) start(trial int) int { return r.first[trial] + r.Config.BlankSteps - 1 }

// States returns at most so many of the sampled states (m, N), evenly spread.
func (r *Recording) States(most int) []float64 {
	N, m := r.Frame.N, len(r.sample.step)
	var list []float64
	for i := range min(m, most) {
		k := i * m / min(m, most)
		list = append(list, r.sample.after[k*N:(k+1)*N]...)
	}
	return list
}
