package analysis

import (
	"slices"

	"radd/task"
)

// Curves are the tables of behaviour; every player adds rows to each.
type Curves struct {
	performance, withinBlock, recovery, psychometric, fits, chronometric, stepsByOutcome, outcomes, byObservations *Table
}

// NewCurves returns the tables without rows.
func NewCurves() *Curves {
	return &Curves{
		performance:    NewTable("performance.csv", "player", "figure", "value", "low", "high"),
		withinBlock:    NewTable("within_block.csv", "player", "strengths", "concordance", "trial", "trials", "correct", "share", "low", "high"),
		recovery:       NewTable("recovery.csv", "player", "strengths", "trial", "actions", "toward", "share", "low", "high"),
		psychometric:   NewTable("psychometric.csv", "player", "block_side", "signed_strength", "relative_strength", "trials", "actions", "right", "share", "low", "high"),
		fits:           NewTable("psychometric_fit.csv", "player", "by", "from", "to", "trials", "slope", "slope_low", "slope_high", "bias", "bias_low", "bias_high", "side", "side_low", "side_high"),
		chronometric:   NewTable("chronometric.csv", "player", "strength", "relative_strength", "trials", "mean", "low", "high", "unit"),
		stepsByOutcome: NewTable("steps_by_outcome.csv", "player", "strength", "correct", "concordant", "trials", "mean", "low", "high", "unit"),
		outcomes:       NewTable("outcomes.csv", "player", "strength", "outcome", "trials", "share", "low", "high"),
		byObservations: NewTable("by_observations.csv", "player", "observations", "trials", "actions", "correct", "share", "low", "high", "trial_share", "reward", "reward_rate"),
	}
}

// Tables returns the tables.
func (c *Curves) Tables() []*Table {
	return []*Table{c.performance, c.withinBlock, c.recovery, c.psychometric, c.fits, c.chronometric, c.stepsByOutcome, c.outcomes, c.byObservations}
}

// Add adds a player's rows and returns the figures in the first table.
func (c *Curves) Add(player string, p *Played) Performance {
	performance := c.addPerformance(player, p)
	c.addWithinBlock(player, p)
	c.addRecovery(player, p)
	c.addPsychometric(player, p)
	c.addFits(player, p)
	c.addDurations(player, p)
	c.addOutcomes(player, p)
	if p.Observed {
		c.addByObservations(player, p)
	}
	return performance
}

// The bootstrap of performance.csv.
const (
	resamples     = 1000
	bootstrapSeed = 1
)

func (c *Curves) addPerformance(player string, p *Played) Performance {
	var b Behaviour
	for i, t := range p.Trials {
		b.Add(p.blocks[i].block, p.blocks[i].within, t)
	}
	performance := b.Performance(resamples, bootstrapSeed)
	if none := task.Ratio(nan); !p.Observed {
		performance.RNNStepsPerTrial = Figure{none, none, none}
	}
	for _, f := range []struct {
		name string
		Figure
	}{
		{"rnn_steps_per_trial", performance.RNNStepsPerTrial}, {"action_rate", performance.ActionRate}, {"correct_per_trial", performance.CorrectPerTrial},
		{"block_gap", performance.BlockGap}, {"zero_strength_block_gap", performance.ZeroBlockGap}, {"trials_to_recover", performance.TrialsToRecover},
	} {
		c.performance.Add(player, f.name, f.Value, f.Low, f.High)
	}
	return performance
}

// strengthSets are the sets of trials of which curves along a block are made.
var strengthSets = []struct {
	name string
	has  func(strength float64) bool
}{
	{"all", func(float64) bool { return true }},
	{"zero", func(strength float64) bool { return strength == 0 }},
}

// shares counts by an index that may be anything in a small range.
type shares map[int]*struct{ yes, n int }

func (s shares) add(at int, yes bool) {
	if s[at] == nil {
		s[at] = new(struct{ yes, n int })
	}
	s[at].n++
	if yes {
		s[at].yes++
	}
}

