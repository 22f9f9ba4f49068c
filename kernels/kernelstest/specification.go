package kernelstest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"radd/kernels"
	"radd/task"
)

// Hidden sizes around every multiple of a vector's width up to 16 elements
// several vectors long, and one that no register file holds.
var (
	sizes = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40, 41,
		47, 48, 49, 50, 63, 64, 65, 95, 96, 97, 127, 128, 129, 255, 256, 257, 515}
	shortSizes = []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 50, 64, 67}
)

func hiddenSizes() []int {
	if testing.Short() {
		return shortSizes
	}
	return sizes
}

// variants of the task, of short sessions.
var variants = []struct {
	name   string
	change func(*task.Config)
}{
	{"the paper's", nil},
	{"no blanks", func(c *task.Config) { c.BlankSteps = 0 }},
	{"seven blanks", func(c *task.Config) { c.BlankSteps = 7 }},
	{"one observation", func(c *task.Config) { c.MaxObservations = 1 }},
	{"one step", func(c *task.Config) { c.BlankSteps, c.MaxObservations = 0, 1 }},
	{"thirty observations", func(c *task.Config) { c.MaxObservations = 30 }},
	{"low threshold", func(c *task.Config) { c.ActionThreshold = .55 }},
	{"high threshold", func(c *task.Config) { c.ActionThreshold = .999 }},
	{"little noise", func(c *task.Config) { c.NoiseSD = .01 }},
	{"much noise", func(c *task.Config) { c.NoiseSD = 5 }},
	{"strong stimuli", func(c *task.Config) { c.Strengths, c.StrengthProbabilities = []float64{0, 20}, nil }},
	{"waiting pays", func(c *task.Config) { c.WaitingFeedback = .3 }},
	{"one trial", func(c *task.Config) { c.Blocks, c.BlockMin, c.BlockMax = 1, 1, 1 }},
	{"one trial of one step", func(c *task.Config) {
		c.Blocks, c.BlockMin, c.BlockMax, c.BlankSteps, c.MaxObservations = 1, 1, 1, 0, 1
	}},
}

// regimes are networks that drive the arithmetic to its ends.
var regimes = []struct {
	name   string
	change func(w kernels.Weights[float64])
}{
	{"all zero", func(w kernels.Weights[float64]) {
		multiply(0, w.InputHidden, w.HiddenHidden, w.InputBias, w.HiddenBias, w.Readout, w.ReadoutBias)
	}},
	// tanh of numbers far below the smallest that it changes.
	{"tiny", func(w kernels.Weights[float64]) {
		multiply(1e-18, w.InputHidden, w.HiddenHidden, w.InputBias, w.HiddenBias)
	}},
	// tanh of numbers far beyond those that an exponential holds.
	{"saturated", func(w kernels.Weights[float64]) { multiply(300, w.InputHidden) }},
	// Softmaxes that underflow: the loss must not.
	{"certain", func(w kernels.Weights[float64]) { multiply(500, w.Readout) }},
	{"biased", func(w kernels.Weights[float64]) { w.ReadoutBias[0], w.ReadoutBias[1] = 3, -4 }},
	{"never acts", func(w kernels.Weights[float64]) { multiply(0, w.Readout, w.ReadoutBias) }},
	{"always acts", func(w kernels.Weights[float64]) { w.ReadoutBias[0], w.ReadoutBias[1] = -40, 40 }},
}

// leastGradient is the norm below which the gradient of a network in one of the
// regimes is what rounding and underflow leave of it. Those of others are about
// 0.01 to 1.
const leastGradient = 1e-3

func multiply(a float64, vs ...[]float64) {
	for _, v := range vs {
		for i := range v {
			v[i] *= a
		}
	}
}

