package claims

import (
	"context"
	"fmt"
	"math"

	"radd/analysis"
	"radd/distill"
	"radd/report"
	"radd/train"
)

// Of the study of gradients.
const (
	followedBlocks = 100 // along which gradients and exponents are followed
	nearLag        = 20  // RNN steps: two trials, of a trained network five and more
	farLag         = 200
)

var gradients = Study{
	Name:   "gradients",
	Title:  "Gradients neither explode nor vanish, and need no truncation",
	Claim:  "“We did not use truncated backpropagation through time; given the performance of the trained network, it appears that exploding and vanishing gradients were not a problem.”",
	Source: "SI 7.2",
	Test: "Of networks after 1,000, 5,000, 20,000 and 100,000 gradient steps with either objective, on average over seeds: the largest Lyapunov exponent is below 0 and what is left of a step’s gradient 200 RNN steps back is, at the 95th percentile over steps, below 1 (no explosion); " +
		"20 RNN steps back, two trials and more, it is at the median above 0.01 (no vanishing). And training that is cut after 1, 2, 5, 10 or 50 trials is not better than training that is never cut, by more than 0.01 correct after 5,000 gradient steps (pairs of one seed), with either objective. 34 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "truncation"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := Which(w.Networks("lengths"), func(c *train.Config) bool {
			return w.trained(c, 1000) || w.trained(c, 5000) || w.trained(c, 20_000) || w.trained(c, 100_000)
		})
		dynamics := make([]*analysis.Dynamics, len(list))
		err := w.Each(ctx, len(list), func(ctx context.Context, i int) error {
			weights, err := list[i].Weights()
			if err != nil {
				return err
			}
			dynamics[i], _, err = distill.DynamicsOf(ctx, weights, list[i].Config.Task, min(list[i].Blocks, followedBlocks), list[i].Seed)
			return err
		})
		if err != nil {
			return nil, err
		}
		keys := []string{"objective", "gradient-steps", "truncate", "seed"}
		t := newTable(append(append([]string{"of"}, columnNames(keys)...), append([]string{"spectral_radius", "jacobian_radius", "lyapunov", "near", "far"}, played...)...)...)
		for i, n := range list {
			d := dynamics[i]
			near, far := math.NaN(), math.NaN()
			for _, lag := range d.Gradient {
				switch lag.Lag {
				case nearLag:
					near = lag.Median
				case farLag:
					far = lag.High
				}
			}
			row := append([]any{"dynamics"}, keysOf(n, keys)...)
			t.Add(append(append(row, d.SpectralRadius, d.JacobianRadius, d.Lyapunov[0], near, far), behaved(&n.Result)...)...)
		}
		none := math.NaN()
		for _, n := range w.Networks("truncation") {
			row := append([]any{"truncation"}, keysOf(n, keys)...)
			t.Add(append(append(row, none, none, none, none, none), behaved(&n.Result)...)...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective, "of", "dynamics")
			for _, steps := range some.Values("gradient_steps") {
				of := some.Where("gradient_steps", steps)
				where := fmt.Sprintf("%s, %s gradient steps", objective, thousands(steps))
				tests = append(tests,
					Mean("largest Lyapunov exponent, "+where, of.Numbers("lyapunov"), below, 0),
					Mean(fmt.Sprintf("gradient %d RNN steps back, 95th percentile, %s", farLag, where), of.Numbers("far"), below, 1),
					Mean(fmt.Sprintf("gradient %d RNN steps back, median, %s", nearLag, where), of.Numbers("near"), .01, above))
			}
		}
		for _, objective := range objectives {
			some := t.Where("objective", objective, "of", "truncation")
			for _, trials := range some.Values("truncate") {
				if trials != "0" {
					tests = append(tests, Mean(fmt.Sprintf("correct, %s, cut after %s trials less never", objective, trials),
						differences(some.Where("truncate", trials), some.Where("truncate", "0"), "correct", "seed"), below, margins["correct"]))
				}
			}
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		text := "What longer gradients are worth"
		for i, objective := range objectives {
			some := t.Where("objective", objective, "of", "truncation")
			if i > 0 {
				text += ";"
			}
			text += fmt.Sprintf(" with %s: cut after 1 trial networks lose %s correct and %s block gap", objective,
				spoken(differences(some.Where("truncate", 0), some.Where("truncate", 1), "correct", "seed")), spoken(differences(some.Where("truncate", 0), some.Where("truncate", 1), "block_gap", "seed")))
		}
		return text + "."
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "gradients", Title: "Gradients over training, and training that is cut", Wide: true, Columns: 3, Aspect: .9}
		for _, of := range []struct {
			figure, label string
			log           bool
			guides        []report.Guide
		}{
			{"lyapunov", "largest Lyapunov exponent", false, []report.Guide{{At: 0}}},
			{"spectral_radius", "spectral radius of W_hh", false, []report.Guide{{At: 1}}},
			{"near", fmt.Sprintf("gradient %d steps back", nearLag), true, []report.Guide{{At: .01}}},
		} {
			p := &report.Panel{X: training, Y: report.Axis{Label: of.label, Name: of.figure, Log: of.log}, Guides: of.guides}
			for i, objective := range objectives {
				p.Marks = append(p.Marks, curve(t.Where("objective", objective, "of", "dynamics"), objective, objective, "gradient_steps", of.figure, i, 3, i == 0))
			}
			f.Panels = append(f.Panels, p)
		}
		some := t.Where("of", "truncation")
		names := some.Values("truncate")
		cut := report.Axis{Label: "trials after which it is cut", Name: "truncate"}
		for _, name := range names {
			if name == "0" {
				name = "never"
			}
			cut.Names = append(cut.Names, name)
		}
		f.Panels = append(f.Panels, panels(cut, behaviour, func(figure string) (marks []report.Mark) {
			for i, objective := range objectives {
				m := curve(some.Where("objective", objective), objective, objective, "truncate", figure, i, 3, i == 0)
				for k := range m.X {
					m.X[k] = float64(k)
				}
				marks = append(marks, m)
			}
			return marks
		})...)
		return f
	},
}
