package cpu

import "radd/kernels"

// addMatVec adds W x to y: y (m), W (m, n) row-major, x (n).
func addMatVec[F kernels.Float](y, w, x []F) {
	n := len(x)
	i := 0
	for ; i+4 <= len(y); i += 4 {
		w0 := w[i*n:][:n]
		w1 := w[(i+1)*n:][:n]
		w2 := w[(i+2)*n:][:n]
		w3 := w[(i+3)*n:][:n]
		var s0, s1, s2, s3 F
		for j, v := range x {
			s0 += w0[j] * v
			s1 += w1[j] * v
			s2 += w2[j] * v
			s3 += w3[j] * v
		}
		y[i] += s0
		y[i+1] += s1
		y[i+2] += s2
		y[i+3] += s3
	}
	for ; i < len(y); i++ {
		y[i] += dot(w[i*n:][:n], x)
	}
}

// addMatTVec adds Wᵀ y to x: x (n), W (m, n) row-major, y (m).
func addMatTVec[F kernels.Float](x, w, y []F) {
	n := len(x)
	i := 0
	for ; i+4 <= len(y); i += 4 {
		addRows4(x, w[i*n:], w[(i+1)*n:], w[(i+2)*n:], w[(i+3)*n:], y[i], y[i+1], y[i+2], y[i+3])
	}
	for ; i < len(y); i++ {
		addScaled(x, w[i*n:][:n], y[i])
	}
}

// addOuterProducts adds Σ_k u_k v_kᵀ to the matrix a (m, n): the rows of u (K,
// m) and v (K, n) are the vectors.
func addOuterProducts[F kernels.Float](a, u, v []F, m, n, K int) {
	for i := range m {
		row := a[i*n:][:n]
		k := 0
		for ; k+4 <= K; k += 4 {
			addRows4(row, v[k*n:], v[(k+1)*n:], v[(k+2)*n:], v[(k+3)*n:],
				u[k*m+i], u[(k+1)*m+i], u[(k+2)*m+i], u[(k+3)*m+i])
		}
		for ; k < K; k++ {
			addScaled(row, v[k*n:][:n], u[k*m+i])
		}
	}
}

// addRows4 adds a0·v0 + a1·v1 + a2·v2 + a3·v3 to y, over len(y) elements.
func addRows4[F kernels.Float](y, v0, v1, v2, v3 []F, a0, a1, a2, a3 F) {
	v0, v1, v2, v3 = v0[:len(y)], v1[:len(y)], v2[:len(y)], v3[:len(y)]
	for j := range y {
		y[j] += (a0*v0[j] + a1*v1[j]) + (a2*v2[j] + a3*v3[j])
	}
}

// addScaled adds a·x to y.
func addScaled[F kernels.Float](y, x []F, a F) {
	x = x[:len(y)]
	for j := range y {
		y[j] += a * x[j]
	}
}

func dot[F kernels.Float](x, y []F) F {
	y = y[:len(x)]
	var s F
	for j := range x {
		s += x[j] * y[j]
	}
	return s
}
