package report

import (
	"fmt"
	"slices"
	"strings"
)

// sideBySide returns the figures that compare runs.
func sideBySide(runs []*Run) []*Figure {
	labels := shortLabels(runs)
	keyed := func(i int, m Mark) Mark {
		m.Key, m.Stroke = fmt.Sprintf("run-%d", i), stroke{ink: rung(i, len(runs)), width: lineData}
		if runs[i].Config.Objective == "cross-entropy" {
			m.Stroke.dash = dashed
		}
		if len(runs) <= 12 {
			m.Label = labels[i]
		}
		return m
	}
	curves := func(mark func(*Run) Mark) (list []Mark) {
		for i, r := range runs {
			if m := mark(r); len(m.X) > 0 {
				list = append(list, keyed(i, m))
			}
		}
		return list
	}
	learned := func(column string) []Mark {
		return curves(func(r *Run) (m Mark) { m.X, m.Y = learningCurve(r.Metrics, column, learningPoints); return m })
	}
	network := func(table, x, y string, look Look, pairs ...string) []Mark {
		return curves(func(r *Run) Mark {
			t := r.table(table).where(append([]string{"player", "network"}, pairs...)...)
			return Mark{Look: look, X: t.numbers(x), Y: t.numbers(y)}
		})
	}
	both := ""
	for _, r := range runs {
		if r.Config.Objective != runs[0].Config.Objective {
			both = " Dashed: cross entropy."
		}
	}
	step := Axis{Label: "gradient step", Name: "gradient_step"}
	list := []*Figure{
		{Name: "sizes-learning", Title: "Learning", Wide: true, Columns: 2, Aspect: .6, Caption: "Correct per trial and RNN steps per trial as training goes." + both + " The paper: networks of all sizes converge by about 5,000 gradient steps.",
			Panels: []*Panel{{X: step, Y: share, Marks: learned("correct")}, {X: step, Y: Axis{Label: "RNN steps per trial", Name: "rnn_steps_per_trial"}, Guides: across(3.5), Marks: learned("rnn_steps")}}},
		planes(runs, labels),
		{Name: "sizes-chronometric", Title: "RNN steps by strength", Caption: "How long every network waits, by stimulus strength." + both,
			Panels: []*Panel{{X: Axis{Label: "stimulus strength", Name: "strength"}, Y: Axis{Label: "RNN steps per trial", Name: "rnn_steps"}, Marks: network("chronometric", "strength", "mean", Linked)}}},
		{Name: "sizes-within-block", Title: "Use of the block", Caption: "Correct per trial at zero strength on trials concordant with the block, by trial within it, five taken together: how soon the block is known.",
			Panels: []*Panel{{X: trialWithin, Y: share, Guides: across(.5), Marks: curves(func(r *Run) Mark {
				m := Mark{Look: Linked}
				m.pool(r.table("within_block").where("player", "network", "strengths", "zero", "concordance", "concordant").upTo("trial", trialsWithin-1), trialsPooled)
				return m
			})}}},
		{Name: "sizes-variance", Title: "Variance explained", Caption: "Cumulative share of variance of the first principal components: the paper’s networks of all sizes live in two dimensions.",
			Panels: []*Panel{{X: Axis{Label: "principal component", Name: "component", Whole: true}, Y: Axis{Label: "cumulative share", Name: "cumulative"}, Marks: curves(func(r *Run) Mark {
				t := r.table("variance")
				n := min(10, len(t.numbers("component")))
				return Mark{Look: Linked, X: t.numbers("component")[:n], Y: t.numbers("cumulative")[:n]}
			})}}},
		performances(runs, labels, keyed),
		geometry(runs, labels, keyed),
		fields(runs, labels),
	}
	return slices.DeleteFunc(list, func(f *Figure) bool { return !f.has() })
}

// shortLabels tell runs apart by what differs between them.
func shortLabels(runs []*Run) []string {
	if len(runs) == 0 {
		return nil
	}
	parts := make([][]string, len(runs))
	for i, r := range runs {
		parts[i] = []string{fmt.Sprintf("%d units", r.Config.Hidden), r.objective(), thousands(r.Config.GradientSteps) + " steps", fmt.Sprintf("lr %g", r.Config.LearningRate), fmt.Sprintf("seed %d", r.Config.Seed)}
	}
	labels := make([]string, len(runs))
	for column := range parts[0] {
		differs := slices.ContainsFunc(parts, func(p []string) bool { return p[column] != parts[0][column] })
		for i := range parts {
			if differs {
				labels[i] += ", " + parts[i][column]
			}
		}
	}
	for i, r := range runs {
		labels[i] = strings.TrimPrefix(labels[i], ", ")
		if labels[i] == "" || slices.Contains(labels[:i], labels[i]) {
			labels[i] = r.Name
		}
	}
	return labels
}

