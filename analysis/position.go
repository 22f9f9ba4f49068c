package analysis

import (
	"cmp"
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"

	"radd/internal/input"
	"radd/task"
)

// FrontierCurve is the correct trials that an actor reaches by the RNN steps that
// it takes, as its action threshold moves. The zero curve has no points.
type FrontierCurve struct {
	points []frontierPoint // ascending in RNN steps
}

type frontierPoint struct{ threshold, steps, correct, low, high float64 }

// Add adds what the actor does at a threshold.
func (c *FrontierCurve) Add(threshold float64, p Pace) {
	c.add(frontierPoint{threshold, p.steps, p.correct, p.correctLow, p.correctHigh})
}

func (c *FrontierCurve) add(p frontierPoint) {
	i, _ := slices.BinarySearchFunc(c.points, p, func(a, b frontierPoint) int { return cmp.Compare(a.steps, b.steps) })
	c.points = slices.Insert(c.points, i, p)
}

// at returns the point of the curve at so many RNN steps, linear between its
// neighbours; of NaN beyond the curve's ends.
func (c *FrontierCurve) at(steps float64) frontierPoint {
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		if a.steps <= steps && steps <= b.steps {
			share := (steps - a.steps) / (b.steps - a.steps)
			if a.steps == b.steps {
				share = 0
			}
			between := func(x, y float64) float64 { return x + share*(y-x) }
			return frontierPoint{between(a.threshold, b.threshold), steps, between(a.correct, b.correct), between(a.low, b.low), between(a.high, b.high)}
		}
	}
	return frontierPoint{nan, steps, nan, nan, nan}
}

// Position is where somebody stands by a curve. What the curve tells is NaN for
// somebody who takes fewer or more RNN steps than it has.
type Position struct {
	RNNSteps       task.Ratio `json:"rnn_steps_per_trial"`
	Correct        task.Ratio `json:"correct_per_trial"`
	Threshold      task.Ratio `json:"threshold"`        // at which the actor takes as many RNN steps: the place along the curve
	CorrectAtSteps task.Ratio `json:"correct_at_steps"` // the actor's there
	Distance       task.Ratio `json:"distance"`         // correct per trial less the actor's: the place across the curve, below 0 under it
}

// Position returns where somebody of so many RNN steps and so many correct trials
// per trial stands.
func (c *FrontierCurve) Position(steps, correct float64) Position {
	p := c.at(steps)
	return Position{task.Ratio(steps), task.Ratio(correct), task.Ratio(p.threshold), task.Ratio(p.correct), task.Ratio(correct - p.correct)}
}

// NewPositionTable returns the table of positions without rows.
func NewPositionTable() *Table {
	return NewTable("frontier_position.csv", "player", "curve", "rnn_steps_per_trial", "correct_per_trial", "threshold", "correct_at_steps", "distance", "low", "high")
}

// AddPosition adds where a player stands by an actor's curve, the distance with a
// 95 % interval over trials of both.
func (c *FrontierCurve) AddPosition(t *Table, player, actor string, p Pace) {
	on, at := c.Position(p.steps, p.correct), c.at(p.steps)
	half := math.Hypot((p.correctHigh-p.correctLow)/2, (at.high-at.low)/2)
	t.Add(player, actor, p.steps, p.correct, on.Threshold, on.CorrectAtSteps, on.Distance, float64(on.Distance)-half, float64(on.Distance)+half)
}

// ReadFrontierCurve reads an actor's curve from a file frontier.csv of an
// analysis. The error is an *input.Error.
func ReadFrontierCurve(path, actor string) (*FrontierCurve, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	c := &FrontierCurve{}
	var at [6]int
	names := []string{"player", "threshold", "rnn_steps_per_trial", "correct_per_trial", "correct_low", "correct_high"}
	for row, line := range lines {
		if row == 0 {
			for i, name := range names {
				if at[i] = slices.Index(line, name); at[i] < 0 {
					return nil, &input.Error{File: path, Field: name, Found: "no such column"}
				}
			}
			continue
		}
		if line[at[0]] != actor {
			continue
		}
		var x [5]float64
		for i := range x {
			if x[i], err = strconv.ParseFloat(line[at[1+i]], 64); err != nil {
				return nil, &input.Error{File: path, Field: names[1+i] + ", row " + strconv.Itoa(row), Found: strconv.Quote(line[at[1+i]]), Allowed: "a number"}
			}
		}
		c.add(frontierPoint{x[0], x[1], x[2], x[3], x[4]})
	}
	if len(c.points) < 2 {
		return nil, &input.Error{File: path, Field: "player", Found: strconv.Itoa(len(c.points)) + " rows of " + actor, Allowed: "two or more: a curve"}
	}
	return c, nil
}
