package graph

import (
	"context"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// exact is the agreement of two ways to sum the same float64 numbers, relative
// to the norm.
const exact = 1e-12

func distance(got, want []float64) float64 {
	sum, norm := 0.0, 0.0
	for i := range want {
		sum += (got[i] - want[i]) * (got[i] - want[i])
		norm += want[i] * want[i]
	}
	return math.Sqrt(sum / norm)
}

func sampler(t testing.TB, blocks int) *task.Sampler {
	t.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = blocks, 3, 6
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return task.NewSampler(c)
}

func network[F kernels.Float](t testing.TB, n int, o kernels.Objective) *kernels.Network[F] {
	s := kernels.Shape{N: n}
	net := &kernels.Network[F]{Shape: s, Sampler: sampler(t, 2), Objective: o, Seed: 3, Sessions: 1,
		LearningRate: .01, Momentum: .3, Theta: make([]F, s.Size()), Velocity: make([]F, s.Size())}
	kernels.Init(s, 5, net.Theta)
	return net
}

// fixture is one network, one session each of two gradient steps, and the
// losses and gradients that the backend finds without a graph.
type fixture struct {
	backend kernels.Backend[float64]
	net     *kernels.Network[float64]
	batches [2]*kernels.Batch[float64]
	loss    [2]float64
	grad    [2][]float64
}

// open returns a backend on the instruction set of the environment's choice.
func open[F kernels.Float](t testing.TB, workers int) *cpu.Backend[F] {
	b, err := cpu.Open[F](workers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{backend: open[float64](t, 1), net: network[float64](t, 7, kernels.CrossEntropyMean)}
	for i := range f.batches {
		b := kernels.NewBatch[float64](7, 1)
		b.Draw(f.net.Sampler, 3, i)
		f.loss[i] = f.backend.Forward(f.net.Theta, f.net.Objective, b.Tapes)
		f.grad[i] = make([]float64, len(f.net.Theta))
		f.backend.Backward(f.net.Theta, f.net.Objective, b.Tapes, 1, f.grad[i])
		f.batches[i] = b
	}
	return f
}

func (f *fixture) session(i int) *Session[float64] {
	return NewSession(f.backend, f.net.Objective, f.batches[i].Tapes)
}

func (f *fixture) leaf(g *gorgonia.ExprGraph) *gorgonia.Node { return leafOf(g, f.net.Theta) }

// leafOf returns a leaf whose value is theta itself.
func leafOf(g *gorgonia.ExprGraph, theta []float64) *gorgonia.Node {
	return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("θ"), gorgonia.WithShape(len(theta)),
		gorgonia.WithValue(tensor.New(tensor.WithShape(len(theta)), tensor.WithBacking(theta))))
}

// run differentiates the loss by the nodes, runs the graph twice and returns
// the loss and the gradients of the second run.
func run(t *testing.T, g *gorgonia.ExprGraph, loss *gorgonia.Node, by ...*gorgonia.Node) (float64, [][]float64) {
	t.Helper()
	grads, err := gorgonia.Grad(loss, by...)
	if err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	for range 2 {
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		vm.Reset()
	}
	var values [][]float64
	for _, d := range grads {
		v, err := flat[float64](d.Value())
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	x, err := number[float64](loss.Value())
	if err != nil {
		t.Fatal(err)
	}
	return x, values
}

func must(t *testing.T) func(*gorgonia.Node, error) *gorgonia.Node {
	return func(n *gorgonia.Node, err error) *gorgonia.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func check(t *testing.T, loss, wantLoss float64, grad, wantGrad []float64) {
	t.Helper()
	if math.Abs(loss-wantLoss) > exact*math.Abs(wantLoss) {
		t.Errorf("loss %v, want %v", loss, wantLoss)
	}
	if d := distance(grad, wantGrad); d > exact {
		t.Errorf("gradient off by %g", d)
	}
}

func TestSessionAlone(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	theta := f.leaf(g)
	loss := must(t)(f.session(0).Apply(theta))
	x, grads := run(t, g, loss, theta)
	check(t, x, f.loss[0], grads[0], f.grad[0])
}

// 3·L(θ) + ½·λ·|θ|², with the penalty's gradient through the same leaf.
func TestPenaltyBeforeAndScalingAfter(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	theta := f.leaf(g)
	const lambda = .25
	n := must(t)
	penalty := n(gorgonia.Mul(n(gorgonia.Sum(n(gorgonia.Square(theta)))), gorgonia.NewConstant(lambda/2)))
	scaled := n(gorgonia.Mul(n(f.session(0).Apply(theta)), gorgonia.NewConstant(3.0)))
	x, grads := run(t, g, n(gorgonia.Add(scaled, penalty)), theta)

	wantLoss, wantGrad := 3*f.loss[0], make([]float64, len(f.net.Theta))
	for i, w := range f.net.Theta {
		wantLoss += lambda / 2 * w * w
		wantGrad[i] = 3*f.grad[0][i] + lambda*w
	}
	check(t, x, wantLoss, grads[0], wantGrad)
}

func TestTwoSessionsInOneGraph(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	theta := f.leaf(g)
	n := must(t)
	a, b := n(f.session(0).Apply(theta)), n(f.session(1).Apply(theta))
	x, grads := run(t, g, n(gorgonia.Add(a, b)), theta)
	want := make([]float64, len(f.net.Theta))
	for i := range want {
		want[i] = f.grad[0][i] + f.grad[1][i]
	}
	check(t, x, f.loss[0]+f.loss[1], grads[0], want)
}

// θ put together in the graph from the six parameters, as a person would who
// keeps them apart.
func TestParametersConcatenated(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	n := must(t)
	var leaves, parts gorgonia.Nodes
	for _, p := range f.net.Shape.Parameters() {
		leaf := gorgonia.NewTensor(g, tensor.Float64, len(p.Shape), gorgonia.WithName(p.Name), gorgonia.WithShape(p.Shape...),
			gorgonia.WithValue(tensor.New(tensor.WithShape(p.Shape...), tensor.WithBacking(append([]float64(nil), f.net.Theta[p.Start:p.End]...)))))
		leaves = append(leaves, leaf)
		if len(p.Shape) == 2 {
			leaf = n(gorgonia.Reshape(leaf, tensor.Shape{p.End - p.Start}))
		}
		parts = append(parts, leaf)
	}
	loss := n(f.session(0).Apply(n(gorgonia.Concat(0, parts...))))
	x, grads := run(t, g, loss, leaves...)
	var packed []float64
	for _, grad := range grads {
		packed = append(packed, grad...)
	}
	check(t, x, f.loss[0], packed, f.grad[0])
}

// Gorgonia adds bound gradients up over runs; the solver sets them to zero, so
// two steps through them are two steps.
func TestBoundGradientsTwoSteps(t *testing.T) {
	f := newFixture(t)
	want := append([]float64(nil), f.net.Theta...)
	velocity, grad := make([]float64, len(want)), make([]float64, len(want))
	for range 2 {
		f.backend.Forward(want, f.net.Objective, f.batches[0].Tapes)
		f.backend.Backward(want, f.net.Objective, f.batches[0].Tapes, 1, grad)
		f.backend.Update(want, velocity, grad, .1, .5)
	}

	g := gorgonia.NewGraph()
	theta := f.leaf(g)
	loss := must(t)(f.session(0).Apply(theta))
	if _, err := gorgonia.Grad(loss, theta); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(theta))
	defer vm.Close()
	var solver gorgonia.Solver = NewSGD(f.backend, .1, .5)
	for range 2 {
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{theta})); err != nil {
			t.Fatal(err)
		}
		vm.Reset()
	}
	got, err := flat[float64](theta.Value())
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(got, want); d > exact {
		t.Errorf("θ after two steps off by %g", d)
	}
}

