package report

import (
	"strings"

	"radd/analysis"
)

// contest returns the figures of how students and rivals play.
func (r *Run) contest() []*Figure {
	if r.Contest == nil || len(r.Contest.Entries) == 0 {
		return nil
	}
	f := &Figure{Name: "contest-play", Title: "Who plays as the teacher does", Wide: true, Columns: 3,
		Caption: "The teacher, its students and their rivals on one session that no student was fitted to: 95 % bootstrap intervals over pairs of blocks; of several players the median and the range. " +
			"Correct per trial hardly tells students apart. The block gap (correct on concordant less discordant trials) at zero strength does. The paper: two units made by RADD play as the teacher does, and traditional distillation does not get there.",
		Panels: []*Panel{r.entries("RNN steps per trial", func(p *analysis.Performance) analysis.Figure { return p.RNNStepsPerTrial }),
			r.entries("correct per trial", func(p *analysis.Performance) analysis.Figure { return p.CorrectPerTrial }),
			r.entries("block gap, zero strength", func(p *analysis.Performance) analysis.Figure { return p.ZeroBlockGap })}}
	g := &Figure{Name: "contest-agreement", Title: "Along the teacher’s own passage", Wide: true, Columns: 2,
		Caption: "Everybody given the inputs that the teacher saw: the share of trials in which the output stands for the teacher’s action at the step where the teacher acted, and the divergence of the output from the teacher’s.",
		Panels: []*Panel{r.entries("agreement (share of trials)", func(p *analysis.Performance) analysis.Figure { return p.Agreement }),
			r.entries("KL divergence (nats per RNN step)", func(p *analysis.Performance) analysis.Figure { return p.KL })}}
	for _, h := range []*Figure{f, g} {
		lines := 0
		for _, name := range h.Panels[0].Y.Names {
			lines += 1 + strings.Count(name, "\n")
		}
		width, _ := h.panelSize()
		h.Aspect = (40 + 9*float64(lines) + 3*float64(len(h.Panels[0].Y.Names))) / float64(width)
	}
	return []*Figure{f, g}
}

// entries returns a panel with a row for every entry of the contest.
func (r *Run) entries(label string, figure func(*analysis.Performance) analysis.Figure) *Panel {
	p := &Panel{X: Axis{Label: label, Name: "value"}, Y: Axis{Name: "player"}}
	n := len(r.Contest.Entries)
	teacher := figure(&r.Contest.Entries[0].Performance)
	if v := float64(teacher.Value); finite(v) {
		p.Guides = upright(v)
	}
	for i := range r.Contest.Entries {
		e := &r.Contest.Entries[n-1-i]
		name := e.Name
		if e.GradientSteps > 0 && e.Players > 1 {
			name += ", " + thousands(e.GradientSteps)
		}
		p.Y.Names = append(p.Y.Names, wrap(name, 24))
		v := figure(&e.Performance)
		p.Marks = append(p.Marks, Mark{Key: contestKey(e.Name), Look: Dots, Stroke: strokeOf(contestKey(e.Name)), Radius: 2.2, X: []float64{float64(v.Value)}, Y: []float64{float64(i)},
			XLow: []float64{float64(v.Low)}, XHigh: []float64{float64(v.High)}})
	}
	return p
}

// contestKey returns the player that an entry of a contest is.
func contestKey(name string) string {
	for _, k := range []struct{ name, key string }{
		{"teacher", "network"}, {"RADD student, pca", "radd-pca"}, {"RADD student, full", "radd-full"}, {"traditional students", "traditional"},
		{"Bayesian actor difference", "bayes-difference"}, {"Bayesian actor full", "bayes-full"}, {"Bayesian actor blockless", "bayes-blockless"}, {"Bayesian actor published", "bayes-published"},
	} {
		if k.name == name {
			return k.key
		}
	}
	return "contest-" + name
}
