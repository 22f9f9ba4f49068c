package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

var (
	pc1      = Axis{Label: "principal component 1", Name: "pc1"}
	pc2      = Axis{Label: "principal component 2", Name: "pc2"}
	stimulus = Axis{Label: "along the stimulus readout", Name: "stimulus"}
	block    = Axis{Label: "along the block readout", Name: "block"}
)

// stateSpace returns the figures of the network's states, those of the headline
// apart.
func (r *Run) stateSpace() []*Figure {
	return []*Figure{r.variance(), r.blockTrajectory(), r.trialsByStrength(), r.paired(), r.posteriors(), r.inTime(), r.observationEffect(), r.feedbackEffect(), r.impulse(), r.gradientByLag(), r.circuit()}
}

// plane is the principal plane with mean trials of either side in either block,
// and the readouts.
func (r *Run) plane() *Figure {
	t := r.table("trial_trajectory").where("strength", "")
	p := &Panel{X: pc1, Y: pc2, Square: true}
	extent := 0.
	for _, b := range sidesOf {
		for _, s := range concordantFirst(b) {
			some := t.where("block_side", b.value, "trial_side", s.value).whileMany()
			m := Mark{Key: "block-" + b.key, Label: b.block, Look: Path, Stroke: strokeOf(b.key), X: some.numbers("pc1"), Y: some.numbers("pc2")}
			for _, step := range some.text("step") {
				m.Notes = append(m.Notes, "step "+step+", stimulus "+s.trial)
			}
			if s.key != b.key {
				m.Stroke.dash = dashed // discordant
			}
			if len(m.X) > 0 {
				start := m
				start.Look, start.X, start.Y, start.Hollow, start.Silent = Dots, m.X[:1], m.Y[:1], []bool{true}, true
				p.Marks = append(p.Marks, m, start)
			}
			for i := range m.X {
				extent = max(extent, math.Hypot(m.X[i], m.Y[i]))
			}
		}
	}
	readouts := r.table("readouts").where("kind", "pca")
	x, y := readouts.numbers("pc1"), readouts.numbers("pc2")
	for i, name := range readouts.text("readout") {
		l := .8 * extent
		p.Marks = append(p.Marks,
			Mark{Key: "readout-" + name, Look: Path, Stroke: stroke{inkText, nil, lineData}, X: []float64{0, x[i] * l}, Y: []float64{0, y[i] * l}, Silent: true},
			Mark{Key: "readout-" + name, Look: Texts, Stroke: stroke{ink: inkText}, X: []float64{x[i] * l * 1.16}, Y: []float64{y[i] * l * 1.16}, Notes: []string{name}})
	}
	return &Figure{Name: "plane", Title: "Trials in the plane", Panels: []*Panel{p}, Aspect: .95,
		Caption: "Mean states within trials, from their start (ring) for as long as half of them go on, in the plane of the first two principal components. " +
			"Colour: the block; dashed: the stimulus is on the other side. The two arrows from the middle are the readouts. The paper: inference runs in a two-dimensional subspace, and the two beliefs in it are coupled."}
}

// manyTrials is the share of trials that must still be going on for a mean over
// them to be drawn: later means are of a few unusual trials.
const manyTrials = .5

// whileMany returns the rows of one mean trial up to where too few still go on.
func (t *Table) whileMany() *Table {
	trials := t.numbers("trials")
	for i, n := range trials {
		if n < manyTrials*trials[0] {
			return &Table{path: t.path, column: t.column, rows: t.rows[:i]}
		}
	}
	return t
}

