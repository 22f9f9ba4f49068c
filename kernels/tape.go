package kernels

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"radd/internal/input"
	"radd/task"
)

// Tape is the record of one network's passage through a session, or through a
// stretch of its trials: what Forward assigns and Backward needs. Its memory
// grows when a passage needs more and is used again for the next.
type Tape[F Float] struct {
	N       int
	Session *task.Session
	From    int        // first trial of the passage
	To      int        // trial after the last
	Forced  *Decisions // when set, these end trials and give feedback, not the rule; step t of the passage takes the t-th
	Teacher *Tape[F]   // when set, the passage is this tape's, step by step: its inputs and its decisions

	T          int     // RNN steps of the passage
	Trial      []int32 // (T) trial within the session, from 0
	Step       []int32 // (T) RNN step within the trial, from 0
	Target     []int8  // (T) stimulus side: 0 left, 1 right
	Counted    []bool  // (T) the step is an observation step: the loss counts
	Input      []F     // (T, 3) left observation, right observation, last step's feedback
	Hidden     []F     // (T+1, N) row t+1 is the state after step t, row 0 the one before the passage
	Difference []F     // (T) logit of right less logit of left
	Feedback   []F     // (T) the feedback that the step produced

	Loss      float64 // the passage's loss
	Behaviour         // counts over the passage's trials

	Work         []F               // scratch of the backend, of a layout of its own
	Observations task.Observations // scratch of the backend: reads the session

	first       F         // feedback input of the passage's first step
	derivatives []float64 // scratch: see Derivatives
}

// Behaviour counts trials and how they ended.
type Behaviour struct {
	Trials  int
	Actions int // trials that ended with an action
	Correct int // trials that ended with the correct action
}

// Decisions are the closed loop's decisions of an earlier passage through a
// whole session: they fix T, the trials' ends and the feedback.
type Decisions struct {
	Trial    []int64   // (T)
	Step     []int64   // (T)
	Feedback []float64 // (T)
}

// NewTape returns an empty tape for networks of n hidden units.
func NewTape[F Float](n int) *Tape[F] { return &Tape[F]{N: n} }

// Begin sets the tape to the whole session from h = 0.
func (t *Tape[F]) Begin(s *task.Session) {
	t.Session, t.From, t.To, t.T, t.first = s, 0, s.Trials(), 0, 0
	t.Reserve(1)
	clear(t.Hidden[:t.N])
}

// BeginStretch sets the tape to the first trials of the session from h = 0;
// Continue goes on from there.
func (t *Tape[F]) BeginStretch(s *task.Session, trials int) {
	t.Begin(s)
	t.To = min(trials, t.To)
}

// Continue sets the tape to the next trials of the same session, from the state
// and the feedback that the last stretch ended with, and reports whether any
// are left.
func (t *Tape[F]) Continue(trials int) bool {
	if t.To == t.Session.Trials() {
		return false
	}
	copy(t.Hidden[:t.N], t.Hidden[t.T*t.N:(t.T+1)*t.N])
	t.first = t.Feedback[t.T-1]
	t.From, t.To = t.To, min(t.To+trials, t.Session.Trials())
	return true
}

// Reset sets the state before the passage to h = 0; the feedback of the step
// before it stays.
func (t *Tape[F]) Reset() { clear(t.Hidden[:t.N]) }

// Follow takes over the passage of the teacher's tape, as Forward left that: its
// length, trials and inputs, but not its states and outputs. A backend's Forward
// calls it.
func (t *Tape[F]) Follow() {
	lead := t.Teacher
	t.From, t.To, t.T, t.Trials = lead.From, lead.To, 0, lead.Trials
	t.Reserve(lead.T)
	t.T = lead.T
	copy(t.Trial, lead.Trial[:t.T])
	copy(t.Step, lead.Step[:t.T])
	copy(t.Target, lead.Target[:t.T])
	copy(t.Counted, lead.Counted[:t.T])
	copy(t.Input, lead.Input[:t.T*Inputs])
	copy(t.Feedback, lead.Feedback[:t.T])
}

