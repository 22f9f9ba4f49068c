package report

import (
	"fmt"
	"slices"
	"strings"
)

// shown are the players that figures show at first and in files, besides an
// animal: the others wait for a reader to switch them on.
var shown = []string{"network", "radd-pca", "bayes-difference", "bayes-published"}

// isRepeat reports whether a player is one of several that differ in their seed:
// the first of them stands for all in curves.
func isRepeat(key string) bool { return strings.Contains(key, "-seed-") }

func isMouse(key string) bool { return strings.HasPrefix(key, "mice") }

func isShown(key string) bool { return slices.Contains(shown, key) || isMouse(key) }

// curves returns a mark for every player in the table, of the named columns:
// x, y and, where they are not "", the interval's ends.
func (r *Run) curves(t *Table, look Look, x, y, low, high string) []Mark {
	var list []Mark
	mice := 0
	for _, p := range r.Players {
		some := t.where("player", p.Key)
		m := Mark{Key: p.Key, Label: p.Label, Extra: !isShown(p.Key), Look: look, Stroke: strokeOf(p.Key),
			X: some.numbers(x), Y: some.numbers(y), Low: some.numbers(low), High: some.numbers(high)}
		if p.Group == "mice" {
			m.Stroke.ink = mouseInks[mice%len(mouseInks)]
			m.Hollow = slices.Repeat([]bool{true}, len(m.X))
			mice++
		}
		if some.has() && !isRepeat(p.Key) {
			list = append(list, m)
		}
	}
	slices.Reverse(list) // the network on top
	return list
}

// HasMice reports whether there are animals beside the network. Their contrasts are
// not the task's strengths: then axes are in units of everybody's largest.
func (r *Run) HasMice() bool {
	return slices.ContainsFunc(r.Players, func(p Player) bool { return p.Group == "mice" })
}

// strength is the axis of stimulus strengths, whose name is the tables' column.
func (r *Run) strength() Axis {
	if r.HasMice() {
		return Axis{Label: "stimulus strength (of the largest)", Name: "relative_strength"}
	}
	return Axis{Label: "stimulus strength", Name: "strength"}
}

// signedStrength is that of strengths with the stimulus side's sign.
func (r *Run) signedStrength() Axis {
	if r.HasMice() {
		return Axis{Label: "signed strength (of the largest; positive: right)", Name: "relative_strength"}
	}
	return Axis{Label: "signed strength (positive: right)", Name: "signed_strength"}
}

// largestOf returns a player's largest strength, 1 where it is not known.
func (r *Run) largestOf(player string) float64 {
	t := r.table("chronometric").where("player", player)
	strengths := t.numbers("strength")
	if len(strengths) == 0 {
		t = r.table("psychometric").where("player", player)
		strengths = t.numbers("signed_strength")
	}
	if len(strengths) == 0 || slices.Max(strengths) <= 0 {
		return 1
	}
	return slices.Max(strengths)
}

// unbanded returns the marks without their intervals' bands, but for the
// network's: many bands hide one another, and a mouse's few trials everything.
func unbanded(marks []Mark) []Mark {
	for i := range marks {
		if marks[i].Key != "network" && marks[i].Look == Line {
			marks[i].Low, marks[i].High = nil, nil
		}
	}
	return marks
}

// trialsWithin is where curves by trial within the block end: few blocks are longer
// than 60 trials, and what is behind is noise.
const trialsWithin = 60

var trialWithin = Axis{Label: "trial within the block", Name: "trial", Whole: true}

var share = Axis{Label: "correct per trial", Name: "correct_per_trial"}

// behaviour returns the figures of how everybody plays, those of the headline
// apart.
func (r *Run) behaviour() []*Figure {
	return []*Figure{r.withinBlock(), r.concordance(), r.recovery(), r.sides(), r.blockLength(), r.stepsByOutcome(), r.outcomes(), r.byObservations(), r.frontier(), r.causal()}
}

func (r *Run) chronometric() *Figure {
	t := r.table("chronometric")
	f := &Figure{Name: "chronometric", Title: "RNN steps by stimulus strength",
		Caption: "How long each waits before it acts, blank steps included. The paper’s network acts after about 3.5 RNN steps on average, sooner on strong stimuli; " +
			"so does the actor of its released code (“published”), while an actor with the task’s exact posterior (“difference”) waits far longer at small strengths.",
		Panels: []*Panel{{X: r.strength(), Y: Axis{Label: "RNN steps per trial", Name: "rnn_steps"},
			Marks: r.curves(t.where("unit", "RNN steps"), Linked, r.strength().Name, "mean", "low", "high")}}}
	if seconds := t.where("unit", "s"); seconds.has() {
		f.Title += ", response times of mice"
		f.Caption += medianTimes
		f.Wide, f.Columns, f.Aspect = true, 2, .6
		f.Panels = append(f.Panels, &Panel{X: r.strength(), Y: responseTime, Marks: r.curves(seconds, Linked, r.strength().Name, "median", "median_low", "median_high")})
	}
	return f
}

