package cuda_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
	"radd/kernels/kernelstest"
	"radd/task"
)

const (
	// agreement is of float64 with the specification over some 100 RNN steps:
	// rounding, in another order of summation. Relative, of norms.
	agreement = 1e-11
	// agreement32 is the same of float32 with the specification in float32.
	agreement32 = 2e-4
)

// short returns sessions of 2 blocks with 3 to 6 trials.
func short(tb testing.TB, change func(*task.Config)) *task.Sampler {
	tb.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = 2, 3, 6
	if change != nil {
		change(&c)
	}
	c, err := c.Resolve()
	if err != nil {
		tb.Fatal(err)
	}
	return task.NewSampler(c)
}

// network returns an untrained network in training whose readout is strong
// enough to act.
func network[F kernels.Float](p *task.Sampler, n int, seed uint64) *kernels.Network[F] {
	net := &kernels.Network[F]{
		Shape: kernels.Shape{N: n}, Sampler: p, Objective: kernelstest.Teaching[seed%uint64(len(kernelstest.Teaching))], Seed: seed, Sessions: 1 + int(seed%2),
		LearningRate: .01, Momentum: .5,
	}
	net.Theta = make([]F, net.Shape.Size())
	net.Velocity = make([]F, net.Shape.Size())
	kernels.Init(net.Shape, seed, net.Theta)
	w := kernels.Views(net.Shape, net.Theta)
	for i := range w.Readout {
		w.Readout[i] *= 6
	}
	return net
}

// distance is the norm of the difference over the norm of want.
func distance[F kernels.Float](got, want []F) float64 {
	difference := make([]float64, len(want))
	for i := range want {
		difference[i] = float64(got[i]) - float64(want[i])
	}
	return kernels.Norm(difference) / max(kernels.Norm(want), math.SmallestNonzeroFloat64)
}

// TestKernels holds every kernel to the specification: a passage with its
// gradient, and gradient steps of training, which must also be those of
// kernels.Train on the same device, to the bit.
func TestKernels(t *testing.T) {
	f32, f64 := open[float32](t), open[float64](t)
	for _, k := range cuda.Kernels() {
		t.Run(k.Name, func(t *testing.T) {
			for _, n := range sizesOf(k.N) {
				if k.Dtype == "f32" {
					conforms(t, f32, n, agreement32)
				} else {
					conforms(t, f64, n, agreement)
				}
			}
		})
	}
}

// sizesOf returns the hidden sizes to try a kernel with.
func sizesOf(n int) []int {
	if n > 0 {
		return []int{n}
	}
	return []int{1, 7, 64, 250}
}

func conforms[F kernels.Float](t *testing.T, b *cuda.Backend[F], n int, tolerance float64) {
	t.Helper()
	specification := cpu.New[F](cpu.Generic, 1)
	defer specification.Close()
	p := short(t, nil)
	net := network[F](p, n, 3)
	if testing.Short() {
		p = short(t, func(c *task.Config) { c.Blocks = 1 })
		net = network[F](p, n, 2)
	}
	near := func(what string, got, want []F) {
		t.Helper()
		if d := distance(got, want); !(d <= tolerance) {
			t.Errorf("N = %d: %s: off by %.2g, allowed %.2g", n, what, d, tolerance)
		}
	}

	const scale = .75
	got, want := kernels.NewBatch[F](n, 2), kernels.NewBatch[F](n, 2)
	got.Draw(p, 5, 1)
	b.Forward(net.Theta, net.Objective, got.Tapes)
	want.Draw(p, 5, 1)
	for i, q := range got.Tapes { // a decision may flip between the two
		d := &kernels.Decisions{}
		for at := range q.T {
			d.Trial = append(d.Trial, int64(q.Trial[at]))
			d.Step = append(d.Step, int64(q.Step[at]))
			d.Feedback = append(d.Feedback, float64(q.Feedback[at]))
		}
		want.Tapes[i].Forced = d
	}
	specification.Forward(net.Theta, net.Objective, want.Tapes)
	for i, q := range got.Tapes {
		near("input", q.Input[:q.T*kernels.Inputs], want.Tapes[i].Input[:q.T*kernels.Inputs])
		near("hidden", q.Hidden[:(q.T+1)*n], want.Tapes[i].Hidden[:(q.T+1)*n])
		near("difference", q.Difference[:q.T], want.Tapes[i].Difference[:q.T])
		if q.Behaviour != want.Tapes[i].Behaviour {
			t.Errorf("N = %d: %+v, want %+v", n, q.Behaviour, want.Tapes[i].Behaviour)
		}
	}
	grad, exact := make([]F, len(net.Theta)), make([]F, len(net.Theta))
	b.Backward(net.Theta, net.Objective, got.Tapes, scale, grad)
	specification.Backward(net.Theta, net.Objective, want.Tapes, scale, exact)
	for _, q := range net.Shape.Parameters() {
		near("gradient by "+q.Name, grad[q.Start:q.End], exact[q.Start:q.End])
	}

	alone := network[F](p, n, net.Seed)
	if err := b.Train(context.Background(), []*kernels.Network[F]{net}, 2); err != nil {
		t.Fatal(err)
	}
	kernels.Train(context.Background(), b, alone, 2)
	same(t, fmt.Sprintf("N = %d: ", n), net, alone)
}

// same wants the same bytes of two networks.
func same[F kernels.Float](t *testing.T, what string, got, want *kernels.Network[F]) {
	t.Helper()
	if got.Step != want.Step || len(got.Records) != len(want.Records) || fmt.Sprint(got.Err) != fmt.Sprint(want.Err) {
		t.Errorf("%s%d gradient steps, %d records, %v; want %d, %d, %v", what,
			got.Step, len(got.Records), got.Err, want.Step, len(want.Records), want.Err)
		return
	}
	for i := range want.Records {
		if got.Records[i] != want.Records[i] {
			t.Errorf("%sgradient step %d: %+v, want %+v", what, i+1, got.Records[i], want.Records[i])
			return
		}
	}
	for i := range want.Theta {
		if got.Theta[i] != want.Theta[i] || got.Velocity[i] != want.Velocity[i] {
			t.Errorf("%sparameter %d is %v with velocity %v, want %v, %v", what, i,
				got.Theta[i], got.Velocity[i], want.Theta[i], want.Velocity[i])
			return
		}
	}
}

// TestGrid wants the same bytes of any number of resident blocks, any cut of
// launches and any memory.
func TestGrid(t *testing.T) {
	p := short(t, nil)
	networks := func() (all []*kernels.Network[float32]) {
		for seed := range uint64(5) {
			all = append(all, network[float32](p, 50, seed))
		}
		return all
	}
	const gradientSteps = 7
	train := func(l cuda.Limit) []*kernels.Network[float32] {
		all := networks()
		if err := open[float32](t).Limit(l).Train(context.Background(), all, gradientSteps); err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := train(cuda.Limit{})
	for _, l := range []cuda.Limit{
		{Blocks: 1}, {Blocks: 2}, {Blocks: 5}, {Steps: 1}, {Steps: 3}, {Records: 1}, {Launch: time.Nanosecond},
		{Memory: 200 << 10}, {Memory: 400 << 10}, // not all networks fit at once
	} {
		for i, net := range train(l) {
			same(t, fmt.Sprintf("%+v, network %d: ", l, i), net, want[i])
		}
	}
}
