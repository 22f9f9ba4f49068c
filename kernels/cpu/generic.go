package cpu

import (
	"math"

	"radd/internal/philox"
	"radd/kernels"
)

// genericRoutines returns the routines in portable Go: a vector is one element
// and a matrix one panel.
func genericRoutines[F kernels.Float]() *routines[F] {
	return &routines[F]{
		lanes:            1,
		panel:            math.MaxInt,
		step:             step[F],
		backpropagate:    backpropagate[F],
		addOuterProducts: addOuterProducts[F],
		update:           update[F],
		tanh:             tanh[F],
		odds:             odds,
		normals:          philox.Normals,
		multiplyAdds:     multiplyAdds[F],
		loads:            loads[F],
	}
}

func step[F kernels.Float](h, net, x []F, ld int) {
	n := len(h)
	v := viewNetwork(net, n, ld)
	state := v.state[:n]
	if len(x) > 0 {
		left, right, feedback := v.input[:n], v.input[ld:][:n], v.input[2*ld:][:n]
		for i := range h {
			h[i] = v.sums[i] + (left[i]*x[0] + right[i]*x[1] + feedback[i]*x[2])
		}
		tanh(h)
		copy(state, h)
	}
	copy(v.sums, v.bias)
	addProduct(v.sums, v.matrix, state)
}

func backpropagate[F kernels.Float](e, states, h, m, g []F, n, ld int) {
	copy(states, h[:len(g)*n])
	for s := len(g) - 1; s >= 0; s-- {
		dz := e[s*ld:][:n]
		clear(dz)
		addProduct(dz, m, e[(s+1)*ld:][:n+1])
		for i, h := range h[s*n:][:n] {
			dz[i] *= 1 - h*h
		}
		e[s*ld+n] = g[s]
	}
}

func addOuterProducts[F kernels.Float](c, a, b []F, rows, lda, ldb, count int) {
	for i := range rows {
		row := c[i*ldb:][:ldb]
		k := 0
		for ; k+4 <= count; k += 4 {
			addRows4(row, b[k*ldb:], a[k*lda+i], a[(k+1)*lda+i], a[(k+2)*lda+i], a[(k+3)*lda+i])
		}
		for ; k < count; k++ {
			addScaled(row, b[k*ldb:][:ldb], a[k*lda+i])
		}
	}
}

// update does one step of PyTorch's SGD without weight decay. The conversions
// round every product, as PyTorch does, where a compiler would fuse it with the
// sum.
func update[F kernels.Float](theta, velocity, grad []F, lr, momentum F) {
	velocity, grad = velocity[:len(theta)], grad[:len(theta)]
	for i := range theta {
		velocity[i] = F(momentum*velocity[i]) + grad[i]
		theta[i] -= F(lr * velocity[i])
	}
}

// tanh converts apart from math.Tanh because amd64's conversions merge into a
// register's old value: between float32 and float64 in one loop, each tanh would
// wait for the last.
func tanh[F kernels.Float](h []F) {
	var z [64]float64
	for len(h) > 0 {
		n := min(len(h), len(z))
		for i, x := range h[:n] {
			z[i] = float64(x)
		}
		for i, x := range z[:n] {
			z[i] = math.Tanh(x)
		}
		for i, x := range z[:n] {
			h[i] = F(x)
		}
		h = h[n:]
	}
}

func odds(d []float64) {
	for i, x := range d {
		d[i] = kernels.Odds(x)
	}
}

// addProduct adds Σ_k x_k m_k to y, where m_k is row k of m (len(x), len(y)).
func addProduct[F kernels.Float](y, m, x []F) {
	n := len(y)
	k := 0
	for ; k+4 <= len(x); k += 4 {
		addRows4(y, m[k*n:], x[k], x[k+1], x[k+2], x[k+3])
	}
	for ; k < len(x); k++ {
		addScaled(y, m[k*n:][:n], x[k])
	}
}

// addRows4 adds a0·r0 + a1·r1 + a2·r2 + a3·r3 to y, where r0 … r3 are the first
// rows of a matrix of as many columns as y has elements.
func addRows4[F kernels.Float](y, rows []F, a0, a1, a2, a3 F) {
	n := len(y)
	r0, r1, r2, r3 := rows[:n], rows[n:][:n], rows[2*n:][:n], rows[3*n:][:n]
	for j := range y {
		y[j] += (a0*r0[j] + a1*r1[j]) + (a2*r2[j] + a3*r3[j])
	}
}

// addScaled adds a·x to y.
func addScaled[F kernels.Float](y, x []F, a F) {
	x = x[:len(y)]
	for j := range y {
		y[j] += a * x[j]
	}
}

// multiplyAdds multiplies and adds, which not every processor's Go fuses, in
// probeVectors sums that converge.
func multiplyAdds[F kernels.Float](rounds int) {
	x, y := F(.5), F(rounds)
	var a, b, c, d, e, f, g, h, i, j, k, l F
	for range rounds {
		a, b, c, d, e, f = a*x+y, b*x+y, c*x+y, d*x+y, e*x+y, f*x+y
		g, h, i, j, k, l = g*x+y, h*x+y, i*x+y, j*x+y, k*x+y, l*x+y
	}
	discard(((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l)))
}

// loads adds up what it loads, in probeVectors sums: a load alone would be left
// out.
func loads[F kernels.Float](x []F, passes int) {
	var a, b, c, d, e, f, g, h, i, j, k, l F
	for range passes {
		for v := x; len(v) >= probeVectors; v = v[probeVectors:] {
			a, b, c, d, e, f = a+v[0], b+v[1], c+v[2], d+v[3], e+v[4], f+v[5]
			g, h, i, j, k, l = g+v[6], h+v[7], i+v[8], j+v[9], k+v[10], l+v[11]
		}
	}
	discard(((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l)))
}

// discard takes a result that nobody needs, so that it is computed.
//
//go:noinline
func discard[F kernels.Float](F) {}
