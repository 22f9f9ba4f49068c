package task

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// Trial is one trial as somebody played it.
type Trial struct {
	Side, BlockSide int8    // −1 left, +1 right
	Strength        float64 // of the stimulus
	RNNSteps        int     // blank steps included
	Observations    int     // RNN steps that are no blank steps
	Action          int8    // −1 left, +1 right, 0 none: the trial timed out
	Nats            float64 // −log P(Side), summed over the observations
}

// Correct reports whether the trial ended with the action to the stimulus side.
func (t Trial) Correct() bool { return t.Action == t.Side }

// Concordant reports whether the stimulus was on the block's side.
func (t Trial) Concordant() bool { return t.Side == t.BlockSide }

// Ratio is a quotient of sums, NaN where its denominator is 0. JSON has no
// number for NaN and infinities, and writes null.
type Ratio float64

// Ratios returns the values as ratios.
func Ratios(values []float64) []Ratio {
	list := make([]Ratio, len(values))
	for i, x := range values {
		list[i] = Ratio(x)
	}
	return list
}

// MarshalJSON writes a number, or null for what is not a finite number.
func (r Ratio) MarshalJSON() ([]byte, error) {
	if x := float64(r); !math.IsNaN(x) && !math.IsInf(x, 0) {
		return json.Marshal(x)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads a number, or null as NaN.
func (r *Ratio) UnmarshalJSON(text []byte) error {
	x := math.NaN()
	if string(text) != "null" {
		if err := json.Unmarshal(text, &x); err != nil {
			return err
		}
	}
	*r = Ratio(x)
	return nil
}

// Figures describe behaviour, a network's or a Bayesian actor's. Those that
// begin with Correct are shares of trials, in which a time-out is not correct,
// but for CorrectPerAction.
type Figures struct {
	RNNStepsPerTrial              Ratio `json:"rnn_steps_per_trial"`
	ActionRate                    Ratio `json:"action_rate"` // trials with an action / trials
	CorrectPerTrial               Ratio `json:"correct_per_trial"`
	CorrectPerAction              Ratio `json:"correct_per_action"`
	CorrectConcordant             Ratio `json:"correct_concordant"` // of the trials on the block's side
	CorrectDiscordant             Ratio `json:"correct_discordant"` // of the others
	CorrectZeroStrengthConcordant Ratio `json:"correct_zero_strength_concordant"`
	CorrectZeroStrengthDiscordant Ratio `json:"correct_zero_strength_discordant"`
	CrossEntropyPerObservation    Ratio `json:"cross_entropy_per_observation"` // nats
	Trials                        int   `json:"trials"`
	RNNSteps                      int   `json:"rnn_steps"`
}

// Tally sums up trials. The zero Tally is empty.
type Tally struct {
	all, zero    [2]share // by concordance: [0] discordant, [1] concordant; zero at strength 0
	actions      int
	rnnSteps     int
	observations int
	nats         float64
	strengths    []StrengthSteps // ascending
}

// share counts trials and the correct ones among them.
type share struct{ trials, correct int }

func (s *share) add(correct bool) {
	s.trials++
	if correct {
		s.correct++
	}
}

func (s share) ratio() Ratio { return ratio(s.correct, s.trials) }

func ratio(a, b int) Ratio { return Ratio(float64(a) / float64(b)) }

// Add adds one trial.
func (y *Tally) Add(t Trial) {
	concordance := 0
	if t.Concordant() {
		concordance = 1
	}
	y.all[concordance].add(t.Correct())
	if t.Strength == 0 {
		y.zero[concordance].add(t.Correct())
	}
	if t.Action != 0 {
		y.actions++
	}
	y.rnnSteps += t.RNNSteps
	y.observations += t.Observations
	y.nats += t.Nats

	i, found := slices.BinarySearchFunc(y.strengths, t.Strength, func(s StrengthSteps, strength float64) int {
		return cmp.Compare(s.Strength, strength)
	})
	if !found {
		y.strengths = slices.Insert(y.strengths, i, StrengthSteps{Strength: t.Strength})
	}
	y.strengths[i].Trials++
	y.strengths[i].RNNSteps += t.RNNSteps
}

// Figures returns the figures of all trials added so far.
func (y *Tally) Figures() Figures {
	all := share{y.all[0].trials + y.all[1].trials, y.all[0].correct + y.all[1].correct}
	return Figures{
		RNNStepsPerTrial:              ratio(y.rnnSteps, all.trials),
		ActionRate:                    ratio(y.actions, all.trials),
		CorrectPerTrial:               all.ratio(),
		CorrectPerAction:              ratio(all.correct, y.actions),
		CorrectConcordant:             y.all[1].ratio(),
		CorrectDiscordant:             y.all[0].ratio(),
		CorrectZeroStrengthConcordant: y.zero[1].ratio(),
		CorrectZeroStrengthDiscordant: y.zero[0].ratio(),
		CrossEntropyPerObservation:    Ratio(y.nats / float64(y.observations)),
		Trials:                        all.trials,
		RNNSteps:                      y.rnnSteps,
	}
}

// StrengthSteps is how long the trials of one strength took.
type StrengthSteps struct {
	Strength float64 `json:"strength"`
	Trials   int     `json:"trials"`
	RNNSteps int     `json:"rnn_steps"` // summed over the trials
}

// Mean returns the RNN steps per trial.
func (s StrengthSteps) Mean() Ratio { return ratio(s.RNNSteps, s.Trials) }

// ByStrength returns how long trials took by strength, weakest first. The
// slice is the caller's.
func (y *Tally) ByStrength() []StrengthSteps { return slices.Clone(y.strengths) }
