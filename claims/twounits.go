package claims

import (
	"context"
	"fmt"

	"radd/analysis"
	"radd/report"
)

var twoUnits = Study{
	Name:   "two-units",
	Title:  "Two units trained on the task itself do not get there",
	Claim:  "Two hidden units trained on the task directly fail where two units made by RADD succeed.",
	Source: "the paper’s case for distillation; SI 7.4",
	Test: "The block gap of networks of two units lies below 0.2, less than half of the 0.43 that a RADD student of two units shows ([distillation.md](distillation.md#what-came-out)), on average over seeds, after 5,000, 10,000, 20,000, 50,000, 100,000 and " +
		"200,000 gradient steps, with either objective: 12 tests, 20 seeds each. A network that never acts has a block gap of 0.",
	Sweeps: []string{"two-units"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		return networksTable(w.Networks("two-units"), []string{"objective", "gradient-steps", "seed"}), nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			for _, steps := range t.Values("gradient_steps") {
				tests = append(tests, Mean(fmt.Sprintf("block gap, %s, %s gradient steps", objective, thousands(steps)),
					t.Where("objective", objective, "gradient_steps", steps).Numbers("block_gap"), below, .2))
			}
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
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
	Draw: func(t *analysis.Table) *report.Figure {
		return &report.Figure{Name: "two-units", Title: "Two units on the task itself", Wide: true, Columns: 3, Aspect: .9,
			Panels: panels(training, []string{"action_rate", "correct", "block_gap"}, func(figure string) (marks []report.Mark) {
				for i, objective := range objectives {
					marks = append(marks, curve(t.Where("objective", objective), objective, objective, "gradient_steps", figure, i, 3, i == 0))
				}
				return marks
			})}
	},
}
