package kernelstest

import (
	"math"
	"slices"
	"testing"

	"radd/kernels"
	"radd/task"
)

// Run holds a backend to the suite. newBackend returns one that computes on as
// many cores as GOMAXPROCS allows when it is called, and has it closed when the
// test ends (testing.TB.Cleanup). With -short fewer sizes are tried.
func Run[F kernels.Float](t *testing.T, newBackend func(testing.TB) kernels.Backend[F]) {
	RunOver(t, newBackend, hiddenSizes()...)
}

// RunOver is Run over the given numbers of hidden units, for a backend whose
// arithmetic does not go by vectors' widths.
func RunOver[F kernels.Float](t *testing.T, newBackend func(testing.TB) kernels.Backend[F], sizes ...int) {
	s := suite[F]{newBackend, sizes}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Info", s.info},
		{"Update", s.update}, // with Bounds first: what writes where it should not may crash the rest
		{"Bounds", s.bounds},
		{"Oracle", s.oracle},
		{"OracleTraining", s.oracleTraining},
		{"FiniteDifferences", s.finiteDifferences},
		{"Specification", s.specification},
		{"Forced", s.forced},
		{"Teacher", s.teacher},
		{"Stretches", s.stretches},
		{"Batch", s.batch},
		{"Train", s.train},
		{"TrainNonFinite", s.trainNonFinite},
		{"TrainCancelled", s.trainCancelled},
		{"Cores", s.cores},
		{"TwoCallers", s.twoCallers},
		{"Allocations", s.allocations},
	} {
		t.Run(test.name, test.run)
	}
}

type suite[F kernels.Float] struct {
	newBackend func(testing.TB) kernels.Backend[F]
	sizes      []int // hidden units
}

// tolerance holds agreements: of a norm of a difference, relative to the norm.
type tolerance struct {
	// With the oracle, and float32 with decisions forced: what the oracle asks.
	oracleLoss, oracleGrad float64
	// With the specification in float64 over about 100 RNN steps: rounding, with
	// room for another order of summation and another tanh.
	state, grad float64
	// Of sums of eight numbers in another order, which may cancel in part.
	sum float64
}

func (suite[F]) tolerance() tolerance {
	if kernels.Dtype[F]() == "f32" {
		return tolerance{oracleLoss: 1e-4, oracleGrad: 1e-3, state: 2e-5, grad: 2e-4, sum: 1e-5}
	}
	return tolerance{oracleLoss: 1e-9, oracleGrad: 1e-9, state: 1e-11, grad: 1e-10, sum: 1e-12}
}

// weightsTolerance is what the oracle asks of weights after K gradient steps.
const weightsTolerance = 1e-8

// distance returns the norm of the difference over the norm of want, or over
// least where that is more; NaN anywhere makes it NaN.
func distance[F, G kernels.Float](got []F, want []G, least float64) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	difference := make([]float64, len(want))
	for i := range want {
		difference[i] = float64(got[i]) - float64(want[i])
	}
	d := kernels.Norm(difference)
	if norm := max(kernels.Norm(want), least); norm > 0 {
		d /= norm
	}
	return d
}

// near fails the test where got is not within the tolerance of want, and
// returns their distance.
func near[F, G kernels.Float](t testing.TB, what string, got []F, want []G, tolerance float64) float64 {
	t.Helper()
	return within(t, what, distance(got, want, 0), tolerance)
}

func within(t testing.TB, what string, distance, tolerance float64) float64 {
	t.Helper()
	if !(distance <= tolerance) {
		t.Errorf("%s: off by %.2g, allowed %.2g", what, distance, tolerance)
	}
	return distance
}

// nearWeights holds each of the six parameters of n hidden units, or the
// gradients by them, to the tolerance, so that a large one cannot hide a small
// one's fault. It returns the largest distance. A norm below least counts as
// least.
func nearWeights[F, G kernels.Float](t testing.TB, what string, n int, got []F, want []G, tolerance, least float64) float64 {
	t.Helper()
	worst := 0.0
	for _, p := range (kernels.Shape{N: n}).Parameters() {
		d := distance(got[p.Start:p.End], want[p.Start:p.End], least)
		worst = max(worst, within(t, what+" "+p.Name, d, tolerance))
	}
	return worst
}

