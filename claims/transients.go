package claims

import (
	"context"
	"fmt"

	"radd/analysis"
	"radd/distill"
	"radd/report"
)

// Of the study of transients.
const (
	shortSessions = 1000
	shortTrials   = 30
)

// stretches are the trials of a session that are held against its middle, from and to
// (exclusive).
var stretches = []struct {
	name     string
	from, to int
}{{"1 to 10", 0, 10}, {"11 to 20", 10, 20}, {"21 to 30", 20, 30}}

var transients = Study{
	Name:   "transients",
	Title:  "There are no initial transients",
	Claim:  "“We generated the network behavior and activity from one long continuous session … as a precaution against possible initial transients, although we never saw anything to suggest such transients existed or could affect our results.”",
	Source: "SI 7.1",
	Test: "Trials 1 to 10, 11 to 20 and 21 to 30 of 1,000 short sessions, each from h = 0, against the middle half of the long session: the difference, less that of the Bayesian actor `difference`, who starts as ignorant of the block, lies within ±0.01 correct and ±0.25 RNN steps, on average over " +
		"seeds. Networks of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 12 tests, 20 seeds each.",
	Sweeps: []string{"lengths"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.teachers()
		tables := make([]*analysis.Table, len(list))
		err := w.Each(ctx, len(list), func(ctx context.Context, i int) error {
			n, sessions := list[i], shortSessions
			if w.Quick {
				sessions = quickBlocks
			}
			weights, err := n.Weights()
			if err != nil {
				return err
			}
			tables[i], err = distill.TransientsOf(ctx, weights, n.Config.Task, sessions, shortTrials, n.Blocks, n.Seed+n.Config.Seed)
			return err
		})
		if err != nil {
			return nil, err
		}
		t := newTable("objective", "seed", "player", "trials", "correct", "rnn_steps")
		for i, of := range tables {
			for _, player := range of.Values("player") {
				some := of.Where("player", player)
				row := func(name string, from, to int, rows *analysis.Table) {
					var trials, correct, steps float64
					count := rows.Numbers("trials")
					right, mean := rows.Numbers("correct"), rows.Numbers("rnn_steps_per_trial")
					for k := from; k < min(to, len(count)); k++ {
						trials += count[k]
						correct += right[k]
						steps += float64(mean[k] * count[k])
					}
					t.Add(list[i].Config.Objective, list[i].Config.Seed, player, name, correct/trials, steps/trials)
				}
				for _, s := range stretches {
					row(s.name, s.from, s.to, some.Where("set", "session"))
				}
				row("middle", 0, 1, some.Where("set", "middle"))
			}
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			for _, s := range stretches {
				for _, figure := range []string{"correct", "rnn_steps"} {
					off := func(player string) []float64 {
						of := some.Where("player", player)
						return differences(of.Where("trials", s.name), of.Where("trials", "middle"), figure, "seed")
					}
					d := off("network")
					for i, x := range off("bayes-difference") {
						d[i] -= x
					}
					tests = append(tests, Mean(fmt.Sprintf("%s, %s, trials %s less the middle, less the same of the Bayesian actor", spoke[figure], objective, s.name), d, -margins[figure], margins[figure]))
				}
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "transients", Title: "Beginnings of sessions", Wide: true, Columns: 2, Aspect: .7}
		for _, figure := range []string{"correct", "rnn_steps"} {
			p := &report.Panel{X: report.Axis{Label: "trials of a session", Name: "trials", Names: t.Values("trials")}, Y: axes[figure]}
			for i, objective := range objectives {
				some := t.Where("objective", objective)
				p.Marks = append(p.Marks, curve(some.Where("player", "network"), objective, objective, "trials", figure, 2*i, 4, false))
			}
			p.Marks = append(p.Marks, curve(t.Where("player", "bayes-difference"), "bayes", "Bayesian actor", "trials", figure, 3, 4, true))
			f.Panels = append(f.Panels, p)
		}
		return f
	},
}
