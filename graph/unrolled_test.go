package graph

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
	"radd/task"
)

const (
	// agreement is how far the unrolled graph, the session op and the fixtures
	// may differ, relative to the norm: float64 sums of some thousand steps in
	// different orders, with room to spare.
	agreement = 1e-10
	// sameTraining is how far weights may be apart after 200 gradient steps of
	// training by the unrolled graph and by the fused kernels in float64.
	sameTraining = 1e-6
)

// near checks a vector.
func near[F kernels.Float](t *testing.T, what string, got, want []F, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	if d := distance(widen(got), widen(want)); !(d <= tolerance) && !slices.Equal(got, want) { // 0/0 where all is zero
		t.Errorf("%s: off by %g", what, d)
	}
}

func widen[F kernels.Float](v []F) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// engine returns the unrolled engine of a cell over the generic kernels.
func engine[F kernels.Float](t testing.TB, c Cell, n, steps, workers int) *Unrolled[F] {
	t.Helper()
	u, err := NewUnrolled(c, n, steps, workers, cpu.New[F](cpu.Generic, workers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

// The graph of any number of steps, up to the whole session's, gives what the
// fixture says, every parameter's gradient by itself.
func TestUnrolledIsFixture(t *testing.T) {
	f := kernelstest.Load(t, "n50_trained_prob")
	steps := []int{1, 2, 32, 250, 657, 700}
	if testing.Short() {
		f, steps = kernelstest.Load(t, "n2_trained_prob"), []int{1, 2, 32}
	}
	s := kernels.Shape{N: f.N}
	for _, K := range steps {
		u := engine[float64](t, RNN{}, f.N, K, 1)
		tape, grad := kernels.NewTape[float64](f.N), make([]float64, s.Size())
		tapes := []*kernels.Tape[float64]{tape}
		for i, objective := range kernelstest.Objectives {
			t.Run(fmt.Sprintf("%d steps, %s", K, objective.Name), func(t *testing.T) {
				o := objective.Objective
				tape.Begin(f.Session)
				loss := u.Forward(f.Theta, o, tapes)
				u.Backward(f.Theta, o, tapes, 1, grad)
				near(t, "loss", []float64{loss}, []float64{f.Loss[i]}, agreement)
				for _, p := range s.Parameters() {
					near(t, "gradient by "+p.Name, grad[p.Start:p.End], f.Grad[i][p.Start:p.End], agreement)
				}
				near(t, "hidden", tape.Hidden[f.N:(tape.T+1)*f.N], f.Record.Hidden, agreement)
				if !slices.Equal(tape.Feedback[:tape.T], f.Record.Feedback) {
					t.Error("other decisions than the fixture's")
				}
			})
		}
	}
}

// Training through the unrolled graph sees the sessions that the fused kernels
// see, and ends with the same weights.
func TestUnrolledTrainsAsTheKernelsDo(t *testing.T) {
	steps := 200
	if testing.Short() {
		steps = 20
	}
	u := engine[float64](t, RNN{}, 9, DefaultSteps, 1)
	for _, o := range []kernels.Objective{kernels.CrossEntropyMean, kernels.ProbabilityMean} {
		through, bare := network[float64](t, 9, o), network[float64](t, 9, o)
		trainer, err := NewTrainer[float64](u, through)
		if err != nil {
			t.Fatal(err)
		}
		kernels.Train(context.Background(), u.fused, bare, steps)
		for i := range steps {
			r, err := trainer.Step()
			if err != nil {
				t.Fatal(err)
			}
			if want := bare.Records[i]; r.RNNSteps != want.RNNSteps || r.Behaviour != want.Behaviour {
				t.Fatalf("%v: gradient step %d: %+v, by the kernels %+v", o, i+1, r, want)
			}
		}
		near(t, o.String(), through.Theta, bare.Theta, sameTraining)
	}
}

// A segment's graph, every gradient of it, on gorgonia's own machine: the same
// bytes.
func TestSegmentIsTapeMachine(t *testing.T) {
	for _, c := range []Cell{RNN{}, Leaky{Leak: .3}, GRU{}, LSTM{}, Connect(GRU{}, Connectivity{Recurrent: "block-diagonal", Excitatory: .5})} {
		t.Run(fmt.Sprintf("%T", c), func(t *testing.T) {
			s, err := unroll[float64](c, 4, 6, ofLogarithm, naming)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range slices.Concat(s.parameters, s.input, s.weight, s.first, s.incoming) {
				if err := gorgonia.Let(n, dense(someNumbers[float64](size(n), i), n.Shape().Clone()...)); err != nil {
					t.Fatal(err)
				}
			}
			outputs := slices.Concat(s.gradient, s.outgoing)
			machine := gorgonia.NewTapeMachine(s.graph)
			defer machine.Close()
			if err := machine.RunAll(); err != nil {
				t.Fatal(err)
			}
			var want [][]float64
			for _, n := range outputs {
				v, err := elements[float64](n.Value())
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, slices.Clone(v))
			}
			vm, err := NewVM[float64](s.graph, outputs...)
			if err != nil {
				t.Fatal(err)
			}
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			for i, n := range outputs {
				if got, err := elements[float64](n.Value()); err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("gradient %d: %v, the TapeMachine's is %v (%v)", i, got, want[i], err)
				}
			}
		})
	}
}

// A run allocates nothing, and a step takes few instructions: elementwise ops are
// fused, and so are outer products into their sums.
func TestSegmentProgram(t *testing.T) {
	s, err := unroll[float64](RNN{}, 50, 64, ofLogarithm, naming)
	if err != nil {
		t.Fatal(err)
	}
	p, err := compileSegment[float64](s)
	if err != nil {
		t.Fatal(err)
	}
	if perStep := float64(len(p.tape)) / 64; perStep > 16 {
		t.Errorf("%.1f instructions a step", perStep)
	}
	// State, logits, log a and their leaves have to be there until the gradient is.
	if perStep := float64(p.sizes[own]) / 64; perStep > 100 {
		t.Errorf("%.1f elements a step of the own space", perStep)
	}
	// The gradient's own are dz, one a step, and matrices.
	if perStep := float64(p.sizes[scratch]-3*2500) / 64; perStep > 110 {
		t.Errorf("%.1f elements a step for the gradient", perStep)
	}
	m := p.memory()
	if n := testing.AllocsPerRun(5, func() {
		if err := p.run(m, 0, len(p.tape)); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// A logit difference of 2,000 underflows any softmax, not its logarithm.
func TestUnrolledLossStaysFinite(t *testing.T) {
	s := kernels.Shape{N: 2}
	theta := make([]float64, s.Size())
	kernels.Views(s, theta).ReadoutBias[1] = 2000
	u := engine[float64](t, RNN{}, 2, 3, 1)
	loss, grad := lossOf(u, theta, kernels.CrossEntropySum, passage[float64](2, []bool{true}))
	if loss != 2000 || grad[s.Size()-1] != 1 {
		t.Errorf("loss %v and its gradient by the bias %v, want 2000 and 1", loss, grad[s.Size()-1])
	}
}

// passage returns a tape of steps that count as given, with some inputs.
func passage[F kernels.Float](n int, counted []bool) *kernels.Tape[F] {
	tape := kernels.NewTape[F](n)
	tape.Reserve(len(counted))
	tape.T = len(counted)
	for t, c := range counted {
		tape.Counted[t], tape.Target[t] = c, int8(t%2)
		for i := range kernels.Inputs {
			tape.Input[t*kernels.Inputs+i] = F((31*t+17*i)%13)/7 - 1
		}
	}
	return tape
}

// counting returns T steps of trials of four, of which the last two count.
func counting(T int) []bool {
	c := make([]bool, T)
	for t := range c {
		c[t] = t%4 >= 2
	}
	return c
}

// lossOf returns the loss of a tape's inputs and its gradient.
func lossOf[F kernels.Float](u *Unrolled[F], theta []F, o kernels.Objective, t *kernels.Tape[F]) (float64, []F) {
	w := u.workers[0] // it has no job meanwhile
	if t.Session == nil {
		t.Session = new(task.Session)
	}
	w.begin(theta, o, t)
	for step := range t.T {
		t.Difference[step] = w.advance(step, 0, step, t.Input[step*kernels.Inputs:][:kernels.Inputs])
	}
	w.finish(o)
	w.begin(theta, o, t)
	w.backward()
	return t.Loss, slices.Clone(u.gradient(t))
}

func TestNewUnrolledNamesWhatFails(t *testing.T) {
	b := cpu.New[float64](cpu.Generic, 1)
	defer b.Close()
	for _, test := range []struct {
		step func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error)
		want string
	}{
		{func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
			h, err := gorgonia.Add(x, state[0]) // 3 and 4 elements
			return gorgonia.Nodes{h}, err
		}, "the cell's step"},
		{func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
			return append(state, x), nil
		}, "2 vectors of the state, not 1"},
		{func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
			h, err := gorgonia.Ceil(state[0])
			return gorgonia.Nodes{h}, err
		}, "differentiating"},
	} {
		if _, err := NewUnrolled[float64](odd{step: test.step}, 4, 3, 1, b); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want one that says %q", err, test.want)
		}
	}
}

