package kernels

import "context"

// Truncated is a backend whose gradients do not flow across every so many trials:
// truncated backpropagation through time. Each stretch of a passage counts from the
// session's first trial; the state goes on from one to the next, as a constant. All
// else is the backend's that it is over, whose passages leave nothing but the tape
// behind.
type Truncated[F Float] struct {
	Backend[F]
	Trials int // of a stretch, 1 or more

	part Tape[F]
	grad []F
}

// Backward implements Backend.
func (b *Truncated[F]) Backward(theta []F, o Objective, tapes []*Tape[F], scale F, grad []F) {
	if len(b.grad) != len(grad) {
		b.grad = make([]F, len(grad))
	}
	clear(grad)
	for _, t := range tapes {
		for from := 0; from < t.T; {
			to := t.stretchEnd(from, b.Trials)
			share := float64(scale) / float64(len(tapes))
			if !o.Sum {
				share *= float64(to-from) / float64(t.T)
			}
			t.cut(&b.part, from, to)
			b.Backend.Backward(theta, o, []*Tape[F]{&b.part}, F(share), b.grad)
			for i, g := range b.grad {
				grad[i] += g
			}
			from = to
		}
	}
}

// Train implements Backend, one network after the other.
func (b *Truncated[F]) Train(ctx context.Context, networks []*Network[F], gradientSteps int) error {
	for _, n := range networks {
		Train(ctx, b, n, gradientSteps)
	}
	return ctx.Err()
}

// stretchEnd returns the step after the stretch of trials that step from is in.
func (t *Tape[F]) stretchEnd(from, trials int) int {
	stretch := int(t.Trial[from]) / trials
	for from++; from < t.T && int(t.Trial[from])/trials == stretch; from++ {
	}
	return from
}

// cut sets part to the steps [from, to) of the tape, whole trials, as Forward
// would leave them. It shares the tape's memory but for the scratch.
func (t *Tape[F]) cut(part *Tape[F], from, to int) {
	work := part.Work
	*part = *t
	part.Work = work
	part.From, part.To, part.T = int(t.Trial[from]), int(t.Trial[to-1])+1, to-from
	part.Trial, part.Step = t.Trial[from:to], t.Step[from:to]
	part.Target, part.Counted = t.Target[from:to], t.Counted[from:to]
	part.Input = t.Input[from*Inputs : to*Inputs]
	part.Hidden = t.Hidden[from*t.N : (to+1)*t.N]
	part.Difference, part.Feedback = t.Difference[from:to], t.Feedback[from:to]
	if t.derivatives != nil {
		part.derivatives = t.derivatives[from:to]
	}
	if from > 0 {
		part.first = t.Feedback[from-1]
	}
	if t.Teacher != nil {
		part.Teacher = new(Tape[F])
		t.Teacher.cut(part.Teacher, from, to)
	}
}
