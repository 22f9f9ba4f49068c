package graph

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/internal/input"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
	"radd/task"
)

const (
	// agreement is how far the unrolled graph, the session op and the fixtures
	// may differ, relative to the norm: float64 sums of 657 steps in different
	// orders, with room to spare.
	agreement = 1e-10
	// agreement32 is the same in float32, over some 50 steps.
	agreement32 = 1e-4
)

// near checks a whole vector, and for one packed as θ each of its six parameters.
func near[F kernels.Float](t *testing.T, what string, s kernels.Shape, got, want []F, tolerance float64) {
	t.Helper()
	parts := []kernels.Parameter{{Name: what, End: len(want)}}
	if len(want) == s.Size() {
		parts = s.Parameters()
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for _, p := range parts {
		got, want := got[p.Start:p.End], want[p.Start:p.End]
		if d := distance(widen(got), widen(want)); !(d <= tolerance) && !slices.Equal(got, want) { // 0/0 where all is zero
			t.Errorf("%s, %s: off by %g", what, p.Name, d)
		}
	}
}

func widen[F kernels.Float](v []F) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

func unrolled[F kernels.Float](t testing.TB, s kernels.Shape, o kernels.Objective, tape *kernels.Tape[F]) *Unrolled[F] {
	t.Helper()
	u, err := Unroll(s, o, tape)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func result[F kernels.Float](t testing.TB, u *Unrolled[F], theta []F) UnrolledResult[F] {
	t.Helper()
	r, err := u.Run(theta)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The unrolled graph, the session op differentiated by gorgonia.Grad, and the
// fixture, over a whole session.
func TestUnrolledIsSessionIsFixture(t *testing.T) {
	if testing.Short() {
		t.Skip("657 steps")
	}
	f := kernelstest.Load(t, "n50_trained_prob")
	s := kernels.Shape{N: f.N}
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	for o, name := range kernelstest.Objectives {
		t.Run(name, func(t *testing.T) {
			o := kernels.Objective(o)
			tape := kernels.NewTape[float64](f.N)
			tape.Begin(f.Session)
			g := gorgonia.NewGraph()
			theta := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("θ"), gorgonia.WithShape(s.Size()),
				gorgonia.WithValue(dense(f.Theta, s.Size())))
			loss := must(t)(NewSession(backend, o, []*kernels.Tape[float64]{tape}).Apply(theta))
			sessionLoss, grads := run(t, g, loss, theta)
			if tape.T != 657 {
				t.Fatalf("%d steps, want 657", tape.T)
			}

			r := result(t, unrolled(t, s, o, tape), f.Theta)
			near(t, "loss and session op", s, []float64{r.Loss}, []float64{sessionLoss}, agreement)
			near(t, "loss and fixture", s, []float64{r.Loss}, []float64{f.Loss[o]}, agreement)
			near(t, "gradient and session op", s, r.Gradient, grads[0], agreement)
			near(t, "gradient and fixture", s, r.Gradient, f.Grad[o], agreement)
			near(t, "hidden", s, r.Hidden, f.Record.Hidden, agreement)
			near(t, "probability", s, r.Probability, f.Record.Probability, agreement)
		})
	}
}

// singleSteps is a task whose every trial is one observation step.
func singleSteps(t *testing.T) *task.Sampler {
	c := task.DefaultConfig()
	c.Blocks, c.BlankSteps, c.MaxObservations = 1, 0, 1
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return task.NewSampler(c)
}

// Short passages of networks of any size, from h = 0 and from within a session,
// against the backend.
func TestUnrolledIsBackend(t *testing.T) {
	t.Run("f64", func(t *testing.T) { unrolledIsBackend[float64](t, agreement) })
	t.Run("f32", func(t *testing.T) { unrolledIsBackend[float32](t, agreement32) })
}

func unrolledIsBackend[F kernels.Float](t *testing.T, tolerance float64) {
	backend := cpu.New[F](cpu.Generic, 1)
	defer backend.Close()
	for _, test := range []struct {
		name          string
		n             int
		sampler       *task.Sampler
		trials, later int // trials of the passage, and passages before it
	}{
		{"one step", 5, singleSteps(t), 1, 0},
		{"two steps", 5, singleSteps(t), 2, 0},
		{"one unit", 1, sampler(t, 2), 4, 0},
		{"two units", 2, sampler(t, 2), 4, 0},
		{"three units, as many as inputs", 3, sampler(t, 2), 4, 0},
		{"second stretch", 7, sampler(t, 2), 3, 1},
		{"fifty units", 50, sampler(t, 2), 5, 0},
	} {
		for o := range kernelstest.Objectives {
			o := kernels.Objective(o)
			t.Run(fmt.Sprintf("%s, %v", test.name, o), func(t *testing.T) {
				s := kernels.Shape{N: test.n}
				theta, grad := make([]F, s.Size()), make([]F, s.Size())
				kernels.Init(s, 11, theta)
				var session task.Session
				session.Draw(test.sampler, task.Origin{Seed: 4, Stream: task.StreamTrain})
				tape := kernels.NewTape[F](test.n)
				tape.BeginStretch(&session, test.trials)
				loss := backend.Forward(theta, o, []*kernels.Tape[F]{tape})
				for range test.later {
					tape.Continue(test.trials)
					loss = backend.Forward(theta, o, []*kernels.Tape[F]{tape})
				}
				backend.Backward(theta, o, []*kernels.Tape[F]{tape}, 1, grad)
				hidden := append([]F(nil), tape.Hidden[s.N:(tape.T+1)*s.N]...)
				var probability []F
				for step := range tape.T {
					right := tape.Probability(step)
					probability = append(probability, F(1-right), F(right))
				}

				u := unrolled(t, s, o, tape)
				// The graph keeps its passage when the tape goes on to another.
				kernels.Init(s, 12, theta)
				backend.Forward(theta, o, []*kernels.Tape[F]{tape})
				result(t, u, theta)
				kernels.Init(s, 11, theta)

				r := result(t, u, theta)
				near(t, "loss", s, []F{F(r.Loss)}, []F{F(loss)}, tolerance)
				near(t, "gradient", s, r.Gradient, grad, tolerance)
				near(t, "hidden", s, r.Hidden, hidden, tolerance)
				near(t, "probability", s, r.Probability, probability, tolerance)
			})
		}
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

func TestUnrolledFiniteDifferences(t *testing.T) {
	// A central difference over 2·10⁻⁵ errs by about 10⁻¹⁰ through the third
	// derivative and as much through rounding.
	const step, tolerance = 1e-5, 1e-8
	s := kernels.Shape{N: 3}
	theta := make([]float64, s.Size())
	kernels.Init(s, 2, theta)
	for o := range kernelstest.Objectives {
		u := unrolled(t, s, kernels.Objective(o), passage[float64](s.N, counting(11)))
		gradient, numeric := result(t, u, theta).Gradient, make([]float64, len(theta))
		for i, w := range theta {
			theta[i] = w + step
			above := result(t, u, theta).Loss
			theta[i] = w - step
			numeric[i] = (above - result(t, u, theta).Loss) / (2 * step)
			theta[i] = w
		}
		near(t, kernels.Objective(o).String(), s, gradient, numeric, tolerance)
	}
}

// Gorgonia's own machine, which compiles the graph, gives the same bytes.
func TestUnrolledIsTapeMachine(t *testing.T) {
	s := kernels.Shape{N: 4}
	theta := make([]float64, s.Size())
	kernels.Init(s, 2, theta)
	u := unrolled(t, s, kernels.CrossEntropyMean, passage[float64](s.N, counting(40)))
	r := result(t, u, theta)
	machine := gorgonia.NewTapeMachine(u.graph)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	if loss, err := number[float64](u.loss.Value()); err != nil || loss != r.Loss {
		t.Errorf("loss %v, want %v (%v)", loss, r.Loss, err)
	}
	var gradient []float64
	for _, n := range u.gradient {
		v, err := flat[float64](n.Value())
		if err != nil {
			t.Fatal(err)
		}
		gradient = append(gradient, v...)
	}
	for i := range gradient {
		if gradient[i] != r.Gradient[i] {
			t.Fatalf("gradient %d is %v, want %v", i, gradient[i], r.Gradient[i])
		}
	}
}

// A logit difference of 2,000 underflows any softmax, not its logarithm.
func TestUnrolledLossStaysFinite(t *testing.T) {
	s := kernels.Shape{N: 2}
	theta := make([]float64, s.Size())
	kernels.Views(s, theta).ReadoutBias[1] = 2000
	r := result(t, unrolled(t, s, kernels.CrossEntropySum, passage[float64](s.N, []bool{true})), theta)
	if r.Loss != 2000 || r.Gradient[s.Size()-1] != 1 {
		t.Errorf("loss %v and its gradient by the bias %v, want 2000 and 1", r.Loss, r.Gradient[s.Size()-1])
	}
}

func TestUnrollRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		counted []bool
		want    string
	}{
		{"too long", counting(MaxUnrolledSteps + 1), "1001 RNN steps"},
		{"no loss", make([]bool, 5), "no observation step"},
		{"empty", nil, "no observation step"},
	} {
		_, err := Unroll(kernels.Shape{N: 2}, kernels.CrossEntropyMean, passage[float64](2, test.counted))
		if !input.Is(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want an *input.Error that says %q", test.name, err, test.want)
		}
	}
}

// Every T and every pattern of counted steps gives the number of nodes that the
// formula says, and names change nothing but hashes.
func TestUnrolledNodesOverLengthsAndNames(t *testing.T) {
	s := kernels.Shape{N: 2}
	theta := make([]float64, s.Size())
	kernels.Init(s, 2, theta)
	type span struct{ from, to, names int }
	lengths := []span{{1, 20, 3}, {100, 100, 3}}
	if !testing.Short() {
		lengths = append(lengths, span{21, 60, 2}, span{657, 657, 10}, span{MaxUnrolledSteps, MaxUnrolledSteps, 12})
	}
	built, refused := 0, 0
	for _, l := range lengths {
		for T := l.from; T <= l.to; T++ {
			for o := range kernelstest.Objectives[:min(3, 1+60/T)] { // all of them where they cost little
				counted := counting(T)
				counted[T/2] = true // and T = 1, 2 have a loss
				var first *UnrolledResult[float64]
				for attempt := range l.names {
					u, err := unroll(s, kernels.Objective(o), passage[float64](s.N, counted), naming(attempt))
					if built++; err != nil {
						refused++
						t.Logf("T = %d, attempt %d: %v", T, attempt, err)
						continue
					}
					r := result(t, u, theta)
					if first == nil {
						first = &r
					}
					if r.Loss != first.Loss || distance(r.Gradient, first.Gradient) != 0 {
						t.Errorf("T = %d: another name, another result", T)
					}
				}
				if first == nil {
					t.Errorf("T = %d: refused under all of %d names", T, l.names)
				}
			}
		}
	}
	t.Logf("%d of %d builds refused", refused, built)
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

// A collision is refused under one attempt's names, and Unroll goes on to the
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
	s := kernels.Shape{N: 3}
	theta := make([]float64, s.Size())
	kernels.Init(s, 2, theta)
	tape := passage[float64](s.N, counting(12))
	if _, err := unroll(s, kernels.CrossEntropyMean, tape, bad); err == nil || !strings.Contains(err.Error(), "merged") {
		t.Fatalf("the merged graph was taken: %v", err)
	}
	badAt := func(last int) func(int) func(int) string {
		return func(attempt int) func(int) string {
			if attempt <= last {
				return bad
			}
			return naming(attempt)
		}
	}
	u, err := unrollUnder(s, kernels.CrossEntropyMean, tape, badAt(attempts-2))
	if err != nil {
		t.Fatal(err)
	}
	want := result(t, unrolled(t, s, kernels.CrossEntropyMean, tape), theta)
	near(t, "gradient under the last names", s, result(t, u, theta).Gradient, want.Gradient, 0)
	if _, err := unrollUnder(s, kernels.CrossEntropyMean, tape, badAt(attempts)); err == nil || input.Is(err) {
		t.Errorf("collisions without end: %v", err)
	}
}

// Builds leave nothing behind.
func TestUnrollsDoNotLeak(t *testing.T) {
	s := kernels.Shape{N: 10}
	theta := make([]float64, s.Size())
	kernels.Init(s, 2, theta)
	tape := passage[float64](s.N, counting(100))
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // empties the pools that the first has set aside
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	build := func() *Unrolled[float64] {
		u := unrolled(t, s, kernels.CrossEntropyMean, tape)
		result(t, u, theta)
		return u
	}
	build()
	before, goroutines := heap(), runtime.NumGoroutine()
	u := build()
	one := heap() - before
	runtime.KeepAlive(u)
	if one <= 0 {
		t.Fatalf("one graph takes %d bytes", one)
	}
	for range 20 {
		build()
	}
	if grown := heap() - before; grown > one/2 {
		t.Errorf("20 builds leave %d bytes; one graph takes %d", grown, one)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("20 builds leave %d goroutines", now-goroutines)
	}
}
