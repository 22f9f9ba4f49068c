package cpu

import (
	"math"

	"radd/kernels"
)

// forward plays the tape's passage with the network θ and assigns the tape's
// record, loss and counts. Per RNN step:
//
//	h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
//	d_t = (W_out[right] − W_out[left])·h_t + b_out[right] − b_out[left]
//
// and task.Rule.Step turns d_t into the feedback and the trial's end.
//
// Source: SI 7.2.
func forward[F kernels.Float](theta []F, o kernels.Objective, p *kernels.Tape[F]) {
	n := p.N
	w := kernels.Views(kernels.Shape{N: n}, theta)
	work := p.Workspace(workSize(n))
	bias := work[:n]
	readout := work[n : 2*n]
	for i := range bias {
		bias[i] = w.InputBias[i] + w.HiddenBias[i]
	}
	readoutBias := readoutDifference(w, readout)

	s := p.Session
	rule := s.Rule()
	feedback := p.FirstFeedback()
	p.T, p.Loss, p.Behaviour = 0, 0, kernels.Behaviour{}
	for trial := p.From; trial < p.To; trial++ {
		p.Reserve(rule.MaxSteps)
		side := s.TrialSide[trial]
		p.Trials++
		for step := 0; ; step++ {
			t := p.T
			left, right := s.Observe(trial, step)
			x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
			x[0], x[1], x[2] = F(left), F(right), feedback

			h := p.State(t)
			for i := range h {
				v := w.InputHidden[i*kernels.Inputs:][:kernels.Inputs]
				h[i] = bias[i] + (v[0]*x[0] + v[1]*x[1] + v[2]*x[2])
			}
			addMatVec(h, w.HiddenHidden, p.Hidden[t*n:][:n])
			tanh(h)
			d := dot(readout, h) + readoutBias

			out := rule.Step(step, side, float64(d))
			if p.Forced != nil {
				out = p.Forced.Outcome(t, out.Action)
			}
			feedback = F(out.Feedback)
			counted := rule.Counted(step)
			p.Trial[t], p.Step[t] = int32(trial), int32(step)
			p.Target[t], p.Counted[t] = (side+1)/2, counted
			p.Difference[t], p.Feedback[t] = d, feedback
			p.T++
			if counted {
				p.Loss += o.Loss(side, float64(d))
			}
			if out.Ended {
				p.Count(side, out.Action)
				break
			}
		}
	}
	p.Loss *= o.Scale(p.T)
}

// readoutDifference assigns W_out[right] − W_out[left] to v (N) and returns
// the same of the biases.
func readoutDifference[F kernels.Float](w kernels.Weights[F], v []F) F {
	n := len(v)
	for i := range v {
		v[i] = w.Readout[n+i] - w.Readout[i]
	}
	return w.ReadoutBias[1] - w.ReadoutBias[0]
}

// tanh replaces every element of h by its hyperbolic tangent. The conversions
// are apart from math.Tanh because amd64's merge into a register's old value:
// between float32 and float64 in one loop, each tanh would wait for the last.
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
