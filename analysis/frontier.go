package analysis

import (
	"slices"

	"radd/task"
)

// Frontier tells where somebody stands on the curve of RNN steps against correct
// trials that a Bayesian actor reaches as its threshold moves.
type Frontier struct {
	CorrectAtSteps task.Ratio `json:"correct_at_network_steps"` // the actor's at as many RNN steps, interpolated; null beyond its ends
	NetworkCorrect task.Ratio `json:"network_correct"`
	Shortfall      task.Ratio `json:"shortfall"`
}

// Thresholds are the action thresholds at which the frontier is taken.
func Thresholds() []float64 {
	return []float64{.55, .6, .65, .7, .75, .8, .85, .875, .9, .925, .95, .975, .99}
}

// FrontierTable gathers who takes how long to be how often right.
type FrontierTable struct {
	*Table
	curve []frontierPoint // of the actor that others are compared with
}

type frontierPoint struct{ steps, correct float64 }

// NewFrontierTable returns the table without rows.
func NewFrontierTable() *FrontierTable {
	return &FrontierTable{Table: NewTable("frontier.csv", "player", "threshold", "rnn_steps_per_trial", "rnn_steps_low", "rnn_steps_high",
		"action_rate", "correct_per_trial", "correct_low", "correct_high")}
}

// Add adds a player at an action threshold.
func (f *FrontierTable) Add(player string, threshold float64, trials []task.Trial) {
	p, steps, action, low, high := pointOf(trials)
	stepsLow, stepsHigh := steps.interval()
	f.Table.Add(player, threshold, p.steps, stepsLow, stepsHigh, action, p.correct, low, high)
}

func pointOf(trials []task.Trial) (p frontierPoint, steps moments, action, low, high float64) {
	actions, correct := 0, 0
	for _, t := range trials {
		steps.add(float64(t.RNNSteps))
		actions += index(t.Action != 0)
		correct += index(t.Correct())
	}
	n := len(trials)
	low, high = Wilson(correct, n)
	return frontierPoint{steps.mean(), float64(correct) / float64(n)}, steps, float64(actions) / float64(n), low, high
}

// Compare makes a point at some threshold one of the curve that Stand compares
// with.
func (f *FrontierTable) Compare(trials []task.Trial) {
	p, _, _, _, _ := pointOf(trials)
	f.curve = append(f.curve, p)
}

// Stand returns where somebody stands who played these trials.
func (f *FrontierTable) Stand(trials []task.Trial) *Frontier {
	p, _, _, _, _ := pointOf(trials)
	slices.SortFunc(f.curve, func(a, b frontierPoint) int {
		if a.steps < b.steps {
			return -1
		}
		return 1
	})
	at := nan
	for i := 1; i < len(f.curve); i++ {
		if a, b := f.curve[i-1], f.curve[i]; a.steps <= p.steps && p.steps <= b.steps {
			at = a.correct + (b.correct-a.correct)*(p.steps-a.steps)/(b.steps-a.steps)
		}
	}
	return &Frontier{task.Ratio(at), task.Ratio(p.correct), task.Ratio(at - p.correct)}
}
