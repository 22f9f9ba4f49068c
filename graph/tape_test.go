//go:build gpu || linux

package graph

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/kernelstest"
	"radd/task"
)

const (
	// otherOrder is how far sums in another order, and other exponentials, may take
	// float64 values from the VM's over a few hundred steps, relative to the norm.
	otherOrder = 1e-12
	// otherOrder32 is the same of float32 over one run of a small graph.
	otherOrder32 = 2e-6
	// oracleTraining is what the oracle asks of weights after its gradient steps.
	oracleTraining = 1e-8
)

var silent = slog.New(slog.DiscardHandler)

func openGPU[F kernels.Float](t testing.TB) *cuda.Backend[F] {
	return cuda.New[F](openDriver(t), silent)
}

// onDevice returns the engine of a cell on a GPU.
func onDevice[F kernels.Float](t testing.TB, on *cuda.Backend[F], c Cell, n, steps int) *Unrolled[F] {
	t.Helper()
	u, err := NewUnrolled(c, n, steps, 1, kernels.Backend[F](on))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range u.device {
		i.Threads = threads
	}
	t.Cleanup(func() { // the device is there for others
		if err := u.release(); err != nil {
			t.Error(err)
		}
	})
	return u
}

// Every expression whose ops have opcodes gives what it gives on the CPU, over two
// runs, and every other error names the op and what to do.
func TestDeviceVM(t *testing.T) {
	t.Run("f64", func(t *testing.T) { deviceVM[float64](t, otherOrder) })
	t.Run("f32", func(t *testing.T) { deviceVM[float32](t, otherOrder32) })
}

func deviceVM[F kernels.Float](t *testing.T, tolerance float64) {
	on := openGPU[F](t)
	lacking := []string{"of scalars", "a matrix's row and column", "concatenated", "transposed", "products of matrices",
		"sums along an axis", "a comparison"}
	for _, e := range expressions {
		t.Run(e.name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			var values [][]F
			leaf := func(name string, shape ...int) *gorgonia.Node {
				total := 1
				for _, d := range shape {
					total *= d
				}
				v := someNumbers[F](total, len(values)+2)
				values = append(values, v)
				return gorgonia.NewTensor(g, dtype[F](), len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...), gorgonia.WithValue(dense(v, shape...)))
			}
			W, v, h := leaf("W", 4, 3), leaf("v", 3), leaf("h", 4)
			s := gorgonia.NewScalar(g, dtype[F](), gorgonia.WithName("s"), gorgonia.WithValue(F(1.25)))
			var b builder
			y := e.make(&b, g, W, v, h, s)
			if b.err != nil {
				t.Fatal(b.err)
			}
			outputs := gorgonia.Nodes{y}
			if !y.IsScalar() {
				outputs[0] = b.product(y, y) // the op Sum is differentiated by one that has no opcode
			}
			if grads, err := differentiate(outputs[0], h); err == nil { // else it does not go through h
				outputs = append(outputs, grads...)
			}
			device, err := NewDeviceVM(on, g, outputs...)
			if slices.Contains(lacking, e.name) {
				if err == nil || !strings.Contains(err.Error(), "the op ") || !strings.Contains(err.Error(), "--device cpu") {
					t.Errorf("%v, want one that names the op and what to do", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := device.Close(); err != nil {
					t.Error(err)
				}
			}()
			vm, err := NewVM[F](g, outputs...)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var results [2][][]F
				for k, m := range []*VM[F]{vm, device} {
					if err := m.RunAll(); err != nil {
						t.Fatal(err)
					}
					for _, n := range outputs {
						x, err := elements[F](n.Value())
						if err != nil {
							t.Fatal(err)
						}
						results[k] = append(results[k], slices.Clone(x))
					}
				}
				for k := range outputs {
					near(t, fmt.Sprintf("output %d", k), results[1][k], results[0][k], tolerance)
				}
				for _, v := range values {
					for i := range v {
						v[i] *= -1.01
					}
				}
			}
		})
	}
}

// launches counts a device's launches, and has it say how much memory is free.
type launches struct {
	cuda.Driver
	n    int
	free int // 0: what is
}

func (d *launches) Memory() (int, error) {
	if d.free > 0 {
		return d.free, nil
	}
	return d.Driver.Memory()
}

