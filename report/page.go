package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"radd/task"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// MostRuns is how many runs a page shows one by one. Of more, it shows how they
// compare.
const MostRuns = 12

// Section is a part of a run's page.
type Section struct {
	ID, Title, Lead string
	Figures         []*Figure
}

// Figures returns what is drawn of the run, headline first. A figure whose data
// are not there is left out.
func (r *Run) Figures() []Section {
	list := []Section{
		{"headline", "Headline", "", []*Figure{r.plane(), r.chronometric(), r.blockPosterior(), r.psychometric()}},
		{"learning", "Learning", "", r.learning()},
		{"behaviour", "Behaviour", "Everybody plays the same session of " + r.sessionLength() + ". Switch players on and off below each figure or at the top of the page.", r.behaviour()},
		{"state-space", "State space", "The network’s state in the plane of its first two principal components and along the two readouts found in it.", r.stateSpace()},
		{"dynamics", "Fixed points and dynamics", "The autonomous system that remains when the input is held still.", r.fixedPoints()},
		{"contest", "Distillation contest", "", r.contest()},
	}
	for i := range list {
		list[i].Figures = slices.DeleteFunc(list[i].Figures, func(f *Figure) bool { return !f.has() })
	}
	return list
}

func (r *Run) sessionLength() string {
	if r.Analysis == nil {
		return "the rollout"
	}
	return fmt.Sprintf("%s blocks (seed %d)", thousands(r.Analysis.Blocks), r.Analysis.Seed)
}

// SideBySide returns the figures that compare several runs, none for one.
func SideBySide(runs []*Run) []*Figure {
	if len(runs) < 2 {
		return nil
	}
	return sideBySide(runs)
}

// PageOptions say what is on a page besides the runs' figures.
type PageOptions struct {
	Title   string
	Version string // of the program
	Files   string // where the figures' files are, for the reader; "" is nowhere
	Live    bool   // it is served and asks for news
}

// WritePage writes the page of the runs and sweeps: one file that needs nothing
// else and asks nobody for anything. Errors are w's.
func WritePage(w io.Writer, runs []*Run, sweeps []*Sweep, opt PageOptions) error {
	p := page{PageOptions: opt, CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Policy: policy(opt.Live)}
	p.Sizes = drawn(SideBySide(runs), "")
	for i, s := range sweeps {
		id := fmt.Sprintf("sweep-%d", i)
		p.Sweeps = append(p.Sweeps, sweepView{s, id, s.facts(), drawn(s.Figures(), id+"-")})
	}
	labels := shortLabels(runs)
	for i, r := range runs {
		if len(runs) > MostRuns {
			p.More = fmt.Sprintf("%d runs: only how they compare is shown. A page of fewer shows each by itself.", len(runs))
			break
		}
		view := runView{Run: r, ID: fmt.Sprintf("run-%d", i), Short: labels[i], First: i == 0, Facts: r.facts(), Command: r.command(), Scrubber: r.scrubber(fmt.Sprintf("run-%d", i))}
		for _, s := range r.Figures() {
			view.Sections = append(view.Sections, sectionView{s.ID, s.Title, s.Lead, drawn(s.Figures, view.ID+"-")})
		}
		view.Missing = r.missing()
		p.Runs = append(p.Runs, view)
	}
	all := figureView{Keys: p.commonKeys()}
	all.split()
	p.Keys, p.Others = all.Keys, all.Others
	return pageTemplate.Execute(w, p)
}

// policy is the page's content security policy: its own style and script by their
// hashes and nothing from anywhere; a live page may ask its server.
func policy(live bool) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	connect := "'none'"
	if live {
		connect = "'self'"
	}
	return "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src " + hash(pageJS) + "; connect-src " + connect + "; base-uri 'none'; form-action 'none'"
}

type page struct {
	PageOptions
	CSS    template.CSS
	JS     template.JS
	Policy string
	Sweeps []sweepView
	Runs   []runView
	Sizes  []figureView
	More   string
	Keys   []keyView // of the whole page
	Others []keyView
}

type runView struct {
	*Run
	ID, Short string
	First     bool
	Facts     []fact
	Sections  []sectionView
	Scrubber  *scrubberView
	Command   string
	Missing   []string
}

type sweepView struct {
	*Sweep
	ID      string
	Facts   []fact
	Figures []figureView
}

type sectionView struct {
	ID, Title, Lead string
	Figures         []figureView
}

