package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The house style: one sans-serif face at two sizes, thin grey axes, no frames,
// no grid; ink for the network, hues that stay apart for colour-blind eyes for
// everybody else, and never a hue alone: groups differ in their dashes.
const (
	fontFamily = "Liberation Sans, Arial, Helvetica, sans-serif"

	sizeLabel = vg.Length(7.5) // points, in print
	sizeTick  = vg.Length(6.8)

	columnWidth = vg.Length(244) // 86 mm, a journal's column
	wideWidth   = vg.Length(504) // 178 mm, its page

	lineThin  = vg.Length(.5)
	lineData  = vg.Length(1.1)
	lineHeavy = vg.Length(1.6)
	dotRadius = vg.Length(1.7)
)

// ink is a colour by name. On the page the name is a variable of the style sheet, which has another value in
// the dark.
type ink struct {
	name    string
	r, g, b uint8
	alpha   float64
}

// RGBA implements color.Color.
func (x ink) RGBA() (r, g, b, a uint32) {
	of := func(v uint8) uint32 { return uint32(math.Round(float64(v) * 257 * x.alpha)) }
	return of(x.r), of(x.g), of(x.b), uint32(math.Round(65535 * x.alpha))
}

func (x ink) hex() string { return fmt.Sprintf("#%02x%02x%02x", x.r, x.g, x.b) }

// pale returns the colour let through by so much.
func (x ink) pale(alpha float64) ink { x.alpha = alpha; return x }

// inkOf returns any colour as an ink; one of gonum's own has no name.
func inkOf(c color.Color) ink {
	if x, ok := c.(ink); ok {
		return x
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return ink{"", n.R, n.G, n.B, float64(n.A) / 255}
}

func hue(name string, rgb uint32) ink {
	return ink{name, uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), 1}
}

// The palette. Hues are Tol's bright and Okabe and Ito's, darkened where thin lines
// would be faint on white.
var (
	inkText    = hue("ink", 0x1c1f24)
	inkMuted   = hue("muted", 0x5d646e)
	inkFaint   = hue("faint", 0xc9ced6)
	inkSurface = hue("surface", 0xffffff)
	inkBlue    = hue("blue", 0x0072b2)
	inkRed     = hue("red", 0xd1520b)
	inkGreen   = hue("green", 0x16845b)
	inkAmber   = hue("amber", 0xb98300)
	inkPink    = hue("pink", 0xc4588f)
	inkSky     = hue("sky", 0x3a8fc4)
	inkPurple  = hue("purple", 0x7d4fa8)
	inkBrown   = hue("brown", 0x85552a)
	inkTeal    = hue("teal", 0x2a8c8c)
)

// ramp is the colours of things in order, such as strengths or network sizes: viridis
// without its brightest end.
var ramp = []ink{hue("ramp1", 0x443a83), hue("ramp2", 0x31688e), hue("ramp3", 0x21908c), hue("ramp4", 0x35a468), hue("ramp5", 0x7fae2d), hue("ramp6", 0xb8a20a)}

// rung returns the ramp's colour for the i-th of n things.
func rung(i, n int) ink {
	if n < 2 {
		return ramp[0]
	}
	return ramp[(i*(len(ramp)-1)+(n-1)/2)/(n-1)]
}

// stroke is how a key's lines look.
type stroke struct {
	ink   ink
	dash  []vg.Length
	width vg.Length
}

var (
	dashed = []vg.Length{3.5, 2}
	dotted = []vg.Length{1.2, 1.6}
)

