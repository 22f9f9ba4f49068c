package graph

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/kernelstest"
)

// minimal is a cell that a person might write: a minimal gated unit.
//
//	f  = σ(W_f x + U_f h + b_f)
//	h′ = (1 − f) ⊙ h + f ⊙ tanh(W_h x + U_h (f ⊙ h) + b_h)
type minimal struct{}

func (minimal) States() int { return 1 }

func (minimal) Parameters(n int) []Parameter {
	return []Parameter{
		{Name: "gate.input", Shape: []int{n, kernels.Inputs}},
		{Name: "gate.state", Shape: []int{n, n}},
		{Name: "gate.bias", Shape: []int{n}},
		{Name: "input", Shape: []int{n, kernels.Inputs}},
		{Name: "state", Shape: []int{n, n}},
		{Name: "bias", Shape: []int{n}},
	}
}

func (minimal) Step(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
	must, h := gorgonia.Must, state[0]
	affine := func(W, U, b string, h *gorgonia.Node) *gorgonia.Node {
		return must(gorgonia.Add(must(gorgonia.Add(must(gorgonia.Mul(p.Get(W), x)), must(gorgonia.Mul(p.Get(U), h)))), p.Get(b)))
	}
	f := must(gorgonia.Sigmoid(affine("gate.input", "gate.state", "gate.bias", h)))
	update := must(gorgonia.Tanh(affine("input", "state", "bias", must(gorgonia.HadamardProd(f, h)))))
	change := must(gorgonia.HadamardProd(f, must(gorgonia.Sub(update, h))))
	return gorgonia.Nodes{must(gorgonia.Add(h, change))}, nil
}

// cells are all that are tested, a person's own among them.
var cells = []struct {
	name string
	cell Cell
}{
	{"rnn", RNN{}},
	{"leaky", Leaky{Leak: .3}},
	{"noisy", Leaky{Leak: .3, SD: .2}},
	{"noisy and masked", Connect(Leaky{Leak: .3, SD: .2}, Connectivity{Recurrent: "diagonal"})},
	{"gru", GRU{}},
	{"lstm", LSTM{}},
	{"minimal", minimal{}},
	{"masked", Connect(RNN{}, Connectivity{Input: "first", Recurrent: "diagonal", Readout: "block-diagonal"})},
	{"of two kinds", Connect(LSTM{}, Connectivity{Recurrent: "block-diagonal", Excitatory: .6})},
}

func thetaOf(c Cell, n int, seed uint64) []float64 {
	layout := Layout(c, n)
	theta := make([]float64, layout[len(layout)-1].End)
	kernels.Uniform(1/math.Sqrt(float64(n)), seed, theta)
	Settle(c, n, theta)
	return theta
}

// Every gradient of every cell against central finite differences, through
// several segments and masked steps.
func TestCellsFiniteDifferences(t *testing.T) {
	// A central difference over 2·10⁻⁵ errs by about 10⁻¹⁰ through the third
	// derivative and as much through rounding.
	const step, tolerance = 1e-5, 1e-8
	const n = 5
	for _, test := range cells {
		for _, o := range kernelstest.Objectives {
			t.Run(test.name+", "+o.Name, func(t *testing.T) {
				u := engine[float64](t, test.cell, n, 4, 1)
				theta := thetaOf(test.cell, n, 2)
				tape := passage[float64](n*test.cell.States(), counting(11))
				_, grad := lossOf(u, theta, o.Objective, tape)
				numeric := make([]float64, len(theta))
				for i, w := range theta {
					if grad[i] == 0 && w == 0 {
						continue // no connection
					}
					theta[i] = w + step
					above, _ := lossOf(u, theta, o.Objective, tape)
					theta[i] = w - step
					below, _ := lossOf(u, theta, o.Objective, tape)
					numeric[i] = (above - below) / (2 * step)
					theta[i] = w
				}
				near(t, "gradient", grad, numeric, tolerance)
			})
		}
	}
}