// each calls do for every index in order.
func (s shares) each(do func(at, yes, n int, share, low, high float64)) {
	var order []int
	for at := range s {
		order = append(order, at)
	}
	slices.Sort(order)
	for _, at := range order {
		x := s[at]
		low, high := Wilson(x.yes, x.n)
		do(at, x.yes, x.n, float64(x.yes)/float64(x.n), low, high)
	}
}

func (c *Curves) addWithinBlock(player string, p *Played) {
	for _, set := range strengthSets {
		for _, kind := range []struct {
			name string
			has  func(task.Trial) bool
		}{
			{"all", func(task.Trial) bool { return true }},
			{"concordant", func(t task.Trial) bool { return t.BlockSide != 0 && t.Concordant() }},
			{"discordant", func(t task.Trial) bool { return t.BlockSide != 0 && !t.Concordant() }},
		} {
			s := shares{}
			for i, t := range p.Trials {
				if set.has(t.Strength) && kind.has(t) {
					s.add(p.blocks[i].within, t.Correct())
				}
			}
			s.each(func(at, yes, n int, share, low, high float64) {
				c.withinBlock.Add(player, set.name, kind.name, at, n, yes, share, low, high)
			})
		}
	}
}

// The trials around a block switch that recovery.csv tells of.
const (
	beforeSwitch = 10
	afterSwitch  = 30
)

func (c *Curves) addRecovery(player string, p *Played) {
	for _, set := range strengthSets {
		s := shares{}
		for i, t := range p.Trials {
			b := p.blocks[i]
			if !set.has(t.Strength) || t.Action == 0 || t.BlockSide == 0 {
				continue
			}
			if b.next > 0 && b.next <= beforeSwitch {
				s.add(-b.next, t.Action == -t.BlockSide)
			}
			if b.previous > 0 && b.within <= afterSwitch && p.Trials[i-b.within-1].BlockSide != 0 {
				s.add(b.within, t.Action == t.BlockSide)
			}
		}
		s.each(func(at, yes, n int, share, low, high float64) {
			c.recovery.Add(player, set.name, at, n, yes, share, low, high)
		})
	}
}

// signed returns the signed strength: right is positive.
func signed(t task.Trial) float64 { return float64(t.Side) * t.Strength }

func (c *Curves) addPsychometric(player string, p *Played) {
	largest := slices.Max(p.strengths())
	for _, side := range []int8{-1, 0, +1} {
		trials := map[float64]int{}
		index := map[float64]int{}
		s := shares{}
		var levels []float64
		for _, t := range p.Trials {
			if x := signed(t); t.BlockSide == side {
				if trials[x] == 0 {
					levels = append(levels, x)
				}
				trials[x]++
			}
		}
		slices.Sort(levels)
		for i, x := range levels {
			index[x] = i
		}
		for _, t := range p.Trials {
			if t.BlockSide == side && t.Action != 0 {
				s.add(index[signed(t)], t.Action > 0)
			}
		}
		s.each(func(at, yes, n int, share, low, high float64) {
			x := levels[at]
			c.psychometric.Add(player, side, x, x/largest, trials[x], n, yes, share, low, high)
		})
	}
}

// addFits adds the fits of all trials, and by quarters of the lengths of blocks
// and of the blocks before.
func (c *Curves) addFits(player string, p *Played) {
	add := func(by string, from, to any, has func(blockOf) bool) {
		f := psychometricFit{}
		for i, t := range p.Trials {
			if has(p.blocks[i]) {
				f.add(t)
			}
		}
		e := f.fit()
		c.fits.Add(player, by, from, to, f.n,
			e.slope.value, e.slope.low, e.slope.high, e.bias.value, e.bias.low, e.bias.high, e.side.value, e.side.low, e.side.high)
	}
	add("all", "", "", func(blockOf) bool { return true })
	for _, by := range []struct {
		name   string
		length func(blockOf) int // 0 where it is not known
	}{
		{"block_length", func(b blockOf) int {
			if b.whole {
				return b.length
			}
			return 0
		}},
		{"previous_block_length", func(b blockOf) int { return b.previous }},
	} {
		var lengths []int
		for _, b := range p.blocks {
			if n := by.length(b); b.within == 0 && n > 0 {
				lengths = append(lengths, n)
			}
		}
		slices.Sort(lengths)
		from := 0
		for quarter := range 4 {
			if len(lengths) == 0 {
				break
			}
			first, last := lengths[quarter*len(lengths)/4], lengths[max((quarter+1)*len(lengths)/4-1, 0)]
			first = max(first, from)
			if last < first {
				continue // fewer lengths than quarters
			}
			from = last + 1
			add(by.name, first, last, func(b blockOf) bool { n := by.length(b); return n >= first && n <= last })
		}
	}
}

