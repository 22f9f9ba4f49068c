package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// svgCanvas draws SVG, in points, to be read and styled: transforms are applied
// as it draws, numbers have two decimals, and keys are groups. On the page its
// colours are the style sheet's variables, so that they follow the theme, and
// groups carry their values. It implements vg.Canvas.
type svgCanvas struct {
	width, height vg.Length
	page          bool
	b             bytes.Buffer
	svgState
	stack []svgState
}

type svgState struct {
	color  color.Color
	stroke vg.Length
	dash   []vg.Length
	offset vg.Length
	matrix [6]float64 // a b c d e f of SVG's matrix(), the y axis pointing up
}

func svgOf(width, height vg.Length, page bool) *svgCanvas {
	c := &svgCanvas{width: width, height: height, page: page}
	c.matrix = [6]float64{1, 0, 0, 1, 0, 0}
	vg.Initialize(c)
	return c
}

// file returns the drawing as a file.
func (c *svgCanvas) file() []byte {
	return fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%spt\" height=\"%spt\" viewBox=\"0 0 %s %s\""+
		" font-family=\"%s\">\n%s</svg>\n", decimal(c.width), decimal(c.height), decimal(c.width), decimal(c.height), fontFamily, c.b.Bytes())
}

// inline returns the drawing as an element of the page, with a label for those
// who hear it and further attributes: name, value, name, value, …
func (c *svgCanvas) inline(label string, attributes ...string) string {
	more := ""
	for i := 0; i < len(attributes); i += 2 {
		more += fmt.Sprintf(" %s=\"%s\"", attributes[i], escape(attributes[i+1]))
	}
	return fmt.Sprintf("<svg viewBox=\"0 0 %s %s\" style=\"--w:%s\" role=\"img\" tabindex=\"0\" aria-label=\"%s\"%s>\n%s</svg>",
		decimal(c.width), decimal(c.height), decimal(c.width), escape(label), more, c.b.Bytes())
}

