package claims

import (
	"context"
	"fmt"

	"radd/analysis"
	"radd/distill"
	"radd/report"
)

var feedback = Study{
	Name:   "feedback",
	Title:  "Feedback has no influence after training",
	Claim:  "“We found that the feedback signal has no influence on network dynamics after training (Figure 7c).”",
	Source: "SI 7.2",
	Test: "In closed loop with its feedback input zeroed, inverted, or shuffled over trials, a network differs from itself by no more than ±0.01 correct, ±0.25 RNN steps and ±0.05 block gap, on average over seeds; and so do networks that were trained without any feedback from those of the same seed " +
		"that were trained with it. Networks of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 24 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "no-feedback"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.teachers()
		plays := make([][]distill.Intervened, len(list))
		err := w.Each(ctx, len(list), func(ctx context.Context, i int) error {
			weights, err := list[i].Weights()
			if err != nil {
				return err
			}
			plays[i], err = distill.InterventionsOf(ctx, weights, list[i].Config.Task, list[i].Blocks, list[i].Seed)
			return err
		})
		if err != nil {
			return nil, err
		}
		t := newTable(append([]string{"objective", "seed", "feedback"}, played...)...)
		for i, n := range list {
			for k := range plays[i] {
				t.Add(append([]any{n.Config.Objective, n.Config.Seed, plays[i][k].Feedback}, figures(&plays[i][k].Figures)...)...)
			}
		}
		for _, n := range w.Networks("no-feedback") {
			t.Add(append([]any{n.Config.Objective, n.Config.Seed, untold}, behaved(&n.Result)...)...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			for _, kind := range t.Values("feedback") {
				if kind == "own" {
					continue
				}
				for _, figure := range behaviour {
					tests = append(tests, Mean(fmt.Sprintf("%s, %s, %s less own", spoke[figure], objective, kind),
						differences(some.Where("feedback", kind), some.Where("feedback", "own"), figure, "seed"), -margins[figure], margins[figure]))
				}
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "feedback", Title: "Networks and their feedback", Wide: true, Columns: 3, Aspect: .8}
		for _, objective := range objectives {
			for _, figure := range behaviour {
				kinds := t.Values("feedback")
				f.Panels = append(f.Panels, strip(objective, axes[figure], kinds, func(i int) []float64 {
					return t.Where("objective", objective, "feedback", kinds[i]).Numbers(figure)
				}))
			}
		}
		return f
	},
}

// untold are networks that were trained without feedback.
const untold = "trained without"