// odd is a cell that a person might write.
type odd struct {
	RNN
	step func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error)
}

func (c odd) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	return c.step(p, x, state)
}

// Every length gives the number of nodes that two and three steps foretell,
// unless nodes are merged, and names change nothing but hashes.
func TestNodesOverLengthsAndNames(t *testing.T) {
	type span struct{ from, to, names int }
	lengths := []span{{1, 20, 3}, {100, 100, 3}}
	if !testing.Short() {
		lengths = append(lengths, span{21, 40, 2}, span{657, 657, 8}, span{MaxSteps, MaxSteps, 8})
	}
	built, refused := 0, 0
	for _, l := range lengths {
		for K := l.from; K <= l.to; K++ {
			want, err := nodes[float64](RNN{}, 2, K, ofLogarithm)
			if err != nil {
				t.Fatal(err)
			}
			good := 0
			for attempt := range l.names {
				s, err := build[float64](RNN{}, 2, K, ofLogarithm, naming(attempt))
				if err != nil {
					t.Fatal(err)
				}
				built++
				if err := checkNodes(s.graph, want); err != nil {
					refused++
					t.Logf("%d steps, attempt %d: %v", K, attempt, err)
					if got := len(s.graph.AllNodes()); got > want {
						t.Errorf("%d steps: %d nodes, more than the %d foretold", K, got, want)
					}
					continue
				}
				good++
			}
			if good == 0 {
				t.Errorf("%d steps: refused under all of %d names", K, l.names)
			}
		}
	}
	if refused*10 > built {
		t.Errorf("%d of %d builds refused", refused, built)
	}
}

