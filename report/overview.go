package report

// Overviews are the run in one picture, to print and to put beside those of other
// networks, as the paper's Figures 10 to 13 are for theirs: at length, and in
// three panels. There are none where there is no analysis.
func (r *Run) Overviews() []*Figure {
	long := r.overview()
	if len(long.Panels) == 0 {
		return nil
	}
	short := &Figure{Name: "digest", Title: long.Title, Wide: true, Columns: 3, Aspect: long.Aspect,
		Caption: "RNN steps by strength, the network’s psychometric curves by block, and mean trials in the principal plane."}
	for _, i := range []int{0, 1, 3} {
		if i < len(long.Panels) {
			short.Panels = append(short.Panels, long.Panels[i])
		}
	}
	return []*Figure{long, short}
}

func (r *Run) overview() *Figure {
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
		case "fixed-points", "slow-points":
			m.Label = ""
		}
		list = append(list, m)
	}
	return list
}
