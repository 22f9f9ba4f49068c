package cpu

import "radd/kernels"

// blockSteps is the number of RNN steps whose dz are kept before the gradient
// of W_hh is added up.
const blockSteps = 16

// workSize is the scratch that forward and backward need for n hidden units:
// two vectors for the network, one for dh, and a block of dz.
func workSize(n int) int { return 3*n + blockSteps*n }

// backward assigns to grad the gradient by θ of scale × the tape's loss, through
// all T steps. With g_t = scale·dL/dd_t, backward in time:
//
//	dh_t = W_hhᵀ dz_{t+1} + g_t (W_out[right] − W_out[left])
//	dz_t = dh_t ∘ (1 − h_t²)
//
//	dW_hh = Σ dz_t h_{t−1}ᵀ    dW_ih = Σ dz_t x_tᵀ    db_ih = db_hh = Σ dz_t
//	dW_out[right] = −dW_out[left] = Σ g_t h_t          db_out likewise
//
// No gradient flows through the feedback or through a trial's end.
//
// Source: SI 7.2; backpropagation through time, never truncated.
func backward[F kernels.Float](theta []F, o kernels.Objective, p *kernels.Tape[F], scale F, grad []F) {
	n := p.N
	shape := kernels.Shape{N: n}
	w, dw := kernels.Views(shape, theta), kernels.Views(shape, grad)
	clear(grad)
	work := p.Workspace(workSize(n))
	readout, dh, block := work[n:2*n], work[2*n:3*n], work[3*n:]
	readoutDifference(w, readout)
	clear(dh)

	dReadout, dReadoutBias := dw.Readout[n:], F(0)
	lossScale := float64(scale) * o.Scale(p.T)
	for end := p.T; end > 0; {
		start := max(end-blockSteps, 0)
		for t := end - 1; t >= start; t-- {
			h := p.State(t)
			if g := F(lossScale * p.StepDerivative(o, t)); g != 0 {
				addScaled(dh, readout, g)
				addScaled(dReadout, h, g)
				dReadoutBias += g
			}
			dz := block[(t-start)*n:][:n]
			x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
			for i := range dz {
				v := dh[i] * (1 - h[i]*h[i])
				dz[i] = v
				dw.InputBias[i] += v
				du := dw.InputHidden[i*kernels.Inputs:][:kernels.Inputs]
				du[0] += v * x[0]
				du[1] += v * x[1]
				du[2] += v * x[2]
			}
			clear(dh)
			addMatTVec(dh, w.HiddenHidden, dz)
		}
		// Row t of Hidden is h_{t−1}: the state before step t.
		addOuterProducts(dw.HiddenHidden, block, p.Hidden[start*n:], n, n, end-start)
		end = start
	}

	copy(dw.HiddenBias, dw.InputBias)
	for i, v := range dReadout {
		dw.Readout[i] = -v
	}
	dw.ReadoutBias[0], dw.ReadoutBias[1] = -dReadoutBias, dReadoutBias
}

// update does one step of PyTorch's SGD without weight decay: v ← m·v + g,
// θ ← θ − lr·v. The conversions round every product, as PyTorch does, where a
// compiler would fuse it with the sum.
func update[F kernels.Float](theta, velocity, grad []F, lr, momentum F) {
	velocity, grad = velocity[:len(theta)], grad[:len(theta)]
	for i := range theta {
		velocity[i] = F(momentum*velocity[i]) + grad[i]
		theta[i] -= F(lr * velocity[i])
	}
}
