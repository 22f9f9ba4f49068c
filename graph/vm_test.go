package graph

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// expressions are graphs of leaves W (4, 3), v (3), h (4) and s (scalar) that
// between them hold every op that the VM binds itself and some that it does not.
var expressions = []struct {
	name string
	make func(b *builder, g *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node
}{
	{"affine", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.tanh(b.add(b.product(W, v), h))
	}},
	{"arithmetic of vectors and scalars", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		x := b.binary(gorgonia.Sub, b.multiply(s, h), b.binary(gorgonia.HadamardDiv, h, s))
		x = b.add(b.binary(gorgonia.HadamardDiv, s, b.add(b.unary(gorgonia.Square, h), s)), b.binary(gorgonia.Sub, s, x))
		return b.binary(gorgonia.HadamardDiv, b.add(x, b.unary(gorgonia.Inverse, b.unary(gorgonia.Exp, h))), b.unary(gorgonia.Exp, x))
	}},
	{"unary functions", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		x := b.unary(gorgonia.Exp, h)
		x = b.add(b.unary(gorgonia.Sqrt, x), b.unary(gorgonia.Log, b.add(x, s)))
		x = b.add(b.unary(gorgonia.Cube, x), b.sigmoid(b.unary(gorgonia.Neg, x)))
		return b.add(x, b.unary(gorgonia.Abs, b.tanh(h)))
	}},
	{"of scalars", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.multiply(b.unary(gorgonia.Exp, b.tanh(s)), b.add(b.sigmoid(s), b.product(h, h)))
	}},
	{"softmax", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.op(gorgonia.SoftMax(b.multiply(h, s), 0))
	}},
	{"log softmax", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.op(gorgonia.LogSoftMax(b.add(h, b.product(W, v)), 0))
	}},
	{"slices", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		low, high := b.op(gorgonia.Slice(h, gorgonia.S(0, 2))), b.op(gorgonia.Slice(h, gorgonia.S(2, 4)))
		return b.multiply(b.op(gorgonia.Slice(h, gorgonia.S(1))), b.tanh(b.multiply(low, b.add(high, low))))
	}},
	{"a matrix's row and column", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		row, column := b.op(gorgonia.Slice(W, gorgonia.S(1))), b.op(gorgonia.Slice(W, nil, gorgonia.S(2)))
		return b.multiply(b.product(row, v), b.multiply(column, h))
	}},
	{"reshaped", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		flat := b.op(gorgonia.Reshape(b.multiply(s, W), tensor.Shape{12})) // of W itself, the TapeMachine overwrites W
		return b.multiply(flat, b.tanh(flat))
	}},
	{"concatenated", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.tanh(b.op(gorgonia.Concat(0, h, b.multiply(v, v))))
	}},
	{"transposed", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.product(b.op(gorgonia.Transpose(W)), b.tanh(h))
	}},
	{"products of matrices", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.product(b.product(W, b.op(gorgonia.Transpose(W))), h)
	}},
	{"sums along an axis", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.multiply(b.op(gorgonia.Sum(W, 1)), h)
	}},
	{"a comparison", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		return b.multiply(h, b.op(gorgonia.Gt(b.tanh(h), b.multiply(h, h), true)))
	}},
	{"three steps of a network", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		x := v
		for range 3 {
			h = b.tanh(b.add(b.product(W, x), h))
			x = b.op(gorgonia.Slice(b.multiply(h, s), gorgonia.S(0, 3)))
		}
		return h
	}},
	{"a wide tree", func(b *builder, _ *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		level := gorgonia.Nodes{}
		for k := range 64 {
			level = append(level, b.tanh(b.multiply(constantLike(h, float64(k)/50), h)))
		}
		for len(level) > 1 {
			var next gorgonia.Nodes
			for k := 0; k < len(level); k += 2 {
				next = append(next, b.multiply(b.add(level[k], s), level[k+1]))
			}
			level = next
		}
		return level[0]
	}},
	{"a long vector", func(b *builder, g *gorgonia.ExprGraph, W, v, h, s *gorgonia.Node) *gorgonia.Node {
		long := gorgonia.NewVector(g, s.Dtype(), gorgonia.WithName("long"), gorgonia.WithShape(3*chunk+5))
		must := gorgonia.Must
		must(long, gorgonia.Let(long, ramp(s.Dtype(), 3*chunk+5)))
		return b.multiply(b.add(b.tanh(b.multiply(long, s)), b.complement(b.sigmoid(long))), long)
	}},
}

// ramp returns a vector of somewhat random elements.
func ramp(of tensor.Dtype, n int) *tensor.Dense {
	if of == tensor.Float32 {
		return dense(someNumbers[float32](n, 7), n)
	}
	return dense(someNumbers[float64](n, 7), n)
}

