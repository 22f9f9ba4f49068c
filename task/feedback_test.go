package task

import "testing"

// The feedback that ended a trial is that of the step that ended it.
func TestTrialFeedback(t *testing.T) {
	c := DefaultConfig()
	c.CorrectFeedback, c.ErrorFeedback, c.TimeoutFeedback = .5, -.25, -2
	rule := c.Rule()
	last := rule.MaxSteps - 1
	for _, side := range []int8{-1, +1} {
		for _, difference := range []float64{-5, 0, 5} {
			outcome := rule.Step(last, side, difference)
			if got := rule.Feedback(Trial{Side: side, Action: outcome.Action}); got != outcome.Feedback {
				t.Errorf("side %d, difference %v: %v, want %v", side, difference, got, outcome.Feedback)
			}
		}
	}
}
