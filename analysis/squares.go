package analysis

import "gonum.org/v1/gonum/mat"

// addSquares adds XᵀX to the upper triangle of S (d, d), X being rows of d
// elements. Four rows at a time leave each element of S alone until their four
// products are summed: half again as fast as BLAS's Dsyrk for a few dozen
// columns.
func addSquares(S *mat.SymDense, rows []float64) {
	d := S.SymmetricDim()
	s := S.RawSymmetric()
	for ; len(rows) >= 4*d; rows = rows[4*d:] {
		for i := range d {
			r0, r1, r2, r3 := rows[i:d], rows[d+i:][:d-i], rows[2*d+i:][:d-i], rows[3*d+i:][:d-i]
			a0, a1, a2, a3 := r0[0], r1[0], r2[0], r3[0]
			to := s.Data[i*s.Stride+i:][:d-i]
			r0 = r0[:len(to)]
			for j := range to {
				to[j] += (a0*r0[j] + a1*r1[j]) + (a2*r2[j] + a3*r3[j])
			}
		}
	}
	for ; len(rows) > 0; rows = rows[d:] {
		for i, a := range rows[:d] {
			to := s.Data[i*s.Stride+i:][:d-i]
			for j, b := range rows[i:d] {
				to[j] += a * b
			}
		}
	}
}
