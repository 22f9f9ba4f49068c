package graph

import (
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// The executor's values against the TapeMachine's, bit for bit, over two runs
// with another θ, on a graph with ops before, between and after two sessions.
func TestExecutorIsTapeMachine(t *testing.T) {
	f := newFixture(t)
	g := gorgonia.NewGraph()
	n := must(t)
	theta := f.leaf(g)
	penalty := n(gorgonia.Mul(n(gorgonia.Sum(n(gorgonia.Square(theta)))), gorgonia.NewConstant(.125)))
	sessions := n(gorgonia.Add(n(f.session(0).Apply(theta)), n(f.session(1).Apply(n(gorgonia.Mul(theta, gorgonia.NewConstant(2.0)))))))
	loss := n(gorgonia.Add(n(gorgonia.Mul(sessions, gorgonia.NewConstant(3.0))), penalty))
	grads, err := gorgonia.Grad(loss, theta)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newExecutor(g)
	if err != nil {
		t.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	for run := range 2 {
		if err := machine.RunAll(); err != nil {
			t.Fatal(err)
		}
		wantLoss, _ := number[float64](loss.Value())
		grad, err := flat[float64](grads[0].Value())
		if err != nil {
			t.Fatal(err)
		}
		wantGrad := slices.Clone(grad)
		machine.Reset()
		if err := e.run(); err != nil {
			t.Fatal(err)
		}
		gotLoss, _ := number[float64](e.of(loss))
		gotGrad, err := flat[float64](e.of(grads[0]))
		if err != nil {
			t.Fatal(err)
		}
		if gotLoss != wantLoss || !slices.Equal(gotGrad, wantGrad) {
			t.Errorf("run %d: loss %v, gradient off by %g; the TapeMachine's loss is %v", run, gotLoss, distance(gotGrad, wantGrad), wantLoss)
		}
		for i := range f.net.Theta {
			f.net.Theta[i] *= 1.01
		}
	}
}

func TestExecutorNamesAMissingValue(t *testing.T) {
	g := gorgonia.NewGraph()
	a := gorgonia.NewScalar(g, gorgonia.Float64, gorgonia.WithName("unbound"))
	must(t)(gorgonia.Neg(a))
	e, err := newExecutor(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.run(); err == nil {
		t.Error("a graph ran without a value for its leaf")
	}
}

func TestTrainerAllocations(t *testing.T) {
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	trainer, err := NewTrainer(backend, network[float64](t, 9, kernels.CrossEntropyMean))
	if err != nil {
		t.Fatal(err)
	}
	step := func() {
		if _, err := trainer.Step(); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		step() // tapes grow to the longest session
	}
	// What is left are slice headers and scalars around the ops, no vector of θ's size.
	if n := testing.AllocsPerRun(20, step); n > 16 {
		t.Errorf("%v allocations a gradient step", n)
	}
}

// BenchmarkTrainerStep compares a gradient step through the graph with the bare
// kernels': on a small network, where the graph's price shows, and on the
// fixture's trained network, whose sessions last about 750 RNN steps. At learning
// rate 0 it stays as it is.
func BenchmarkTrainerStep(b *testing.B) {
	backend, err := cpu.Open[float32](1)
	if err != nil {
		b.Fatal(err)
	}
	defer backend.Close()
	n, theta, _, err := kernels.ReadWeights("../testdata/oracle/n50_trained_prob.npz")
	if err != nil {
		b.Fatal(err)
	}
	rules, err := task.DefaultConfig().Resolve()
	if err != nil {
		b.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		n     int
		theta []float64
	}{{"N=2/untrained", 2, nil}, {"N=50/trained", n, theta}} {
		subject := func(b *testing.B) *kernels.Network[float32] {
			net := network[float32](b, test.n, kernels.ProbabilityMean)
			for i, x := range test.theta {
				net.Theta[i] = float32(x)
			}
			net.LearningRate, net.Sampler = 0, task.NewSampler(rules)
			return net
		}
		b.Run(test.name+"/graph", func(b *testing.B) {
			trainer, err := NewTrainer(backend, subject(b))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := trainer.Step(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(test.name+"/bare", func(b *testing.B) {
			kernels.Train(b.Context(), backend, subject(b), b.N)
		})
	}
}