// planes shows every run's trials in its own principal plane.
func planes(runs []*Run, labels []string) *Figure {
	f := &Figure{Name: "sizes-plane", Title: "Trials in the plane", Wide: true, Columns: min(3, len(runs)), Aspect: .95,
		Caption: "Mean states within trials in left (blue) and right (red) blocks in each network’s principal plane; dashed: the stimulus is on the other side; arrows from the middle: the two readouts. The paper’s Figures 10 to 13 say that networks of other sizes find similar solutions."}
	for i, r := range runs {
		p := r.plane().Panels[0]
		if p.Title = labels[i]; len(p.Marks) > 0 {
			f.Panels = append(f.Panels, p)
		}
	}
	return f
}

// fields shows the dynamics of every run while nothing is seen.
func fields(runs []*Run, labels []string) *Figure {
	f := &Figure{Name: "sizes-field", Title: "Dynamics while waiting", Wide: true, Columns: min(3, len(runs)), Aspect: .98,
		Caption: "The vector field of every network in its principal plane under the input of a trial without evidence, with fixed points (dots; rings: unstable)."}
	for i, r := range runs {
		if t := r.table("vector_field").where("system", "network", "coordinates", "plane"); t.has() {
			p := r.field("network", "plane").Panels[0]
			p.Title = labels[i]
			f.Panels = append(f.Panels, p)
		}
	}
	return f
}

// performances ranks the runs' networks.
func performances(runs []*Run, labels []string, keyed func(int, Mark) Mark) *Figure {
	f := &Figure{Name: "sizes-performance", Title: "How they play", Wide: true, Columns: 3, Aspect: .45 + .045*float64(len(runs)),
		Caption: "Every network on its rollout, with 95 % bootstrap intervals over pairs of blocks."}
	for _, figure := range []struct{ key, label string }{{"rnn_steps_per_trial", "RNN steps per trial"}, {"correct_per_trial", "correct per trial"}, {"zero_strength_block_gap", "block gap, zero strength"}} {
		p := &Panel{X: Axis{Label: figure.label, Name: figure.key}, Y: Axis{Name: "run"}}
		for i, r := range slices.Backward(runs) {
			some := r.table("performance").where("player", "network", "figure", figure.key)
			if some.has() {
				row := float64(len(p.Y.Names))
				p.Y.Names = append(p.Y.Names, wrap(labels[i], 20))
				m := keyed(i, Mark{Look: Dots, Radius: 2.4, X: some.numbers("value"), Y: []float64{row}, XLow: some.numbers("low"), XHigh: some.numbers("high")})
				m.Label = ""
				p.Marks = append(p.Marks, m)
			}
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// geometry ranks the runs by what their states look like.
func geometry(runs []*Run, labels []string, keyed func(int, Mark) Mark) *Figure {
	f := &Figure{Name: "sizes-geometry", Title: "Geometry of the states", Wide: true, Columns: 3, Aspect: .45 + .045*float64(len(runs)),
		Caption: "The angle between the two readouts in the plane (independent networks of 50 units: 45° to 71°), and how well the linear fit of the activity along either readout follows the posterior of the observer “difference”."}
	type figure struct {
		label, name string
		of          func(*Run) []float64
	}
	r2 := func(readout string) func(*Run) []float64 {
		return func(r *Run) []float64 {
			return r.table("posterior_fit").where("kind", "pca", "readout", readout, "observer", "difference").numbers("r2")
		}
	}
	for _, fig := range []figure{
		{"angle between readouts (degrees)", "angle", func(r *Run) []float64 {
			return r.table("readouts").where("kind", "pca", "readout", "block").numbers("angle")
		}},
		{"R², block", "r2_block", r2("block")}, {"R², stimulus", "r2_stimulus", r2("stimulus")},
	} {
		p := &Panel{X: Axis{Label: fig.label, Name: fig.name}, Y: Axis{Name: "run"}}
		for i, r := range slices.Backward(runs) {
			if v := fig.of(r); len(v) > 0 {
				row := float64(len(p.Y.Names))
				p.Y.Names = append(p.Y.Names, wrap(labels[i], 20))
				m := keyed(i, Mark{Look: Dots, Radius: 2.4, X: v[:1], Y: []float64{row}})
				m.Label = ""
				p.Marks = append(p.Marks, m)
			}
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}