// addDurations adds RNN steps, or response times where there are no RNN steps.
func (c *Curves) addDurations(player string, p *Played) {
	unit, of := "RNN steps", func(i int) float64 { return float64(p.Trials[i].RNNSteps) }
	switch {
	case p.Observed:
	case p.Seconds != nil:
		unit, of = "s", func(i int) float64 { return p.Seconds[i] }
	default:
		return
	}
	strengths := p.strengths()
	largest := strengths[len(strengths)-1]
	for k := -1; k < len(strengths); k++ {
		var all moments
		var by [2][2]moments // by correct and concordant
		for i, t := range p.Trials {
			x := of(i)
			if k >= 0 && t.Strength != strengths[k] || x != x {
				continue
			}
			all.add(x)
			if t.Action != 0 && t.BlockSide != 0 {
				by[index(t.Correct())][index(t.Concordant())].add(x)
			}
		}
		var strength any = "" // all
		if k >= 0 {
			strength = strengths[k]
			low, high := all.interval()
			c.chronometric.Add(player, strength, strengths[k]/largest, all.n, all.mean(), low, high, unit)
		}
		for correct := range by {
			for concordant := range by[correct] {
				m := by[correct][concordant]
				low, high := m.interval()
				c.stepsByOutcome.Add(player, strength, correct, concordant, m.n, m.mean(), low, high, unit)
			}
		}
	}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// outcomeNames are the ways in which a trial ends.
var outcomeNames = []string{"correct", "error", "time-out"}

// outcome returns the index of a trial's outcome in outcomeNames.
func outcome(t task.Trial) int {
	switch {
	case t.Action == 0:
		return 2
	case t.Correct():
		return 0
	}
	return 1
}

func (c *Curves) addOutcomes(player string, p *Played) {
	for _, strength := range p.strengths() {
		var counts [3]int
		n := 0
		for _, t := range p.Trials {
			if t.Strength == strength {
				counts[outcome(t)]++
				n++
			}
		}
		for i, count := range counts {
			low, high := Wilson(count, n)
			c.outcomes.Add(player, strength, outcomeNames[i], count, float64(count)/float64(n), low, high)
		}
	}
}

func (c *Curves) addByObservations(player string, p *Played) {
	type sums struct {
		trials, actions, correct, steps int
		reward                          float64
	}
	var by []sums
	for _, t := range p.Trials {
		for len(by) <= t.Observations {
			by = append(by, sums{})
		}
		s := &by[t.Observations]
		s.trials++
		s.actions += index(t.Action != 0)
		s.correct += index(t.Correct())
		s.steps += t.RNNSteps
		s.reward += p.Feedback(t)
	}
	for observations, s := range by {
		if s.trials == 0 {
			continue
		}
		low, high := Wilson(s.correct, s.actions)
		c.byObservations.Add(player, observations, s.trials, s.actions, s.correct, float64(s.correct)/float64(s.actions), low, high,
			float64(s.trials)/float64(len(p.Trials)), s.reward/float64(s.trials), s.reward/float64(s.steps))
	}
}

// Append appends the rows of other curves.
func (c *Curves) Append(other *Curves) {
	for i, t := range c.Tables() {
		t.Append(other.Tables()[i])
	}
}
