package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"strings"
	"sync"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
)

// Formats are what a figure is written as, by the ends of the files' names.
func Formats() []string { return []string{"svg", "pdf", "png", "csv"} }

// pdfDefaults sets fpdf's, which are the process's.
var pdfDefaults sync.Once

// dpi is the resolution of PNG files: a journal's.
const dpi = 300

// Write writes the figure in one of the formats. Errors are w's. It panics on a
// format that is none.
func (f *Figure) Write(w io.Writer, format string) error {
	width, height := f.size()
	var err error
	switch format {
	case "svg":
		c := svgOf(width, height, false)
		f.draw(draw.NewCanvas(c, width, height))
		_, err = w.Write(c.file())
	case "pdf":
		err = f.pdf(w, width, height)
	case "png":
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))}
		f.draw(draw.NewCanvas(c, width, height))
		_, err = c.WriteTo(w)
	case "csv":
		err = writeCSV(w, f.rows())
	default:
		panic("report: no such format")
	}
	return err
}

// pdf writes the figure as PDF, whose bytes would otherwise tell the time and
// depend on the order of a map.
func (f *Figure) pdf(w io.Writer, width, height vg.Length) error {
	pdfDefaults.Do(func() {
		epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		fpdf.SetDefaultCreationDate(epoch)
		fpdf.SetDefaultModificationDate(epoch)
		fpdf.SetDefaultCatalogSort(true)
	})
	c := vgpdf.New(width, height)
	f.draw(draw.NewCanvas(western{c}, width, height))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// western is a PDF's canvas, whose text is in code page 1252.
type western struct{ vg.Canvas }

// FillString implements vg.Canvas.
func (c western) FillString(face font.Face, p vg.Point, text string) {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '−' || r == '–': // the page has no minus sign, and its dash is as wide
			b.WriteByte(0x96)
		case r == '’':
			b.WriteByte(0x92)
		case r < 256:
			b.WriteByte(byte(r))
		default:
			b.WriteByte('?')
		}
	}
	c.Canvas.FillString(face, p, b.String())
}

// columns returns how many of a page's columns the figure takes.
func (f *Figure) columns() int {
	if f.Wide {
		return 2
	}
	return 1
}

// panelSize returns the size of one panel, legend apart.
func (f *Figure) panelSize() (width, height vg.Length) {
	width = columnWidth
	if f.Wide {
		width = wideWidth
	}
	width /= vg.Length(max(f.Columns, 1))
	aspect := f.Aspect
	if aspect == 0 {
		aspect = .68
	}
	return width, width * vg.Length(aspect)
}

func (f *Figure) rowsOfPanels() int {
	columns := max(f.Columns, 1)
	return (len(f.Panels) + columns - 1) / columns
}

// size returns the size of the figure's files.
func (f *Figure) size() (width, height vg.Length) {
	w, h := f.panelSize()
	width = w * vg.Length(max(f.Columns, 1))
	return width, h*vg.Length(f.rowsOfPanels()) + f.legend(nil, width)
}

// draw draws the whole figure with its legend on white.
func (f *Figure) draw(c draw.Canvas) {
	c.SetColor(inkSurface)
	c.Fill(c.Rectangle.Path())
	width := c.Max.X - c.Min.X
	legend := f.legend(&c, width)
	c.Max.Y -= legend

	columns, rows := max(f.Columns, 1), f.rowsOfPanels()
	plots := make([][]*plot.Plot, rows)
	for i := range plots {
		plots[i] = make([]*plot.Plot, columns)
		for j := range columns {
			if k := i*columns + j; k < len(f.Panels) {
				plots[i][j] = f.Panels[k].plot(false)
			}
		}
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: 10, PadY: 10, PadTop: 3, PadBottom: 2, PadLeft: 2, PadRight: 6}
	each := func(do func(p *Panel, g *plot.Plot, cell draw.Canvas)) {
		for i, row := range plot.Align(plots, tiles, c) {
			for j, cell := range row {
				if g := plots[i][j]; g != nil {
					do(f.Panels[i*columns+j], g, cell)
				}
			}
		}
	}
	each((*Panel).square) // other ranges have other ticks, which leave other room
	each(func(p *Panel, g *plot.Plot, cell draw.Canvas) { p.draw(g, cell) })
}

// inline returns every panel as an element of the page.
func (f *Figure) inline() []string {
	width, height := f.panelSize()
	var list []string
	for _, panel := range f.Panels {
		svg := svgOf(width, height, true)
		c := draw.NewCanvas(svg, width, height)
		c.Rectangle = vg.Rectangle{Min: vg.Point{X: 2, Y: 2}, Max: vg.Point{X: width - 6, Y: height - 3}}
		p := panel.plot(true)
		panel.square(p, c)
		inner := panel.draw(p, c)
		list = append(list, svg.inline(f.describe(panel), "data-x", panel.X.Label, "data-y", panel.Y.Label, "data-map",
			fmt.Sprintf("%s %s %s %s %s %s %s %s", decimal(inner.Min.X), decimal(inner.Max.X), plain(p.X.Min), plain(p.X.Max),
				decimal(height-inner.Min.Y), decimal(height-inner.Max.Y), plain(p.Y.Min), plain(p.Y.Max))))
	}
	return list
}