var responseTime = Axis{Label: "response time (s)", Name: "response_time"}

const medianTimes = " Response times are medians over trials with an action, with 95 % intervals."

func (r *Run) psychometric() *Figure {
	t := r.table("psychometric")
	f := &Figure{Name: "psychometric", Title: "Psychometric curves by block", Wide: true, Columns: 2, Aspect: .6,
		Caption: "Share of actions to the right by signed strength, in left and in right blocks. The distance between the two curves is the use that is made of the block: " +
			"largest where the stimulus says nothing. A Bayesian actor and, by the paper, a trained network and a mouse all shift their curve with the block."}
	x := r.signedStrength()
	for _, block := range []struct{ side, title string }{{"-1", "left blocks"}, {"1", "right blocks"}, {"0", "without bias"}} {
		some := t.where("block_side", block.side)
		if block.side == "0" {
			if !some.has() {
				continue
			}
			f.Columns, f.Aspect = 3, .85
		}
		f.Panels = append(f.Panels, &Panel{Title: block.title, X: x, Y: rightward, Guides: append(across(.5), upright(0)...),
			Marks: r.curves(some, Linked, x.Name, "share", "low", "high")})
	}
	if f.Columns == 3 {
		for _, p := range f.Panels {
			p.X.Label = "signed strength (of the largest)"
		}
	}
	return f
}

var rightward = Axis{Label: "actions to the right", Name: "share_right", Low: 0, High: 1}

func (r *Run) withinBlock() *Figure {
	t := r.table("within_block").where("concordance", "all").upTo("trial", trialsWithin)
	f := &Figure{Name: "within-block", Title: "Correct by trial within the block", Wide: true, Columns: 2, Aspect: .6,
		Caption: "After a block’s first trials the network knows which side is likelier and is correct more often; at zero strength the block is all there is to know. " +
			"The band is the network’s 95 % interval."}
	mice := ""
	for _, strengths := range []struct{ key, title string }{{"all", "all strengths"}, {"zero", "zero strength"}} {
		some := t.where("strengths", strengths.key)
		p := &Panel{Title: strengths.title, X: trialWithin, Y: share, Marks: unbanded(r.curves(some, Line, "trial", "share", "low", "high"))}
		for i := range p.Marks {
			if m := &p.Marks[i]; isMouse(m.Key) {
				m.pool(some.where("player", m.Key), trialsPooled)
				mice = " Of mice, five trials are taken together."
			}
		}
		f.Panels = append(f.Panels, p)
	}
	f.Caption += mice
	return f
}

