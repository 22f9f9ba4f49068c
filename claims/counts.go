package claims

import (
	"context"
	"fmt"

	"radd/analysis"
	"radd/report"
	"radd/train"
)

// objectives are those that the paper's text and its released code minimise.
var objectives = []string{"cross-entropy", "probability"}

var counts = Study{
	Name:   "counts",
	Title:  "1,000 blocks are about 50,000 trials and 175,000 RNN steps",
	Claim:  "“1000 blocks ≈ 50,000 trials ≈ 175,000 RNN steps”; “4 blocks per gradient step \\* ~ 50 trials per block \\* ~ 3.5 RNN steps per trial = ~ 700 RNN steps per gradient step”",
	Source: "SI 7.1, 7.2",
	Test: "RNN steps per trial over 1,000 blocks lie within 3.5 ± 0.25, and the RNN steps of a training session at the end of training within 700 ± 70, after 5,000, " +
		"20,000 and 100,000 gradient steps, with either objective: 12 tests, 20 seeds each. 175,000 RNN steps are 50,000 times 3.5. The trials of the session are the same for all networks: a count, no test.",
	Sweeps: []string{"lengths"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		t := newTable("objective", "gradient_steps", "seed", "trials", "total_rnn_steps", "rnn_steps", "session_rnn_steps")
		for _, n := range w.Networks("lengths") {
			r := &n.Result
			session := float64(r.Training.Trials) / float64(r.Training.GradientSteps) * float64(r.Training.RNNStepsPerTrial)
			t.Add(n.Config.Objective, n.Config.GradientSteps, n.Config.Seed, r.Rollout.Trials, r.Rollout.RNNSteps, r.Rollout.RNNStepsPerTrial, session)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			for _, steps := range chosen(t, "gradient_steps", 3, "5000", "20000", "100000") {
				some := t.Where("objective", objective, "gradient_steps", steps)
				tests = append(tests,
					Mean(fmt.Sprintf("RNN steps per trial, %s, %s gradient steps", objective, thousands(steps)), some.Numbers("rnn_steps"), 3.25, 3.75),
					Mean(fmt.Sprintf("RNN steps of a session, %s, %s gradient steps", objective, thousands(steps)), some.Numbers("session_rnn_steps"), 630, 770))
			}
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		return fmt.Sprintf("The session has %s trials.", t.Values("trials")[0])
	},
	Draw: func(t *analysis.Table) *report.Figure {
		x := training
		panel := func(label, figure string, at float64) *report.Panel {
			p := &report.Panel{X: x, Y: report.Axis{Label: label, Name: figure}, Guides: []report.Guide{{At: at}}}
			for i, objective := range objectives {
				p.Marks = append(p.Marks, curve(t.Where("objective", objective), objective, objective, "gradient_steps", figure, i, 3, i == 0))
			}
			return p
		}
		return &report.Figure{Name: "counts", Title: "RNN steps", Wide: true, Columns: 2, Aspect: .62,
			Panels: []*report.Panel{panel("RNN steps per trial", "rnn_steps", 3.5), panel("RNN steps per training session", "session_rnn_steps", 700)}}
	},
}

// chosen returns the wanted values of a column, as far as it has them; where it has
// none, as at small scale, so many of those that it has.
func chosen(t *analysis.Table, column string, n int, wanted ...string) []string {
	has := t.Values(column)
	var list []string
	for _, value := range wanted {
		for _, v := range has {
			if v == value {
				list = append(list, v)
			}
		}
	}
	if len(list) == 0 {
		list = has[:min(n, len(has))]
	}
	return list
}

// pairs returns the wanted pairs of values of a column, as far as it has them; where
// it has none, as at small scale, the first and the last.
func chosenPairs(t *analysis.Table, column string, wanted [][2]string) [][2]string {
	has := map[string]bool{}
	values := t.Values(column)
	for _, v := range values {
		has[v] = true
	}
	var list [][2]string
	for _, p := range wanted {
		if has[p[0]] && has[p[1]] {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		list = [][2]string{{values[0], values[len(values)-1]}}
	}
	return list
}

var convergence = Study{
	Name:   "convergence",
	Title:  "Networks have converged by 5,000 gradient steps",
	Claim:  "“All models we trained converged in approximately 5000 gradient steps and their behavior did not change significantly when trained for longer (up to 100,000 gradient steps).”",
	Source: "SI 7.2",
	Test: "From 5,000 to 10,000, 10,000 to 20,000 and 50,000 to 100,000 gradient steps, and from 5,000 to 100,000, the change of a network lies within ±0.01 correct, ±0.25 RNN steps and ±0.05 block gap, " +
		"on average over seeds (pairs of one seed), with either objective: 24 tests, 20 seeds each.",
	Sweeps: []string{"lengths"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		return networksTable(w.Networks("lengths"), []string{"objective", "gradient-steps", "seed"}), nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			for _, p := range chosenPairs(t, "gradient_steps", [][2]string{{"5000", "10000"}, {"10000", "20000"}, {"50000", "100000"}, {"5000", "100000"}}) {
				for _, figure := range behaviour {
					d := differences(some.Where("gradient_steps", p[1]), some.Where("gradient_steps", p[0]), figure, "seed")
					tests = append(tests, Mean(fmt.Sprintf("%s, %s, %s to %s", spoke[figure], objective, thousands(p[0]), thousands(p[1])), d, -margins[figure], margins[figure]))
				}
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		return &report.Figure{Name: "convergence", Title: "Training goes on", Wide: true, Columns: 3, Aspect: .9,
			Panels: panels(training, behaviour, func(figure string) (marks []report.Mark) {
				for i, objective := range objectives {
					marks = append(marks, curve(t.Where("objective", objective), objective, objective, "gradient_steps", figure, i, 3, i == 0))
				}
				return marks
			})}
	},
}

// trained reports whether the configuration is of those gradient steps, or, at small
// scale, of a thousandth of them.
func (w *Work) trained(c *train.Config, gradientSteps int) bool {
	if w.Quick {
		gradientSteps = max(1, gradientSteps/fewer)
	}
	return c.GradientSteps == gradientSteps
}