func (d *launches) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	d.n++
	return d.Driver.Launch(kernel, grid, block, shared, arguments)
}

// The graph of a whole session, its loss and all of its gradients, is one launch of
// what the VM schedules, and gives what the fixture says.
func TestDeviceVMRunsASessionInOneLaunch(t *testing.T) {
	name := "n50_trained_prob"
	if testing.Short() {
		name = "n2_trained_prob"
	}
	f := kernelstest.Load(t, name)
	T := len(f.Record.Trial)
	s, err := unroll[float64](RNN{}, f.N, T, ofLogarithm, naming)
	if err != nil {
		t.Fatal(err)
	}
	let := func(n *gorgonia.Node, v []float64) {
		if err := gorgonia.Let(n, dense(v, n.Shape().Clone()...)); err != nil {
			t.Fatal(err)
		}
	}
	theta := f.Theta
	for _, n := range s.parameters {
		let(n, theta[:size(n)])
		theta = theta[size(n):]
	}
	let(s.first[0], make([]float64, f.N))
	let(s.incoming[0], make([]float64, f.N))
	for k := range T {
		let(s.input[k], f.Record.Input[k*kernels.Inputs:][:kernels.Inputs])
		weight := make([]float64, kernels.Actions)
		if f.Record.Counted[k] {
			weight[f.Record.Target[k]] = -1 / float64(T)
		}
		let(s.weight[k], weight)
	}
	device := &launches{Driver: openDriver(t)}
	vm, err := NewDeviceVM(cuda.New[float64](device, silent), s.graph, append(gorgonia.Nodes{s.loss}, s.gradient...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if device.n != 1 {
		t.Errorf("%d launches", device.n)
	}
	loss, _ := number[float64](s.loss.Value())
	near(t, "loss", []float64{loss}, f.Loss[:1], agreement)
	var grad []float64
	for _, n := range s.gradient {
		g, err := elements[float64](n.Value())
		if err != nil {
			t.Fatal(err)
		}
		grad = append(grad, g...)
	}
	near(t, "gradient", grad, f.Grad[0], agreement)
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
}

// The tape gives what the fixtures say, from segments of any
// length, up to the whole session's.
func TestTapeIsFixture(t *testing.T) {
	type fixture struct {
		name  string
		steps []int
	}
	fixtures := []fixture{{"n2_trained_prob", []int{1, 32}}}
	if !testing.Short() {
		fixtures = nil
		for _, name := range kernelstest.Networks {
			fixtures = append(fixtures, fixture{name, []int{DefaultSteps}})
		}
		fixtures = append(fixtures, fixture{"n50_trained_prob", []int{700}})
	}
	on := openGPU[float64](t)
	for _, x := range fixtures {
		f := kernelstest.Load(t, x.name)
		for _, K := range x.steps {
			u := onDevice(t, on, RNN{}, f.N, K)
			tape, grad := kernels.NewTape[float64](f.N), make([]float64, len(f.Theta))
			tapes := []*kernels.Tape[float64]{tape}
			for i, objective := range kernelstest.Objectives {
				t.Run(fmt.Sprintf("%s, %d steps, %s", x.name, K, objective.Name), func(t *testing.T) {
					o := objective.Objective
					tape.Begin(f.Session)
					loss := u.Forward(f.Theta, o, tapes)
					u.Backward(f.Theta, o, tapes, 1, grad)
					near(t, "loss", []float64{loss}, []float64{f.Loss[i]}, agreement)
					for _, p := range (kernels.Shape{N: f.N}).Parameters() {
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
}

// In float32, with the fixture's decisions, as near as the oracle asks.
func TestTapeInFloat32(t *testing.T) {
	const oracleLoss, oracleGrad = 1e-4, 1e-3
	f := kernelstest.Load(t, "n25_trained_ce")
	u := onDevice(t, openGPU[float32](t), RNN{}, f.N, DefaultSteps)
	theta, grad := make([]float32, len(f.Theta)), make([]float32, len(f.Theta))
	for i, w := range f.Theta {
		theta[i] = float32(w)
	}
	tape := kernels.NewTape[float32](f.N)
	tape.Forced = &f.Record.Decisions
	tapes := []*kernels.Tape[float32]{tape}
	for i, objective := range kernelstest.Objectives {
		tape.Begin(f.Session)
		loss := u.Forward(theta, objective.Objective, tapes)
		u.Backward(theta, objective.Objective, tapes, 1, grad)
		near(t, objective.Name+": loss", []float64{loss}, []float64{f.Loss[i]}, oracleLoss)
		near(t, objective.Name+": gradient", widen(grad), f.Grad[i], oracleGrad)
	}
}

// brief returns sessions of two short blocks.
func brief(t testing.TB) *task.Sampler {
	t.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = 2, 3, 6
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return task.NewSampler(c)
}

// Every cell on the tape, its connections and its noise, is that cell on the VM:
// records, losses, gradients.
func TestTapeIsVM(t *testing.T) {
	const n, B = 5, 2
	on := openGPU[float64](t)
	for _, test := range cells {
		t.Run(test.name, func(t *testing.T) {
			theta := thetaOf(test.cell, n, 2)
			for i := range theta[len(theta)-2*n-2:] {
				theta[len(theta)-1-i] *= 4 // so that it acts
			}
			engines := []*Unrolled[float64]{engine[float64](t, test.cell, n, 7, 1), onDevice(t, on, test.cell, n, 7)}
			for _, i := range engines[1].device {
				i.Threads = 128
			}
			for _, o := range kernelstest.Teaching {
				name := o.String()
				var batches [2]*kernels.Batch[float64]
				var losses [2]float64
				var grads [2][]float64
				for k, u := range engines {
					batches[k], grads[k] = kernels.NewBatch[float64](n*test.cell.States(), B), make([]float64, len(theta))
					batches[k].Draw(brief(t), 3, 1)
					losses[k] = u.Forward(theta, o, batches[k].Tapes)
					u.Backward(theta, o, batches[k].Tapes, .75, grads[k])
				}
				near(t, name+": loss", losses[1:], losses[:1], otherOrder)
				near(t, name+": gradient", grads[1], grads[0], otherOrder)
				for i, got := range batches[1].Tapes {
					want := batches[0].Tapes[i]
					if got.T != want.T || got.Behaviour != want.Behaviour || !slices.Equal(got.Step[:got.T], want.Step[:want.T]) ||
						!slices.Equal(got.Trial[:got.T], want.Trial[:want.T]) || !slices.Equal(got.Input[:3*got.T], want.Input[:3*want.T]) {
						t.Fatalf("%s: %d steps, %+v; the VM %d, %+v", name, got.T, got.Behaviour, want.T, want.Behaviour)
					}
					near(t, name+": states", got.Hidden[:(got.T+1)*got.N], want.Hidden[:(got.T+1)*got.N], otherOrder)
				}
			}
		})
	}
}

// Training on the tape with every solver ends where training on the VM does.
func TestTapeTrainsAsTheVM(t *testing.T) {
	const n, steps = 4, 6
	on := openGPU[float64](t)
	for _, c := range []Cell{RNN{}, GRU{}, Connect(LSTM{}, Connectivity{Recurrent: "diagonal", Excitatory: .5})} {
		for _, solver := range Solvers {
			t.Run(fmt.Sprintf("%T, %s", c, solver), func(t *testing.T) {
				var theta [2][]float64
				for k, u := range []*Unrolled[float64]{engine[float64](t, c, n, 9, 1), onDevice(t, on, c, n, 9)} {
					net := network[float64](t, n, kernels.CrossEntropyMean)
					net.Shape.N, net.Sampler, net.Sessions = n*c.States(), brief(t), 2
					net.Theta = thetaOf(c, n, 3)
					net.Velocity = make([]float64, len(net.Theta)*Moments(solver))
					trainer, err := NewTrainer[float64](u, net)
					if err != nil {
						t.Fatal(err)
					}
					trainer.Use(solver, .5, c, n)
					for range steps {
						if _, err := trainer.Step(); err != nil {
							t.Fatal(err)
						}
					}
					theta[k] = net.Theta
				}
				near(t, "θ", theta[1], theta[0], oracleTraining)
			})
		}
	}
}

// Neither the number of threads nor where launches are cut, nor a memory that does
// not hold all sessions of a batch, changes a bit.
func TestTapeBounds(t *testing.T) {
	const n, B = 6, 3
	theta := thetaOf(GRU{}, n, 5)
	device := &launches{Driver: openDriver(t)}
	on := cuda.New[float64](device, silent)
	play := func(threads, steps, memory int, forced bool) (losses, grad []float64, tapes []*kernels.Tape[float64]) {
		u := onDevice(t, on, GRU{}, n, 8)
		device.n, device.free = 0, memory
		for _, i := range u.device {
			i.Threads, i.Steps = threads, steps
		}
		b := kernels.NewBatch[float64](n, B)
		b.Draw(brief(t), 3, 1)
		grad = make([]float64, len(theta))
		u.Forward(theta, kernels.CrossEntropyMean, b.Tapes)
		if forced {
			for _, q := range b.Tapes {
				d := &kernels.Decisions{}
				for at := range q.T {
					d.Trial, d.Step = append(d.Trial, int64(q.Trial[at])), append(d.Step, int64(q.Step[at]))
					d.Feedback = append(d.Feedback, q.Feedback[at])
				}
				q.Forced = d
				q.Begin(q.Session)
			}
			u.Forward(theta, kernels.CrossEntropyMean, b.Tapes)
		}
		u.Backward(theta, kernels.CrossEntropyMean, b.Tapes, 1, grad)
		for _, q := range b.Tapes {
			losses = append(losses, q.Loss)
		}
		return losses, grad, b.Tapes
	}
	const long, little = 1 << 13, 200 << 10
	wantLosses, wantGrad, want := play(64, long, 0, false)
	if device.n != 2 {
		t.Errorf("%d launches, want one forward and one back", device.n)
	}
	for _, bounds := range []struct {
		threads, steps, memory int
		forced                 bool
	}{{32, long, 0, false}, {256, long, 0, false}, {64, 1, 0, false}, {64, 30, 0, false}, {64, long, little, false},
		{64, long, 0, true}, {64, 5, little, true}} {
		losses, grad, got := play(bounds.threads, bounds.steps, bounds.memory, bounds.forced)
		if bounds.memory > 0 && device.n <= 2 {
			t.Errorf("%+v: all sessions at once", bounds)
		}
		near(t, fmt.Sprintf("%+v: losses", bounds), losses, wantLosses, otherOrder) // launches' sums are added up
		if !slices.Equal(grad, wantGrad) {
			t.Errorf("%+v: another gradient", bounds)
		}
		for i, q := range got {
			w := want[i]
			if q.T != w.T || q.Behaviour != w.Behaviour || !slices.Equal(q.Hidden[:(q.T+1)*n], w.Hidden[:(w.T+1)*n]) ||
				!slices.Equal(q.Feedback[:q.T], w.Feedback[:w.T]) || !slices.Equal(q.Input[:3*q.T], w.Input[:3*w.T]) {
				t.Errorf("%+v: tape %d is another", bounds, i)
			}
		}
	}
}

// An op of a person's cell that has no opcode is named, on the device that lacks it
// only, and what was put there is taken away.
func TestTapeNamesWhatItLacks(t *testing.T) {
	c := odd{step: func(p Leaves, x *gorgonia.Node, state gorgonia.Nodes) (gorgonia.Nodes, error) {
		var b builder
		return gorgonia.Nodes{b.unary(gorgonia.Log1p, b.unary(gorgonia.Square, b.gate(p, 0, x, state[0])))}, b.err
	}}
	on := openGPU[float64](t)
	_, err := NewUnrolled(c, 4, 3, 1, kernels.Backend[float64](on))
	if err == nil || !strings.Contains(err.Error(), "log1p") || !strings.Contains(err.Error(), "--device cpu") {
		t.Errorf("%v, want one that names the op and what to do", err)
	}
	engine[float64](t, c, 4, 3, 1)
}

// tapeEngines has engines on one GPU.
func tapeEngines[F kernels.Float](tb testing.TB) kernels.Backend[F] {
	on := openGPU[F](tb)
	return newEngines(func(n int) *Unrolled[F] { return onDevice(tb, on, RNN{}, n, DefaultSteps) })
}

// The tape is held to the suite that every backend passes.
func TestTapeIsBackend(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, TestTapeIsVM alone")
	}
	// Around a warp, a row of which is summed otherwise, and around a block.
	kernelstest.RunOver(t, tapeEngines[float64], 1, 31, 33, 50)
}
