package task

// Feedback returns the feedback that ended the trial under the rule.
func (r *Rule) Feedback(t Trial) float64 {
	switch {
	case t.Correct():
		return r.CorrectFeedback
	case t.Action == 0:
		return r.TimeoutFeedback
	}
	return r.ErrorFeedback
}
