package cpu

import "radd/kernels"

// forward plays the tape's passage with the network θ and assigns the tape's
// record, loss and counts. Per RNN step:
//
//	h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
//	d_t = (W_out[right] − W_out[left])·h_t + b_out[right] − b_out[left]
//
// The product of h_t with W_hh is made with that for d_t, before the decision.
//
// Source: SI 7.2.
func (r *routines[F]) forward(theta []F, o kernels.Objective, p *kernels.Tape[F]) {
	n := p.N
	ld := r.pad(n + 1)
	net := r.work(p)
	r.pack(net, kernels.Views(kernels.Shape{N: n}, theta), n, ld)
	first := p.Hidden[:n]
	copy(net[ld:], first)
	r.step(first, net, nil, ld)
	p.T, p.Behaviour = 0, kernels.Behaviour{}
	if p.Teacher != nil {
		r.follow(net, ld, p)
	} else {
		r.play(net, ld, p)
	}
	p.Loss = r.loss(o, p)
}

// play goes through the tape's trials in closed loop, or as its forced
// decisions say: task.Rule.Step turns d_t into the feedback and the trial's end.
func (r *routines[F]) play(net []F, ld int, p *kernels.Tape[F]) {
	s := p.Session
	rule := s.Rule()
	p.Observations.Begin(s, r.normals)
	feedback := p.FirstFeedback()
	for trial := p.From; trial < p.To; trial++ {
		p.Reserve(rule.MaxSteps)
		side := s.TrialSide[trial]
		p.Trials++
		for step := 0; ; step++ {
			t := p.T
			left, right := p.Observations.At(trial, step)
			x := p.Input[t*kernels.Inputs:][:kernels.Inputs]
			x[0], x[1], x[2] = F(left), F(right), feedback
			r.step(p.State(t), net, x, ld)
			d := net[p.N]

			out := rule.Step(step, side, float64(d))
			if p.Forced != nil {
				out = p.Forced.Outcome(t, out.Action)
			}
			feedback = F(out.Feedback)
			p.Trial[t], p.Step[t] = int32(trial), int32(step)
			p.Target[t], p.Counted[t] = (side+1)/2, rule.Counted(step)
			p.Difference[t], p.Feedback[t] = d, feedback
			p.T++
			if out.Ended {
				p.Count(side, out.Action)
				break
			}
		}
	}
}

// follow goes along the teacher's tape, step by step.
func (r *routines[F]) follow(net []F, ld int, p *kernels.Tape[F]) {
	p.Follow()
	rule := p.Session.Rule()
	for t := range p.T {
		r.step(p.State(t), net, p.Input[t*kernels.Inputs:][:kernels.Inputs], ld)
		d := net[p.N]
		p.Difference[t] = d
		if t+1 == p.T || p.Step[t+1] == 0 {
			side := 2*p.Target[t] - 1
			p.Count(side, rule.Step(int(p.Step[t]), side, float64(d)).Action)
		}
	}
}

// loss returns the loss of a passage and assigns the tape's derivatives. It is
// summed apart from the closed loop, which would wait for every logarithm; and the
// conversions are apart because amd64's merge into a register's old value, so
// that in one loop each logarithm would wait for the last.
func (r *routines[F]) loss(o kernels.Objective, p *kernels.Tape[F]) float64 {
	of := p.Derivatives()
	for t, d := range p.Difference[:p.T] {
		of[t] = float64(d)
	}
	r.odds(of)
	sum := 0.0
	for t := range p.T {
		loss, derivative := p.StepAt(o, t, of[t])
		sum += loss
		of[t] = derivative
	}
	return sum * o.Scale(p.T)
}