func (r *Run) variance() *Figure {
	t := r.table("variance")
	component := t.numbers("component")
	n := min(10, len(component))
	bars := Mark{Key: "share", Label: "component", Look: Bars, Stroke: stroke{ink: inkFaint}, Width: .7, X: component[:n], Y: t.numbers("share")[:n]}
	sum := Mark{Key: "cumulative", Label: "cumulative", Look: Linked, Stroke: stroke{inkText, nil, lineData}, X: component[:n], Y: t.numbers("cumulative")[:n]}
	return &Figure{Name: "variance", Title: "Variance explained", Caption: "Share of the states’ variance that each principal component explains, and the sum so far. Two carry most of it: .86 to .92 in independent networks of 50 units.",
		Panels: []*Panel{{X: Axis{Label: "principal component", Name: "component", Whole: true}, Y: Axis{Label: "share of variance", Name: "share", Low: 0, High: 1}, Marks: []Mark{bars, sum}}}}
}

func (r *Run) blockTrajectory() *Figure {
	t := r.table("block_trajectory")
	f := &Figure{Name: "block-trajectory", Title: "Along a block", Wide: true, Columns: 2, Aspect: .62,
		Caption: "States at trials’ starts, averaged by trial within the block: left, along the block readout with 95 % intervals; right, in the plane. " +
			"The state begins a block where the one before has left it and crosses within a few trials."}
	along := &Panel{X: trialWithin, Y: block, Guides: across(0)}
	inPlane := &Panel{X: pc1, Y: pc2, Square: true}
	for _, s := range sidesOf {
		some := t.where("block_side", s.value).upTo("trial", trialsWithin)
		m := Mark{Key: "block-" + s.key, Label: s.block, Look: Line, Stroke: strokeOf(s.key), X: some.numbers("trial"), Y: some.numbers("block"), Low: some.numbers("block_low"), High: some.numbers("block_high")}
		along.Marks = append(along.Marks, m)
		m.Look, m.X, m.Y, m.Low, m.High = Path, some.numbers("pc1"), some.numbers("pc2"), nil, nil
		for _, trial := range some.text("trial") {
			m.Notes = append(m.Notes, "trial "+trial)
		}
		inPlane.Marks = append(inPlane.Marks, m)
	}
	f.Panels = []*Panel{along, inPlane}
	return f
}