type figureView struct {
	*Figure
	ID     string
	Width  string // of a panel, points
	Panels []template.HTML
	Keys   []keyView
	Others []keyView // those switched off at first
}

// split moves what is switched off at first out of the way, if anything is.
func (v *figureView) split() {
	all := v.Keys
	v.Keys = nil
	for _, k := range all {
		if k.Extra {
			v.Others = append(v.Others, k)
		} else {
			v.Keys = append(v.Keys, k)
		}
	}
}

type keyView struct {
	Key, Label string
	Extra      bool
	Sample     template.HTML
}

// drawn returns the figures as the page shows them.
func drawn(figures []*Figure, prefix string) []figureView {
	list := make([]figureView, 0, len(figures))
	figures = slices.SortedStableFunc(slices.Values(figures), func(f, g *Figure) int { // narrow ones side by side
		return cmp.Compare(f.columns(), g.columns())
	})
	for _, f := range figures {
		width, _ := f.panelSize()
		v := figureView{Figure: f, ID: prefix + f.Name, Width: decimal(width)}
		for _, svg := range f.inline() {
			v.Panels = append(v.Panels, template.HTML(svg)) // of our own canvas, which escapes text
		}
		if keys := f.keys(true); len(keys) > 1 {
			for _, k := range keys {
				v.Keys = append(v.Keys, k.view())
			}
			v.split()
		}
		list = append(list, v)
	}
	return list
}

// view returns the key with a picture of what it looks like.
func (m *Mark) view() keyView {
	svg := svgOf(18, 8, true)
	c := draw.NewCanvas(svg, 18, 8)
	m.sample(c, vg.Rectangle{Min: vg.Point{X: 1, Y: 1}, Max: vg.Point{X: 17, Y: 7}})
	return keyView{m.Key, m.Label, m.Extra, template.HTML(fmt.Sprintf("<svg class=\"sample\" viewBox=\"0 0 18 8\" aria-hidden=\"true\">%s</svg>", svg.b.Bytes()))}
}

// commonKeys are the keys of three or more figures of one run, or of those that
// compare runs: worth a switch for the whole page.
func (p *page) commonKeys() []keyView {
	var list []keyView
	visit := func(figures []figureView) {
		count := map[string]int{}
		for _, f := range figures {
			for _, k := range slices.Concat(f.Keys, f.Others) {
				known := slices.ContainsFunc(list, func(l keyView) bool { return l.Key == k.Key })
				if count[k.Key]++; count[k.Key] == 3 && !known {
					list = append(list, k)
				}
			}
		}
	}
	for _, r := range p.Runs {
		var figures []figureView
		for _, s := range r.Sections {
			figures = append(figures, s.Figures...)
		}
		visit(figures)
	}
	visit(p.Sizes)
	return list
}

// fact is a line of the headline's table.
type fact struct{ What, Value, Orientation string }

