package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plotted is a mark on a plot's canvas. It implements plot.Plotter.
type plotted struct {
	*Mark
	panel *Panel
}

// Plot implements plot.Plotter.
func (m plotted) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	place := func(i int) vg.Point { return vg.Point{X: x(m.X[i]), Y: y(at(m.Y, i))} }
	paint := func() {
		switch m.Look {
		case Line, Linked, Path, Area:
			m.band(c, x, y)
			if m.Look != Area {
				m.line(c, place)
			}
			if m.Look == Linked {
				m.intervals(c, x, y)
				m.dots(c, place)
			}
			if m.Look == Path {
				m.head(c, place)
			}
		case Dots:
			m.intervals(c, x, y)
			m.dots(c, place)
		case Bars:
			m.bars(c, x, y)
		case Arrows:
			m.arrows(c, x, y)
		case Cells:
			m.cells(c, x, y)
		case Texts:
			m.texts(c, place)
		}
	}
	svg := svgBelow(c)
	if svg == nil {
		paint()
		return
	}
	if !svg.page {
		svg.group(paint, "class", orElse(m.Key, "mark"))
		return
	}
	class := "s"
	if m.Extra {
		class += " off"
	}
	attributes := []string{"class", class, "data-k", m.Key}
	if values := m.values(svg, c, place); values != "" {
		attributes = append(attributes, "data-l", m.Label, "data-v", values)
	}
	svg.group(paint, attributes...)
}

// svgBelow returns the SVG that a canvas draws on, nil for another format. Cropping
// puts a canvas upon a canvas.
func svgBelow(c vg.Canvas) *svgCanvas {
	for {
		switch below := c.(type) {
		case draw.Canvas:
			c = below.Canvas
		case *draw.Canvas:
			c = below.Canvas
		case *svgCanvas:
			return below
		default:
			return nil
		}
	}
}

// values returns the mark's points for the pointer: where they lie on the
// canvas, and what they are.
func (m plotted) values(svg *svgCanvas, c draw.Canvas, place func(int) vg.Point) string {
	if m.Silent || m.Look == Arrows || m.Look == Texts || m.Look == Area {
		return ""
	}
	clean := strings.NewReplacer(",", " ", ";", " ", "\n", " ")
	var list []string
	for i := range m.X {
		p := place(i)
		if !good(p) || !c.Contains(p) {
			continue
		}
		px, py := svg.place(p)
		text := fmt.Sprintf("%.1f,%.1f,%s,%s", px, py, clean.Replace(m.panel.X.tell(m.X[i])), clean.Replace(m.panel.Y.tell(at(m.Y, i))))
		low, high := at(m.Low, i), at(m.High, i)
		if math.IsNaN(low) {
			low, high = at(m.XLow, i), at(m.XHigh, i)
		}
		if m.Look == Cells {
			text += "," + number(at(m.U, i))
		} else if !math.IsNaN(low) {
			text += fmt.Sprintf(",%s to %s", number(low), number(high))
		} else if m.note(i) != "" {
			text += ","
		}
		if note := m.note(i); note != "" {
			text += "," + clean.Replace(note)
		}
		list = append(list, text)
	}
	return strings.Join(list, ";")
}

// tell writes a value for a reader.
func (a *Axis) tell(x float64) string {
	if i := int(x); len(a.Names) > 0 && float64(i) == x && i >= 0 && i < len(a.Names) {
		return a.Names[i]
	}
	return number(x)
}

// good reports whether a point is anywhere.
func good(p vg.Point) bool {
	sum := float64(p.X) + float64(p.Y)
	return !math.IsNaN(sum) && !math.IsInf(sum, 0)
}

// stretches calls each for every run of values that are there.
func (m plotted) stretches(place func(int) vg.Point, each func([]vg.Point)) {
	var run []vg.Point
	for i := range m.X {
		if p := place(i); good(p) {
			run = append(run, p)
			continue
		}
		if len(run) > 0 {
			each(run)
		}
		run = nil
	}
	if len(run) > 0 {
		each(run)
	}
}

func (m plotted) style() draw.LineStyle {
	return draw.LineStyle{Color: m.Stroke.ink, Width: m.Stroke.width, Dashes: m.Stroke.dash}
}

func (m plotted) line(c draw.Canvas, place func(int) vg.Point) {
	m.stretches(place, func(run []vg.Point) {
		for _, part := range c.ClipLinesXY(run) {
			c.StrokeLines(m.style(), part)
		}
	})
}

