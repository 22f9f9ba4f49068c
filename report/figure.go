package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Figure is one picture: panels, row by row, and what is told of it.
type Figure struct {
	Name    string // of its files
	Title   string
	Caption string // what is seen, and what the paper says
	Wide    bool   // as a journal's page, not its column
	Columns int    // panels in a row; 0 is 1
	Aspect  float64
	Panels  []*Panel
	Note    string // what is missing, and what makes it; the figure has no panels then
}

// Panel is two axes and what lies between them.
type Panel struct {
	Title  string
	X, Y   Axis
	Marks  []Mark
	Guides []Guide
	Square bool // a unit is as long on both axes
	Bare   bool // no axes: cells with names
}

// Axis is one of a panel's two. Where Low and High are equal, its range is that of the data.
type Axis struct {
	Label     string
	Name      string // of the column in the figure's CSV file
	Low, High float64
	Log       bool
	Names     []string // at 0, 1, … in the place of numbers
	Whole     bool     // no ticks between whole numbers
}

// Look is how a mark's values are drawn.
type Look int

// The looks.
const (
	Line   Look = iota // a line, with a band where there are Low and High
	Dots               // points, with bars where there are Low and High
	Linked             // points on a line
	Bars               // from Base to Y, Width wide, about X
	Arrows             // from (X, Y) along (U, V), in units of the axes, full length at the speed Width
	Path               // a line through a plane, with an arrow head at its end
	Cells              // squares about (X, Y) whose shade is U, with the number
	Texts              // Notes at (X, Y)
	Area               // a band between Low and High alone
)

// Mark is the values of one key in a panel. All columns that are there have one
// length; NaN is no value.
type Mark struct {
	Key, Label  string
	Extra       bool // switched off at first on the page, and not in the files
	Look        Look
	Stroke      stroke
	X, Y        []float64
	Low, High   []float64 // interval about Y
	XLow, XHigh []float64 // about X
	U, V        []float64
	Base        []float64
	Width       float64
	Hollow      []bool
	Radius      float64  // of points; 0 is the usual one
	Notes       []string // of points, for the pointer and the CSV file
	Silent      bool     // no values for the pointer
}

// Guide is a reference line: x or y = At, or the diagonal.
type Guide struct {
	At       float64
	Vertical bool
	Diagonal bool
}

// across and upright are reference lines at values of y and of x.
func across(at ...float64) (list []Guide) {
	for _, v := range at {
		list = append(list, Guide{At: v})
	}
	return list
}

func upright(at ...float64) (list []Guide) {
	for _, v := range at {
		list = append(list, Guide{At: v, Vertical: true})
	}
	return list
}

// keys returns the marks that stand for the figure's keys, each key's first. Where the
// network or the first mouse is drawn last, to lie on top, it comes first.
func (f *Figure) keys(extra bool) []Mark {
	var list []Mark
	for _, p := range f.Panels {
		marks := p.Marks
		if n := len(marks); n > 0 && (marks[n-1].Key == "network" || isMouse(marks[n-1].Key)) {
			marks = slices.Clone(marks)
			slices.Reverse(marks)
		}
		for _, m := range marks {
			known := slices.ContainsFunc(list, func(k Mark) bool { return k.Key == m.Key })
			if m.Label != "" && !known && (extra || !m.Extra) {
				list = append(list, m)
			}
		}
	}
	return list
}

// has reports whether there is anything to see.
func (f *Figure) has() bool {
	for _, p := range f.Panels {
		for _, m := range p.Marks {
			if len(m.X) > 0 {
				return true
			}
		}
	}
	return false
}

// rows returns what is drawn as a table: a row a value. Columns that are empty
// throughout are left out. Where panels differ in what is on an axis, its column is
// called x or y, and another says what it is.
func (f *Figure) rows() [][]string {
	x, y := f.axisName("x", func(p *Panel) Axis { return p.X }), f.axisName("y", func(p *Panel) Axis { return p.Y })
	if x == y {
		x, y = x+"_x", y+"_y"
	}
	header := []string{"panel", "key", "label", "x_is", "y_is", x, y, y + "_low", y + "_high", x + "_low", x + "_high", "base", "u", "v", "note"}
	const columnX, columnY = 5, 6
	rows := [][]string{header}
	for i, p := range f.Panels {
		title := p.Title
		if title == "" && len(f.Panels) > 1 {
			title = strconv.Itoa(i + 1)
		}
		xIs, yIs := "", ""
		if x == "x" {
			xIs = p.X.Name
		}
		if y == "y" {
			yIs = p.Y.Name
		}
		for _, m := range p.Marks {
			for k := range m.X {
				rows = append(rows, []string{title, m.Key, m.Label, xIs, yIs, p.X.cell(m.X[k]), p.Y.cell(at(m.Y, k)), plain(at(m.Low, k)), plain(at(m.High, k)),
					plain(at(m.XLow, k)), plain(at(m.XHigh, k)), plain(at(m.Base, k)), plain(at(m.U, k)), plain(at(m.V, k)), m.note(k)})
			}
		}
	}
	for c := len(header) - 1; c >= 0; c-- {
		if c != columnX && c != columnY && !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[c] != "" }) {
			for i := range rows {
				rows[i] = slices.Delete(rows[i], c, c+1)
			}
		}
	}
	return rows
}

