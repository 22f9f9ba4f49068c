package analysis

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
)

// PointSummary tells of a system's points under one condition.
type PointSummary struct {
	System             string     `json:"system"`
	Condition          string     `json:"condition"`
	Fixed              int        `json:"fixed"`
	Slow               int        `json:"slow"`
	Stable             int        `json:"stable"`        // of the fixed ones
	TimeConstant       task.Ratio `json:"time_constant"` // RNN steps, of the slowest mode of any stable point
	SecondTimeConstant task.Ratio `json:"second_time_constant"`
	Elongation         task.Ratio `json:"elongation"`  // share of the points' variance along a line; null of fewer than three
	Drift              task.Ratio `json:"drift"`       // largest RNN step on the way from point to point, over the line's length; likewise
	BlockAngle         task.Ratio `json:"block_angle"` // degrees, 0 to 90, of the slowest mode from the block readout
	LineAttractor      bool       `json:"line_attractor"`
}

// What a line attractor is: a row of points with one slow mode each, and little
// movement between them. Two stable points and the saddle between them are a row,
// too, but there states are driven from the saddle to either side.
const (
	lineRatio      = 5   // slowest time constant over the next
	lineSlow       = 20  // RNN steps
	linePoints     = 3   //
	lineElongation = .95 // share of the points' variance
	lineDrift      = .01 // of the line's length, in an RNN step
)

// PointTables are the tables of fixed points.
type PointTables struct{ points, eigenvalues *Table }

// NewPointTables returns the tables without rows.
func NewPointTables() *PointTables {
	return &PointTables{
		NewTable("fixed_points.csv", "system", "condition", "left", "right", "feedback", "point", "kind", "stable", "q", "pc1", "pc2", "stimulus", "block",
			"unit1", "unit2", "starts", "max_modulus", "time_constant", "second_time_constant", "distance"),
		NewTable("eigenvalues.csv", "system", "condition", "point", "index", "real", "imaginary", "modulus", "time_constant"),
	}
}

// Tables returns the tables.
func (p *PointTables) Tables() []*Table { return []*Table{p.points, p.eigenvalues} }

// Place says where a point lies: NaN in what its system does not have.
type Place struct {
	PC, Readouts, Units [2]float64
	Distance            float64 // to the nearest recorded state
}

// PlaceOf returns where the network's state h lies.
func (r *Recording) PlaceOf(h []float64) Place {
	c := r.Frame.Coordinates(h)
	p := Place{PC: [2]float64{c[pc1], c[pc2]}, Readouts: [2]float64{c[stimulus], c[block]}, Units: [2]float64{nan, nan}, Distance: math.Inf(1)}
	for k := range r.sample.step {
		p.Distance = min(p.Distance, floats.Distance(h, r.sample.after[k*r.Frame.N:(k+1)*r.Frame.N], 2))
	}
	return p
}

// PlaceOfUnits returns where a state of two units lies, and along the readouts
// where it is a RADD student's with these κ; nil of others.
func PlaceOfUnits(h []float64, kappa *[2]float64) Place {
	p := Place{PC: [2]float64{nan, nan}, Readouts: [2]float64{nan, nan}, Units: [2]float64{h[0], h[1]}, Distance: nan}
	if kappa != nil {
		p.Readouts = [2]float64{kappa[0] * h[0], kappa[1] * h[1]}
	}
	return p
}

// Add adds a system's points under each condition, with their summaries. frame
// is the network's, nil for students.
func (t *PointTables) Add(s *System, conditions []Condition, points [][]Point, place func(h []float64) Place, frame *Frame) []PointSummary {
	var summaries []PointSummary
	for i, c := range conditions {
		for k := range points[i] {
			p := &points[i][k]
			at := place(p.X)
			kind := "slow"
			if p.Fixed() {
				kind = "fixed"
			}
			t.points.Add(s.Name, c.Name, c.Input[0], c.Input[1], c.Input[2], k, kind, p.Stable(), p.Q, at.PC[0], at.PC[1], at.Readouts[0], at.Readouts[1],
				at.Units[0], at.Units[1], p.Starts, cmplx.Abs(p.Eigenvalues[0]), p.TimeConstant(0), p.TimeConstant(1), at.Distance)
			for j, lambda := range p.Eigenvalues {
				t.eigenvalues.Add(s.Name, c.Name, k, j, real(lambda), imag(lambda), cmplx.Abs(lambda), timeConstant(lambda))
			}
		}
		summaries = append(summaries, summarise(s, c, points[i], frame))
	}
	return summaries
}