func someNumbers[F kernels.Float](n, seed int) []F {
	list := make([]F, n)
	for i := range list {
		list[i] = F((i*i*31+i*seed)%97)/60 - .7
	}
	return list
}

// The VM's values against the TapeMachine's, bit for bit, over two runs with
// other leaves.
func TestVMIsTapeMachine(t *testing.T) {
	t.Run("f64", vmIsTapeMachine[float64])
	t.Run("f32", vmIsTapeMachine[float32])
}

func vmIsTapeMachine[F kernels.Float](t *testing.T) {
	for _, e := range expressions {
		t.Run(e.name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			var leaves gorgonia.Nodes
			var values [][]F
			leaf := func(name string, shape ...int) *gorgonia.Node {
				total := 1
				for _, d := range shape {
					total *= d
				}
				v := someNumbers[F](total, len(leaves)+2)
				n := gorgonia.NewTensor(g, dtype[F](), len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...), gorgonia.WithValue(dense(v, shape...)))
				leaves, values = append(leaves, n), append(values, v)
				return n
			}
			W, v, h := leaf("W", 4, 3), leaf("v", 3), leaf("h", 4)
			s := gorgonia.NewScalar(g, dtype[F](), gorgonia.WithName("s"), gorgonia.WithValue(F(1.25)))
			var b builder
			y := e.make(&b, g, W, v, h, s)
			loss := y
			if b.err == nil && !y.IsScalar() {
				loss = b.op(gorgonia.Sum(b.multiply(y, y)))
			}
			if b.err != nil {
				t.Fatal(b.err)
			}
			outputs := gorgonia.Nodes{loss} // the TapeMachine overwrites what is read by others
			// Gorgonia cannot differentiate by a leaf that the loss does not go through.
			if grads, err := differentiate(loss, h); err == nil {
				outputs = append(outputs, grads...)
			} else if e.name != "a comparison" && e.name != "reshaped" && e.name != "a long vector" && e.name != "of scalars" {
				t.Errorf("not differentiated: %v", err)
			}
			machine := gorgonia.NewTapeMachine(g)
			defer machine.Close()
			var want [2][][]F
			for run := range want {
				if err := machine.RunAll(); err != nil {
					t.Fatal(err)
				}
				for _, n := range outputs {
					v, err := elements[F](n.Value())
					if err != nil {
						t.Fatal(err)
					}
					want[run] = append(want[run], slices.Clone(v))
				}
				machine.Reset()
				for _, v := range values {
					for i := range v {
						v[i] *= -1.01
					}
				}
			}
			for _, v := range values { // as they were
				for i := range v {
					v[i] = 0
				}
			}
			for k := range values {
				copy(values[k], someNumbers[F](len(values[k]), k+2))
			}
			vm, err := NewVM[F](g, outputs...)
			if err != nil {
				t.Fatal(err)
			}
			defer vm.Close()
			for run := range want {
				if err := vm.RunAll(); err != nil {
					t.Fatal(err)
				}
				for i, n := range outputs {
					got, err := elements[F](n.Value())
					if err != nil {
						t.Fatal(err)
					}
					for j, x := range got {
						if x != want[run][i][j] {
							t.Fatalf("run %d, output %d (%v), element %d: %v, the TapeMachine's is %v", run, i, n, j, x, want[run][i][j])
						}
					}
				}
				vm.Reset()
				for _, v := range values {
					for i := range v {
						v[i] *= -1.01
					}
				}
			}
		})
	}
}

// The same on a graph with ops before, between and after two session ops.
func TestVMRunsSessionOps(t *testing.T) {
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
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	if _, err := NewVM[float64](g); err != nil { // without outputs, too
		t.Fatal(err)
	}
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
		vm, err := NewVM[float64](g, loss, grads[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		gotLoss, _ := number[float64](loss.Value())
		gotGrad, err := flat[float64](grads[0].Value())
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

func TestVMNamesAMissingValue(t *testing.T) {
	g := gorgonia.NewGraph()
	a := gorgonia.NewScalar(g, gorgonia.Float64, gorgonia.WithName("unbound"))
	must(t)(gorgonia.Neg(a))
	vm, err := NewVM[float64](g)
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.RunAll(); err == nil || !strings.Contains(err.Error(), "unbound") {
		t.Errorf("a graph ran without a value for its leaf: %v", err)
	}
}

func TestVMRefusesStatements(t *testing.T) {
	g := gorgonia.NewGraph()
	a := gorgonia.NewScalar(g, gorgonia.Float64, gorgonia.WithName("a"))
	var into gorgonia.Value
	gorgonia.Read(must(t)(gorgonia.Neg(a)), &into)
	if _, err := NewVM[float64](g); err == nil || !strings.Contains(err.Error(), "statement") {
		t.Errorf("a graph with a statement: %v", err)
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