// specification holds the backend to the generic code in float64, as the
// package's page says under Flips: over hidden sizes, variants of the task and
// networks at the ends of the arithmetic.
func (s suite[F]) specification(t *testing.T) {
	backend, generic := s.newBackend(t), specification(t)
	check := func(t *testing.T, theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) {
		t.Helper()
		s.conforms(t, backend, generic, theta, o, tapes, 0)
	}
	t.Run("sizes", func(t *testing.T) {
		p := sampler(t, nil)
		var all kernels.Behaviour
		for i, n := range hiddenSizes() {
			t.Run(fmt.Sprintf("N=%d", n), func(t *testing.T) {
				theta := network[F](n, uint64(n))
				check(t, theta, Teaching[i%len(Teaching)], batch[F](n, 1, p, uint64(n)))
				tapes := batch[F](n, 3, p, 1)
				check(t, theta, kernels.CrossEntropyMean, tapes)
				for _, q := range tapes {
					all.Trials += q.Trials
					all.Actions += q.Actions
					all.Correct += q.Correct
				}
			})
		}
		// Every way for a trial to end is among the cases.
		if all.Actions < all.Trials/10 || all.Actions > all.Trials*9/10 || all.Correct < all.Actions/10 || all.Correct > all.Actions*9/10 {
			t.Errorf("the test's networks hardly ever act, err or time out: %+v", all)
		}
		t.Logf("%+v", all)
	})
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			p := sampler(t, v.change)
			for _, n := range []int{2, 9, 50} {
				theta := network[F](n, 3)
				for i, o := range Teaching {
					check(t, theta, o, batch[F](n, 1, p, uint64(i)))
				}
			}
		})
	}
	for _, r := range regimes {
		t.Run(r.name, func(t *testing.T) {
			p := sampler(t, nil)
			for _, n := range []int{1, 9, 32, 50} {
				exact := network[float64](n, 4)
				r.change(kernels.Views(kernels.Shape{N: n}, exact))
				for _, o := range Teaching {
					s.conforms(t, backend, generic, to[F](exact), o, batch[F](n, 1, p, 4), leastGradient)
				}
			}
		})
	}
	t.Run("recorded observations", func(t *testing.T) {
		const n = 9
		tapes := batch[F](n, 2, sampler(t, nil), 6)
		for _, p := range tapes {
			p.Session.Record()
			for i := range p.Session.Observation { // blank steps of a recorded session need not be blank
				p.Session.Observation[i] += float64(i%5) / 8
			}
		}
		check(t, network[F](n, 6), kernels.CrossEntropyMean, tapes)
	})
	t.Run("at the threshold", func(t *testing.T) { s.threshold(t, backend) })
	t.Run("not a number", func(t *testing.T) { s.notANumber(t, backend) })
}

// conforms plays the tapes and holds them to the rule, and then to the
// specification under the same decisions. least is nearWeights's.
func (s suite[F]) conforms(t *testing.T, backend kernels.Backend[F], generic kernels.Backend[float64],
	theta []F, o kernels.Objective, tapes []*kernels.Tape[F], least float64) {
	t.Helper()
	const scale = .75
	got := play(backend, theta, o, tapes, scale)
	var references []*kernels.Tape[float64]
	for _, p := range tapes {
		s.followsRule(t, p, o)
		if t.Failed() {
			return // its decisions cannot be forced
		}
		references = append(references, reference(p))
	}
	want := play(generic, to[float64](theta), o, references, scale)
	limit := s.tolerance()
	n := tapes[0].N
	for i, p := range tapes {
		s.agrees(t, p, references[i])
	}
	near(t, "loss", []float64{got.loss}, []float64{want.loss}, limit.state)
	nearWeights(t, fmt.Sprintf("N = %d, %v: gradient by", n, o), n, got.grad, want.grad, limit.grad, least)
}

// reference returns a float64 tape set to the whole session that p was, forced
// to p's decisions.
func reference[F kernels.Float](p *kernels.Tape[F]) *kernels.Tape[float64] {
	r := kernels.NewTape[float64](p.N)
	r.Begin(p.Session)
	if r.Forced = p.Forced; r.Forced == nil {
		r.Forced = decisions(p)
	}
	return r
}

// agrees holds the numbers of a tape's record to those of the reference.
func (s suite[F]) agrees(t testing.TB, p *kernels.Tape[F], r *kernels.Tape[float64]) {
	t.Helper()
	if p.T != r.T {
		t.Errorf("N = %d: %d RNN steps, want %d", p.N, p.T, r.T)
		return
	}
	limit := s.tolerance().state
	near(t, fmt.Sprintf("N = %d: hidden", p.N), p.Hidden[:(p.T+1)*p.N], r.Hidden[:(r.T+1)*r.N], limit)
	near(t, fmt.Sprintf("N = %d: difference", p.N), p.Difference[:p.T], r.Difference[:r.T], limit)
	near(t, fmt.Sprintf("N = %d: loss", p.N), []float64{p.Loss}, []float64{r.Loss}, limit)
}