// same fails the test where the bits of got are not those of want.
func same[F kernels.Float](t testing.TB, what string, got, want []F) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if a, b := float64(got[i]), float64(want[i]); math.Float64bits(a) != math.Float64bits(b) {
			t.Errorf("%s: element %d is %v, want %v to the bit", what, i, a, b)
			return
		}
	}
}

// to returns v in another type.
func to[F, G kernels.Float](v []G) []F {
	w := make([]F, len(v))
	for i, x := range v {
		w[i] = F(x)
	}
	return w
}

// sampler draws short sessions: 2 blocks of 3 to 6 trials of a variant of the
// task.
func sampler(tb testing.TB, variant func(*task.Config)) *task.Sampler {
	tb.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = 2, 3, 6
	if variant != nil {
		variant(&c)
	}
	c, err := c.Resolve()
	if err != nil {
		tb.Fatal(err)
	}
	return task.NewSampler(c)
}

// network returns the parameters of an untrained network whose readout is
// strong enough to end some trials with an action and let others time out.
func network[F kernels.Float](n int, seed uint64) []F {
	s := kernels.Shape{N: n}
	theta := make([]F, s.Size())
	kernels.Init(s, seed, theta)
	for i, w := range kernels.Views(s, theta).Readout {
		kernels.Views(s, theta).Readout[i] = 6 * w
	}
	return theta
}

// batch returns tapes set to B sessions.
func batch[F kernels.Float](n, B int, p *task.Sampler, seed uint64) []*kernels.Tape[F] {
	b := kernels.NewBatch[F](n, B)
	b.Draw(p, seed, 0)
	return b.Tapes
}

// passage is what Forward and Backward gave.
type passage[F kernels.Float] struct {
	loss float64
	grad []F
}

// play runs Forward and Backward, with the gradient assigned to a vector that
// holds no number before.
func play[F kernels.Float](b kernels.Backend[F], theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F) passage[F] {
	grad := make([]F, len(theta))
	fill(grad, F(math.NaN()))
	loss := b.Forward(theta, o, tapes)
	b.Backward(theta, o, tapes, scale, grad)
	return passage[F]{loss, grad}
}

func (p passage[F]) same(t testing.TB, want passage[F]) {
	t.Helper()
	same(t, "loss", []float64{p.loss}, []float64{want.loss})
	same(t, "gradient", p.grad, want.grad)
}

func fill[E any](v []E, x E) {
	for i := range v {
		v[i] = x
	}
}

// sameRecord fails the test where the tape's record, its RNN steps and those
// states that they led to, is not that of want to the bit.
func sameRecord[F kernels.Float](t testing.TB, got, want *kernels.Tape[F]) {
	t.Helper()
	T := want.T
	if got.T != T || got.Behaviour != want.Behaviour {
		t.Errorf("%d RNN steps, %+v; want %d, %+v", got.T, got.Behaviour, T, want.Behaviour)
		return
	}
	if !slices.Equal(got.Trial[:T], want.Trial[:T]) || !slices.Equal(got.Step[:T], want.Step[:T]) ||
		!slices.Equal(got.Target[:T], want.Target[:T]) || !slices.Equal(got.Counted[:T], want.Counted[:T]) {
		t.Error("trial, step, target or counted differ")
	}
	same(t, "input", got.Input[:T*kernels.Inputs], want.Input[:T*kernels.Inputs])
	same(t, "hidden", got.Hidden[:(T+1)*want.N], want.Hidden[:(T+1)*want.N])
	same(t, "difference", got.Difference[:T], want.Difference[:T])
	same(t, "feedback", got.Feedback[:T], want.Feedback[:T])
	same(t, "loss", []float64{got.Loss}, []float64{want.Loss})
}

// decisions returns the tape's decisions, to be forced on another.
func decisions[F kernels.Float](p *kernels.Tape[F]) *kernels.Decisions {
	d := new(kernels.Decisions)
	for t := range p.T {
		d.Trial = append(d.Trial, int64(p.Trial[t]))
		d.Step = append(d.Step, int64(p.Step[t]))
		d.Feedback = append(d.Feedback, float64(p.Feedback[t]))
	}
	return d
}

func (s suite[F]) info(t *testing.T) {
	info := s.newBackend(t).Info()
	if info.Device == "" || info.ISA == "" || info.Dtype != kernels.Dtype[F]() {
		t.Errorf("%+v, want all fields and dtype %s", info, kernels.Dtype[F]())
	}
}
