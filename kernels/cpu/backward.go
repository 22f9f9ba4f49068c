package cpu

import "radd/kernels"

// blockSteps is the number of RNN steps whose dz and states are kept before
// their outer products are added to the gradient together.
const blockSteps = 32

// inputRows are the rows of the gradient by what is multiplied with dz alone:
// the three inputs, and 1 for the biases.
const inputRows = kernels.Inputs + 1

// backwardWork is the scratch of backward. N + 1 rounded up to whole vectors is
// ld, N rounded up is width.
type backwardWork[F kernels.Float] struct {
	matrix   []F // (N+1, width) M = [W_hh; W_out[right] − W_out[left]] by rows, in panels
	dMatrix  []F // (N+1 rounded up to 4, width)
	dInput   []F // (4, ld)
	e        []F // (K+1, ld) rows e_s = (dz_s, g_{s−1})
	states   []F // (K, width) h_{s−1}
	inputs   []F // (K, 4) x_s and 1
	gradient []F // (K) g
}

func (r *routines[F]) viewBackward(work []F, n int) (w backwardWork[F], size int) {
	ld, width := r.pad(n+1), r.pad(n)
	take := func(count int) []F {
		from := size
		size += r.pad(count)
		if work == nil {
			return nil
		}
		return work[from:][:count]
	}
	w.matrix = take((n + 1) * width)
	w.dMatrix = take((n + 4) / 4 * 4 * width)
	w.dInput = take(inputRows * ld)
	w.e = take((blockSteps + 1) * ld)
	w.states = take(blockSteps * width)
	w.inputs = take(blockSteps * inputRows)
	w.gradient = take(blockSteps)
	return w, size
}

// backward assigns to grad the gradient by θ of scale × the tape's loss, through
// all T steps. With g_t = scale·dL/dd_t, backward in time:
//
//	dh_t = W_hhᵀ dz_{t+1} + g_t (W_out[right] − W_out[left])
//	dz_t = dh_t ∘ (1 − h_t²)
//
//	dW_hh = Σ dz_t h_{t−1}ᵀ    dW_ih = Σ dz_t x_tᵀ    db_ih = db_hh = Σ dz_t
//	dW_out[right] = −dW_out[left] = Σ g_t h_t          db_out likewise
//
// No gradient flows through the feedback or through a trial's end. With the
// vector e_s = (dz_s, g_{s−1}) and M = [W_hh; W_out[right] − W_out[left]], all of
// it is dz_{s−1} = (Mᵀ e_s) ∘ (1 − h_{s−1}²), dM = Σ e_s h_{s−1}ᵀ and, of e_s and
// (x_s, 1), the rest: s goes from T, where dz is 0, to 0, where g is.
//
// Source: SI 7.2; backpropagation through time, never truncated.
func (r *routines[F]) backward(theta []F, o kernels.Objective, p *kernels.Tape[F], scale F, grad []F) {
	n := p.N
	shape := kernels.Shape{N: n}
	ld, width := r.pad(n+1), r.pad(n)
	v, _ := r.viewBackward(r.work(p), n)
	r.packRows(v.matrix, kernels.Views(shape, theta), n, width)
	clear(v.dMatrix)
	clear(v.dInput)
	clear(v.e)

	lossScale := float64(scale) * o.Scale(p.T)
	derivatives := p.Derivatives()
	derivative := func(t int) F {
		if t < 0 {
			return 0
		}
		return F(lossScale * derivatives[t])
	}
	carried := 0 // row of e that the next block begins with
	v.e[n] = derivative(p.T - 1)
	for end := p.T + 1; end > 0; {
		start := max(end-blockSteps, 0)
		count := end - start
		for k := range count {
			s := start + k
			v.gradient[k] = derivative(s - 2)
			x := v.inputs[k*inputRows:][:inputRows]
			x[0], x[1], x[2], x[3] = 0, 0, 0, 1
			if s < p.T {
				copy(x, p.Input[s*kernels.Inputs:][:kernels.Inputs])
			}
		}
		copy(v.e[count*ld:], v.e[carried*ld:][:ld])
		r.backpropagate(v.e, v.states, p.Hidden[start*n:], v.matrix, v.gradient[:count], n, ld)
		r.gradient(v, n, ld, width, count)
		end = start
	}
	unpack(kernels.Views(shape, grad), v, n, ld, width)
}

// gradient adds a block's outer products to the gradient.
func (r *routines[F]) gradient(v backwardWork[F], n, ld, width, count int) {
	r.addOuterProducts(v.dMatrix, v.e[ld:], v.states, n+1, ld, width, count)
	r.addOuterProducts(v.dInput, v.inputs, v.e[ld:], inputRows, inputRows, ld, count)
}

// unpack assigns the gradient by θ.
func unpack[F kernels.Float](dw kernels.Weights[F], v backwardWork[F], n, ld, width int) {
	for i := range n {
		copy(dw.HiddenHidden[i*n:][:n], v.dMatrix[i*width:])
		for k := range kernels.Inputs {
			dw.InputHidden[i*kernels.Inputs+k] = v.dInput[k*ld+i]
		}
	}
	bias := v.dInput[kernels.Inputs*ld:]
	copy(dw.InputBias, bias)
	copy(dw.HiddenBias, bias)
	for i, x := range v.dMatrix[n*width:][:n] {
		dw.Readout[i], dw.Readout[n+i] = -x, x
	}
	dw.ReadoutBias[0], dw.ReadoutBias[1] = -bias[n], bias[n]
}