// head draws the arrow head of a path's last piece that is long enough to have
// a direction.
func (m plotted) head(c draw.Canvas, place func(int) vg.Point) {
	m.stretches(place, func(run []vg.Point) {
		tip := run[len(run)-1]
		for i := len(run) - 2; i >= 0; i-- {
			if d := tip.Sub(run[i]); math.Hypot(float64(d.X), float64(d.Y)) > 1.5 {
				var path vg.Path
				triangle(&path, tip, d, 4)
				if c.Contains(tip) {
					c.SetColor(m.Stroke.ink)
					c.Fill(path)
				}
				return
			}
		}
	})
}

func (m plotted) band(c draw.Canvas, x, y func(float64) vg.Length) {
	if m.Look == Linked || len(m.Low) == 0 {
		return
	}
	var lower, upper []vg.Point
	flush := func() {
		if len(lower) > 1 {
			outline := append([]vg.Point{}, lower...)
			for i := len(upper) - 1; i >= 0; i-- {
				outline = append(outline, upper[i])
			}
			c.FillPolygon(m.Stroke.ink.pale(.14), c.ClipPolygonXY(outline))
		}
		lower, upper = nil, nil
	}
	for i := range m.X {
		l, h := vg.Point{X: x(m.X[i]), Y: y(at(m.Low, i))}, vg.Point{X: x(m.X[i]), Y: y(at(m.High, i))}
		if !good(l) || !good(h) {
			flush()
			continue
		}
		lower, upper = append(lower, l), append(upper, h)
	}
	flush()
}

func (m plotted) intervals(c draw.Canvas, x, y func(float64) vg.Length) {
	style := draw.LineStyle{Color: m.Stroke.ink, Width: .7}
	bar := func(from, to vg.Point) {
		if good(from) && good(to) {
			for _, part := range c.ClipLinesXY([]vg.Point{from, to}) {
				c.StrokeLines(style, part)
			}
		}
	}
	for i := range m.X {
		if len(m.Low) > 0 {
			bar(vg.Point{X: x(m.X[i]), Y: y(at(m.Low, i))}, vg.Point{X: x(m.X[i]), Y: y(at(m.High, i))})
		}
		if len(m.XLow) > 0 {
			bar(vg.Point{X: x(at(m.XLow, i)), Y: y(m.Y[i])}, vg.Point{X: x(at(m.XHigh, i)), Y: y(m.Y[i])})
		}
	}
}

func (m plotted) dots(c draw.Canvas, place func(int) vg.Point) {
	radius := dotRadius
	if m.Radius > 0 {
		radius = vg.Length(m.Radius)
	}
	for i := range m.X {
		p := place(i)
		if !good(p) || !c.Contains(p) {
			continue
		}
		outline := m.Stroke.shape.about(p, radius)
		if i < len(m.Hollow) && m.Hollow[i] {
			c.SetColor(inkSurface)
			c.Fill(outline)
			c.SetLineStyle(draw.LineStyle{Color: m.Stroke.ink, Width: .9})
			c.Stroke(outline)
			continue
		}
		c.SetColor(m.Stroke.ink)
		c.Fill(outline)
	}
}

// about returns the shape about a point, of about the area of a disc of the
// radius.
func (s shape) about(p vg.Point, radius vg.Length) (path vg.Path) {
	var corners []vg.Point // in radii
	switch s {
	case disc:
		path.Move(vg.Point{X: p.X + radius, Y: p.Y})
		path.Arc(p, radius, 0, 2*math.Pi)
	case peak:
		corners = []vg.Point{{X: -1.17, Y: -.78}, {X: 1.17, Y: -.78}, {X: 0, Y: 1.4}}
	case valley:
		corners = []vg.Point{{X: -1.17, Y: .78}, {X: 1.17, Y: .78}, {X: 0, Y: -1.4}}
	case square:
		corners = []vg.Point{{X: -.89, Y: -.89}, {X: .89, Y: -.89}, {X: .89, Y: .89}, {X: -.89, Y: .89}}
	case diamond:
		corners = []vg.Point{{X: -1.2, Y: 0}, {X: 0, Y: -1.3}, {X: 1.2, Y: 0}, {X: 0, Y: 1.3}}
	}
	for i, corner := range corners {
		at := vg.Point{X: p.X + corner.X*radius, Y: p.Y + corner.Y*radius}
		if i == 0 {
			path.Move(at)
		} else {
			path.Line(at)
		}
	}
	path.Close()
	return path
}

func (m plotted) bars(c draw.Canvas, x, y func(float64) vg.Length) {
	for i := range m.X {
		base := at(m.Base, i)
		if math.IsNaN(base) {
			base = 0
		}
		l, r, b, t := x(m.X[i]-m.Width/2), x(m.X[i]+m.Width/2), y(base), y(m.Y[i])
		box := []vg.Point{{X: l, Y: b}, {X: r, Y: b}, {X: r, Y: t}, {X: l, Y: t}}
		if good(vg.Point{X: l + r, Y: b + t}) {
			c.FillPolygon(m.Stroke.ink, c.ClipPolygonXY(box))
		}
	}
}

