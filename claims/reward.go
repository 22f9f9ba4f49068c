package claims

import (
	"context"
	"fmt"
	"math"

	"radd/analysis"
	"radd/kernels"
	"radd/report"
	"radd/task"
	"radd/train"
)

var reward = Study{
	Name:   "reward",
	Title:  "Networks use reward where observations tell them little",
	Claim:  "Question: when does a network start to use reward? The claim to be tested: where trials without evidence are frequent.",
	Source: "a question that the paper leaves open; SI 7.2 says that feedback has no influence after training",
	Test: "Of networks of 25 units trained with `probability` for 10,000 gradient steps the block gap falls by at least 0.05 when the feedback input is zeroed in closed loop, on average over seeds: for a share of trials of strength 0 of 1/6, 0.5, 0.8 and 1 × action thresholds of 0.7 and 0.9 × waiting feedback of −0.05 and −1. " +
		"16 tests, 50 seeds each. The conditions that support it are the answer.",
	Sweeps: []string{"reward"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.Networks("reward")
		deaf := make([]task.Figures, len(list))
		err := w.Each(ctx, len(list), func(ctx context.Context, i int) (err error) {
			deaf[i], err = w.deaf(ctx, list[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		keys := []string{"task.action-threshold", "task.waiting-feedback", "seed"}
		t := newTable(append(append(append([]string{"zero_share"}, columnNames(keys)...), played...), "deaf_correct", "deaf_block_gap")...)
		for i, n := range list {
			row := append([]any{math.Round(n.Config.Task.StrengthProbabilities[0]*100) / 100}, keysOf(n, keys)...)
			cells := figures(&deaf[i])
			t.Add(append(append(row, behaved(&n.Result)...), cells[1], cells[3])...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, c := range rewarded(t) {
			d := c.table.Numbers("block_gap")
			for i, x := range c.table.Numbers("deaf_block_gap") {
				d[i] -= x
			}
			tests = append(tests, Mean("fall of the block gap, "+c.name, d, .05, above))
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "reward", Title: "Block gap with and without feedback", Wide: true, Columns: 2, Aspect: .7}
		for _, threshold := range t.Values("action_threshold") {
			for _, penalty := range t.Values("waiting_feedback") {
				some := t.Where("action_threshold", threshold, "waiting_feedback", penalty)
				f.Panels = append(f.Panels, &report.Panel{Title: fmt.Sprintf("threshold %s, waiting feedback %s", threshold, signed(penalty)),
					X: report.Axis{Label: "share of trials of strength 0", Name: "zero_share"}, Y: axes["block_gap"],
					Marks: []report.Mark{curve(some, "own", "network", "zero_share", "block_gap", 0, 3, false),
						curve(some, "deaf", "feedback zeroed", "zero_share", "deaf_block_gap", 2, 3, true)}})
			}
		}
		return f
	},
}

// condition is networks that differ in their seed alone.
type condition struct {
	name  string
	table *analysis.Table
}

// rewarded returns the conditions of the study of reward.
func rewarded(t *analysis.Table) (list []condition) {
	for _, share := range t.Values("zero_share") {
		for _, threshold := range t.Values("action_threshold") {
			for _, penalty := range t.Values("waiting_feedback") {
				list = append(list, condition{fmt.Sprintf("share %s, threshold %s, waiting feedback %s", share, threshold, signed(penalty)),
					t.Where("zero_share", share, "action_threshold", threshold, "waiting_feedback", penalty)})
			}
		}
	}
	return list
}

// deaf returns how the network plays its sweep's session without its feedback input.
func (w *Work) deaf(ctx context.Context, n *Network) (task.Figures, error) {
	weights, err := n.Weights()
	if err != nil {
		return task.Figures{}, err
	}
	inputs := kernels.Views(kernels.Shape{N: weights.N}, weights.Theta).InputHidden
	for i := kernels.Inputs - 1; i < len(inputs); i += kernels.Inputs {
		inputs[i] = 0
	}
	s, err := train.Play(ctx, weights, n.session(), w.options())
	return s.Figures, err
}