// FirstFeedback is the feedback input of the passage's first step.
func (t *Tape[F]) FirstFeedback() F { return t.first }

// Reserve makes room for the given number of steps after the first T, keeping
// what is there.
func (t *Tape[F]) Reserve(steps int) {
	need := t.T + steps
	if need <= len(t.Trial) {
		return
	}
	size := max(need, 2*len(t.Trial), 1024)
	t.Trial = extend(t.Trial, size)
	t.Step = extend(t.Step, size)
	t.Target = extend(t.Target, size)
	t.Counted = extend(t.Counted, size)
	t.Input = extend(t.Input, size*Inputs)
	t.Hidden = extend(t.Hidden, (size+1)*t.N)
	t.Difference = extend(t.Difference, size)
	t.Feedback = extend(t.Feedback, size)
}

// Workspace returns at least n elements of scratch that keep their values
// between calls.
func (t *Tape[F]) Workspace(n int) []F {
	t.Work = extend(t.Work, n)
	return t.Work[:n]
}

// Derivatives returns scratch of the backend for the derivative of every step's
// loss by its logit difference, (T). It keeps its values between calls.
func (t *Tape[F]) Derivatives() []float64 {
	t.derivatives = extend(t.derivatives, len(t.Difference))
	return t.derivatives[:t.T]
}

func extend[E any](s []E, size int) []E {
	if size <= len(s) {
		return s
	}
	return slices.Grow(s, size-len(s))[:size]
}

// State returns h after step t of the passage, (N).
func (t *Tape[F]) State(step int) []F {
	return t.Hidden[(step+1)*t.N : (step+2)*t.N]
}

// StepAt returns what step t of the passage adds to the loss before the
// objective's Scale, and its derivative by the step's logit difference, given Odds
// of that.
func (t *Tape[F]) StepAt(o Objective, step int, odds float64) (loss, derivative float64) {
	d := float64(t.Difference[step])
	switch {
	case o == SoftCrossEntropyMean:
		return SoftAt(float64(t.Teacher.Difference[step]), d, odds)
	case t.Counted[step]:
		return o.At(2*t.Target[step]-1, d, odds)
	}
	return 0, 0
}

// Played returns the trials of the tape's passage in order, each with the index
// of the RNN step that ended it. Under forced decisions, or along a teacher's
// tape, its action is the one that the network itself would have taken there.
func (t *Tape[F]) Played() iter.Seq2[int, task.Trial] {
	return func(yield func(int, task.Trial) bool) {
		rule := t.Session.Rule()
		var trial task.Trial
		for i, n := range t.Trial[:t.T] {
			step, d := int(t.Step[i]), float64(t.Difference[i])
			if step == 0 {
				trial = task.Trial{Side: t.Session.TrialSide[n], BlockSide: t.Session.BlockSide[n], Strength: t.Session.Strength[n]}
			}
			trial.RNNSteps++
			if t.Counted[i] {
				trial.Observations++
				trial.Nats += CrossEntropySum.Loss(trial.Side, d)
			}
			if i+1 == t.T || t.Trial[i+1] != n {
				trial.Action = rule.Step(step, trial.Side, d).Action
				if !yield(i, trial) {
					return
				}
			}
		}
	}
}

// Probability returns a_t(right), the probability of the right action after
// step t of the passage.
func (t *Tape[F]) Probability(step int) float64 {
	return Sigmoid(float64(t.Difference[step]))
}