// group draws what draw does as one group with the given attributes: name,
// value, name, value, …
func (c *svgCanvas) group(draw func(), attributes ...string) {
	c.b.WriteString("<g")
	for i := 0; i < len(attributes); i += 2 {
		fmt.Fprintf(&c.b, " %s=\"%s\"", attributes[i], escape(attributes[i+1]))
	}
	c.b.WriteString(">\n")
	draw()
	c.b.WriteString("</g>\n")
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// decimal writes a length in points with two decimals at most.
func decimal(x vg.Length) string {
	text := strconv.FormatFloat(math.Round(float64(x)*100)/100, 'f', -1, 64)
	if text == "-0" {
		return "0"
	}
	return text
}

// point returns where a point of the canvas lies in the file, as text.
func (c *svgCanvas) point(p vg.Point) string {
	x, y := c.place(p)
	return decimal(x) + " " + decimal(y)
}

func (c *svgCanvas) place(p vg.Point) (x, y vg.Length) {
	m := &c.matrix
	px, py := float64(p.X), float64(p.Y)
	return vg.Length(m[0]*px + m[2]*py + m[4]), c.height - vg.Length(m[1]*px+m[3]*py+m[5])
}

func (c *svgCanvas) SetLineWidth(w vg.Length)                    { c.stroke = w }
func (c *svgCanvas) SetLineDash(dash []vg.Length, off vg.Length) { c.dash, c.offset = dash, off }
func (c *svgCanvas) SetColor(x color.Color)                      { c.color = x }

func (c *svgCanvas) multiply(n [6]float64) {
	m := c.matrix
	c.matrix = [6]float64{
		m[0]*n[0] + m[2]*n[1], m[1]*n[0] + m[3]*n[1],
		m[0]*n[2] + m[2]*n[3], m[1]*n[2] + m[3]*n[3],
		m[0]*n[4] + m[2]*n[5] + m[4], m[1]*n[4] + m[3]*n[5] + m[5],
	}
}

func (c *svgCanvas) Rotate(angle float64) {
	sin, cos := math.Sincos(angle)
	c.multiply([6]float64{cos, sin, -sin, cos, 0, 0})
}
func (c *svgCanvas) Translate(p vg.Point) {
	c.multiply([6]float64{1, 0, 0, 1, float64(p.X), float64(p.Y)})
}
func (c *svgCanvas) Scale(x, y float64) { c.multiply([6]float64{x, 0, 0, y, 0, 0}) }

func (c *svgCanvas) Push() { c.stack = append(c.stack, c.svgState) }
func (c *svgCanvas) Pop() {
	c.svgState = c.stack[len(c.stack)-1]
	c.stack = c.stack[:len(c.stack)-1]
}

// paint returns the attribute that fills or strokes with the current colour.
func (c *svgCanvas) paint(property string) string {
	x := inkOf(c.color)
	text := fmt.Sprintf(` %s="%s"`, property, x.hex())
	if c.page && x.name != "" {
		text = fmt.Sprintf(` %s="var(--%s)"`, property, x.name)
	}
	if x.alpha < 1 {
		text += fmt.Sprintf(` %s-opacity="%s"`, property, decimal(vg.Length(x.alpha)))
	}
	return text
}

func (c *svgCanvas) Stroke(path vg.Path) {
	if c.stroke <= 0 || inkOf(c.color).alpha == 0 {
		return
	}
	attributes := ` fill="none"` + c.paint("stroke") + fmt.Sprintf(` stroke-width="%s"`, decimal(c.stroke))
	if len(c.dash) > 0 {
		dashes := make([]string, len(c.dash))
		for i, d := range c.dash {
			dashes[i] = decimal(d)
		}
		attributes += fmt.Sprintf(` stroke-dasharray="%s"`, strings.Join(dashes, " "))
		if c.offset != 0 {
			attributes += fmt.Sprintf(` stroke-dashoffset="%s"`, decimal(c.offset))
		}
	}
	c.shape(path, attributes)
}

func (c *svgCanvas) Fill(path vg.Path) {
	if inkOf(c.color).alpha > 0 {
		c.shape(path, c.paint("fill"))
	}
}

func (c *svgCanvas) shape(path vg.Path, attributes string) {
	if len(path) == 3 && path[1].Type == vg.ArcComp && math.Abs(path[1].Angle) >= 2*math.Pi {
		x, y := c.place(path[1].Pos)
		fmt.Fprintf(&c.b, "<circle cx=\"%s\" cy=\"%s\" r=\"%s\"%s/>\n", decimal(x), decimal(y), decimal(path[1].Radius), attributes)
		return
	}
	fmt.Fprintf(&c.b, "<path d=\"%s\"%s/>\n", c.data(path), attributes)
}

// data returns the d attribute of a path. Arcs other than a whole circle are
// drawn as chords of at most a twentieth of a turn.
func (c *svgCanvas) data(path vg.Path) string {
	var b strings.Builder
	last := byte(0)
	to := func(letter byte, points ...vg.Point) {
		if letter != last || letter == 'M' {
			b.WriteByte(letter)
		} else {
			b.WriteByte(' ')
		}
		for i, p := range points {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(c.point(p))
		}
		last = letter
	}
	for _, part := range path {
		switch part.Type {
		case vg.MoveComp:
			to('M', part.Pos)
		case vg.LineComp:
			to('L', part.Pos)
		case vg.CurveComp:
			letter := byte('Q')
			if len(part.Control) == 2 {
				letter = 'C'
			}
			to(letter, append(append([]vg.Point{}, part.Control...), part.Pos)...)
		case vg.ArcComp:
			pieces := int(math.Ceil(math.Abs(part.Angle) / (math.Pi / 10)))
			for k := range pieces + 1 {
				sin, cos := math.Sincos(part.Start + part.Angle*float64(k)/float64(max(pieces, 1)))
				letter := byte('L')
				if b.Len() == 0 {
					letter = 'M'
				}
				to(letter, vg.Point{X: part.Pos.X + part.Radius*vg.Length(cos), Y: part.Pos.Y + part.Radius*vg.Length(sin)})
			}
		case vg.CloseComp:
			b.WriteByte('Z')
			last = 'Z'
		}
	}
	return b.String()
}

func (c *svgCanvas) FillString(face font.Face, p vg.Point, text string) {
	if face.Font.Size == 0 || strings.TrimSpace(text) == "" {
		return
	}
	turn := ""
	if angle := -math.Atan2(c.matrix[1], c.matrix[0]) * 180 / math.Pi; math.Abs(angle) > .01 {
		turn = fmt.Sprintf(` transform="rotate(%s %s)"`, decimal(vg.Length(angle)), c.point(p))
	}
	// The font of who looks at the page may be wider than the one that the figure was
	// laid out with; its letters are then drawn narrower, so that every label has its
	// place. A file is for editors, where the length would stay when the text changes.
	length := ""
	if c.page {
		length = fmt.Sprintf(` textLength="%s" lengthAdjust="spacingAndGlyphs"`, decimal(face.Width(text)))
	}
	x, y := c.place(p)
	fmt.Fprintf(&c.b, "<text x=\"%s\" y=\"%s\" font-size=\"%s\"%s%s%s>%s</text>\n", decimal(x), decimal(y), decimal(face.Font.Size), length, c.paint("fill"), turn, escape(text))
}

// DrawImage is part of vg.Canvas. No figure here is made of pixels.
func (c *svgCanvas) DrawImage(vg.Rectangle, image.Image) { panic("report: a figure is not an image") }
