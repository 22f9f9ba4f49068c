package task

import "math"

// Rule is the closed loop: how a step ends a trial and what feedback it earns.
// Every kernel, on every device, is held to Rule.Step.
type Rule struct {
	BlankSteps      int     // RNN steps that begin a trial and on which no action can be taken
	MaxSteps        int     // RNN steps after which a trial times out
	LogitThreshold  float64 // ln(θ/(1−θ)) for the action threshold θ
	CorrectFeedback float64 // feedback of the correct action
	ErrorFeedback   float64 // feedback of the other action
	TimeoutFeedback float64 // feedback of a time-out
	WaitingFeedback float64 // feedback of an observation step without action
}

// Outcome is what one RNN step brings about.
type Outcome struct {
	Feedback float64 // an input of the next step
	Ended    bool    // the trial is over
	Action   int8    // −1 left, +1 right, 0 none
}

// Rule returns the closed loop's constants.
func (c *Config) Rule() Rule {
	return Rule{
		BlankSteps:      c.BlankSteps,
		MaxSteps:        c.MaxSteps(),
		LogitThreshold:  math.Log(c.ActionThreshold / (1 - c.ActionThreshold)),
		CorrectFeedback: c.CorrectFeedback,
		ErrorFeedback:   c.ErrorFeedback,
		TimeoutFeedback: c.TimeoutFeedback,
		WaitingFeedback: c.WaitingFeedback,
	}
}

// Counted reports whether the step is an observation step, on which an action
// can be taken and the loss counts.
func (r *Rule) Counted(step int) bool { return step >= r.BlankSteps }

// Step returns the outcome of one RNN step of a trial: step counts from 0
// within the trial, side is the stimulus side s_n, difference is the logit of
// the right action less that of the left.
//
// With a = softmax of two logits, max(a) > θ is |difference| > ln(θ/(1−θ)): the
// decision needs no exponential, and no two devices can round it differently.
// A difference that is not a number takes no action.
//
// Source: SI 7.2; the paper's released code for the constants.
func (r *Rule) Step(step int, side int8, difference float64) Outcome {
	switch {
	case step < r.BlankSteps:
		return Outcome{}
	case difference > r.LogitThreshold:
		return r.acted(side, +1)
	case difference < -r.LogitThreshold:
		return r.acted(side, -1)
	case step == r.MaxSteps-1:
		return Outcome{Feedback: r.TimeoutFeedback, Ended: true}
	default:
		return Outcome{Feedback: r.WaitingFeedback}
	}
}

func (r *Rule) acted(side, action int8) Outcome {
	feedback := r.ErrorFeedback
	if action == side {
		feedback = r.CorrectFeedback
	}
	return Outcome{Feedback: feedback, Ended: true, Action: action}
}
