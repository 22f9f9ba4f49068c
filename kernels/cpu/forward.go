package cpu

import (
	"math"

	"radd/kernels"
)

// network is θ as the forward pass needs it. Bias and readout lie in a tape's
// scratch.
type network[F kernels.Float] struct {
	kernels.Weights[F]
	bias        []F // b_ih + b_hh (N)
	readout     []F // W_out[right] − W_out[left] (N)
	readoutBias F   // likewise
}

func newNetwork[F kernels.Float](theta, work []F, n int) network[F] {
	w := network[F]{Weights: kernels.Views(kernels.Shape{N: n}, theta), bias: work[:n], readout: work[n : 2*n]}
	for i := range w.bias {
		w.bias[i] = w.InputBias[i] + w.HiddenBias[i]
	}
	w.readoutBias = readoutDifference(w.Weights, w.readout)
	return w
}

// step takes the tape's passage from the state before step t to the one after
// it, given x_t, and assigns both it and the logit difference:
//
//	h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
//	d_t = (W_out[right] − W_out[left])·h_t + b_out[right] − b_out[left]
//
// Source: SI 7.2.
func (w *network[F]) step(p *kernels.Tape[F], t int) F {
	n := p.N
	x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
	h := p.State(t)
	for i := range h {
		v := w.InputHidden[i*kernels.Inputs:][:kernels.Inputs]
		h[i] = w.bias[i] + (v[0]*x[0] + v[1]*x[1] + v[2]*x[2])
	}
	addMatVec(h, w.HiddenHidden, p.Hidden[t*n:][:n])
	tanh(h)
	d := dot(w.readout, h) + w.readoutBias
	p.Difference[t] = d
	return d
}

// forward plays the tape's passage with the network θ and assigns the tape's
// record, loss and counts.
func forward[F kernels.Float](theta []F, o kernels.Objective, p *kernels.Tape[F]) {
	w := newNetwork(theta, p.Workspace(workSize(p.N)), p.N)
	p.T, p.Loss, p.Behaviour = 0, 0, kernels.Behaviour{}
	if p.Teacher != nil {
		follow(&w, p)
	} else {
		play(&w, p)
	}
	for t := range p.T {
		p.Loss += p.StepLoss(o, t)
	}
	p.Loss *= o.Scale(p.T)
}

// play goes through the tape's trials in closed loop, or as its forced
// decisions say: task.Rule.Step turns each step's logit difference into the
// feedback and the trial's end.
func play[F kernels.Float](w *network[F], p *kernels.Tape[F]) {
	s := p.Session
	rule := s.Rule()
	feedback := p.FirstFeedback()
	for trial := p.From; trial < p.To; trial++ {
		p.Reserve(rule.MaxSteps)
		side := s.TrialSide[trial]
		p.Trials++
		for step, ended := 0, false; !ended; step++ {
			t := p.T
			left, right := s.Observe(trial, step)
			x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
			x[0], x[1], x[2] = F(left), F(right), feedback
			out := rule.Step(step, side, float64(w.step(p, t)))
			if p.Forced != nil {
				out = p.Forced.Outcome(t, out.Action)
			}
			feedback, ended = F(out.Feedback), out.Ended
			p.Trial[t], p.Step[t] = int32(trial), int32(step)
			p.Target[t], p.Counted[t] = (side+1)/2, rule.Counted(step)
			p.Feedback[t] = feedback
			p.T++
			if ended {
				p.Count(side, out.Action)
			}
		}
	}
}

// follow goes along the teacher's tape, step by step.
func follow[F kernels.Float](w *network[F], p *kernels.Tape[F]) {
	p.Follow()
	rule := p.Session.Rule()
	for t := range p.T {
		d := w.step(p, t)
		if t+1 == p.T || p.Step[t+1] == 0 {
			side := 2*p.Target[t] - 1
			p.Count(side, rule.Step(int(p.Step[t]), side, float64(d)).Action)
		}
	}
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
