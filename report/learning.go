package report

import (
	"fmt"
	"math"
)

// learningPoints is how many points a learning curve has at most.
const learningPoints = 300

// learning returns the figures of the run's training.
func (r *Run) learning() []*Figure {
	curves := []Mark{{Key: "network", Label: "network", Stroke: strokeOf("network")}}
	curves[0].Stroke.width = lineData
	of := func(y string) []Mark {
		m := curves[0]
		m.X, m.Y = learningCurve(r.Metrics, y, learningPoints)
		return []Mark{m}
	}
	x := Axis{Label: "gradient step", Name: "gradient_step"}
	const average = " Means over neighbouring gradient steps; metrics.csv has every line."
	return []*Figure{
		{Name: "learning-loss", Title: "Loss", Caption: "The loss before each update (" + r.objective() + ", reduction " + r.Config.Reduction +
			"). " + r.lossNote() + "The paper’s networks converged by about 5,000 gradient steps." + average,
			Panels: []*Panel{{X: x, Y: Axis{Label: "loss", Name: "loss"}, Marks: of("loss")}}},
		{Name: "learning-steps", Title: "RNN steps per trial", Caption: "How long the network waits before it acts, during training: " + counted(r.Config.Task.BlankSteps, "blank step") +
			" and at most " + counted(r.Config.Task.MaxObservations, "observation") + ". The paper’s network ends at about 3.5." + average,
			Panels: []*Panel{{X: x, Y: Axis{Label: "RNN steps per trial", Name: "rnn_steps_per_trial"}, Marks: of("rnn_steps"), Guides: across(3.5)}}},
		{Name: "learning-correct", Title: "Correct and acted on", Caption: "Share of trials that end with the correct action, and that end with any: the rest are time-outs." + average,
			Panels: []*Panel{{X: x, Y: Axis{Label: "share of trials", Name: "share", Low: 0, High: 1}, Marks: []Mark{
				learningMark(r.Metrics, "correct", "correct", inkGreen), learningMark(r.Metrics, "actions", "acted", inkBlue)}}}},
		{Name: "learning-gradient", Title: "Gradient norm", Caption: r.gradientNote() + average,
			Panels: []*Panel{{X: x, Y: Axis{Label: "gradient norm", Name: "gradient_norm", Log: true}, Marks: of("gradient_norm")}}},
	}
}

// gradientNote says of what gradient the norm is.
func (r *Run) gradientNote() string {
	c := &r.Config
	note := "Norm of the gradient through all RNN steps of a session"
	switch {
	case c.Truncate == 0 && c.Clip == 0:
		return note + ", nothing truncated or clipped."
	case c.Truncate == 1:
		note = "Norm of the gradient, cut after every trial"
	case c.Truncate > 1:
		note = fmt.Sprintf("Norm of the gradient, cut after every %d trials", c.Truncate)
	}
	if c.Clip > 0 {
		note += fmt.Sprintf(", before its elements are held within ±%g", c.Clip)
	}
	return note + "."
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func (r *Run) lossNote() string {
	if r.Config.Reduction != "mean" {
		return ""
	}
	return "It is a mean over all RNN steps, blank ones included, whose share grows as trials get shorter: it may rise while the network gets better. "
}

func learningMark(t *Table, y, label string, color ink) Mark {
	m := Mark{Key: label, Label: label, Stroke: stroke{ink: color, width: lineData}}
	m.X, m.Y = learningCurve(t, y, learningPoints)
	return m
}

// learningCurve returns a column of metrics.csv by gradient step, counts per
// trial, averaged so that no curve has more points than that.
func learningCurve(t *Table, column string, points int) (x, y []float64) {
	step, value := t.numbers("gradient_step"), t.numbers(column)
	over := make([]float64, len(value))
	for i := range over {
		over[i] = 1
	}
	if column == "rnn_steps" || column == "correct" || column == "actions" {
		over = t.numbers("trials")
	}
	each := max(1, int(math.Ceil(float64(len(step))/float64(points))))
	for i := 0; i < len(step); i += each {
		var sum, count, middle float64
		end := min(i+each, len(step))
		for k := i; k < end; k++ {
			sum += value[k]
			count += over[k]
			middle += step[k]
		}
		x, y = append(x, middle/float64(end-i)), append(y, sum/count)
	}
	return x, y
}