func summarise(s *System, c Condition, points []Point, frame *Frame) PointSummary {
	sum := PointSummary{System: s.Name, Condition: c.Name, TimeConstant: task.Ratio(nan), SecondTimeConstant: task.Ratio(nan),
		Elongation: task.Ratio(elongation(points)), Drift: task.Ratio(s.drift(c, points)), BlockAngle: task.Ratio(nan)}
	var slowest *Point
	along := 0 // points with one slow mode
	for i := range points {
		p := &points[i]
		switch {
		case !p.Fixed():
			sum.Slow++
		case p.Stable():
			sum.Fixed++
			sum.Stable++
		default:
			sum.Fixed++
		}
		first, second := math.Abs(p.TimeConstant(0)), math.Abs(p.TimeConstant(1))
		if first > lineSlow && first > lineRatio*second {
			along++
		}
		if p.Stable() && (slowest == nil || p.TimeConstant(0) > slowest.TimeConstant(0)) {
			slowest = p
		}
	}
	if slowest != nil {
		sum.TimeConstant, sum.SecondTimeConstant = task.Ratio(slowest.TimeConstant(0)), task.Ratio(slowest.TimeConstant(1))
		if frame != nil && imag(slowest.Eigenvalues[0]) == 0 {
			mode := make([]float64, s.N)
			for i := range mode {
				mode[i] = real(slowest.Eigenvectors.At(i, 0))
			}
			angle := Angle(mode, frame.P.RawRowView(1))
			sum.BlockAngle = task.Ratio(min(angle, 180-angle))
		}
	}
	sum.LineAttractor = len(points) >= linePoints && along == len(points) && float64(sum.Elongation) >= lineElongation && float64(sum.Drift) <= lineDrift
	return sum
}

// drift returns the length of the largest RNN step that starts on a straight line
// between neighbours among the points, over the distance of those farthest apart;
// NaN of fewer than three points.
func (s *System) drift(c Condition, points []Point) float64 {
	if len(points) < linePoints {
		return nan
	}
	length, from := 0., 0
	for i := range points {
		for k := range i {
			if d := floats.Distance(points[i].X, points[k].X, 2); d > length {
				length, from = d, i
			}
		}
	}
	// In a row, the distance from one of the ends tells the order.
	order := slices.Clone(points)
	slices.SortStableFunc(order, func(a, b Point) int {
		return cmp.Compare(floats.Distance(a.X, points[from].X, 2), floats.Distance(b.X, points[from].X, 2))
	})
	const parts = 16
	largest := 0.
	h, F, drive := make([]float64, s.N), make([]float64, s.N), make([]float64, s.N)
	s.drive(drive, c.Input)
	for i := 1; i < len(order); i++ {
		for part := range parts {
			share := (float64(part) + .5) / parts
			floats.ScaleTo(h, 1-share, order[i-1].X)
			floats.AddScaled(h, share, order[i].X)
			s.step(F, h, drive)
			largest = max(largest, floats.Distance(h, F, 2))
		}
	}
	return largest / length
}

// elongation returns the share of the points' variance along their first
// principal direction, NaN of fewer than three.
func elongation(points []Point) float64 {
	if len(points) < linePoints {
		return nan
	}
	N, n := len(points[0].X), float64(len(points))
	mean := make([]float64, N)
	for _, p := range points {
		floats.AddScaled(mean, 1/n, p.X)
	}
	// The points' Gram matrix has the covariance's eigenvalues, and is smaller.
	centred := mat.NewDense(len(points), N, nil)
	for i, p := range points {
		floats.SubTo(centred.RawRowView(i), p.X, mean)
	}
	var gram mat.SymDense
	gram.SymOuterK(1, centred)
	values, _ := symmetricEigen(&gram)
	return values[len(values)-1] / mat.Trace(&gram)
}

// WritePoints writes all points of a system under FixedPointFinder's names: n
// points of all conditions one after the other.
//
// Source: Golub and Sussillo, FixedPointFinder, 2018: FixedPoints.
func WritePoints(w *npz.Writer, s *System, conditions []Condition, points [][]Point) error {
	var all []Point
	for _, list := range points {
		all = append(all, list...)
	}
	n, N := len(all), s.N
	var x, F, init, inputs, q, dq, jacobian []float64
	var values, vectors []complex128
	var condition, iterations []int
	var stable []bool
	for i := range all {
		p := &all[i]
		x, F, init = append(x, p.X...), append(F, p.F...), append(init, p.Init...)
		in := conditions[p.Condition].Input
		inputs = append(inputs, in[:]...)
		q, dq = append(q, p.Q), append(dq, p.DQ)
		jacobian = append(jacobian, p.Jacobian.RawMatrix().Data...)
		values = append(values, p.Eigenvalues...)
		vectors = append(vectors, p.Eigenvectors.RawCMatrix().Data...)
		condition, iterations = append(condition, p.Condition), append(iterations, p.Iterations)
		stable = append(stable, p.Stable())
	}
	return cmp.Or(
		npz.Add(w, "xstar", x, n, N),
		npz.Add(w, "F_xstar", F, n, N),
		npz.Add(w, "x_init", init, n, N),
		npz.Add(w, "inputs", inputs, n, kernels.Inputs),
		npz.Add(w, "cond_id", condition, n),
		npz.Add(w, "qstar", q, n),
		npz.Add(w, "dq", dq, n),
		npz.Add(w, "n_iters", iterations, n),
		npz.Add(w, "J_xstar", jacobian, n, N, N),
		npz.Add(w, "eigval_J_xstar", values, n, N),
		npz.Add(w, "eigvec_J_xstar", vectors, n, N, N),
		npz.Add(w, "is_stable", stable, n),
		npz.Add(w, "tol_unique", []float64{UniqueDistance}),
	)
}