func TestWrongShapeIsRefused(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	short := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("θ"), gorgonia.WithShape(3))
	if _, err := f.session(0).Apply(short); err == nil {
		t.Error("a θ of the wrong length was taken")
	}
	wrong := gorgonia.NewVector(g, tensor.Float32, gorgonia.WithName("φ"), gorgonia.WithShape(len(f.net.Theta)))
	if _, err := f.session(0).Apply(wrong); err == nil {
		t.Error("a θ of the wrong dtype was taken")
	}
}

func trainerMatchesKernels[F kernels.Float](t *testing.T) {
	backend := open[F](t, 2)
	for _, o := range []kernels.Objective{kernels.CrossEntropyMean, kernels.CrossEntropySum, kernels.ProbabilityMean} {
		for _, sessions := range []int{1, 3} {
			through, bare := network[F](t, 9, o), network[F](t, 9, o)
			through.Sessions, bare.Sessions = sessions, sessions
			trainer, err := NewTrainer(backend, through)
			if err != nil {
				t.Fatal(err)
			}
			kernels.Train(context.Background(), backend, bare, 20)
			for i := range 20 {
				r, err := trainer.Step()
				if err != nil {
					t.Fatal(err)
				}
				if r != bare.Records[i] {
					t.Fatalf("%v: gradient step %d: %+v, without a graph %+v", o, i+1, r, bare.Records[i])
				}
			}
			for i := range bare.Theta {
				if through.Theta[i] != bare.Theta[i] || through.Velocity[i] != bare.Velocity[i] {
					t.Fatalf("%v, %d sessions: element %d differs from training without a graph", o, sessions, i)
				}
			}
		}
	}
}

func TestTrainerIsKernelsTrain(t *testing.T) {
	t.Run("f32", trainerMatchesKernels[float32])
	t.Run("f64", trainerMatchesKernels[float64])
}

func TestTrainerStopsOnNonFinite(t *testing.T) {
	backend := open[float32](t, 1)
	net := network[float32](t, 5, kernels.CrossEntropySum)
	net.LearningRate = math.MaxFloat32
	trainer, err := NewTrainer(backend, net)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		step := net.Step
		if _, err = trainer.Step(); err == nil {
			continue
		}
		if net.Step != step {
			t.Errorf("the failed step counts: %d", net.Step)
		}
		if err := kernels.CheckWeights(net.Theta, step, kernels.Record{}); err != nil {
			t.Errorf("θ was not put back: %v", err)
		}
		return
	}
	t.Error("50 steps with an absurd learning rate, and all is finite")
}
