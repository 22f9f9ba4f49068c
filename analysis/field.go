package analysis

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// View is a system seen in two coordinates.
type View struct {
	System      *System
	Coordinates string // plane, readouts or units
	Low, High   [2]float64
	lift        func(dst []float64, x, y float64) // assigns the state at a place
	project     func(h []float64) [2]float64
}

// fieldPoints is the number of arrows along either coordinate.
const fieldPoints = 21

const (
	basinSteps  = 1000 // after which a state that has not come to rest is let go
	atRest      = 1e-6 // RNN step's length at which it has
	basinRadius = 1e-2 // of a stable point: who is so near stays
	basinCheck  = 4    // RNN steps between two looks
)

// PlaneView is the network's in the plane of its first two principal directions.
func (r *Recording) PlaneView(s *System) View {
	back := mat.DenseCopyOf(r.Frame.Plane.T())
	v := View{System: s, Coordinates: "plane",
		lift:    func(dst []float64, x, y float64) { r.Frame.lift(dst, back, x, y) },
		project: func(h []float64) [2]float64 { c := r.Frame.Coordinates(h); return [2]float64{c[pc1], c[pc2]} }}
	v.Low, v.High = r.extent(pc1)
	return v
}

// ReadoutsView is the network's along its readouts.
func (r *Recording) ReadoutsView(s *System) View {
	v := View{System: s, Coordinates: "readouts",
		lift:    func(dst []float64, x, y float64) { r.Frame.lift(dst, r.Frame.Back, x, y) },
		project: func(h []float64) [2]float64 { c := r.Frame.Coordinates(h); return [2]float64{c[stimulus], c[block]} }}
	v.Low, v.High = r.extent(stimulus)
	return v
}

// StudentView is a RADD student's of two units, in its teacher's units: its state
// times κ.
func (r *Recording) StudentView(s *System, kappa [2]float64) View {
	v := scaledView(s, "readouts", kappa)
	low, high := r.extent(stimulus)
	for k := range 2 {
		v.Low[k], v.High[k] = max(v.Low[k], low[k]), min(v.High[k], high[k])
	}
	return v
}

// UnitsView is that of any system of two units.
func UnitsView(s *System) View { return scaledView(s, "units", [2]float64{1, 1}) }

func scaledView(s *System, coordinates string, scale [2]float64) View {
	return View{System: s, Coordinates: coordinates, Low: [2]float64{-scale[0], -scale[1]}, High: scale,
		lift:    func(dst []float64, x, y float64) { dst[0], dst[1] = x/scale[0], y/scale[1] },
		project: func(h []float64) [2]float64 { return [2]float64{scale[0] * h[0], scale[1] * h[1]} }}
}

// extent returns the range of two coordinates over the recording, with a tenth
// more on every side.
func (r *Recording) extent(axis int) (low, high [2]float64) {
	low, high = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, x := range r.at {
		for k := range 2 {
			low[k], high[k] = min(low[k], x[axis+k]), max(high[k], x[axis+k])
		}
	}
	for k := range 2 {
		margin := (high[k] - low[k]) / 10
		low[k], high[k] = low[k]-margin, high[k]+margin
	}
	return low, high
}

// NewFieldTable returns the table of vector fields without rows.
func NewFieldTable() *Table {
	return NewTable("vector_field.csv", "system", "coordinates", "condition", "left", "right", "feedback", "x", "y", "dx", "dy", "speed", "basin")
}

// AddField adds the view's vector fields under the conditions, of which points
// are the system's: at every place where one RNN step leads, and to which stable
// point the whole system comes in the end.
func (v *View) AddField(t *Table, conditions []Condition, points [][]Point) {
	type arrow struct {
		x, y, dx, dy float64
		basin        any
	}
	arrows := make([][fieldPoints * fieldPoints]arrow, len(conditions))
	parallel(len(conditions)*fieldPoints, func(i int) {
		c, row := i/fieldPoints, i%fieldPoints
		s := v.System
		drive, h, F := make([]float64, s.N), make([]float64, s.N), make([]float64, s.N)
		s.drive(drive, conditions[c].Input)
		y := v.Low[1] + (v.High[1]-v.Low[1])*float64(row)/(fieldPoints-1)
		for column := range fieldPoints {
			x := v.Low[0] + (v.High[0]-v.Low[0])*float64(column)/(fieldPoints-1)
			v.lift(h, x, y)
			s.step(F, h, drive)
			to := v.project(F)
			arrows[c][row*fieldPoints+column] = arrow{x, y, to[0] - x, to[1] - y, s.basin(F, h, drive, points[c])}
		}
	})
	for i, c := range conditions {
		for _, a := range arrows[i] {
			t.Add(v.System.Name, v.Coordinates, c.Name, c.Input[0], c.Input[1], c.Input[2], a.x, a.y, a.dx, a.dy, math.Hypot(a.dx, a.dy), a.basin)
		}
	}
}

// basin returns the number of the stable point that the state h comes to, or ""
// where it comes to none that is known. It uses up h and spare.
func (s *System) basin(h, spare, drive []float64, points []Point) any {
	for i := range basinSteps {
		s.step(spare, h, drive)
		h, spare = spare, h
		rest := false
		if i%basinCheck == 0 {
			rest = floats.Distance(h, spare, 2) < atRest
			for k := range points {
				if points[k].Stable() && floats.Distance(h, points[k].X, 2) < basinRadius {
					return k
				}
			}
		}
		if rest {
			break
		}
	}
	return ""
}

// Grid returns states of two units from which fixed points are searched for (n,
// 2): a grid over all that they can be.
func Grid() []float64 {
	const side = 15
	var list []float64
	for i := range side {
		for k := range side {
			list = append(list, -1+2*float64(i)/(side-1), -1+2*float64(k)/(side-1))
		}
	}
	return list
}
