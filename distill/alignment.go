package distill

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Alignment tells how alike two students' parameters are, up to what is
// arbitrary in them: the signs of the projection's rows, and κ, one scale that
// multiplies B′ and c′ and leaves A′ alone.
type Alignment struct {
	// Recurrence is ‖A′ − S A″ S‖ over the root mean square of both norms, and
	// Input ‖(B′, c′) − S (B″, c″)‖, each of the two brought to length 1: both are 0
	// of students that are the same and √2 of those that have nothing in common.
	Recurrence, Input float64
	Signs             []float64 // S (M), ±1, by which the sum of both squares is least
}

// Align compares two students of as many rows and inputs; it panics at others.
func Align(a, b *RADD) Alignment {
	if a.M != b.M || a.Q != b.Q {
		panic("distill: students of other sizes are not to be aligned")
	}
	M := a.M
	drives := func(r *RADD) [][]float64 { // (B′, c′) (M, Q+1), of length 1 as a whole
		length := 0.
		rows := make([][]float64, M)
		for m := range rows {
			if r.B != nil {
				rows[m] = append(rows[m], r.B.RawRowView(m)...)
			}
			rows[m] = append(rows[m], r.C[m])
			length = math.Hypot(length, floats.Norm(rows[m], 2))
		}
		for _, row := range rows {
			floats.Scale(1/length, row)
		}
		return rows
	}
	x, y := drives(a), drives(b)
	size := math.Sqrt((square(data(a.A)) + square(data(b.A))) / 2)
	best := Alignment{Recurrence: math.NaN(), Input: math.NaN()}
	least := math.Inf(1)
	for mask := range 1 << M {
		signs := make([]float64, M)
		for m := range signs {
			signs[m] = 1 - 2*float64(mask>>m&1)
		}
		recurrence, input := 0., 0.
		for i := range M {
			for j := range M {
				d := a.A.At(i, j) - signs[i]*b.A.At(i, j)*signs[j]
				recurrence += d * d
			}
			for k := range x[i] {
				d := x[i][k] - signs[i]*y[i][k]
				input += d * d
			}
		}
		recurrence = math.Sqrt(recurrence) / size
		if sum := recurrence*recurrence + input; sum < least {
			least, best = sum, Alignment{recurrence, math.Sqrt(input), signs}
		}
	}
	return best
}

func square(v []float64) float64 { return floats.Dot(v, v) }