// collision makes two leaves of unequal names and equal hashes.
func collision(t *testing.T) (a, b *gorgonia.Node) {
	t.Helper()
	g := gorgonia.NewGraph()
	x := func(name string) *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName(name), gorgonia.WithShape(kernels.Inputs))
	}
	a, b = x("x 139599"), x("x 322382")
	if a == b || a.Hashcode() != b.Hashcode() {
		t.Fatal("the names' hashes no longer meet: search for others")
	}
	return a, b
}

// This is why the graph is checked: two products of unequal vectors become one.
func TestGorgoniaMergesByHash(t *testing.T) {
	a, b := collision(t)
	g := a.Graph()
	w := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2, kernels.Inputs))
	n := must(t)
	if n(gorgonia.Mul(w, a)) != n(gorgonia.Mul(w, b)) {
		t.Error("gorgonia keeps the two products apart: the checks of the graph can go")
	}
}

func TestCheckNodesFindsEqualHashes(t *testing.T) {
	a, _ := collision(t)
	if err := checkNodes(a.Graph(), 2); err == nil || !strings.Contains(err.Error(), "same hash") {
		t.Errorf("two nodes of one hash: %v", err)
	}
}

// A collision is refused under one attempt's names, and unroll goes on to the
// next; it gives up where there is no end to them.
func TestUnrollUnderCollidingNames(t *testing.T) {
	a, b := collision(t)
	bad := func(step int) string {
		switch step {
		case 1:
			return a.Name()
		case 6:
			return b.Name()
		}
		return naming(0)(step)
	}
	badUpTo := func(last int) func(int) func(int) string {
		return func(attempt int) func(int) string {
			if attempt <= last {
				return bad
			}
			return naming(attempt)
		}
	}
	s, err := unroll[float64](RNN{}, 3, 12, ofLogarithm, badUpTo(attempts-2))
	if err != nil {
		t.Fatal(err)
	}
	if name := s.input[0].Name(); name != naming(attempts-1)(0) {
		t.Errorf("built under the name %q", name)
	}
	if _, err := unroll[float64](RNN{}, 3, 12, ofLogarithm, badUpTo(attempts)); err == nil || !strings.Contains(err.Error(), "merged") {
		t.Errorf("collisions without end: %v", err)
	}
}

// Memory does not grow with the sessions that an engine has seen, beyond the
// longest one's, and an engine that is closed leaves nothing behind.
func TestUnrolledDoesNotLeak(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // empties the pools that the first has set aside
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	goroutines := runtime.NumGoroutine()
	u, err := NewUnrolled(RNN{}, 10, DefaultSteps, 1, cpu.New[float64](cpu.Generic, 1))
	if err != nil {
		t.Fatal(err)
	}
	net := network[float64](t, 10, kernels.CrossEntropyMean)
	trainer, err := NewTrainer[float64](u, net)
	if err != nil {
		t.Fatal(err)
	}
	steps := func(n int) {
		for range n {
			if _, err := trainer.Step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	steps(50)
	after50 := heap()
	steps(450)
	if grown := heap() - after50; grown > after50/10 {
		t.Errorf("after 500 sessions %d bytes more than the %d after 50", grown, after50)
	}
	runtime.KeepAlive(trainer)
	u.Close()
	for range 100 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("a closed engine leaves %d goroutines", now-goroutines)
	}
}
