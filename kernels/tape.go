package kernels

import (
	"fmt"
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

	Work []F // scratch of the backend, of a layout of its own

	first F // feedback input of the passage's first step
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

// StepLoss returns what step t of the passage adds to the loss before the
// objective's Scale.
func (t *Tape[F]) StepLoss(o Objective, step int) float64 {
	d := float64(t.Difference[step])
	switch {
	case o == SoftCrossEntropyMean:
		return SoftLoss(float64(t.Teacher.Difference[step]), d)
	case t.Counted[step]:
		return o.Loss(2*t.Target[step]-1, d)
	}
	return 0
}

// StepDerivative returns the derivative of StepLoss by the step's logit
// difference.
func (t *Tape[F]) StepDerivative(o Objective, step int) float64 {
	d := float64(t.Difference[step])
	switch {
	case o == SoftCrossEntropyMean:
		return SoftDerivative(float64(t.Teacher.Difference[step]), d)
	case t.Counted[step]:
		return o.Derivative(2*t.Target[step]-1, d)
	}
	return 0
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

// LogSigmoid is the logarithm of the logistic function, accurate and finite
// for every finite d: the log-softmax of one of two classes.
func LogSigmoid(d float64) float64 {
	return math.Min(d, 0) - math.Log1p(math.Exp(-math.Abs(d)))
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
