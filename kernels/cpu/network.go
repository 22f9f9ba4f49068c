package cpu

import (
	"unsafe"

	"radd/kernels"
)

// network is a network as steps forward read it: rows of ld elements, ld being
// N + 1 rounded up to whole vectors, and the rest of each row 0.
//
//	row    field   holds
//	0      sums    z = b + M h; element N is the logit difference d
//	1      state   h
//	2      bias    b_ih + b_hh, and b_out[right] − b_out[left]
//	3 … 5  input   the columns of W_ih
//	6 …    matrix  M = [W_hh; W_out[right] − W_out[left]] by columns
//
// The logit difference is thus one more row of the matrix–vector product, and
// its derivative one more term of the product backward. The matrix is laid out
// in panels: all columns' first elements, as many as a product's sums fill
// registers, then all columns' next ones.
type network[F kernels.Float] struct {
	sums, state, bias, input, matrix []F
}

// networkRows is the number of rows before the matrix.
const networkRows = 6

// viewNetwork returns the parts of net.
func viewNetwork[F kernels.Float](net []F, n, ld int) network[F] {
	return network[F]{net[:ld], net[ld : 2*ld], net[2*ld : 3*ld], net[3*ld : 6*ld], net[networkRows*ld:][:n*ld]}
}

// pack assigns the network's parameters to net, and 0 to sums and state.
func (r *routines[F]) pack(net []F, w kernels.Weights[F], n, ld int) {
	v := viewNetwork(net, n, ld)
	clear(net[:networkRows*ld])
	for i := range n {
		v.bias[i] = w.InputBias[i] + w.HiddenBias[i]
		for k := range kernels.Inputs {
			v.input[k*ld+i] = w.InputHidden[i*kernels.Inputs+k]
		}
	}
	v.bias[n] = w.ReadoutBias[1] - w.ReadoutBias[0]

	for from := 0; from < ld; from += r.panel {
		width := min(r.panel, ld-from)
		panel := v.matrix[from*n:][:width*n]
		rows := max(min(width, n-from), 0) // of W_hh
		transpose(panel, w.HiddenHidden[min(from, n)*n:][:rows*n], n, width)
		for i := rows; i < width; i++ {
			for k := range n {
				x := F(0)
				if from+i == n {
					x = w.Readout[n+k] - w.Readout[k]
				}
				panel[k*width+i] = x
			}
		}
	}
}

// transpose assigns to column i of panel (n, width) row i of the matrix a, whose
// rows have n elements. It goes over eight rows together, because columns whose
// elements lie a power of two apart share few places in a cache.
func transpose[F kernels.Float](panel, a []F, n, width int) {
	i, rows := 0, len(a)/n
	for ; i+8 <= rows; i += 8 {
		b := a[i*n:]
		r0, r1, r2, r3 := b[:n], b[n:][:n], b[2*n:][:n], b[3*n:][:n]
		r4, r5, r6, r7 := b[4*n:][:n], b[5*n:][:n], b[6*n:][:n], b[7*n:][:n]
		for k := range n {
			to := panel[k*width+i:][:8]
			to[0], to[1], to[2], to[3] = r0[k], r1[k], r2[k], r3[k]
			to[4], to[5], to[6], to[7] = r4[k], r5[k], r6[k], r7[k]
		}
	}
	for ; i < rows; i++ {
		for k, x := range a[i*n:][:n] {
			panel[k*width+i] = x
		}
	}
}

// packRows assigns M by rows to m (N+1, width), in panels.
func (r *routines[F]) packRows(m []F, w kernels.Weights[F], n, width int) {
	for from := 0; from < width; from += r.panel {
		size := min(r.panel, width-from)
		panel := m[from*(n+1):][:size*(n+1)]
		used := min(size, n-from)
		for i := range n {
			row := panel[i*size:][:size]
			copy(row, w.HiddenHidden[i*n+from:][:used])
			clear(row[used:])
		}
		row := panel[n*size:][:size]
		for k := range used {
			row[k] = w.Readout[n+from+k] - w.Readout[from+k]
		}
		clear(row[used:])
	}
}

// pad rounds a number of elements up to whole vectors.
func (r *routines[F]) pad(n int) int { return (n + r.lanes - 1) / r.lanes * r.lanes }

// cacheLine is the bytes of one. Vectors that lie across two cost twice.
const cacheLine = 64

// align returns the scratch from its first whole cache line on: up to
// alignment elements fewer.
func align[F kernels.Float](work []F) []F {
	size := int(unsafe.Sizeof(work[0]))
	over := int(uintptr(unsafe.Pointer(&work[0]))%cacheLine) / size
	return work[(cacheLine/size-over)%(cacheLine/size):]
}
