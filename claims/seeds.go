package claims

import (
	"context"
	"fmt"
	"math"
	"strings"

	"radd/analysis"
	"radd/report"
	"radd/train"
)

// spreads say which standard deviation over seeds counts as none: of each figure the
// margin of a mean.
var spreads = margins

var seeds = Study{
	Name:   "seeds",
	Title:  "Seeds make no difference",
	Claim:  "“PyTorch and NumPy random seeds were both set to 1 for reproducibility (this had no discernable effect).”",
	Source: "SI 7.2",
	Test: "The standard deviation over seeds is at most 0.01 correct, 0.25 RNN steps and 0.05 block gap: of 20 networks after 5,000 gradient steps with the cross entropy and after 5,000 and 20,000 with `probability`; and, " +
		"of networks of 20 initialisations × 10 streams of sessions after 5,000 gradient steps with either objective, over initialisations (means over streams) and over streams (means over initialisations): 21 tests.",
	Sweeps: []string{"lengths", "seeds"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		keys := []string{"objective", "gradient-steps", "init-seed", "seed"}
		t := newTable(append(append([]string{"design"}, columnNames(keys)...), played...)...)
		for _, n := range Which(w.Networks("lengths"), func(c *train.Config) bool { return w.trained(c, 5000) || w.trained(c, 20_000) }) {
			t.Add(append(append([]any{"one"}, keysOf(n, keys)...), behaved(&n.Result)...)...)
		}
		for _, n := range w.Networks("seeds") {
			t.Add(append(append([]any{"crossed"}, keysOf(n, keys)...), behaved(&n.Result)...)...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		one := t.Where("design", "one")
		lengths := one.Values("gradient_steps")
		for _, group := range [][2]string{{"cross-entropy", lengths[0]}, {"probability", lengths[0]}, {"probability", lengths[len(lengths)-1]}} {
			some := one.Where("objective", group[0], "gradient_steps", group[1])
			for _, figure := range behaviour {
				tests = append(tests, Spread(fmt.Sprintf("%s, %s, %s gradient steps", spoke[figure], group[0], thousands(group[1])), some.Numbers(figure), spreads[figure]))
			}
		}
		for _, objective := range objectives {
			some := t.Where("design", "crossed", "objective", objective)
			for _, by := range []struct{ column, words string }{{"init_seed", "over initialisations"}, {"seed", "over streams of sessions"}} {
				for _, figure := range behaviour {
					tests = append(tests, Spread(fmt.Sprintf("%s, %s, %s", spoke[figure], objective, by.words), meansBy(some, by.column, figure), spreads[figure]))
				}
			}
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		var parts []string
		for _, objective := range objectives {
			some := t.Where("design", "crossed", "objective", objective)
			for _, figure := range behaviour {
				init, data, rest := components(some, figure)
				all := init + data + rest
				parts = append(parts, fmt.Sprintf("%s, %s: %s initialisation, %s stream, %s both together", spoke[figure], objective, percent(init/all), percent(data/all), percent(rest/all)))
			}
		}
		return "Shares of the variance of the crossed networks: " + strings.Join(parts, "; ") + "."
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "seeds", Title: "Networks of all seeds", Wide: true, Columns: 3, Aspect: .9}
		var groups []string
		var tables []*analysis.Table
		for _, design := range []string{"one", "crossed"} {
			for _, objective := range objectives {
				some := t.Where("design", design, "objective", objective)
				for _, steps := range some.Values("gradient_steps") {
					name := fmt.Sprintf("%s, %s steps", objective, thousands(steps))
					if design == "crossed" {
						name = objective + ", crossed"
					}
					groups, tables = append(groups, name), append(tables, some.Where("gradient_steps", steps))
				}
			}
		}
		for _, figure := range behaviour {
			f.Panels = append(f.Panels, strip("", axes[figure], groups, func(i int) []float64 { return tables[i].Numbers(figure) }))
		}
		return f
	},
}

// meansBy returns the means of a figure by the values of a column.
func meansBy(t *analysis.Table, column, figure string) (list []float64) {
	for _, value := range t.Values(column) {
		list = append(list, mean(existing(t.Where(column, value).Numbers(figure))))
	}
	return list
}

// components returns the variance components of a figure of networks of every
// initialisation with every stream, one each: by expected mean squares, none
// below 0.
//
// Source: Searle, Casella and McCulloch, "Variance components", 1992, the two-way
// crossed classification.
func components(t *analysis.Table, figure string) (init, data, rest float64) {
	rows, columns := meansBy(t, "init_seed", figure), meansBy(t, "seed", figure)
	a, b := float64(len(rows)), float64(len(columns))
	total, grand := 0.0, mean(rows)
	for _, x := range t.Numbers(figure) {
		total += float64((x - grand) * (x - grand))
	}
	between := func(means []float64) float64 { d := deviation(means); return d * d }
	msRows, msColumns := b*between(rows), a*between(columns)
	msRest := (total - (a-1)*msRows - (b-1)*msColumns) / ((a - 1) * (b - 1))
	return math.Max(0, (msRows-msRest)/b), math.Max(0, (msColumns-msRest)/a), msRest
}