// PyTorch's equations, worked by hand in plain Go, step by step.
func TestCellsAreTheirEquations(t *testing.T) {
	const n, T = 3, 7
	noise := make([]float64, n) // of the step
	sigma := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	type gates func(k, i int, x, h []float64) (fromInput, fromState float64)
	for _, test := range []struct {
		name string
		cell Cell
		step func(g gates, x, state []float64) (next []float64)
	}{
		{"rnn", RNN{}, func(g gates, x, h []float64) (next []float64) {
			for i := range n {
				a, b := g(0, i, x, h)
				next = append(next, math.Tanh(a+b))
			}
			return next
		}},
		{"leaky", Leaky{Leak: .3}, func(g gates, x, h []float64) (next []float64) {
			for i := range n {
				a, b := g(0, i, x, h)
				next = append(next, .7*h[i]+.3*math.Tanh(a+b))
			}
			return next
		}},
		{"noisy", Leaky{Leak: .3, SD: .2}, func(g gates, x, h []float64) (next []float64) {
			for i := range n {
				a, b := g(0, i, x, h)
				next = append(next, .7*h[i]+.3*math.Tanh(a+b+.2*noise[i]))
			}
			return next
		}},
		{"gru", GRU{}, func(g gates, x, h []float64) (next []float64) {
			for i := range n {
				ar, br := g(0, i, x, h)
				az, bz := g(1, i, x, h)
				an, bn := g(2, i, x, h)
				z := sigma(az + bz)
				next = append(next, (1-z)*math.Tanh(an+sigma(ar+br)*bn)+z*h[i])
			}
			return next
		}},
		{"lstm", LSTM{}, func(g gates, x, state []float64) (next []float64) {
			next = make([]float64, 2*n)
			for k := range n {
				h := state[:n]
				ai, bi := g(0, k, x, h)
				af, bf := g(1, k, x, h)
				ag, bg := g(2, k, x, h)
				ao, bo := g(3, k, x, h)
				next[n+k] = sigma(af+bf)*state[n+k] + sigma(ai+bi)*math.Tanh(ag+bg)
				next[k] = sigma(ao+bo) * math.Tanh(next[n+k])
			}
			return next
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			theta := thetaOf(test.cell, n, 4)
			at := map[string][]float64{}
			for _, p := range Layout(test.cell, n) {
				at[p.Name] = theta[p.Start:p.End]
			}
			g := func(k, i int, x, h []float64) (fromInput, fromState float64) {
				row := k*n + i
				fromInput, fromState = at[inputBias][row], at[recurrentBias][row]
				for j, v := range x {
					fromInput += at[inputWeight][row*kernels.Inputs+j] * v
				}
				for j, v := range h {
					fromState += at[recurrentWeight][row*n+j] * v
				}
				return fromInput, fromState
			}
			u := engine[float64](t, test.cell, n, 3, 1)
			tape := passage[float64](n*test.cell.States(), counting(T))
			lossOf(u, theta, kernels.CrossEntropyMean, tape)
			state := make([]float64, tape.N)
			for step := range T {
				tape.Session.StateNoise(0, step, noise)
				state = test.step(g, tape.Input[step*kernels.Inputs:][:kernels.Inputs], state)
				near(t, fmt.Sprintf("state after step %d", step), tape.State(step), state, exact)
				d := at[readoutBias][1] - at[readoutBias][0]
				for j, v := range state[:n] {
					d += (at[readoutWeight][n+j] - at[readoutWeight][j]) * v
				}
				if math.Abs(tape.Difference[step]-d) > exact*10 {
					t.Errorf("logit difference after step %d: %v, want %v", step, tape.Difference[step], d)
				}
			}
		})
	}
}

// A leaky network that forgets at once is the vanilla one.
func TestLeakOfOneIsRNN(t *testing.T) {
	theta := thetaOf(RNN{}, 4, 1)
	loss, grad := lossOf(engine[float64](t, RNN{}, 4, 5, 1), theta, kernels.CrossEntropyMean, passage[float64](4, counting(9)))
	same, gradient := lossOf(engine[float64](t, Leaky{Leak: 1}, 4, 5, 1), theta, kernels.CrossEntropyMean, passage[float64](4, counting(9)))
	near(t, "loss", []float64{same}, []float64{loss}, exact)
	near(t, "gradient", gradient, grad, exact)
}

// θ lies as kernels.Shape says where the cell is the vanilla network, and under
// PyTorch's names and shapes in all of PyTorch's.
func TestLayout(t *testing.T) {
	want := kernels.Shape{N: 7}.Parameters()
	if got := Layout(RNN{}, 7); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	got := Layout(GRU{}, 7)
	if got[0].Name != "core.weight_ih_l0" || !slices.Equal(got[0].Shape, []int{21, 3}) || !slices.Equal(got[1].Shape, []int{21, 7}) {
		t.Errorf("of a GRU: %v", got)
	}
}

// Every cell learns something of the task in some hundred gradient steps.
func TestCellsLearn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	const n, steps, first, last = 8, 500, 5, 100
	for _, test := range cells {
		t.Run(test.name, func(t *testing.T) {
			u := engine[float64](t, test.cell, n, DefaultSteps, 1)
			net := network[float64](t, n, kernels.CrossEntropyMean)
			net.Shape.N = n * test.cell.States()
			net.LearningRate = .01
			net.Theta = thetaOf(test.cell, n, 3)
			net.Velocity = make([]float64, 2*len(net.Theta))
			trainer, err := NewTrainer[float64](u, net)
			if err != nil {
				t.Fatal(err)
			}
			trainer.Use("adam", 0, test.cell, n)
			var before, after float64
			for i := range steps {
				r, err := trainer.Step()
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case i < first:
					before += r.Loss / first
				case i >= steps-last:
					after += r.Loss / last
				}
			}
			t.Logf("loss %.3f, then %.3f", before, after)
			if after > .85*before {
				t.Errorf("loss %v after %v", after, before)
			}
		})
	}
}
