package claims

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"radd/analysis"
	"radd/report"
	"radd/sweep"
	"radd/task"
)

// behaviour are the figures of behaviour that tables hold; margins say within
// which differences of each count as none.
var behaviour = []string{"correct", "rnn_steps", "block_gap"}

var margins = map[string]float64{"correct": .01, "rnn_steps": .25, "block_gap": .05}

// spoke names a figure in words.
var spoke = map[string]string{"correct": "correct", "rnn_steps": "RNN steps", "block_gap": "block gap", "action_rate": "action rate"}

// played are the columns of behaviour, beside those that tell networks apart.
var played = []string{"action_rate", "correct", "rnn_steps", "block_gap", "nats"}

// behaved returns the cells of those columns. Of a network whose training failed
// they are empty, but that it answers nothing correctly.
func behaved(r *sweep.Result) []any {
	if r.Rollout == nil {
		none := math.NaN()
		return []any{0., 0., none, none, none}
	}
	return figures(r.Rollout)
}

func figures(f *task.Figures) []any {
	return []any{f.ActionRate, f.CorrectPerTrial, f.RNNStepsPerTrial, f.CorrectZeroStrengthConcordant - f.CorrectZeroStrengthDiscordant,
		f.CrossEntropyPerObservation}
}

// networksTable returns a row for every network: the values of keys of its
// configuration, in columns of those names, and its behaviour.
func networksTable(list []*Network, keys []string) *analysis.Table {
	t := newTable(append(columnNames(keys), played...)...)
	for _, n := range list {
		t.Add(append(keysOf(n, keys), behaved(&n.Result)...)...)
	}
	return t
}

// columnNames returns the columns of keys of the configuration.
func columnNames(keys []string) []string {
	var names []string
	for _, key := range keys {
		names = append(names, columnName(key))
	}
	return names
}

// columnName is a key's name as a column has it: without the task's prefix, with
// underscores.
func columnName(key string) string {
	text := []byte(key)
	for i, c := range text {
		if c == '-' {
			text[i] = '_'
		}
	}
	const prefix = "task."
	if len(text) > len(prefix) && string(text[:len(prefix)]) == prefix {
		text = text[len(prefix):]
	}
	return string(text)
}

// keysOf returns the values of keys of the network's configuration.
func keysOf(n *Network, keys []string) []any {
	var cells []any
	for _, key := range keys {
		value, has := n.Result.Config[key]
		if !has {
			panic("claims: no key " + key)
		}
		if x, is := value.(float64); is && x == math.Trunc(x) && math.Abs(x) < 1<<53 { // JSON knows no whole numbers
			value = int64(x)
		}
		cells = append(cells, value)
	}
	return cells
}

// curve returns the means of a figure, with their intervals over seeds, by the values
// of the column x, as the i-th of n things in order.
func curve(t *analysis.Table, key, label, x, figure string, i, n int, dash bool) report.Mark {
	m := report.Mark{Key: key, Label: label, Look: report.Linked}.Tinted(i, n, dash)
	for _, value := range t.Values(x) {
		at, err := strconv.ParseFloat(value, 64)
		if err != nil {
			at = float64(len(m.X))
		}
		if x == "gradient_steps" {
			at /= 1000
		}
		mean, low, high := MeanInterval(t.Where(x, value).Numbers(figure))
		if !math.IsNaN(mean) {
			m.X, m.Y, m.Low, m.High = append(m.X, at), append(m.Y, mean), append(m.Low, low), append(m.High, high)
		}
	}
	return m
}

// strip returns a panel with a row of points for each name, from the top, seeds beneath
// each other.
func strip(title string, x report.Axis, names []string, values func(i int) []float64) *report.Panel {
	p := &report.Panel{Title: title, X: x, Y: report.Axis{Name: "group"}}
	for row := range names {
		i := len(names) - 1 - row
		p.Y.Names = append(p.Y.Names, strings.NewReplacer(", ", ",\n", ": ", ":\n").Replace(names[i]))
		m := report.Mark{Key: names[i], Look: report.Dots, Radius: 1.2}.Tinted(i, len(names), false)
		list := existing(values(i))
		for k, v := range list {
			const width = .6
			m.X, m.Y = append(m.X, v), append(m.Y, float64(row)-width*((float64(k)+.5)/float64(len(list))-.5))
		}
		p.Marks = append(p.Marks, m)
	}
	return p
}

// training is the axis of a training's length, as curve has it.
var training = report.Axis{Label: "thousands of gradient steps", Name: "gradient_steps_1000", Log: true}

// axes of figures of behaviour.
var axes = map[string]report.Axis{
	"correct":     {Label: "correct per trial", Name: "correct"},
	"rnn_steps":   {Label: "RNN steps per trial", Name: "rnn_steps"},
	"block_gap":   {Label: "block gap, zero strength", Name: "block_gap"},
	"action_rate": {Label: "action rate", Name: "action_rate"},
}

// panels returns a panel for every figure of behaviour against an axis x; marks
// returns those of one figure.
func panels(x report.Axis, list []string, marks func(figure string) []report.Mark) []*report.Panel {
	var all []*report.Panel
	for _, figure := range list {
		all = append(all, &report.Panel{X: x, Y: axes[figure], Marks: marks(figure)})
	}
	return all
}

// thousands writes a number of gradient steps.
func thousands(steps string) string {
	n, err := strconv.Atoi(steps)
	if err != nil || n%1000 != 0 {
		return steps
	}
	return fmt.Sprintf("%d,000", n/1000)
}

// signed writes a value of the configuration with a true minus sign.
func signed(value string) string { return strings.Replace(value, "-", "−", 1) }

// sorted returns a curve in the order of its x, with its interval where it has one.
func sorted(m report.Mark) report.Mark {
	order := make([]int, len(m.X))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.X[a], m.X[b]) })
	for _, column := range []*[]float64{&m.X, &m.Y, &m.Low, &m.High} {
		if values := *column; len(values) > 0 {
			*column = make([]float64, len(order))
			for k, i := range order {
				(*column)[k] = values[i]
			}
		}
	}
	return m
}
