package claims

import (
	"context"
	"fmt"
	"math"
	"strings"

	"radd/analysis"
	"radd/distill"
	"radd/report"
	"radd/task"
)

var loss = Study{
	Name:   "loss",
	Title:  "The loss of the text leads to the paper’s figures",
	Claim:  "“The cross entropy loss was computed at each RNN step, where the target is the current trial’s stimulus side”; “~ 3.5 RNN steps per trial”. The released code minimises −Σ a instead of −Σ log a.",
	Source: "SI 7.2, against the released code",
	Test: "Objectives −(a^q − 1)/q, from the text’s (q = 0, −log a) to the code’s (q = 1, 1 − a), 20 values of q: after 20,000 gradient steps RNN steps per trial lie within 3.5 ± 0.25. Where that holds for q = 0 the text’s loss leads to the paper’s figure; where it does for other q alone, those are the condition. " +
		"20 tests, 20 seeds each.",
	Sweeps: []string{"losses"},
	Measure: func(_ context.Context, w *Work) (*analysis.Table, error) {
		return networksTable(w.Networks("losses"), []string{"q", "seed"}), nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, q := range t.Values("q") {
			tests = append(tests, Mean("RNN steps, q = "+q, t.Where("q", q).Numbers("rnn_steps"), 3.25, 3.75))
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		return alongLosses(t, "with q = %s networks take %s RNN steps and answer %s correctly", "rnn_steps", "correct")
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "loss", Title: "From the cross entropy to the probability", Wide: true, Columns: 3, Aspect: .9}
		f.Panels = panels(report.Axis{Label: "q", Name: "q"}, []string{"rnn_steps", "correct", "block_gap"}, func(figure string) []report.Mark {
			return []report.Mark{curve(t, "q", "", "q", figure, 1, 4, false)}
		})
		f.Panels[0].Guides = []report.Guide{{At: 3.5}}
		return f
	},
}

var frontier = Study{
	Name:   "frontier",
	Title:  "Every loss chooses a policy near the frontier",
	Claim:  "Question: which policy does a loss choose? The claim to be tested: a point of the frontier of RNN steps against correct answers that Bayesian actors (`difference`) reach as their threshold moves, whatever the loss.",
	Source: "a question that the paper leaves open",
	Test:   "The distance from that frontier (correct per trial less the actor’s who takes as many RNN steps) is at least −0.02 for each of the 20 values of q of the study of the loss, after 20,000 gradient steps: 20 tests, 20 seeds each. The place along the frontier, as the actor’s threshold, is told beside it.",
	Sweeps: []string{"losses"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.Networks("losses")
		curve, err := distill.FrontierOf(ctx, task.Difference, list[0].Config.Task, list[0].Blocks, list[0].Seed)
		if err != nil {
			return nil, err
		}
		t := newTable(append([]string{"q", "seed", "threshold", "distance"}, played...)...)
		for _, n := range list {
			p := curve.Position(math.NaN(), math.NaN())
			if r := n.Result.Rollout; r != nil {
				p = curve.Position(float64(r.RNNStepsPerTrial), float64(r.CorrectPerTrial))
			}
			t.Add(append([]any{n.Config.Q, n.Config.Seed, p.Threshold, p.Distance}, behaved(&n.Result)...)...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, q := range t.Values("q") {
			tests = append(tests, Mean("distance from the frontier, q = "+q, t.Where("q", q).Numbers("distance"), -.02, above))
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		return alongLosses(t, "with q = %s networks take the RNN steps of an actor whose threshold is %s, and their distance is %s", "threshold", "distance")
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "frontier", Title: "Policies that losses choose", Wide: true, Columns: 3, Aspect: .9}
		p := &report.Panel{X: axes["rnn_steps"], Y: axes["correct"]}
		values := t.Values("q")
		for i, q := range values {
			some := t.Where("q", q)
			m := report.Mark{Key: "q " + q, Look: report.Dots}.Tinted(i, len(values), false)
			if i%((len(values)+2)/3) == 0 || i == len(values)-1 {
				m.Label = m.Key
			}
			m.X, m.Y = some.Numbers("rnn_steps"), some.Numbers("correct")
			p.Marks = append(p.Marks, m)
		}
		actors := report.Mark{Key: "actors", Label: "Bayesian actors", Look: report.Line}.Tinted(0, 4, true)
		off := t.Numbers("distance")
		actors.X, actors.Y = t.Numbers("rnn_steps"), t.Numbers("correct")
		for i := range off {
			actors.Y[i] -= off[i]
		}
		p.Marks = append(p.Marks, sorted(actors))
		f.Panels = append(f.Panels, p)
		for _, of := range []struct{ figure, label string }{{"threshold", "threshold of the actor as fast"}, {"distance", "correct less the actor’s"}} {
			f.Panels = append(f.Panels, &report.Panel{X: report.Axis{Label: "q", Name: "q"}, Y: report.Axis{Label: of.label, Name: of.figure},
				Marks: []report.Mark{curve(t, "q", "", "q", of.figure, 1, 4, false)}})
		}
		return f
	},
}

// alongLosses tells of the first, the middle and the last q, with two figures each.
func alongLosses(t *analysis.Table, format, first, second string) string {
	values := t.Values("q")
	var parts []string
	for _, q := range []string{values[0], values[len(values)/2], values[len(values)-1]} {
		some := t.Where("q", q)
		parts = append(parts, fmt.Sprintf(format, q, spoken(some.Numbers(first)), spoken(some.Numbers(second))))
	}
	return capital(strings.Join(parts, "; ")) + "."
}
