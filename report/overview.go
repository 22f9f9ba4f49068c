package report

// Overview is one picture of the run, to print and to put beside those of other
// networks: what the paper's Figures 10 to 13 are for theirs. It has no panels where
// there is no analysis.
func (r *Run) Overview() *Figure {
	f := &Figure{Name: "overview", Title: r.Label(), Wide: true, Columns: 3, Aspect: .93,
		Caption: "Top: RNN steps by strength, the network’s psychometric curves by block, and correct per trial at zero strength by trial within the block. " +
			"Middle: mean trials in the principal plane, and the activity along either readout against the Bayesian posterior. " +
			"Bottom: states at trials’ starts along a block, the effect of one observation, and the dynamics while nothing is seen."}
	add := func(title string, figure *Figure, panel int) {
		if figure.has() && panel < len(figure.Panels) {
			p := *figure.Panels[panel]
			p.Title = title
			f.Panels = append(f.Panels, &p)
		}
	}
	add("RNN steps by strength", r.chronometric(), 0)
	add("the network, by block", r.sides(), 0)
	add("use of the block, zero strength", r.withinBlock(), 1)
	add("trials in the plane", r.plane(), 0)
	add("block belief", r.blockPosterior(), 0)
	add("stimulus belief", r.posteriors(), 0)
	add("along a block", r.blockTrajectory(), 0)
	add("one observation", r.observationEffect(), 0)
	if r.table("vector_field").where("system", "network", "coordinates", "plane").has() {
		add("dynamics, waiting", r.field("network", "plane"), 0)
	}
	for _, p := range f.Panels {
		p.Marks = shownOnly(p.Marks)
	}
	return f
}

// shownOnly returns the marks without those that are switched off at first, and without
// labels that the panels tell apart themselves.
func shownOnly(marks []Mark) []Mark {
	var list []Mark
	for _, m := range marks {
		if m.Extra {
			continue
		}
		switch m.Key {
		case "fixed-points", "slow-points", "left", "right":
			m.Label = ""
		}
		list = append(list, m)
	}
	return list
}