// facts are the run's figures beside the paper's or other networks'.
func (r *Run) facts() []fact {
	var list []fact
	add := func(what, orientation, format string, values ...task.Ratio) {
		if !slices.ContainsFunc(values, func(v task.Ratio) bool { return finite(float64(v)) }) {
			return
		}
		numbers := make([]any, len(values))
		for i, v := range values {
			if numbers[i] = float64(v); !finite(float64(v)) {
				numbers[i] = math.NaN()
			}
		}
		text := strings.ReplaceAll(fmt.Sprintf(format, numbers...), "-", "−")
		list = append(list, fact{what, strings.ReplaceAll(text, "NaN", "–"), orientation})
	}
	if s := r.Rollout; s != nil {
		add("RNN steps per trial", "the paper: about 3.5", "%.2f", s.RNNStepsPerTrial)
		add("correct per trial", "Bayesian actors: .805 (difference), .864 (published)", "%.3f", s.CorrectPerTrial)
		add("trials with an action", "", "%.3f", s.ActionRate)
	}
	value := func(player, figure string) task.Ratio {
		v := r.table("performance").where("player", player, "figure", figure).numbers("value")
		return task.Ratio(at(v, 0))
	}
	add("block gap at zero strength: network, RADD student", "no use of the block: 0", "%.3f, %.3f", value("network", "zero_strength_block_gap"), value("radd-pca", "zero_strength_block_gap"))
	if a := r.Analysis; a != nil {
		if a.TwoComponents > 0 {
			add("variance in two components", "independent networks: .86 to .92", "%.3f", a.TwoComponents)
		}
		for _, readout := range a.Readouts {
			if readout.Kind == "pca" {
				add("angle between the readouts, in the plane", "independent networks: 45° to 71°; the paper, in the full space: about 90°", "%.0f°", readout.Angle)
				add("the same readout from two halves of the data: stimulus, block", "", "%.1f°, %.1f°", readout.HalvesAngles[0], readout.HalvesAngles[1])
			}
		}
		fit := func(readout string) task.Ratio {
			return task.Ratio(at(r.table("posterior_fit").where("kind", "pca", "readout", readout, "observer", "difference").numbers("r2"), 0))
		}
		add("R² of activity against the Bayesian posterior: block, stimulus", "", "%.2f, %.2f", fit("block"), fit("stimulus"))
		if e := a.Effects; len(e) > 0 {
			add("effect on the state: of a unit of evidence along the stimulus readout; of feedback along the block readout, what tells sides apart, and in common",
				"the paper: feedback has none after training", "%.3f; %.3f, %.3f", e["observation_stimulus"], e["feedback_block"], e["feedback_block_common"])
			add("the same over the activity’s standard deviation", "", "%.3f; %.3f", e["observation_stimulus_per_sd"], e["feedback_block_per_sd"])
		}
		add("correct per trial: as it is, feedback zeroed, feedback inverted", "the paper: feedback has no influence after training", "%.3f, %.3f, %.3f",
			value("network", "correct_per_trial"), value("network-feedback-zeroed", "correct_per_trial"), value("network-feedback-inverted", "correct_per_trial"))
		if a.Frontier.Network > 0 {
			add("correct per trial less than a Bayesian actor’s with as many steps", "0 is optimal", "%.3f", a.Frontier.Shortfall)
		}
	}
	for _, s := range r.Students {
		if len(s.R2) == 2 && len(s.FreeRunR2) == 2 {
			add("RADD student ("+s.Readout+"), R² of one step, and running free: stimulus, block", "", "%.3f, %.3f; %.3f, %.3f", s.R2[0], s.R2[1], s.FreeRunR2[0], s.FreeRunR2[1])
		}
	}
	return list
}

// missing says what would show more, and the command that makes it.
func (r *Run) missing() []string {
	var list []string
	if r.Config.Cell != "rnn" { // the rest is of vanilla networks
		if r.Rollout == nil {
			list = append(list, "How it plays: radd rollout --run "+quote(r.Dir))
		}
		return list
	}
	if r.Analysis == nil {
		list = append(list, "Behaviour, state space and dynamics: radd analyze --run "+quote(r.Dir))
	}
	if r.Contest == nil {
		list = append(list, "The contest of its students: radd reproduce holds it for the paper’s networks")
	}
	return list
}

// command is the command line that trains the run again.
func (r *Run) command() string {
	return "radd train --config config.yaml --out " + quote(r.Name)
}

// quote makes a word of a shell of a path.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=,@%") == "" && path != "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// scrubberView is the trajectory that a reader moves through.
type scrubberView struct {
	ID     string
	Panel  template.HTML
	Data   template.JS // JSON: columns by name
	Steps  int
	Figure *Figure
}

// scrubber returns the example's trajectory in the plane, nil where there is none.
func (r *Run) scrubber(id string) *scrubberView {
	t := r.table("example")
	if !t.has() {
		return nil
	}
	path := Mark{Key: "example", Look: Line, Stroke: stroke{ink: inkFaint, width: .5}, X: t.numbers("pc1"), Y: t.numbers("pc2"), Silent: true}
	p := &Panel{X: pc1, Y: pc2, Square: true, Marks: []Mark{path}}
	for _, m := range r.plane().Panels[0].Marks {
		if strings.HasPrefix(m.Key, "readout-") {
			p.Marks = append(p.Marks, m)
		}
	}
	f := &Figure{Name: "scrubber", Title: "Through a trajectory", Panels: []*Panel{p}, Aspect: .95}
	v := &scrubberView{ID: id + "-scrubber", Panel: template.HTML(f.inline()[0]), Steps: len(t.rows), Figure: f}
	columns := map[string][]float64{}
	for _, name := range tables["example"] {
		column := t.numbers(name)
		for i, x := range column {
			if !finite(x) {
				x = 0
			}
			column[i] = math.Round(x*1e4) / 1e4
		}
		columns[name] = column
	}
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(columns) // finite numbers into memory
	v.Data = template.JS(strings.TrimSpace(b.String()))
	return v
}