func (r *Run) trialsByStrength() *Figure {
	t := r.table("trial_trajectory")
	f := &Figure{Name: "trial-trajectory", Title: "Within trials, by strength", Wide: true, Columns: 2, Aspect: .72,
		Caption: "Mean states within trials in left and in right blocks, along the two readouts; brighter is stronger, dashed is a stimulus on the left. " +
			"A trial moves mostly along the stimulus readout, starting from where the block has put it, and drags the block’s belief along a little."}
	for _, b := range sidesOf {
		p := &Panel{Title: b.block + "s", X: stimulus, Y: block}
		some := t.where("block_side", b.value)
		strengths := slices.DeleteFunc(some.values("strength"), func(s string) bool { return s == "" })
		for i, s := range strengths {
			for _, side := range sidesOf {
				rows := some.where("strength", s, "trial_side", side.value).whileMany()
				m := Mark{Key: "strength-" + s, Label: "strength " + s, Look: Path, Stroke: stroke{rung(i, len(strengths)), nil, lineData},
					X: rows.numbers("stimulus"), Y: rows.numbers("block")}
				if side.key == "left" {
					m.Stroke.dash = dashed
				}
				for _, step := range rows.text("step") {
					m.Notes = append(m.Notes, "step "+step+", stimulus "+side.trial)
				}
				p.Marks = append(p.Marks, m)
			}
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

func (r *Run) paired() *Figure {
	t := r.table("paired_trajectory")
	f := &Figure{Name: "paired", Title: "The same stimuli in either block", Wide: true, Columns: 4, Aspect: 1.1,
		Caption: "Four sequences of observations, each played from the mean state at trials’ starts in left and in right blocks. Whatever distance remains between the two curves is the block’s influence on how the same evidence is read."}
	for i, sequence := range t.values("sequence") {
		p := &Panel{Title: fmt.Sprintf("sequence %d", i+1), X: Axis{Label: "RNN step", Name: "step"}, Y: Axis{Label: "probability of right", Name: "probability_right", Low: 0, High: 1}, Guides: across(.1, .9)}
		for _, b := range sidesOf {
			some := t.where("sequence", sequence, "block_side", b.value)
			p.Marks = append(p.Marks, Mark{Key: "block-" + b.key, Label: b.block, Look: Linked, Stroke: strokeOf(b.key), X: some.numbers("step"), Y: some.numbers("probability_right")})
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// observers are the Bayesian observers in words and colours.
var observers = []struct{ key, label string }{{"difference", "difference"}, {"full", "full"}, {"blockless", "blockless"}, {"published", "published"}}

// posterior returns a panel of the activity along a readout against observers' posteriors.
func (r *Run) posterior(readout string, label string) *Panel {
	t := r.table("posterior").where("readout", readout)
	p := &Panel{X: Axis{Label: label, Name: "posterior", Low: 0, High: 1}, Y: Axis{Label: "activity along the readout", Name: "activity"}, Guides: append(upright(.5), across(0)...)}
	fits := r.table("posterior_fit").where("kind", "pca", "readout", readout)
	for _, o := range slices.Backward(observers) {
		some := t.where("observer", o.key)
		if !some.has() {
			continue
		}
		m := Mark{Key: "bayes-" + o.key, Label: "observer “" + o.label + "”", Extra: o.key != "difference" && o.key != "published", Look: Dots, Stroke: strokeOf("bayes-" + o.key),
			X: some.numbers("posterior"), Y: some.numbers("activity")}
		sd := some.numbers("activity_sd")
		for i := range m.Y {
			m.Low, m.High = append(m.Low, m.Y[i]-sd[i]), append(m.High, m.Y[i]+sd[i])
		}
		fit := Mark{Key: m.Key, Extra: m.Extra, Look: Line, Stroke: strokeOf(m.Key), X: m.X, Y: some.numbers("fit"), Silent: true}
		fit.Stroke.width = .8
		if r2 := fits.where("observer", o.key).numbers("r2"); len(r2) > 0 {
			m.Label += fmt.Sprintf(", R² %.2f", r2[0])
		}
		p.Marks = append(p.Marks, fit, m)
	}
	if shown := shownOnly(p.Marks); len(shown) == 2 { // a fit and its points: no legend tells
		p.Title = shown[1].Label
	}
	return p
}

func (r *Run) blockPosterior() *Figure {
	return &Figure{Name: "block-posterior", Title: "Block belief against Bayes", Panels: []*Panel{r.posterior("block", "Bayesian posterior: right block")},
		Caption: "Activity along the block readout at trials’ starts against the block posterior of Bayesian observers who saw the same session: mean ± standard deviation in bins, and the linear fit to all trials. " +
			"The paper: the state holds beliefs about the latent variables; how closely is what R² says."}
}

func (r *Run) posteriors() *Figure {
	return &Figure{Name: "stimulus-posterior", Title: "Stimulus belief against Bayes", Panels: []*Panel{r.posterior("stimulus", "Bayesian posterior: right stimulus")},
		Caption: "The same along the stimulus readout at observation steps, against the posterior over the trial’s side. Mean ± standard deviation in bins, and the linear fit."}
}

// inTimeTrials is how many RNN steps of the example the figure in time shows.
const inTimeSteps = 260

func (r *Run) inTime() *Figure {
	t := r.table("example")
	if t.has() && len(t.rows) > inTimeSteps {
		t = &Table{path: t.path, column: t.column, rows: t.rows[:inTimeSteps]}
	}
	x := Axis{Label: "RNN step", Name: "rnn_step"}
	probability := Axis{Label: "probability", Name: "probability", Low: 0, High: 1}
	step := t.numbers("rnn_step")
	var switches []Guide
	blocks := t.text("block_number")
	for i := 1; i < len(blocks); i++ {
		if blocks[i] != blocks[i-1] {
			switches = append(switches, Guide{At: step[i], Vertical: true})
		}
	}
	line := func(key, label, column string, s stroke) Mark {
		return Mark{Key: key, Label: label, Stroke: s, X: step, Y: t.numbers(column)}
	}
	thin := func(c ink) stroke { return stroke{c, nil, .8} }
	return &Figure{Name: "in-time", Title: "Beliefs in time", Wide: true, Aspect: .21,
		Caption: "A part of the session, RNN step by RNN step; vertical lines are block switches. Above, the network’s probability of right beside the stimulus posterior of the observer “difference”; " +
			"below, that observer’s block posterior beside the activity along the block readout.",
		Panels: []*Panel{
			{X: x, Y: probability, Guides: switches, Marks: []Mark{line("observer", "observer’s posterior", "stimulus_posterior", thin(inkBlue)), line("network", "network", "probability_right", thin(inkText))}},
			{X: x, Y: probability, Guides: switches, Marks: []Mark{line("observer", "", "block_posterior", thin(inkBlue))}},
			{X: x, Y: block, Guides: append(switches, across(0)...), Marks: []Mark{line("network", "", "block", thin(inkText))}},
		}}
}

func (r *Run) observationEffect() *Figure {
	t := r.table("observation_effect")
	x := Axis{Label: "evidence (right − left)", Name: "evidence"}
	mark := func(readout string, s stroke) Mark {
		return Mark{Key: readout, Label: "along the " + readout + " readout", Look: Linked, Stroke: s, X: t.numbers("evidence"), Y: t.numbers(readout + "_effect")}
	}
	return &Figure{Name: "observation-effect", Title: "Effect of one observation", Caption: "What one observation alone adds to the state (the step with it less the same step without), along either readout. The stimulus belief integrates evidence; the block belief is pulled along, as the paper’s coupling of the two inferences wants.",
		Panels: []*Panel{{X: x, Y: Axis{Label: "effect on the state", Name: "effect"}, Guides: append(across(0), upright(0)...),
			Marks: []Mark{mark("block", stroke{inkPurple, nil, lineData}), mark("stimulus", stroke{inkText, nil, lineData})}}}}
}

func (r *Run) feedbackEffect() *Figure {
	t := r.table("feedback_effect").where("lag", "1").with("block_effect")
	f := &Figure{Name: "feedback-effect", Title: "Effect of feedback", Wide: true, Columns: 2, Aspect: .55,
		Caption: "What the feedback alone adds to the state on the next trial’s first blank step, by action and outcome: mean ± standard deviation. " +
			"The paper finds no influence after training; compare the scale with that of one observation."}
	names, rows := []string{}, [][2]string{}
	for _, outcome := range t.values("outcome") {
		for _, action := range t.where("outcome", outcome).values("action") {
			side := map[string]string{"-1": "left", "1": "right", "0": "none"}[action]
			if outcome == "time-out" {
				names = append(names, outcome)
			} else {
				names = append(names, side+", "+outcome)
			}
			rows = append(rows, [2]string{outcome, action})
		}
	}
	for _, readout := range []string{"stimulus", "block"} {
		p := &Panel{X: Axis{Label: "effect along the " + readout + " readout", Name: "effect"}, Y: Axis{Name: "outcome", Names: names}, Guides: upright(0)}
		for i, row := range rows {
			some := t.where("outcome", row[0], "action", row[1])
			y, sd := some.numbers(readout+"_effect"), some.numbers(readout+"_effect_sd")
			color := map[string]ink{"-1": inkBlue, "1": inkRed}[row[1]]
			if color.name == "" {
				color = inkMuted
			}
			for k := range y {
				m := Mark{Key: "feedback-" + row[0], Look: Dots, Stroke: stroke{color, nil, lineData}, X: []float64{y[k]}, Y: []float64{float64(i)},
					XLow: []float64{y[k] - sd[k]}, XHigh: []float64{y[k] + sd[k]}, Radius: 2.4}
				p.Marks = append(p.Marks, m)
			}
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

func (r *Run) impulse() *Figure {
	t := r.table("impulse")
	f := &Figure{Name: "impulse", Title: "How long an input lasts", Wide: true, Columns: 2, Aspect: .6,
		Caption: "What one input adds to the state and what is left of it RNN steps later: an observation of 1 on either side, a reward of +1, a penalty of −1. Mean ± standard deviation over recorded states. " +
			"What is left along the block readout must outlast the trial."}
	looks := map[string]stroke{"right": strokeOf("right"), "left": strokeOf("left"), "reward": {inkGreen, dashed, lineData}, "penalty": {inkMuted, dashed, lineData}}
	for _, readout := range []Axis{stimulus, block} {
		p := &Panel{X: Axis{Label: "RNN steps after the input", Name: "lag"}, Y: readout, Guides: across(0)}
		for _, in := range t.values("input") {
			some := t.where("input", in)
			m := Mark{Key: "input-" + in, Label: in, Look: Line, Stroke: looks[in], X: some.numbers("lag"), Y: some.numbers(readout.Name)}
			sd := some.numbers(readout.Name + "_sd")
			for i := range m.Y {
				m.Low, m.High = append(m.Low, m.Y[i]-sd[i]), append(m.High, m.Y[i]+sd[i])
			}
			p.Marks = append(p.Marks, m)
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

func (r *Run) circuit() *Figure {
	t := r.table("circuit").where("kind", "pca")
	f := &Figure{Name: "circuit", Title: "Effective circuit", Wide: true, Columns: 3, Aspect: .5,
		Caption: "Recurrence, inputs and readout as the two readouts see them: of the weights alone, linearised along the rollout, and of the RADD student fitted to the same directions. " +
			"Rows receive, columns send. The off-diagonal terms of the recurrence couple the two beliefs."}
	titles := map[string]string{"weights": "weights", "linearised": "linearised", "student": "RADD student"}
	from, to := []string{"stimulus", "block", "left", "right", "feedback"}, []string{"logit", "block", "stimulus"}
	for _, source := range t.values("source") {
		p := &Panel{Title: orElse(titles[source], source), Bare: true, X: Axis{Name: "from", Names: []string{"stim.", "block", "left", "right", "feedb."}}, Y: Axis{Name: "to", Names: to}}
		m := Mark{Key: source, Look: Cells, Width: 1}
		some := t.where("source", source)
		values := some.numbers("value")
		for i := range values {
			x, y := slices.Index(from, some.text("from")[i]), slices.Index(to, some.text("to")[i])
			if x >= 0 && y >= 0 {
				m.X, m.Y, m.U = append(m.X, float64(x)), append(m.Y, float64(y)), append(m.U, values[i])
				m.Notes = append(m.Notes, some.text("matrix")[i])
			}
		}
		p.Marks = []Mark{m}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// conditions are the constant inputs under which the dynamics are drawn, in words.
var conditions = []struct{ key, label string }{
	{"wait", "waiting"}, {"left", "observation left"}, {"right", "observation right"}, {"penalty", "feedback −1"}, {"blank", "no input"}, {"reward", "feedback +1"},
}

// fixedPoints returns the figures of the vector fields, fixed points and spectra.
func (r *Run) fixedPoints() []*Figure {
	var list []*Figure
	for _, system := range r.table("vector_field").values("system") {
		if isRepeat(system) {
			continue
		}
		for _, coordinates := range r.table("vector_field").where("system", system).values("coordinates") {
			list = append(list, r.field(system, coordinates))
		}
	}
	return append(list, r.eigenvalues(), r.timeConstants())
}

// systemLabel is what a system is called.
func systemLabel(system string) string {
	return strings.NewReplacer("radd-pca", "RADD student", "radd-full", "RADD student (full)", "traditional", "traditional student", "network", "network").Replace(system)
}

func (r *Run) field(system, coordinates string) *Figure {
	t := r.table("vector_field").where("system", system, "coordinates", coordinates)
	f := &Figure{Name: "field-" + system + "-" + coordinates, Title: "Vector field: " + systemLabel(system) + ", " + coordinates, Wide: true, Columns: 3, Aspect: .98}
	f.Caption = "One RNN step of the " + systemLabel(system) + " under six constant inputs. Arrows: where the state goes, longer where it goes faster; their colour is the point where it would come to rest. " +
		"Full dots: stable fixed points; rings: unstable ones; small grey dots: slow points."
	switch coordinates {
	case "plane":
		f.Caption += " The network’s step is projected on the plane of the first two principal components."
	case "readouts":
		f.Caption += " Coordinates are those along the two readouts: the same for the network and its RADD students, to be held side by side."
	default:
		f.Caption += " Coordinates are the student’s two units."
	}
	x, y := pc1, pc2
	switch coordinates {
	case "readouts":
		x, y = stimulus, block
	case "units":
		x, y = Axis{Label: "unit 1", Name: "unit1"}, Axis{Label: "unit 2", Name: "unit2"}
	}
	points := r.table("fixed_points").where("system", system)
	for _, c := range conditions {
		some := t.where("condition", c.key)
		if !some.has() {
			continue
		}
		p := &Panel{Title: c.label, X: x, Y: y, Square: coordinates != "readouts"}
		p.X.Low, p.X.High = extent(t.numbers("x"))
		p.Y.Low, p.Y.High = extent(t.numbers("y"))
		here := points.where("condition", c.key)
		speeds := slices.Sorted(slices.Values(some.numbers("speed")))
		fast := speeds[len(speeds)*9/10]
		coarse := some.everySecond("x", "y")
		basins := coarse.values("basin")
		inks := basinInks(here, basins, x.Name, y.Name)
		for _, basin := range basins {
			rows := coarse.where("basin", basin)
			color, ok := inks[basin]
			if !ok {
				color = inkFaint
			}
			p.Marks = append(p.Marks, Mark{Key: "basin", Look: Arrows, Stroke: stroke{color, nil, .6}, Width: fast,
				X: rows.numbers("x"), Y: rows.numbers("y"), U: rows.numbers("dx"), V: rows.numbers("dy")})
		}
		p.Marks = append(p.Marks, restPoints(here, x.Name, y.Name)...)
		f.Panels = append(f.Panels, p)
	}
	return f
}

func extent(v []float64) (low, high float64) {
	low, high = slices.Min(v), slices.Max(v)
	return low, high
}

// basinInks colours the points that basins belong to: by their order along the
// axis on which they lie further apart, a single one by its side.
func basinInks(points *Table, basins []string, x, y string) map[string]ink {
	points = points.with(x)
	name, px, py := points.text("point"), points.numbers(x), points.numbers(y)
	var list []int
	for i := range name {
		if slices.Contains(basins, name[i]) {
			list = append(list, i)
		}
	}
	inks := map[string]ink{}
	if len(list) == 1 {
		inks[name[list[0]]] = inkRed
		if px[list[0]] < 0 {
			inks[name[list[0]]] = inkSky
		}
		return inks
	}
	slices.SortFunc(list, func(i, j int) int {
		if spread(px, list) >= spread(py, list) {
			return cmp.Compare(px[i], px[j])
		}
		return cmp.Compare(py[i], py[j])
	})
	for k, i := range list {
		inks[name[i]] = []ink{inkSky, inkRed, inkGreen, inkPurple, inkAmber}[k%5]
	}
	return inks
}

func spread(v []float64, list []int) float64 {
	low, high := v[list[0]], v[list[0]]
	for _, i := range list {
		low, high = min(low, v[i]), max(high, v[i])
	}
	return high - low
}

// restPoints are fixed and slow points in a panel.
func restPoints(t *Table, x, y string) []Mark {
	px, py, tau := t.numbers(x), t.numbers(y), t.numbers("time_constant")
	stable := Mark{Key: "fixed-points", Label: "fixed point", Look: Dots, Stroke: stroke{inkText, nil, lineData}, Radius: 3}
	slow := Mark{Key: "slow-points", Label: "slow point", Look: Dots, Stroke: stroke{inkMuted, nil, lineData}, Radius: 1.4}
	for i := range px {
		m, word := &stable, "stable"
		if t.text("kind")[i] != "fixed" {
			m, word = &slow, "slow"
		} else {
			m.Hollow = append(m.Hollow, t.text("stable")[i] != "1")
			if t.text("stable")[i] != "1" {
				word = "unstable"
			}
		}
		m.X, m.Y, m.Notes = append(m.X, px[i]), append(m.Y, py[i]), append(m.Notes, fmt.Sprintf("%s; time constant %s RNN steps", word, number(tau[i])))
	}
	var list []Mark
	for _, m := range []Mark{slow, stable} {
		if len(m.X) > 0 {
			list = append(list, m)
		}
	}
	return list
}

// eigenvalues are the spectra at the fixed points of the network.
func (r *Run) eigenvalues() *Figure {
	t := r.table("eigenvalues").where("system", "network")
	points := r.table("fixed_points").where("system", "network")
	f := &Figure{Name: "eigenvalues", Title: "Spectra at fixed points", Wide: true, Columns: 3, Aspect: .9,
		Caption: "Eigenvalues of the Jacobian at the network’s fixed points, under six constant inputs; the circle is |λ| = 1. Whatever stands out by the circle is a slow direction, which can hold a belief; the rest of the network forgets within a few steps."}
	circle := Mark{Key: "unit-circle", Look: Line, Stroke: stroke{inkFaint, nil, .6}, Silent: true}
	for k := range 91 {
		s, c := math.Sincos(float64(k) * math.Pi / 45)
		circle.X, circle.Y = append(circle.X, c), append(circle.Y, s)
	}
	for _, c := range conditions {
		some := t.where("condition", c.key)
		if !some.has() {
			continue
		}
		p := &Panel{Title: c.label, X: Axis{Label: "real", Name: "real"}, Y: Axis{Label: "imaginary", Name: "imaginary"}, Square: true, Marks: []Mark{circle}}
		for _, stable := range []struct {
			value, label string
			ink          ink
		}{{"1", "stable point", inkText}, {"0", "unstable point", inkRed}} {
			m := Mark{Key: "stable-" + stable.value, Label: stable.label, Look: Dots, Stroke: stroke{stable.ink, nil, lineData}, Radius: 1.3}
			for _, point := range points.where("condition", c.key, "kind", "fixed", "stable", stable.value).text("point") {
				rows := some.where("point", point)
				m.X, m.Y = append(m.X, rows.numbers("real")...), append(m.Y, rows.numbers("imaginary")...)
			}
			if len(m.X) > 0 {
				p.Marks = append(p.Marks, m)
			}
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// timeConstants are the slowest modes at fixed points, of every system.
func (r *Run) timeConstants() *Figure {
	t := r.table("fixed_points").where("kind", "fixed", "stable", "1")
	p := &Panel{X: Axis{Label: "time constant of the slowest mode (RNN steps)", Name: "time_constant", Log: true}, Y: Axis{Name: "condition"}}
	for _, c := range slices.Backward(conditions) {
		p.Y.Names = append(p.Y.Names, c.label)
	}
	for _, system := range slices.Backward(t.values("system")) {
		m := Mark{Key: system, Label: systemLabel(system), Look: Dots, Stroke: strokeOf(system), Radius: 2.2, Extra: !isShown(system)}
		for i, c := range slices.Backward(conditions) {
			for _, tau := range t.where("system", system, "condition", c.key).numbers("time_constant") {
				m.X, m.Y = append(m.X, tau), append(m.Y, float64(len(conditions)-1-i))
			}
		}
		p.Marks = append(p.Marks, m)
	}
	return &Figure{Name: "time-constants", Title: "Time constants", Panels: []*Panel{p}, Aspect: .75,
		Caption: "−1/ln|λ| of the slowest mode at every stable fixed point. A trial lasts 3.5 RNN steps, a block 50 trials: the two scales that the task asks for."}
}
