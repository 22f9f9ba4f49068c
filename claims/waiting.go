package claims

import (
	"context"
	"fmt"

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
	Measure: func(_ context.Context, w *Work) (*Table, error) {
		return networksTable(w.Networks("waiting"), []string{"objective", "task.waiting-feedback", "task.action-threshold", "seed"}), nil
	},
	Judge: func(t *Table) (tests []Test) {
		for _, objective := range objectives {
			for _, threshold := range []string{"0.8", "0.9", "0.95"} {
				some := t.Where("objective", objective, "action_threshold", threshold)
				for _, penalty := range []string{"0", "-0.2", "-1"} {
					for _, figure := range behaviour {
						d := Less(some.Where("waiting_feedback", penalty), some.Where("waiting_feedback", "-0.05"), figure, "seed")
						tests = append(tests, Mean(fmt.Sprintf("%s, %s, threshold %s, %s against −0.05", spoke[figure], objective, threshold, signed(penalty)), d, -margins[figure], margins[figure]))
					}
				}
			}
		}
		return tests
	},
	Draw: func(t *Table) *report.Figure {
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

var twoUnits = Study{
	Name:   "two-units",
	Title:  "Two units trained on the task itself do not get there",
	Claim:  "Two hidden units trained on the task directly fail where two units made by RADD succeed.",
	Source: "the paper’s case for distillation; SI 7.4",
	Test: "The block gap of networks of two units lies below 0.2, less than half of the 0.43 that a RADD student of two units shows ([distillation.md](distillation.md#what-came-out)), on average over seeds, after 5,000, 10,000, 20,000, 50,000, 100,000 and " +
		"200,000 gradient steps, with either objective: 12 tests, 20 seeds each. A network that never acts has a block gap of 0.",
	Sweeps: []string{"two-units"},
	Measure: func(_ context.Context, w *Work) (*Table, error) {
		return networksTable(w.Networks("two-units"), []string{"objective", "gradient-steps", "seed"}), nil
	},
	Judge: func(t *Table) (tests []Test) {
		for _, objective := range objectives {
			for _, steps := range t.Values("gradient_steps") {
				tests = append(tests, Mean(fmt.Sprintf("block gap, %s, %s gradient steps", objective, thousands(steps)),
					t.Where("objective", objective, "gradient_steps", steps).Numbers("block_gap"), below, .2))
			}
		}
		return tests
	},
	Remark: func(t *Table) string {
		steps := t.Values("gradient_steps")
		last := t.Where("gradient_steps", steps[len(steps)-1])
		text := fmt.Sprintf("After %s gradient steps", thousands(steps[len(steps)-1]))
		for i, objective := range objectives {
			some := last.Where("objective", objective)
			if i > 0 {
				text += ";"
			}
			text += fmt.Sprintf(" with %s: action rate %s, correct %s, block gap %s", objective, spoken(some.Numbers("action_rate")), spoken(some.Numbers("correct")), spoken(some.Numbers("block_gap")))
		}
		return text + "."
	},
	Draw: func(t *Table) *report.Figure {
		return &report.Figure{Name: "two-units", Title: "Two units on the task itself", Wide: true, Columns: 3, Aspect: .9,
			Panels: panels(report.Axis{Label: "gradient steps", Name: "gradient_steps", Log: true}, []string{"action_rate", "correct", "block_gap"}, func(figure string) (marks []report.Mark) {
				for i, objective := range objectives {
					marks = append(marks, curve(t.Where("objective", objective), objective, objective, "gradient_steps", figure, i, 3, i == 0))
				}
				return marks
			})}
	},
}
