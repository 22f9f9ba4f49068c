package main

import (
	"reflect"
	"testing"

	"radd/sweep"
)

// A group that lacks a figure, as networks of one unit lack the readout of the
// block, leaves its place in the table empty; the others keep theirs.
func TestComparisonRows(t *testing.T) {
	one, two := map[string]string{"hidden": "1"}, map[string]string{"hidden": "2"}
	got := comparisonRows([]sweep.Comparison{
		{Keys: one, Figure: "training.loss", Seeds: 3, Mean: 9},
		{Keys: one, Figure: "rnn_steps_per_trial", Seeds: 3, Mean: 4, Low: 3, High: 5},
		{Keys: one, Figure: "correct_zero_strength_discordant", Seeds: 3, Mean: .25, Low: .125, High: .5},
		{Keys: two, Figure: "rnn_steps_per_trial", Seeds: 2, Mean: 6, Low: 5, High: 7},
		{Keys: two, Figure: "correct_per_trial", Seeds: 2, Mean: .75, Low: .5, High: 1},
	})
	want := [][]string{
		{"hidden", "seeds", "rnn_steps_per_trial", "correct_per_trial", "correct_zero_strength_discordant"},
		{"1", "3", "4.0000 [3.0000, 5.0000]", "–", "0.2500 [0.1250, 0.5000]"},
		{"2", "2", "6.0000 [5.0000, 7.0000]", "0.7500 [0.5000, 1.0000]", "–"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := comparisonRows(nil); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}