// Check returns an *input.Error where the decisions cannot be those of a
// passage through the whole session.
func (d *Decisions) Check(s *task.Session) error {
	bad := func(field string, t int, found any, allowed string) error {
		return &input.Error{Field: fmt.Sprintf("%s[%d]", field, t), Found: fmt.Sprint(found), Allowed: allowed}
	}
	T := len(d.Trial)
	if len(d.Step) != T || len(d.Feedback) != T {
		return &input.Error{Field: "trial, step, feedback",
			Found:   fmt.Sprintf("%d, %d and %d values", T, len(d.Step), len(d.Feedback)),
			Allowed: "one of each per RNN step"}
	}
	steps := s.Rule().MaxSteps
	for t := range T {
		trial, step := int64(0), int64(0)
		if t > 0 {
			trial, step = d.Trial[t-1], d.Step[t-1]+1
			if d.Trial[t] != trial {
				trial, step = trial+1, 0
			}
		}
		switch {
		case d.Trial[t] != trial || trial >= int64(s.Trials()):
			return bad("trial", t, d.Trial[t], fmt.Sprintf("each of the session's %d trials in turn, from 0", s.Trials()))
		case d.Step[t] != step || step >= int64(steps):
			return bad("step", t, d.Step[t], fmt.Sprintf("0 to %d, from 0 in every trial", steps-1))
		case math.IsNaN(d.Feedback[t]) || math.IsInf(d.Feedback[t], 0):
			return bad("feedback", t, d.Feedback[t], "a finite number")
		}
	}
	if T == 0 || d.Trial[T-1] != int64(s.Trials()-1) {
		return &input.Error{Field: "trial", Found: fmt.Sprintf("%d RNN steps that end before the session does", T),
			Allowed: fmt.Sprintf("all %d trials of the session", s.Trials())}
	}
	return nil
}

// Sigmoid is the logistic function.
func Sigmoid(d float64) float64 { return 1 / (1 + math.Exp(-d)) }

// Odds returns e^−|d|: the odds of the less likely action, from 0 to 1, when d
// is the logit difference. All of a step's loss and derivative follow from it
// without another exponential.
func Odds(d float64) float64 { return math.Exp(-math.Abs(d)) }

// sigmoid returns Sigmoid(d), given Odds(d). It chooses by d's sign with a mask,
// because a branch on who is right could not be foretold.
func sigmoid(d, odds float64) float64 {
	one, x := math.Float64bits(1), math.Float64bits(odds)
	negative := uint64(int64(math.Float64bits(d)) >> 63)
	return math.Float64frombits(one^(one^x)&negative) / (1 + odds)
}

// LogSigmoid is the logarithm of the logistic function, accurate and finite
// for every finite d: the log-softmax of one of two classes.
func LogSigmoid(d float64) float64 { return min(d, 0) - log1p(Odds(d)) }

// log1p returns log(1 + e) for e from 0 to 1, within 2 ulp. With s = e/(2 + e)
// it is 2 atanh(s) = 2s + s³·R(s²), R by Remez's algorithm to a relative error of
// 2⁻⁵⁴. It does without the branches of math.Log1p, which no processor can
// foretell: every observation step's loss takes one.
func log1p(e float64) float64 {
	const (
		r0 = 0.6666666666667497
		r1 = 0.39999999996672575
		r2 = 0.28571429005531246
		r3 = 0.22222195134851314
		r4 = 0.1818276017256916
		r5 = 0.15365069084468194
		r6 = 0.13579785700659874
		r7 = 0.09932750295744841
		r8 = 0.17682249396662425
	)
	s := e / (2 + e)
	z := s * s
	w := z * z
	even := r0 + w*(r2+w*(r4+w*(r6+w*r8)))
	odd := r1 + w*(r3+w*(r5+w*r7))
	return 2*s + s*z*(even+z*odd)
}

// Outcome returns what the record says came of step t: its feedback, and whether
// it ended the trial. The record does not say which action was taken, so action,
// the one that the network's own output stands for, is passed on: under forced
// decisions, Behaviour counts what the network itself would have done where the
// record ends a trial.
func (d *Decisions) Outcome(t int, action int8) task.Outcome {
	ended := t+1 == len(d.Trial) || d.Trial[t+1] != d.Trial[t]
	return task.Outcome{Feedback: d.Feedback[t], Ended: ended, Action: action}
}

// Count adds a trial's end: side is the stimulus side, action the one taken.
func (b *Behaviour) Count(side, action int8) {
	if action != 0 {
		b.Actions++
	}
	if action == side {
		b.Correct++
	}
}