// plot returns the panel as gonum's plot; extra says whether it has what is
// switched off at first.
func (p *Panel) plot(extra bool) *plot.Plot {
	g := plotOf()
	if p.Title != "" {
		g.Title.Text = titlePlace
	}
	g.X.Label.Text, g.Y.Label.Text = p.X.Label, p.Y.Label
	if len(p.Guides) > 0 {
		g.Add(guided(p.Guides))
	}
	for i := range p.Marks {
		if m := &p.Marks[i]; extra || !m.Extra {
			g.Add(plotted{m, p})
		}
	}
	g.X.Min, g.X.Max, g.Y.Min, g.Y.Max = p.bounds()
	p.X.onto(&g.X)
	p.Y.onto(&g.Y)
	if len(p.Y.Names) > 0 && !p.Bare {
		g.Y.Tick.Length, g.Y.LineStyle.Width = 0, 0
	}
	if p.Bare {
		g.X.LineStyle.Width, g.Y.LineStyle.Width, g.X.Tick.Length, g.Y.Tick.Length = 0, 0, 0, 0
	}
	return g
}

// titlePlace keeps a title's place above a plot. The title itself is drawn over the
// data, at one distance from them, so that those of a row are level.
const titlePlace = "\u00a0"

// onto sets up gonum's axis.
func (a *Axis) onto(g *plot.Axis) {
	if a.Log {
		g.Scale = plot.LogScale{}
		g.Tick.Marker = ticks{log: true}
	}
	if a.Whole {
		g.Tick.Marker = ticks{most: 5, whole: true}
	}
	if len(a.Names) > 0 {
		var list []plot.Tick
		for i, name := range a.Names {
			list = append(list, plot.Tick{Value: float64(i), Label: name})
		}
		g.Tick.Marker = plot.ConstantTicks(list)
	}
}

// square widens one of the plot's ranges until a unit is as long on both axes, if
// it is to be.
func (p *Panel) square(g *plot.Plot, c draw.Canvas) {
	if !p.Square {
		return
	}
	inner := g.DataCanvas(c)
	w, h := float64(inner.Max.X-inner.Min.X), float64(inner.Max.Y-inner.Min.Y)
	unit := max((g.X.Max-g.X.Min)/w, (g.Y.Max-g.Y.Min)/h)
	grow := func(a *plot.Axis, to float64) {
		middle := (a.Min + a.Max) / 2
		a.Min, a.Max = middle-to/2, middle+to/2
	}
	if unit > 0 {
		grow(&g.X, unit*w)
		grow(&g.Y, unit*h)
	}
}

// draw draws the plot and returns where its data lie.
func (p *Panel) draw(g *plot.Plot, c draw.Canvas) draw.Canvas {
	g.Draw(c)
	inner := g.DataCanvas(c)
	style := g.Title.TextStyle
	style.YAlign = draw.YBottom
	c.FillText(style, vg.Point{X: (inner.Min.X + inner.Max.X) / 2, Y: inner.Max.Y + 6}, p.Title)
	return inner
}

// legend draws the keys in rows from the top, if there is a canvas, and returns
// the height that they take. A single key needs none.
func (f *Figure) legend(c *draw.Canvas, width vg.Length) vg.Length {
	keys := f.keys(false)
	if len(keys) < 2 {
		return 0
	}
	const sample, gap, between, row = vg.Length(14), vg.Length(3), vg.Length(12), vg.Length(11)
	style := writing(sizeTick, inkText)
	style.YAlign = draw.YCenter
	x, rows := vg.Length(4), 1
	for _, k := range keys {
		need := sample + gap + style.Width(k.Label)
		if x > 4 && x+need > width-4 {
			x = 4
			rows++
		}
		if c != nil {
			y := c.Max.Y - 4 - row*vg.Length(rows) + row/2
			k.sample(*c, vg.Rectangle{Min: vg.Point{X: c.Min.X + x, Y: y - 3}, Max: vg.Point{X: c.Min.X + x + sample, Y: y + 3}})
			c.FillText(style, vg.Point{X: c.Min.X + x + sample + gap, Y: y}, k.Label)
		}
		x += need + between
	}
	return row*vg.Length(rows) + 6
}

// sample draws what a key looks like.
func (m *Mark) sample(c draw.Canvas, box vg.Rectangle) {
	y := (box.Min.Y + box.Max.Y) / 2
	x := (box.Min.X + box.Max.X) / 2
	dot := func() {
		one := Mark{Stroke: m.Stroke, X: []float64{0}, Hollow: m.Hollow[:min(1, len(m.Hollow))]}
		plotted{Mark: &one}.dots(c, func(int) vg.Point { return vg.Point{X: x, Y: y} })
	}
	switch m.Look {
	case Dots, Texts:
		dot()
	case Bars, Area:
		c.FillPolygon(m.Stroke.ink, []vg.Point{{X: x - 3, Y: y - 3}, {X: x + 3, Y: y - 3}, {X: x + 3, Y: y + 3}, {X: x - 3, Y: y + 3}})
	default:
		c.StrokeLine2(plotted{Mark: m}.style(), box.Min.X, y, box.Max.X, y)
		if m.Look == Linked {
			dot()
		}
	}
}