// strokes are those of known players; see players.csv in docs/analysis.md.
var strokes = map[string]stroke{
	"network":                   {inkText, nil, lineHeavy},
	"radd-pca":                  {inkGreen, nil, lineData},
	"radd-full":                 {inkAmber, nil, lineData},
	"traditional":               {inkPink, nil, lineData},
	"bayes-difference":          {inkBlue, dashed, lineData},
	"bayes-published":           {inkPurple, dashed, lineData},
	"bayes-full":                {inkSky, dashed, lineData},
	"bayes-blockless":           {inkMuted, dashed, lineData},
	"bayes-side-hidden":         {inkTeal, dotted, lineData},
	"bayes-feedback-blind":      {inkBrown, dotted, lineData},
	"bayes-semi-markov":         {inkSky, dotted, lineData},
	"bayes-exponential":         {inkPink, dotted, lineData},
	"network-feedback-zeroed":   {inkRed, nil, lineData},
	"network-feedback-inverted": {inkAmber, nil, lineData},
	"network-feedback-shuffled": {inkPurple, nil, lineData},
	"left":                      {inkBlue, nil, lineData},
	"right":                     {inkRed, nil, lineData},
}

// strokeOf returns how a player's lines look.
func strokeOf(key string) stroke {
	if s, ok := strokes[key]; ok {
		return s
	}
	if strings.HasPrefix(key, "traditional-") {
		return stroke{inkPink, dotted, lineData}
	}
	if strings.HasPrefix(key, "mice") {
		return stroke{inkBrown, nil, lineData}
	}
	return stroke{inkMuted, nil, lineData}
}

func face(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

func writing(size vg.Length, c ink) text.Style {
	return text.Style{Color: c, Font: face(size), Handler: plot.DefaultTextHandler}
}

// plotOf returns an empty plot in the house style.
func plotOf() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.TextStyle = writing(sizeLabel, inkText)
	p.Title.TextStyle.XAlign, p.Title.TextStyle.YAlign = draw.XCenter, draw.YTop
	p.Title.Padding = 4
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		align := axis.Label.TextStyle
		axis.Label.TextStyle = writing(sizeLabel, inkText)
		axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign = align.XAlign, align.YAlign
		axis.Label.Padding = 3
		align = axis.Tick.Label
		axis.Tick.Label = writing(sizeTick, inkMuted)
		axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = align.XAlign, align.YAlign
		axis.LineStyle = draw.LineStyle{Color: inkMuted, Width: lineThin}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = 3
		axis.Padding = 4
		axis.Tick.Marker = ticks{most: 5}
	}
	return p
}

// ticks puts marks at round numbers.
type ticks struct {
	most int // labels
	log  bool
}

// Ticks implements plot.Ticker.
func (t ticks) Ticks(low, high float64) []plot.Tick {
	if t.log {
		return logTicks(low, high)
	}
	step := roundStep((high - low) / float64(t.most))
	if !(step > 0) || math.IsInf(step, 0) {
		return []plot.Tick{{Value: low, Label: number(low)}}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	if m := step * math.Pow(10, float64(digits)); math.Abs(m-math.Round(m)) > 1e-6 {
		digits++ // 0.25
	}
	var list []plot.Tick
	for k := math.Ceil(low/step - 1e-6); k*step <= high+step*1e-6; k++ {
		list = append(list, plot.Tick{Value: k * step, Label: minus(fmt.Sprintf("%.*f", digits, k*step+0))})
	}
	return list
}

func logTicks(low, high float64) []plot.Tick {
	var list []plot.Tick
	for e := math.Floor(math.Log10(low)); math.Pow(10, e) <= high*1.0001; e++ {
		for m := 1.; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < low*.9999 || v > high*1.0001 {
				continue
			}
			label := ""
			if m == 1 || high/low < 20 && (m == 2 || m == 5) {
				label = number(v)
			}
			list = append(list, plot.Tick{Value: v, Label: label})
		}
	}
	return list
}

// roundStep returns the least of 1, 2, 2.5, 5 times a power of ten that is not
// below x.
func roundStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// minus puts the sign in the place of the hyphen, and takes it from a zero.
func minus(text string) string {
	if digits, negative := strings.CutPrefix(text, "-"); negative {
		if strings.Trim(digits, "0.") == "" {
			return digits
		}
		return "−" + digits
	}
	return text
}

// number writes a value with four digits.
func number(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return minus(fmt.Sprintf("%.4g", x))
}
