package claims

import (
	"context"
	"fmt"
	"math"
	"strings"

	"radd/analysis"
	"radd/report"
)

// settings are the keys that make a setting of hyperparameters.
var settings = []string{"lr", "momentum", "sessions", "blocks"}

// papers are the paper's.
var papers = []any{"lr", .001, "momentum", .1, "sessions", 1, "blocks", 4}

var hyperparameters = Study{
	Name:   "hyperparameters",
	Title:  "Hyperparameters need no tuning",
	Claim:  "“The batch size, number of blocks, and trials per block were chosen once and worked well enough”; “initial learning rate 0.001, initial momentum = 0.1 … These hyperparameters were not tuned.”",
	Source: "SI 7.2",
	Test: "No other setting is better than the paper’s by more than 0.01 correct after 5,000 gradient steps, on average over seeds (pairs of one seed): learning rate 0.0003, 0.001, 0.003 × momentum 0.1, 0.9 × " +
		"1, 2 sessions of a gradient step × 1, 4 blocks of a session with `probability`, learning rate × momentum with the cross entropy, both with 25 and 50 units: 56 tests, 20 seeds each. " +
		"A network whose training fails answers nothing correctly.",
	Sweeps: []string{"hyperparameters"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		return networksTable(w.Networks("hyperparameters"), []string{"objective", "hidden", "lr", "momentum", "sessions", "task.blocks", "seed"}), nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			for _, hidden := range t.Values("hidden") {
				some := t.Where("objective", objective, "hidden", hidden)
				paper := some.Where(papers...)
				for _, s := range settingsOf(some) {
					if other := some.Where(s.where...); s.name != nameOf(paper) {
						tests = append(tests, Mean(fmt.Sprintf("correct, %s, %s units, %s", objective, hidden, s.name), differences(other, paper, "correct", "seed"), below, margins["correct"]))
					}
				}
			}
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		var parts []string
		for _, objective := range objectives {
			for _, hidden := range t.Values("hidden") {
				some := t.Where("objective", objective, "hidden", hidden)
				best, worst := "", ""
				high, low := math.Inf(-1), math.Inf(1)
				for _, s := range settingsOf(some) {
					m := mean(some.Where(s.where...).Numbers("correct"))
					if m > high {
						best, high = s.name, m
					}
					if m < low {
						worst, low = s.name, m
					}
				}
				parts = append(parts, fmt.Sprintf("%s, %s units: the paper’s setting has %s correct, the best (%s) %s, the worst (%s) %s",
					objective, hidden, spoken(some.Where(papers...).Numbers("correct")), best, short(high), worst, short(low)))
			}
		}
		return strings.Join(parts, "; ") + "."
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "hyperparameters", Title: "Correct by setting", Wide: true, Columns: 2, Aspect: .7}
		for _, objective := range objectives {
			for _, hidden := range t.Values("hidden") {
				some := t.Where("objective", objective, "hidden", hidden)
				p := &report.Panel{Title: objective + ", " + hidden + " units", X: report.Axis{Label: "learning rate", Name: "lr", Log: true}, Y: axes["correct"]}
				i := 0
				for _, sessions := range []string{"1", "2"} {
					for _, blocks := range []string{"4", "1"} {
						for _, momentum := range []string{"0.1", "0.9"} {
							key := fmt.Sprintf("%s × %s blocks, momentum %s", sessions, blocks, momentum)
							m := curve(some.Where("sessions", sessions, "blocks", blocks, "momentum", momentum), key, key, "lr", "correct", i/2, 4, momentum == "0.9")
							if i++; len(m.X) > 0 {
								p.Marks = append(p.Marks, m)
							}
						}
					}
				}
				f.Panels = append(f.Panels, p)
			}
		}
		return f
	},
}

// setting is a choice of hyperparameters.
type setting struct {
	name  string
	where []any
}

// settingsOf returns the settings of a table's networks.
func settingsOf(t *analysis.Table) (list []setting) {
	var columns [][]string
	for _, key := range settings {
		columns = append(columns, t.Texts(key))
	}
	seen := map[string]bool{}
	for i := range t.Rows() {
		var s setting
		var parts []string
		for k, key := range settings {
			s.where = append(s.where, key, columns[k][i])
			parts = append(parts, strings.ReplaceAll(key, "lr", "learning rate")+" "+columns[k][i])
		}
		if s.name = strings.Join(parts, ", "); !seen[s.name] {
			seen[s.name] = true
			list = append(list, s)
		}
	}
	return list
}

// nameOf returns the name of the one setting of a table.
func nameOf(t *analysis.Table) string { return settingsOf(t)[0].name }
