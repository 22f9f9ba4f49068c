package distill

import (
	"bytes"
	"flag"
	"fmt"
	"image/color"
	"math"
	"os"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// noiseSizes are the T of which errors are measured, noiseSeeds the
// trajectories of each.
var noiseSizes = []int{500, 1000, 2000, 4000, 8000, 16000, 32000, 64000}

const (
	noiseSD    = .05
	noiseSeeds = 12
)

// recoveryError returns the root mean square, over seeds, of the relative error
// of A, B and c at each size.
func recoveryError(t *testing.T, process, observation float64) []float64 {
	out := make([]float64, len(noiseSizes))
	for i, T := range noiseSizes {
		sum := 0.0
		for seed := range uint64(noiseSeeds) {
			s := twoUnits()
			s.process, s.observation, s.seed = process, observation, seed
			got := mustFit(t, s.trajectory(T, 1000), s.problem()).parameters()
			want := s.parameters()
			e := floats.Distance(got, want, 2) / floats.Norm(want, 2)
			sum += e * e
		}
		out[i] = math.Sqrt(sum / noiseSeeds)
	}
	return out
}

// slope is the exponent of T by which errors grow.
func slope(errors []float64) float64 {
	x, y := make([]float64, len(errors)), make([]float64, len(errors))
	for i, e := range errors {
		x[i], y[i] = math.Log(float64(noiseSizes[i])), math.Log(e)
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope
}

// TestNoise shows that noise in the dynamics averages out as 1/√T, and that
// noise on the states that are observed does not. Both are drawn in docs.
func TestNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("two million RNN steps")
	}
	const tolerance = .06 // the slope's standard error, with this many seeds and sizes, is about .02
	process, observation := recoveryError(t, noiseSD, 0), recoveryError(t, 0, noiseSD)
	if got := slope(process); math.Abs(got+.5) > tolerance {
		t.Errorf("with process noise errors grow as T^%.3f, want T^-0.5: %v", got, process)
	}
	last := len(observation) - 1
	if got := slope(observation[last-3:]); got < -.1 {
		t.Errorf("with noise on the observed state errors still fall as T^%.3f", got)
	}
	if observation[last] < 5*process[last] {
		t.Errorf("noise on the observed state: an error of %v, in the dynamics of %v", observation[last], process[last])
	}
	compareFile(t, "../docs/radd-noise.svg", noisePlot(t, process, observation))
}

// noisePlot draws the errors by T.
func noisePlot(t *testing.T, process, observation []float64) []byte {
	t.Helper()
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "RNN steps T", "relative error of A′, B′, c′"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks([]plot.Tick{{Value: 1000, Label: "1,000"}, {Value: 10_000, Label: "10,000"}, {Value: 64_000, Label: "64,000"}})
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	add := func(name string, c color.Color, errors []float64, dashed bool) {
		points := make(plotter.XYs, len(errors))
		for i, e := range errors {
			// Three digits are the same on every machine.
			e, err := strconv.ParseFloat(fmt.Sprintf("%.3g", e), 64)
			if err != nil {
				t.Fatal(err)
			}
			points[i] = plotter.XY{X: float64(noiseSizes[i]), Y: e}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			t.Fatal(err)
		}
		line.Color, line.Width = c, vg.Points(1.2)
		p.Add(line)
		if dashed {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			p.Legend.Add(name, line)
			return
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			t.Fatal(err)
		}
		scatter.Color, scatter.Shape, scatter.Radius = c, draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(scatter)
		p.Legend.Add(name, line, scatter)
	}
	root := make([]float64, len(noiseSizes))
	for i, T := range noiseSizes {
		root[i] = process[0] * math.Sqrt(float64(noiseSizes[0])/float64(T))
	}
	add("on the observed state", color.RGBA{R: 0xb5, G: 0x3a, B: 0x2b, A: 0xff}, observation, false)
	add("in the dynamics", color.RGBA{R: 0x1f, G: 0x5f, B: 0x99, A: 0xff}, process, false)
	add("1/√T", color.Gray{Y: 0x80}, root, true)
	p.X.Min, p.X.Max = 400, 80_000
	p.Y.Min, p.Y.Max = .001, .1

	canvas := vgsvg.New(13*vg.Centimeter, 8*vg.Centimeter)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compareFile holds a file of the repository to what a test made; -update
// writes it.
func compareFile(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		writeFile(t, path, want)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this test draws; look at the difference and run it with -update", path)
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
