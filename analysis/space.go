package analysis

// Space is what a recording of the task tells about the states of its network.
type Space struct {
	Posteriors []PosteriorFit `json:"posteriors,omitempty"`
	Effects    *Effects       `json:"effects,omitempty"`
}

// Space returns the summary with the tables of trajectories, posteriors and
// effects. s is the network that was recorded.
func (r *Recording) Space(s *System) (Space, []*Table) {
	var space Space
	parts := make([][]*Table, 3)
	parallel(len(parts), func(i int) {
		switch i {
		case 0:
			fits, bins := r.posteriors()
			space.Posteriors, parts[i] = fits, []*Table{bins, posteriorTable(fits)}
		case 1:
			space.Effects, parts[i] = r.effects(s)
		case 2:
			parts[i] = []*Table{r.blockTrajectory(), r.trialTrajectory(), r.pairedTrajectory(s), r.example()}
		}
	})
	var tables []*Table
	for _, list := range parts {
		tables = append(tables, list...)
	}
	return space, tables
}
