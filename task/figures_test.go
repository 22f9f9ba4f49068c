package task

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

func TestTally(t *testing.T) {
	var tally Tally
	for _, trial := range []Trial{
		{Side: +1, BlockSide: +1, Strength: 0, RNNSteps: 3, Observations: 1, Action: +1, Nats: .5},
		{Side: +1, BlockSide: +1, Strength: 0, RNNSteps: 12, Observations: 10, Action: 0, Nats: 6},
		{Side: -1, BlockSide: +1, Strength: 0, RNNSteps: 4, Observations: 2, Action: +1, Nats: 2},
		{Side: -1, BlockSide: -1, Strength: 2.5, RNNSteps: 5, Observations: 3, Action: -1, Nats: 1},
		{Side: +1, BlockSide: -1, Strength: .5, RNNSteps: 6, Observations: 4, Action: +1, Nats: .5},
	} {
		tally.Add(trial)
	}
	want := Figures{
		RNNStepsPerTrial:              6,
		ActionRate:                    .8,
		CorrectPerTrial:               .6,
		CorrectPerAction:              .75,
		CorrectConcordant:             2. / 3,
		CorrectDiscordant:             .5,
		CorrectZeroStrengthConcordant: .5,
		CorrectZeroStrengthDiscordant: 0,
		CrossEntropyPerObservation:    .5,
		Trials:                        5,
		RNNSteps:                      30,
	}
	if got := tally.Figures(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	steps := []StrengthSteps{{0, 3, 19}, {.5, 1, 6}, {2.5, 1, 5}}
	if got := tally.ByStrength(); !reflect.DeepEqual(got, steps) {
		t.Errorf("by strength: %v, want %v", got, steps)
	}
	if got := steps[0].Mean(); got != 19./3 {
		t.Errorf("mean at strength 0: %v", got)
	}
}

// The keys, their order, and null for what is undefined.
func TestFiguresJSON(t *testing.T) {
	var tally Tally
	for _, test := range []struct{ name, want string }{
		{"empty", `{"rnn_steps_per_trial":null,"action_rate":null,"correct_per_trial":null,"correct_per_action":null,` +
			`"correct_concordant":null,"correct_discordant":null,"correct_zero_strength_concordant":null,` +
			`"correct_zero_strength_discordant":null,"cross_entropy_per_observation":null,"trials":0,"rnn_steps":0}`},
		{"a time-out that was thought impossible", `{"rnn_steps_per_trial":12,"action_rate":0,"correct_per_trial":0,"correct_per_action":null,` +
			`"correct_concordant":0,"correct_discordant":null,"correct_zero_strength_concordant":null,` +
			`"correct_zero_strength_discordant":null,"cross_entropy_per_observation":null,"trials":1,"rnn_steps":12}`},
	} {
		got, err := json.Marshal(tally.Figures())
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v\nwant %s", test.name, got, err, test.want)
		}
		tally.Add(Trial{Side: 1, BlockSide: 1, Strength: 1, RNNSteps: 12, Observations: 10, Nats: inf})
	}
}

func TestRatioJSON(t *testing.T) {
	for text, want := range map[string]Ratio{"0.25": .25, "-3": -3, "null": Ratio(nan)} {
		got := []Ratio{7}
		if err := json.Unmarshal([]byte("["+text+"]"), &got); err != nil {
			t.Error(err)
		}
		if got[0] != want && !(math.IsNaN(float64(got[0])) && math.IsNaN(float64(want))) {
			t.Errorf("%s read as %v", text, got[0])
		}
		if back, err := json.Marshal(got[0]); err != nil || string(back) != text {
			t.Errorf("%s written as %s, %v", text, back, err)
		}
	}
	var r Ratio
	if err := json.Unmarshal([]byte(`"1"`), &r); err == nil {
		t.Errorf("text read as %v", r)
	}
}
