package bench

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const plotWidth, plotHeight = 16 * vg.Centimeter, 11 * vg.Centimeter

// WritePlot draws the time of an RNN step by N, with its ceiling dashed, both
// axes logarithmic. The format is svg or png.
func (r *CPUReport) WritePlot(w io.Writer, format string) error {
	p := newPlot("Training on one core: "+r.Processor, "hidden units N", "µs per RNN step")
	var curves []curve
	for _, s := range r.Speeds {
		name := s.ISA + " " + s.Dtype
		if len(curves) == 0 || curves[len(curves)-1].name != name {
			curves = append(curves, curve{name: name})
		}
		c := &curves[len(curves)-1]
		c.guide = "ceiling"
		n := float64(s.Hidden)
		c.measured = append(c.measured, plotter.XY{X: n, Y: s.MicrosPerRNNStep.Median})
		c.dashed = append(c.dashed, plotter.XY{X: n, Y: s.CeilingMicros})
	}
	return write(p, curves, w, format)
}

// WriteByLength draws the time of a gradient step by T, with dashed lines that
// grow with T.
func (r *GrowthReport) WriteByLength(w io.Writer, format string) error {
	p := newPlot("Training on one core: "+r.Processor, "RNN steps of a session T", fmt.Sprintf("µs per gradient step, N = %d", r.Growths[0].Hidden))
	return write(p, growthCurves(r.Growths, func(g Growth) []Point { return g.ByLength }, 1), w, format)
}

// WriteBySize draws the time of a gradient step by N, with dashed lines that
// grow with N².
func (r *GrowthReport) WriteBySize(w io.Writer, format string) error {
	p := newPlot("Training on one core: "+r.Processor, "hidden units N", fmt.Sprintf("µs per gradient step, T = %.0f", r.Growths[0].RNNSteps))
	return write(p, growthCurves(r.Growths, func(g Growth) []Point { return g.BySize }, 2), w, format)
}

// growthCurves returns the curves of the points, each with a line that grows
// with that power of the size, through its last point.
func growthCurves(list []Growth, of func(Growth) []Point, power int) []curve {
	var curves []curve
	for _, g := range list {
		c := curve{name: g.ISA + " " + g.Dtype, guide: []string{"", "in proportion", "with the square"}[power]}
		points := of(g)
		last := points[len(points)-1]
		for _, q := range points {
			c.measured = append(c.measured, plotter.XY{X: float64(q.Size), Y: q.Step.Median})
			y := last.Step.Median
			for range power {
				y *= float64(q.Size) / float64(last.Size)
			}
			c.dashed = append(c.dashed, plotter.XY{X: float64(q.Size), Y: y})
		}
		curves = append(curves, c)
	}
	return curves
}

// curve is what was measured, with a dashed line to hold it against.
type curve struct {
	name             string
	measured, dashed plotter.XYs
	guide            string // what the dashed line is
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(2)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{220}, color.Gray{220}
	p.Add(grid)
	return p
}

// write draws the curves and writes the plot.
func write(p *plot.Plot, curves []curve, w io.Writer, format string) error {
	ticks := map[float64]bool{}
	for i, c := range curves {
		line, points, err := plotter.NewLinePoints(c.measured)
		if err != nil {
			return err
		}
		line.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		line.Width = vg.Points(1.5)
		points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2.5)
		dashed, err := plotter.NewLine(c.dashed)
		if err != nil {
			return err
		}
		dashed.Color, dashed.Dashes = plotutil.Color(i), []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line, points, dashed)
		p.Legend.Add(c.name, line, points)
		if i == len(curves)-1 {
			p.Legend.Add(c.guide, dashed)
		}
		for _, q := range c.measured {
			ticks[q.X] = true
		}
	}
	var marks plot.ConstantTicks
	for x := range ticks {
		marks = append(marks, plot.Tick{Value: x, Label: fmt.Sprintf("%.0f", x)})
	}
	p.X.Tick.Marker = marks
	out, err := p.WriterTo(plotWidth, plotHeight, format)
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}
