package kernelstest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"radd/kernels"
	"radd/task"
)

// networks returns networks of different sizes, tasks, seeds, objectives,
// learning rates and batches. Their parameters lie between guard cells, and are
// the same at every call.
func networks[F kernels.Float](t testing.TB) []*trainee[F] {
	variant := sampler(t, func(c *task.Config) { c.BlankSteps, c.NoiseSD = 1, 2 })
	var list []*trainee[F]
	for i, n := range []int{3, 9, 1, 16, 17, 9, 25, 2, 50} {
		net := &kernels.Network[F]{
			Shape: kernels.Shape{N: n}, Sampler: sampler(t, nil),
			Objective: Teaching[i%len(Teaching)], Seed: uint64(i), Sessions: 1 + i%3,
			LearningRate: .01 * float64(1+i), Momentum: .1 * float64(i),
		}
		if i%2 == 1 {
			net.Sampler = variant
		}
		if i%4 == 3 {
			net.Objective = kernels.SoftCrossEntropyMean
			net.Teacher = &kernels.Teacher[F]{Shape: kernels.Shape{N: 7}, Theta: network[F](7, 70)}
		}
		list = append(list, guardNetwork(net, network[F](n, uint64(i)), i%(maxOffset+1)))
	}
	return list
}

// trainee is a network whose parameters lie between guard cells.
type trainee[F kernels.Float] struct {
	*kernels.Network[F]
	theta, velocity guarded[F]
}

func guardNetwork[F kernels.Float](net *kernels.Network[F], theta []F, offset int) *trainee[F] {
	t := &trainee[F]{net, guardVector(theta, offset), guardVector(make([]F, len(theta)), maxOffset-offset)}
	net.Theta, net.Velocity = t.theta.slice(), t.velocity.slice()
	return t
}

// list returns the networks as Backend.Train takes them.
func list[F kernels.Float](trainees []*trainee[F]) []*kernels.Network[F] {
	var nets []*kernels.Network[F]
	for _, t := range trainees {
		nets = append(nets, t.Network)
	}
	return nets
}

// same fails the test where training left another state than the wanted, to
// the bit.
func (n *trainee[F]) same(t testing.TB, want *trainee[F]) {
	t.Helper()
	same(t, "θ", n.Theta, want.Theta)
	same(t, "velocity", n.Velocity, want.Velocity)
	if n.Step != want.Step || !slices.Equal(n.Records, want.Records) {
		t.Errorf("%d gradient steps, records %v; want %d, %v", n.Step, n.Records, want.Step, want.Records)
	}
	if got, want := failure(n.Err), failure(want.Err); got != want {
		t.Errorf("stopped by %s, want %s", got, want)
	}
	n.theta.check(t, "θ")
	n.velocity.check(t, "velocity")
}

// failure returns all that an error says, so that errors about NaN compare.
func failure(err error) string {
	if e, ok := err.(*kernels.NonFiniteError); ok {
		return fmt.Sprintf("%+v", *e)
	}
	return fmt.Sprint(err)
}

// train trains many networks at once, in two parts, and compares each with
// kernels.Train on it alone: to the bit, whatever else is trained beside it.
func (s suite[F]) train(t *testing.T) {
	backend := s.newBackend(t)
	together, alone := networks[F](t), networks[F](t)
	for _, gradientSteps := range []int{3, 2, 0} {
		if err := backend.Train(context.Background(), list(together), gradientSteps); err != nil {
			t.Fatal(err)
		}
	}
	for i, net := range alone {
		t.Run(fmt.Sprintf("%d N=%d", i, net.Shape.N), func(t *testing.T) {
			kernels.Train(context.Background(), backend, net.Network, 5)
			if net.Err != nil || net.Step != 5 || len(net.Records) != 5 {
				t.Fatalf("kernels.Train: %d gradient steps, %d records, %v", net.Step, len(net.Records), net.Err)
			}
			together[i].same(t, net)
		})
	}
	if err := backend.Train(context.Background(), nil, 5); err != nil {
		t.Errorf("no networks: %v", err)
	}
}

// trainNonFinite gives some of the networks what makes a loss, a gradient or a
// weight infinite or no number: they stop as before that gradient step, with an
// error that says so, and the others do not notice.
func (s suite[F]) trainNonFinite(t *testing.T) {
	backend := s.newBackend(t)
	failing := map[int]struct {
		what   string
		breaks func(*trainee[F])
	}{
		1: {"loss", func(n *trainee[F]) { n.Theta[0] = F(math.NaN()) }},
		4: {"gradient norm", explode[F]},
		6: {"weight", func(n *trainee[F]) { n.LearningRate = math.Inf(1) }},
	}
	setup := func() []*trainee[F] {
		nets := networks[F](t)
		for i, f := range failing {
			f.breaks(nets[i])
		}
		return nets
	}
	together, alone, start := setup(), setup(), setup()
	for range 2 { // the second time, those that failed stay as they are
		if err := backend.Train(context.Background(), list(together), 2); err != nil {
			t.Fatal(err)
		}
	}
	for i, net := range together {
		kernels.Train(context.Background(), backend, alone[i].Network, 4)
		net.same(t, alone[i])
		f, fails := failing[i]
		if !fails {
			if net.Err != nil || net.Step != 4 {
				t.Errorf("network %d stopped after %d gradient steps: %v", i, net.Step, net.Err)
			}
			continue
		}
		e, ok := net.Err.(*kernels.NonFiniteError)
		if !ok || e.What != f.what || e.GradientStep != 1 || net.Step != 0 || len(net.Records) != 0 {
			t.Errorf("network %d, gradient step %d: %v; want the %s of the first not to be finite", i, net.Step, net.Err, f.what)
		}
		same(t, "θ", net.Theta, start[i].Theta)
		same(t, "velocity", net.Velocity, start[i].Velocity)
	}
}

// explode makes a network whose state stays 0, its loss finite, while its
// gradient doubles with every step back in time.
func explode[F kernels.Float](n *trainee[F]) {
	clear(n.Theta)
	w := kernels.Views(n.Shape, n.Theta)
	large := F(1e30)
	if kernels.Dtype[F]() == "f64" {
		large = F(math.Sqrt(math.MaxFloat64)) // its square is the largest that a norm can take
	}
	for i := range n.Shape.N {
		w.HiddenHidden[i*n.Shape.N+i] = 2
		w.Readout[i] = large
	}
}

// trainCancelled ends training before and during it: networks stop between
// gradient steps, with all of those that are done.
func (s suite[F]) trainCancelled(t *testing.T) {
	backend := s.newBackend(t)
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		nets, start := networks[F](t), networks[F](t)
		if err := backend.Train(ctx, list(nets), 3); err != context.Canceled {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
		for i, net := range nets {
			net.same(t, start[i])
		}
	})
	t.Run("during", func(t *testing.T) {
		const (
			gradientSteps = 1 << 15 // would take many times as long
			patience      = 10 * time.Millisecond
		)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		nets, alone := networks[F](t), networks[F](t)
		if err := backend.Train(ctx, list(nets), gradientSteps); err != context.DeadlineExceeded {
			t.Errorf("%v, want %v", err, context.DeadlineExceeded)
		}
		for i, net := range nets {
			if net.Step == gradientSteps {
				t.Fatalf("network %d went on to its end", i)
			}
			kernels.Train(context.Background(), backend, alone[i].Network, net.Step)
			net.same(t, alone[i])
		}
	})
}
