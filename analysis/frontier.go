package analysis

import "radd/task"

// Frontier tells where somebody stands on the curve of RNN steps against correct
// trials that a Bayesian actor reaches as its threshold moves.
type Frontier struct {
	CorrectAtSteps task.Ratio `json:"correct_at_network_steps"` // the actor's at as many RNN steps, interpolated; null beyond its ends
	NetworkCorrect task.Ratio `json:"network_correct"`
	Shortfall      task.Ratio `json:"shortfall"`
	Threshold      task.Ratio `json:"threshold"` // at which the actor takes as many RNN steps, likewise
}

// Thresholds are the action thresholds at which the frontier is taken.
func Thresholds() []float64 {
	return []float64{.55, .6, .65, .7, .75, .8, .85, .875, .9, .925, .95, .975, .99}
}

// Pace is how long somebody takes and how often they are right, with 95 %
// intervals over trials.
type Pace struct {
	steps, stepsLow, stepsHigh       float64 // RNN steps per trial
	correct, correctLow, correctHigh float64 // per trial
	actions                          float64 // per trial
}

// PaceOf returns the pace of trials of known RNN steps.
func PaceOf(trials []task.Trial) Pace {
	var steps moments
	actions, correct := 0, 0
	for _, t := range trials {
		steps.add(float64(t.RNNSteps))
		actions += index(t.Action != 0)
		correct += index(t.Correct())
	}
	n := float64(len(trials))
	p := Pace{steps: steps.mean(), correct: float64(correct) / n, actions: float64(actions) / n}
	p.stepsLow, p.stepsHigh = steps.interval()
	p.correctLow, p.correctHigh = Wilson(correct, len(trials))
	return p
}

// FrontierTable gathers who takes how long to be how often right.
type FrontierTable struct{ *Table }

// NewFrontierTable returns the table without rows.
func NewFrontierTable() FrontierTable {
	return FrontierTable{NewTable("frontier.csv", "player", "threshold", "rnn_steps_per_trial", "rnn_steps_low", "rnn_steps_high",
		"action_rate", "correct_per_trial", "correct_low", "correct_high")}
}

// Add adds a player at an action threshold.
func (f FrontierTable) Add(player string, threshold float64, p Pace) {
	f.Table.Add(player, threshold, p.steps, p.stepsLow, p.stepsHigh, p.actions, p.correct, p.correctLow, p.correctHigh)
}

// Stand returns where somebody of that pace stands by the actor's curve.
func (c *FrontierCurve) Stand(p Pace) *Frontier {
	on := c.Position(p.steps, p.correct)
	return &Frontier{CorrectAtSteps: on.CorrectAtSteps, NetworkCorrect: on.Correct, Shortfall: -on.Distance, Threshold: on.Threshold}
}
