package analysis

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// TestAddSquares holds it to BLAS. The tolerance is the rounding of sums of a
// dozen products of numbers up to 1.
func TestAddSquares(t *testing.T) {
	const tolerance = 1e-14
	for _, d := range []int{1, 2, 3, 7, 50} {
		for _, n := range []int{0, 1, 3, 4, 5, 11} {
			t.Run(fmt.Sprintf("%dx%d", n, d), func(t *testing.T) {
				rows := make([]float64, n*d)
				for i := range rows {
					rows[i] = float64((i*37+11)%101)/50 - 1
				}
				got, want := mat.NewSymDense(d, nil), mat.NewSymDense(d, nil)
				for i := range d {
					got.SetSym(i, i, .5)
					want.SetSym(i, i, .5)
				}
				addSquares(got, rows)
				if n > 0 {
					blas64.Syrk(blas.Trans, 1, blas64.General{Rows: n, Cols: d, Stride: d, Data: rows}, 1, want.RawSymmetric())
				}
				if !mat.EqualApprox(got, want, tolerance) {
					t.Errorf("got %v, want %v", mat.Formatted(got), mat.Formatted(want))
				}
			})
		}
	}
}

func BenchmarkAddSquares(b *testing.B) {
	const d, n = 51, 640
	rows := make([]float64, n*d)
	for i := range rows {
		rows[i] = float64(i%101) / 101
	}
	S := mat.NewSymDense(d, nil)
	b.Run("four rows", func(b *testing.B) {
		for b.Loop() {
			addSquares(S, rows)
		}
	})
	b.Run("blas", func(b *testing.B) {
		for b.Loop() {
			blas64.Syrk(blas.Trans, 1, blas64.General{Rows: n, Cols: d, Stride: d, Data: rows}, 1, S.RawSymmetric())
		}
	})
}