// followsRule plays the tape's session from its own logit differences by
// task.Rule, or by its forced decisions, and fails the test where the record is
// not what comes of it.
func (s suite[F]) followsRule(t testing.TB, p *kernels.Tape[F], o kernels.Objective) {
	t.Helper()
	session, rule := p.Session, p.Session.Rule()
	feedback := p.FirstFeedback()
	var behaviour kernels.Behaviour
	loss, at := 0.0, 0
	for trial := p.From; trial < p.To; trial++ {
		side := session.TrialSide[trial]
		behaviour.Trials++
		for step, ended := 0, false; !ended; step++ {
			if at == p.T {
				t.Errorf("the record ends with RNN step %d of trial %d, which goes on", step, trial)
				return
			}
			d := float64(p.Difference[at])
			out := rule.Step(step, side, d)
			if p.Forced != nil {
				out = p.Forced.Outcome(at, out.Action)
			}
			left, right := session.Observe(trial, step)
			x := p.Input[at*kernels.Inputs:][:kernels.Inputs]
			got := []any{p.Trial[at], p.Step[at], p.Target[at], p.Counted[at], x[2], p.Feedback[at]}
			want := []any{int32(trial), int32(step), (side + 1) / 2, rule.Counted(step), feedback, F(out.Feedback)}
			if !slices.Equal(got, want) {
				t.Errorf("RNN step %d: trial, step, target, counted, feedback before and after are %v, want %v", at, got, want)
				return
			}
			if !s.observed(x[0], left, session) || !s.observed(x[1], right, session) {
				t.Errorf("RNN step %d: observations %v, want %v and %v", at, x[:2], left, right)
				return
			}
			if rule.Counted(step) {
				loss += o.Loss(side, d)
			}
			if ended = out.Ended; ended {
				behaviour.Count(side, out.Action)
			}
			feedback = F(out.Feedback)
			at++
		}
	}
	if at != p.T || p.Behaviour != behaviour {
		t.Errorf("%d RNN steps, %+v; want %d, %+v", p.T, p.Behaviour, at, behaviour)
	}
	near(t, "loss of the record", []float64{p.Loss}, []float64{loss * o.Scale(at)}, s.tolerance().state)
}

// observed reports whether an input is the session's observation: to the bit
// where it was recorded, up to rounding where a device draws its own noise.
func (s suite[F]) observed(got F, want float64, session *task.Session) bool {
	if session.Observation != nil || want == 0 {
		return got == F(want)
	}
	return math.Abs(float64(got)-want) <= s.tolerance().state*max(1, math.Abs(want))
}

// threshold plays networks whose logit difference is a constant at the action
// threshold, or next to it: the difference acts that lies beyond.
func (s suite[F]) threshold(t *testing.T, backend kernels.Backend[F]) {
	const n = 5
	p := sampler(t, nil)
	rule := p.Config.Rule()
	nearest := F(rule.LogitThreshold)
	for _, d := range []F{after(nearest, 0), nearest, after(nearest, 9)} {
		for _, sign := range []F{-1, 1} {
			theta := make([]F, kernels.Shape{N: n}.Size())
			theta[len(theta)-1] = sign * d
			tapes := batch[F](n, 1, p, 1)
			q := tapes[0]
			backend.Forward(theta, kernels.CrossEntropyMean, tapes)
			s.followsRule(t, q, kernels.CrossEntropyMean)
			want := 0
			if float64(d) > rule.LogitThreshold {
				want = q.Trials
			}
			if q.Difference[0] != sign*d || q.Actions != want {
				t.Errorf("a difference of %v for %v: %d actions, want %d", q.Difference[0], sign*d, q.Actions, want)
			}
		}
	}
}

// after returns the number of the type that follows x in the direction of y.
func after[F kernels.Float](x, y F) F {
	if kernels.Dtype[F]() == "f32" {
		return F(math.Nextafter32(float32(x), float32(y)))
	}
	return F(math.Nextafter(float64(x), float64(y)))
}

// notANumber sees a NaN through: no action is taken on it, the session ends all
// the same, and loss and gradient show it.
func (s suite[F]) notANumber(t *testing.T, backend kernels.Backend[F]) {
	for _, n := range []int{1, 5, 16, 33} {
		shape := kernels.Shape{N: n}
		for _, q := range shape.Parameters() {
			theta := network[F](n, 8)
			theta[q.End-1] = F(math.NaN())
			tapes := batch[F](n, 1, sampler(t, nil), 8)
			p := tapes[0]
			got := play(backend, theta, kernels.CrossEntropyMean, tapes, 1)
			rule := p.Session.Rule()
			if T := p.Session.Trials() * rule.MaxSteps; p.T != T || p.Actions != 0 {
				t.Errorf("N = %d, NaN in %s: %d RNN steps and %d actions, want %d and none", n, q.Name, p.T, p.Actions, T)
			}
			if !math.IsNaN(got.loss) || !math.IsNaN(kernels.Norm(got.grad)) {
				t.Errorf("N = %d, NaN in %s: loss %v, gradient norm %v", n, q.Name, got.loss, kernels.Norm(got.grad))
			}
		}
	}
}