func (r *Run) concordance() *Figure {
	t := r.table("within_block").where("strengths", "zero").upTo("trial", trialsWithin-1)
	f := &Figure{Name: "within-block-concordance", Title: "Concordant and discordant trials", Wide: true, Columns: 2, Aspect: .6,
		Caption: "At zero strength, five trials taken together, trials whose side is the block’s (concordant) and trials whose side is not. Who uses the block wins on the first and loses on the second; " +
			"who does not sits at one half on both. The gap tells good students from bad ones where correct per trial hardly does."}
	for _, c := range []string{"concordant", "discordant"} {
		p := &Panel{Title: c, X: trialWithin, Y: Axis{Label: "correct, zero strength", Name: "correct_per_trial", Low: 0, High: 1}, Guides: across(.5)}
		for _, m := range r.curves(t.where("concordance", c), Linked, "trial", "share", "", "") {
			m.pool(t.where("concordance", c, "player", m.Key), trialsPooled)
			p.Marks = append(p.Marks, m)
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}

// trialsPooled is how many neighbouring trials within the block are one point,
// where single ones are few.
const trialsPooled = 5

// pool makes a mark's values shares over n neighbouring trials of the table.
func (m *Mark) pool(t *Table, n int) {
	m.X, m.Y = nil, nil
	trial, count, correct := t.numbers("trial"), t.numbers("trials"), t.numbers("correct")
	for i := 0; i < len(trial); i += n {
		var x, all, right float64
		end := min(i+n, len(trial))
		for k := i; k < end; k++ {
			x, all, right = x+trial[k], all+count[k], right+correct[k]
		}
		m.X, m.Y = append(m.X, x/float64(end-i)), append(m.Y, right/all)
	}
}

func (r *Run) recovery() *Figure {
	t := r.table("recovery")
	f := &Figure{Name: "recovery", Title: "Recovery after a block switch", Wide: true, Columns: 2, Aspect: .6,
		Caption: "Share of actions toward the side of the block that begins at trial 0. How fast the curve rises is how fast the old block is given up."}
	for _, strengths := range []struct{ key, title string }{{"all", "all strengths"}, {"zero", "zero strength"}} {
		f.Panels = append(f.Panels, &Panel{Title: strengths.title, X: Axis{Label: "trial from the switch", Name: "trial", Whole: true},
			Y: Axis{Label: "actions toward the next block", Name: "share_toward"}, Guides: append(upright(0), across(.5)...),
			Marks: unbanded(r.curves(t.where("strengths", strengths.key), Line, "trial", "share", "low", "high"))})
	}
	return f
}

// sides are the psychometric curves of the network, and of every mouse, by block, a
// panel each.
func (r *Run) sides() *Figure {
	f := &Figure{Name: "psychometric-network", Title: "The network’s two curves",
		Caption: "The network’s psychometric curves in left and in right blocks, with 95 % intervals: the same curve, moved."}
	for _, player := range r.Players {
		t := r.table("psychometric").where("player", player.Key)
		if player.Key != "network" && player.Group != "mice" || !t.has() {
			continue
		}
		p := &Panel{Title: player.Label, X: Axis{Label: "signed strength (positive: right)", Name: "signed_strength"}, Y: rightward, Guides: append(across(.5), upright(0)...)}
		if player.Group == "mice" {
			p.X.Label = "signed contrast (positive: right)"
		}
		for _, side := range sidesOf {
			some := t.where("block_side", side.value)
			p.Marks = append(p.Marks, Mark{Key: "block-" + side.key, Label: side.block, Look: Linked, Stroke: strokeOf(side.key),
				X: some.numbers("signed_strength"), Y: some.numbers("share"), Low: some.numbers("low"), High: some.numbers("high")})
		}
		f.Panels = append(f.Panels, p)
	}
	if n := len(f.Panels); n == 1 {
		f.Panels[0].Title = ""
	} else if n > 1 {
		f.Title, f.Wide, f.Columns = "Two curves: the network and mice", true, min(n, 3)
		f.Caption = "Psychometric curves in left and in right blocks, with 95 % intervals, of the network and of every mouse: the distance between the two curves is the use that is made of the block."
		if f.Columns == 3 {
			f.Aspect = .85
		}
	}
	return f
}

// side is one of the two, in tables, as a key and in words.
type side struct{ value, key, block, trial string }

var sidesOf = []side{{"-1", "left", "left block", "left"}, {"1", "right", "right block", "right"}}

// concordantFirst returns the sides, a block's own first.
func concordantFirst(block side) []side {
	if block == sidesOf[0] {
		return sidesOf
	}
	return []side{sidesOf[1], sidesOf[0]}
}

func (r *Run) blockLength() *Figure {
	t := r.table("psychometric_fit")
	f := &Figure{Name: "psychometric-fit", Title: "Slope and bias by block length", Wide: true, Columns: 2, Aspect: .55,
		Caption: "The fitted slope of the psychometric curve, and how far the block moves it, by the length of the block and by that of the block before, with 95 % intervals. " +
			"An observer of the task has no use for a block’s length as such: a long block only leaves more trials that know it."}
	unit := "strength unit"
	if r.HasMice() {
		unit = "unit" // everybody's largest strength
		f.Caption += " The unit is everybody’s largest strength."
	}
	for _, by := range []struct{ key, label string }{{"block_length", "block’s length (trials)"}, {"previous_block_length", "previous block’s length (trials)"}} {
		for _, y := range []Axis{{Label: "slope (log odds per " + unit + ")", Name: "slope"}, {Label: "bias (" + unit + "s)", Name: "bias"}} {
			p := &Panel{X: Axis{Label: by.label, Name: by.key}, Y: y}
			p.Marks = r.curves(t.where("by", by.key), Linked, "from", y.Name, y.Name+"_low", y.Name+"_high")
			for i := range p.Marks {
				m := &p.Marks[i]
				to := t.where("by", by.key, "player", m.Key).numbers("to")
				scale := 1.
				if r.HasMice() {
					scale = r.largestOf(m.Key)
				}
				if y.Name == "bias" {
					scale = 1 / scale
				}
				for k := range m.X {
					m.X[k] = (m.X[k] + to[k]) / 2
					m.Y[k], m.Low[k], m.High[k] = scale*m.Y[k], scale*m.Low[k], scale*m.High[k]
				}
			}
			f.Panels = append(f.Panels, p)
		}
	}
	return f
}

func (r *Run) stepsByOutcome() *Figure {
	t := r.table("steps_by_outcome")
	f := &Figure{Name: "steps-by-outcome", Title: "RNN steps, correct × concordant", Wide: true, Columns: 4, Aspect: 1.15,
		Caption: "RNN steps of trials with an action, by strength. Errors on discordant trials come early, where the block decides before the stimulus can."}
	x := Axis{Label: "strength", Name: "strength"}
	add := func(t *Table, y Axis, centre, low, high string) {
		var panels []*Panel
		for _, c := range []struct{ correct, concordant, title string }{{"1", "1", "correct, concordant"}, {"1", "0", "correct, discordant"}, {"0", "1", "error, concordant"}, {"0", "0", "error, discordant"}} {
			some := t.where("correct", c.correct, "concordant", c.concordant).with("strength")
			panels = append(panels, &Panel{Title: c.title, X: x, Y: y, Marks: r.curves(some, Linked, "strength", centre, low, high)})
		}
		level(panels)
		f.Panels = append(f.Panels, panels...)
	}
	add(t.where("unit", "RNN steps"), Axis{Label: "RNN steps", Name: "rnn_steps"}, "mean", "low", "high")
	if seconds := t.where("unit", "s"); seconds.has() {
		f.Title += ", response times of mice"
		f.Caption += medianTimes
		x.Label = "contrast"
		add(seconds, responseTime, "median", "median_low", "median_high")
	}
	return f
}

// level gives panels one range of y.
func level(panels []*Panel) {
	var all Panel
	for _, p := range panels {
		all.Marks = append(all.Marks, p.Marks...)
	}
	_, _, low, high := all.bounds()
	for _, p := range panels {
		p.Y.Low, p.Y.High = low, high
	}
}

func (r *Run) outcomes() *Figure {
	t := r.table("outcomes")
	f := &Figure{Name: "outcomes", Title: "Outcomes by strength", Wide: true, Columns: 4, Aspect: 1.05,
		Caption: "Correct actions, errors and time-outs, stacked. With “probability” a network gives up time-outs for errors; a Bayesian actor at the same threshold lets weak stimuli time out."}
	for _, p := range r.Players {
		some := t.where("player", p.Key)
		if !isShown(p.Key) || !some.has() {
			continue
		}
		names := some.values("strength")
		base := make([]float64, len(names))
		panel := &Panel{Title: p.Label, X: Axis{Label: "strength", Name: "strength", Names: names}, Y: Axis{Label: "share of trials", Name: "share", Low: 0, High: 1}}
		for _, o := range []struct {
			key string
			ink ink
		}{{"correct", inkGreen}, {"error", inkRed}, {"time-out", inkFaint}} {
			rows := some.where("outcome", o.key)
			m := Mark{Key: o.key, Label: o.key, Look: Bars, Stroke: stroke{ink: o.ink}, Width: .82, Base: slices.Clone(base)}
			for i, s := range rows.numbers("share") {
				if at := slices.Index(names, rows.text("strength")[i]); at >= 0 && finite(s) {
					base[at] += s
					m.Notes = append(m.Notes, fmt.Sprintf("%.3f", s))
				} else {
					m.Notes = append(m.Notes, "")
				}
			}
			for i := range names {
				m.X, m.Y = append(m.X, float64(i)), append(m.Y, base[i])
			}
			if len(m.Notes) != len(m.X) {
				m.Notes = nil
			}
			panel.Marks = append(panel.Marks, m)
		}
		f.Panels = append(f.Panels, panel)
	}
	switch n := len(f.Panels); {
	case n > 0 && n < 4:
		f.Columns = n
	case n > 4: // a mouse's contrasts are long to write
		f.Columns, f.Aspect = 3, .75
	}
	return f
}

func (r *Run) byObservations() *Figure {
	t := r.table("by_observations")
	x := Axis{Label: "observations", Name: "observations", Whole: true}
	return &Figure{Name: "by-observations", Title: "Correct and reward rate by number of observations", Wide: true, Columns: 2, Aspect: .6,
		Caption: "Correct per action, and feedback per RNN step, of trials that ended after so many observations. For an actor that waits for a fixed certainty the first would be flat.",
		Panels: []*Panel{
			{X: x, Y: Axis{Label: "correct per action", Name: "correct_per_action"}, Marks: r.curves(t, Linked, "observations", "share", "low", "high")},
			{X: x, Y: Axis{Label: "reward rate (feedback per RNN step)", Name: "reward_rate"}, Guides: across(0), Marks: r.curves(t, Linked, "observations", "reward_rate", "", "")},
		}}
}

func (r *Run) frontier() *Figure {
	t := r.table("frontier")
	p := &Panel{X: Axis{Label: "RNN steps per trial", Name: "rnn_steps_per_trial"}, Y: share}
	for _, player := range slices.Backward(r.Players) {
		some := t.where("player", player.Key)
		if !some.has() || player.Group == "intervention" || isRepeat(player.Key) {
			continue
		}
		m := Mark{Key: player.Key, Label: player.Label, Look: Dots, Stroke: strokeOf(player.Key),
			X: some.numbers("rnn_steps_per_trial"), Y: some.numbers("correct_per_trial"), Radius: 2.4, Extra: player.Key == "traditional"}
		if len(some.rows) > 1 {
			m.Look = Line
			for _, threshold := range some.text("threshold") {
				m.Notes = append(m.Notes, "threshold "+threshold)
			}
		} else {
			m.Low, m.High = some.numbers("correct_low"), some.numbers("correct_high")
			m.XLow, m.XHigh = some.numbers("rnn_steps_low"), some.numbers("rnn_steps_high")
		}
		p.Marks = append(p.Marks, m)
	}
	f := &Figure{Name: "frontier", Title: "Steps against correct: the frontier", Wide: true, Columns: 2, Aspect: .78, Panels: []*Panel{p},
		Caption: "Curves: the Bayesian actors as their threshold moves. Points: everybody else at the task’s threshold. A point below a curve spends more steps for what it gets; " +
			"the network’s distance from the curve of the best actor that sees what it sees is how far it is from optimal. Right: a part of the same about the network."}
	network := t.where("player", "network")
	if x, y := network.numbers("rnn_steps_per_trial"), network.numbers("correct_per_trial"); len(x) == 1 && finite(x[0]+y[0]) {
		near := *p
		p.Title, near.Title = "all", "about the network"
		near.X.Low, near.X.High = x[0]-.6, x[0]+.6
		near.Y.Low, near.Y.High = y[0]-.03, y[0]+.03
		f.Panels = append(f.Panels, &near)
	}
	return f
}

// causal is the test of what feedback does: the network plays with its feedback input
// cut and turned round.
func (r *Run) causal() *Figure {
	t := r.table("performance")
	var players []Player
	for _, p := range slices.Backward(r.Players) {
		if p.Key == "network" || p.Group == "intervention" {
			players = append(players, p)
		}
	}
	f := &Figure{Name: "causal", Title: "Feedback cut and inverted", Wide: true, Columns: 3, Aspect: .5,
		Caption: "The network in closed loop as it is, with its feedback input zeroed, and with the feedback’s sign changed; 95 % bootstrap intervals over pairs of blocks. " +
			"The paper finds that feedback has no influence on the dynamics after training (its Figure 7c); this is the causal test."}
	for _, figure := range []struct{ key, label string }{{"rnn_steps_per_trial", "RNN steps per trial"}, {"correct_per_trial", "correct per trial"}, {"zero_strength_block_gap", "block gap, zero strength"}} {
		f.Aspect = .14 + .12*float64(len(players))
		f.Panels = append(f.Panels, ranked(t.where("figure", figure.key), players, figure.key, figure.label))
	}
	return f
}

// ranked returns a panel with a row for every player: its value with interval.
func ranked(t *Table, players []Player, key, label string) *Panel {
	p := &Panel{X: Axis{Label: label, Name: key}, Y: Axis{Name: "player"}}
	for _, player := range players {
		some := t.where("player", player.Key)
		if !some.has() {
			continue
		}
		row := float64(len(p.Y.Names))
		p.Y.Names = append(p.Y.Names, wrap(player.Label, 18))
		p.Marks = append(p.Marks, Mark{Key: player.Key, Look: Dots, Stroke: strokeOf(player.Key), Radius: 2.4,
			X: some.numbers("value"), Y: []float64{row}, XLow: some.numbers("low"), XHigh: some.numbers("high")})
	}
	return p
}

// wrap breaks a text between words into lines of at most the given length, where
// words allow it.
func wrap(text string, length int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > length {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

func finite(x float64) bool { return x-x == 0 }
