package report

// gradientByLag is how a single step's gradient decays as it is followed back.
func (r *Run) gradientByLag() *Figure {
	t := r.table("gradient_by_lag").where("of", "relative").upTo("lag", gradientLags)
	m := Mark{Key: "network", Look: Line, Stroke: strokeOf("network"), X: t.numbers("lag"), Y: t.numbers("median"), Low: t.numbers("q05"), High: t.numbers("q95")}
	return &Figure{Name: "gradient-by-lag", Title: "Gradient by lag", Panels: []*Panel{{X: Axis{Label: "RNN steps back", Name: "lag"}, Y: Axis{Label: "gradient over that at lag 0", Name: "relative", Log: true},
		Guides: across(1), Marks: []Mark{m}}},
		Caption: "How much of the gradient of a single RNN step’s loss is left in the state so many RNN steps before, relative to the step’s own: median over observation steps of the rollout, with the 5th and the 95th percentile. " +
			"Above the line it would explode. The paper: exploding and vanishing gradients were not a problem."}
}

// gradientLags is how many lags are drawn.
const gradientLags = 100
