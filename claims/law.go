package claims

import (
	"context"
	"fmt"
	"math"
	"strings"

	"radd/analysis"
	"radd/distill"
	"radd/internal/input"
	"radd/report"
)

// lawTrials is about how many trials students are distilled from and followed in.
const lawTrials = 20_000

var inferenceLaw = Study{
	Name:   "inference-law",
	Title:  "Students follow the Bayes filter",
	Claim:  "Question: is there a law of learned inference? The claim to be tested: the block coordinate of RADD’s two-dimensional student is the log odds of the exact filter, over hazards, biases, noise and sizes.",
	Source: "a question that the paper leaves open",
	Test: "R² of the student’s (`pca`) block coordinate at trials’ starts on the log odds of the exact filter that takes in the trials’ sides is at least 0.8, on average over seeds: for hazards of 0.01, 0.03 and 0.1 × bias 0.7 and 0.9 × noise SD 1 and 2 × 25 and 50 units, `probability`, 10,000 gradient steps. 24 tests, 20 seeds each. " +
		"Students are fitted to about 20,000 trials and followed in as many others, in closed loop. Hazard and gain of the fitted recursion ([analysis.md](analysis.md)) are told beside it: where it breaks is where they leave the task’s hazard and 1.",
	Sweeps: []string{"inference-law"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.Networks("inference-law")
		laws := make([]*analysis.Table, len(list))
		err := w.Each(ctx, len(list), func(ctx context.Context, i int) (err error) {
			laws[i], err = w.law(ctx, list[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		keys := []string{"task.hazard", "task.bias", "task.noise-sd", "hidden", "seed"}
		told := []string{"hazard", "gain", "scale", "r2", "change_r2", "linear_r2", "filter_r2"}
		columns := append(columnNames(keys), "evidence")
		for _, name := range told {
			columns = append(columns, "law_"+name)
		}
		t := newTable(append(columns, played...)...)
		for i, n := range list {
			for _, evidence := range []string{"side", "observations"} {
				row := append(keysOf(n, keys), evidence)
				for _, name := range told {
					x := math.NaN()
					if laws[i] != nil {
						if some := laws[i].Where("system", "student", "evidence", evidence); some.Rows() > 0 {
							x = some.Numbers(name)[0]
						}
					}
					row = append(row, x)
				}
				t.Add(append(row, behaved(&n.Result)...)...)
			}
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, c := range worlds(t.Where("evidence", "side")) {
			tests = append(tests, Mean("R² on the filter’s log odds, "+c.name, c.table.Numbers("law_filter_r2"), .8, above))
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		var parts []string
		for _, evidence := range t.Values("evidence") {
			some := t.Where("evidence", evidence)
			for _, hazard := range some.Values("hazard") {
				of := some.Where("hazard", hazard)
				parts = append(parts, fmt.Sprintf("taking in %s, at hazard %s: fitted hazard %s, gain %s, R² on the filter %s", map[string]string{"side": "sides", "observations": "observations alone"}[evidence],
					hazard, spoken(of.Numbers("law_hazard")), spoken(of.Numbers("law_gain")), spoken(of.Numbers("law_filter_r2"))))
			}
		}
		return "Over all networks, " + strings.Join(parts, "; ") + "."
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "inference-law", Title: "Students and the Bayes filter", Wide: true, Columns: 3, Aspect: .9}
		for _, of := range []struct{ figure, label string }{{"law_filter_r2", "R² on the filter’s log odds"}, {"law_hazard", "fitted hazard"}, {"law_gain", "fitted gain"}} {
			p := &report.Panel{X: report.Axis{Label: "hazard", Name: "hazard", Log: true}, Y: report.Axis{Label: of.label, Name: of.figure}}
			i := 0
			for _, bias := range t.Values("bias") {
				for _, noise := range t.Values("noise_sd") {
					for _, hidden := range t.Values("hidden") {
						key := fmt.Sprintf("bias %s, noise %s, %s units", bias, noise, hidden)
						p.Marks = append(p.Marks, curve(t.Where("evidence", "side", "bias", bias, "noise_sd", noise, "hidden", hidden), key, key, "hazard", of.figure, i/2, 4, i%2 == 1))
						i++
					}
				}
			}
			f.Panels = append(f.Panels, p)
		}
		return f
	},
}

// law returns the law that the network's student follows; nil where there is no
// student.
func (w *Work) law(ctx context.Context, n *Network) (*analysis.Table, error) {
	weights, err := n.Weights()
	if err != nil {
		return nil, err
	}
	trials := lawTrials
	if w.Quick {
		trials /= 20
	}
	blocks := max(2, int(float64(trials)*n.Config.Task.Hazard))
	student, err := distill.StudentOf(ctx, weights, n.Config.Task, blocks, n.Seed, analysis.PCA)
	if input.Is(err) {
		w.Log.Warn("there is no RADD student", "network", n.Name, "because", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tables, err := distill.LawOf(ctx, student, n.Config.Task, blocks, n.Seed+1)
	if err != nil {
		return nil, err
	}
	return tables[0], nil
}

// worlds returns the conditions of the study of the law.
func worlds(t *analysis.Table) (list []condition) {
	for _, hazard := range t.Values("hazard") {
		for _, bias := range t.Values("bias") {
			for _, noise := range t.Values("noise_sd") {
				for _, hidden := range t.Values("hidden") {
					list = append(list, condition{fmt.Sprintf("hazard %s, bias %s, noise %s, %s units", hazard, bias, noise, hidden),
						t.Where("hazard", hazard, "bias", bias, "noise_sd", noise, "hidden", hidden)})
				}
			}
		}
	}
	return list
}