// arrows draws a vector field as one path of shafts and one of heads: an arrow's
// length grows with the root of its speed, up to the distance of the grid's lines
// at the speed Width.
func (m plotted) arrows(c draw.Canvas, x, y func(float64) vg.Length) {
	xs := slices.Compact(slices.Sorted(slices.Values(m.X)))
	if len(xs) < 2 || !(m.Width > 0) {
		return
	}
	spacing := float64(x(xs[1])-x(xs[0])) * .92
	var shafts, heads vg.Path
	for i := range m.X {
		from := vg.Point{X: x(m.X[i]), Y: y(m.Y[i])}
		d := vg.Point{X: x(m.X[i]+m.U[i]) - from.X, Y: y(m.Y[i]+m.V[i]) - from.Y}
		n := math.Hypot(float64(d.X), float64(d.Y))
		if !good(d) || !(n > 0) {
			continue
		}
		length := spacing * min(1, math.Sqrt(math.Hypot(m.U[i], m.V[i])/m.Width))
		d = vg.Point{X: d.X * vg.Length(length/n), Y: d.Y * vg.Length(length/n)}
		to := from.Add(d)
		if length < .4 || !c.Contains(from) || !c.Contains(to) {
			continue
		}
		shafts.Move(from)
		shafts.Line(to)
		triangle(&heads, to, d, vg.Length(min(3, .4*length+.5)))
	}
	if len(shafts) > 0 {
		c.SetLineStyle(draw.LineStyle{Color: m.Stroke.ink, Width: m.Stroke.width})
		c.Stroke(shafts)
		c.Fill(heads)
	}
}

// triangle adds an arrow head of the given length whose tip points along d.
func triangle(path *vg.Path, tip, d vg.Point, length vg.Length) {
	n := vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
	u := vg.Point{X: d.X / n * length, Y: d.Y / n * length}
	w := vg.Point{X: -u.Y * .4, Y: u.X * .4}
	base := tip.Sub(u)
	path.Move(tip)
	path.Line(base.Add(w))
	path.Line(base.Sub(w))
	path.Close()
}

// cells draws a matrix: blue below zero, red above.
func (m plotted) cells(c draw.Canvas, x, y func(float64) vg.Length) {
	largest := 1e-12
	for _, u := range m.U {
		largest = max(largest, math.Abs(u))
	}
	for i := range m.X {
		if math.IsNaN(m.U[i]) {
			continue
		}
		color := inkRed
		if m.U[i] < 0 {
			color = inkBlue
		}
		h := m.Width / 2 * .96
		l, r, b, t := x(m.X[i]-h), x(m.X[i]+h), y(m.Y[i]-h), y(m.Y[i]+h)
		c.FillPolygon(color.pale(.06+.5*math.Abs(m.U[i])/largest), []vg.Point{{X: l, Y: b}, {X: r, Y: b}, {X: r, Y: t}, {X: l, Y: t}})
		style := writing(sizeTick, inkText)
		style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
		c.FillText(style, vg.Point{X: (l + r) / 2, Y: (b + t) / 2}, minus(fmt.Sprintf("%.2f", m.U[i])))
	}
}

func (m plotted) texts(c draw.Canvas, place func(int) vg.Point) {
	style := writing(sizeTick, m.Stroke.ink)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	for i := range m.X {
		if p := place(i); good(p) && c.Contains(p) {
			c.FillText(style, p, m.note(i))
		}
	}
}

// guided is a panel's reference lines. It implements plot.Plotter.
type guided []Guide

// Plot implements plot.Plotter.
func (g guided) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: inkFaint, Width: .6}
	for _, guide := range g {
		ends := []vg.Point{{X: c.Min.X, Y: y(guide.At)}, {X: c.Max.X, Y: y(guide.At)}}
		switch {
		case guide.Vertical:
			ends = []vg.Point{{X: x(guide.At), Y: c.Min.Y}, {X: x(guide.At), Y: c.Max.Y}}
		case guide.Diagonal:
			low, high := max(p.X.Min, p.Y.Min), min(p.X.Max, p.Y.Max)
			ends = []vg.Point{{X: x(low), Y: y(low)}, {X: x(high), Y: y(high)}}
		}
		for _, part := range c.ClipLinesXY(ends) {
			c.StrokeLines(style, part)
		}
	}
}

// Tinted returns the mark in the colour of the i-th of n things in order, its
// line dashed if asked.
func (m Mark) Tinted(i, n int, dash bool) Mark {
	m.Stroke = stroke{ink: rung(i, n), width: lineData}
	if dash {
		m.Stroke.dash = dashed
	}
	return m
}