// axisName returns the name that an axis has in all panels, other where they
// differ or have none.
func (f *Figure) axisName(other string, axis func(*Panel) Axis) string {
	name := ""
	for i, p := range f.Panels {
		if is := axis(p).Name; i == 0 {
			name = is
		} else if is != name {
			return other
		}
	}
	return orElse(name, other)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// cell returns a value of the axis for a table: its name where it has one.
func (a *Axis) cell(x float64) string {
	if i := int(x); len(a.Names) > 0 && float64(i) == x && i >= 0 && i < len(a.Names) {
		return strings.ReplaceAll(a.Names[i], "\n", " ")
	}
	return plain(x)
}

// plain writes a number so that reading it gives it back, and nothing for NaN.
func plain(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// at returns v[i], NaN where v is shorter.
func at(v []float64, i int) float64 {
	if i < len(v) {
		return v[i]
	}
	return math.NaN()
}

func (m *Mark) note(i int) string {
	if i < len(m.Notes) {
		return m.Notes[i]
	}
	return ""
}

// bounds returns the range of what the panel's axes must hold.
func (p *Panel) bounds() (xlow, xhigh, ylow, yhigh float64) {
	xlow, xhigh, ylow, yhigh = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	stretch := func(low, high *float64, log bool, values ...[]float64) {
		for _, v := range values {
			for _, x := range v {
				if !math.IsNaN(x) && !math.IsInf(x, 0) && !(log && x <= 0) {
					*low, *high = min(*low, x), max(*high, x)
				}
			}
		}
	}
	for _, m := range p.Marks {
		if m.Extra {
			continue
		}
		stretch(&xlow, &xhigh, p.X.Log, m.X, m.XLow, m.XHigh)
		stretch(&ylow, &yhigh, p.Y.Log, m.Y, m.Low, m.High, m.Base)
		if m.Look == Bars || m.Look == Cells {
			for _, x := range m.X {
				stretch(&xlow, &xhigh, p.X.Log, []float64{x - m.Width/2, x + m.Width/2})
			}
		}
		if m.Look == Cells {
			for _, y := range m.Y {
				stretch(&ylow, &yhigh, false, []float64{y - m.Width/2, y + m.Width/2})
			}
		}
	}
	room := 0.
	if slices.ContainsFunc(p.Marks, func(m Mark) bool { return m.Look == Dots }) {
		room = dotRoom
	}
	xlow, xhigh = p.X.limits(xlow, xhigh, room)
	ylow, yhigh = p.Y.limits(ylow, yhigh, room)
	return
}

// dotRoom is the share of the data's range that axes are longer at either end where
// there are points, which would be halved by the edge.
const dotRoom = .03

// limits returns the axis's range, given that of the data and the share of it that
// is added at either end.
func (a *Axis) limits(low, high, room float64) (float64, float64) {
	switch {
	case a.Low != a.High:
		return a.Low, a.High
	case len(a.Names) > 0:
		return -.5, float64(len(a.Names)) - .5
	case low > high: // no value
		return a.bare()
	case low == high && a.Log:
		return low / 2, high * 2
	case low == high:
		d := max(math.Abs(low)*.05, 1e-3)
		return low - d, high + d
	case a.Log:
		wider := math.Pow(high/low, room)
		return low / wider, high * wider
	}
	return low - room*(high-low), high + room*(high-low)
}

func (a *Axis) bare() (float64, float64) {
	if a.Log {
		return 1, 10
	}
	return 0, 1
}

// describe returns what a reader who does not see the panel is told.
func (f *Figure) describe(p *Panel) string {
	text := f.Title
	if p.Title != "" {
		text += ", " + p.Title
	}
	if p.X.Label != "" && p.Y.Label != "" {
		text += fmt.Sprintf(": %s against %s", p.Y.Label, p.X.Label)
	}
	return text
}
