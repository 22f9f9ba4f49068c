package claims

import (
	"context"
	"fmt"

	"radd/analysis"
	"radd/report"
)

var waiting = Study{
	Name:   "waiting-penalty",
	Title:  "The waiting penalty does not influence training",
	Claim:  "“It will be interesting in future work to explore whether changing the waiting penalty influences the training trajectory itself even if it has no influence after training.”",
	Source: "SI 7.2, asked and not answered there; the claim here is that it does not",
	Test: "Networks trained with a waiting feedback of 0, −0.2 and −1 differ from those of the same seed trained with −0.05 by no more than ±0.01 correct, ±0.25 RNN steps and ±0.05 block gap, on average over seeds, after 5,000 gradient steps, " +
		"at action thresholds of 0.8, 0.9 and 0.95, with either objective: 54 tests, 20 seeds each.",
	Sweeps: []string{"waiting"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		return networksTable(w.Networks("waiting"), []string{"objective", "task.waiting-feedback", "task.action-threshold", "seed"}), nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			for _, threshold := range []string{"0.8", "0.9", "0.95"} {
				some := t.Where("objective", objective, "action_threshold", threshold)
				for _, penalty := range []string{"0", "-0.2", "-1"} {
					for _, figure := range behaviour {
						d := differences(some.Where("waiting_feedback", penalty), some.Where("waiting_feedback", "-0.05"), figure, "seed")
						tests = append(tests, Mean(fmt.Sprintf("%s, %s, threshold %s, %s against −0.05", spoke[figure], objective, threshold, signed(penalty)), d, -margins[figure], margins[figure]))
					}
				}
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		return &report.Figure{Name: "waiting-penalty", Title: "Waiting feedback during training", Wide: true, Columns: 3, Aspect: .9,
			Panels: panels(report.Axis{Label: "waiting feedback", Name: "waiting_feedback"}, behaviour, func(figure string) (marks []report.Mark) {
				for i, threshold := range []string{"0.8", "0.9", "0.95"} {
					for k, objective := range objectives {
						key := objective + ", " + threshold
						m := curve(t.Where("objective", objective, "action_threshold", threshold), key, key, "waiting_feedback", figure, i, 3, k == 0)
						marks = append(marks, sorted(m))
					}
				}
				return marks
			})}
	},
}
