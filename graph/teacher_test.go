package graph

import (
	"context"
	"fmt"
	"math"
	"testing"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
)

// What the oracle asks: of one loss and gradient, and of weights after 20
// gradient steps.
const (
	oracleStep    = 1e-9
	oracleWeights = 1e-8
)

// Traditional distillation by the graph's op against the fixture: losses, RNN
// steps, the first gradient, and the student after 20 gradient steps.
func TestSoftCrossEntropyOracle(t *testing.T) {
	f := kernelstest.Open(t, "distill_n50_n2")
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	teacherN, teacher := f.Weights("teacher/")
	n, student := f.Weights("student/")
	losses, steps := f.Floats("loss"), f.Integers("rnn_steps")

	tapes := []*kernels.Tape[float64]{kernels.NewTape[float64](n)}
	teachers := []*kernels.Tape[float64]{kernels.NewTape[float64](teacherN)}
	tapes[0].Teacher = teachers[0]
	session := NewSession[float64](backend, kernels.SoftCrossEntropyMean, tapes)
	g := gorgonia.NewGraph()
	theta := leafOf(g, student)
	loss := must(t)(session.Apply(theta))
	grads, err := gorgonia.Grad(loss, theta)
	if err != nil {
		t.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	solver := NewSGD[float64](backend, f.Floats("lr")[0], f.Floats("momentum")[0])
	for k := range losses {
		s := f.Session(fmt.Sprintf("%d/session/", k))
		tapes[0].Begin(s)
		teachers[0].Begin(s)
		backend.Forward(teacher, kernels.CrossEntropyMean, teachers)
		if err := machine.RunAll(); err != nil {
			t.Fatal(err)
		}
		machine.Reset()
		if d := math.Abs(session.Loss()-losses[k]) / math.Abs(losses[k]); !(d <= oracleStep) {
			t.Errorf("gradient step %d: loss %v, want %v", k, session.Loss(), losses[k])
		}
		if int64(tapes[0].T) != steps[k] {
			t.Fatalf("gradient step %d: %d RNN steps, want %d", k, tapes[0].T, steps[k])
		}
		if k == 0 {
			grad, err := flat[float64](grads[0].Value())
			if err != nil {
				t.Fatal(err)
			}
			if _, want := f.Weights("0/grad/"); !(distance(grad, want) <= oracleStep) {
				t.Errorf("first gradient off by %g", distance(grad, want))
			}
			for i, tape := range []*kernels.Tape[float64]{teachers[0], tapes[0]} {
				want := f.Floats([]string{"0/teacher_prob", "0/student_prob"}[i])
				for step := range tape.T {
					if math.Abs(tape.Probability(step)-want[2*step+1]) > oracleStep {
						t.Fatalf("step %d: probability %v, want %v", step, tape.Probability(step), want[2*step+1])
					}
				}
			}
		}
		if err := solver.Step([]gorgonia.ValueGrad{valueGrad{theta.Value(), grads[0].Value()}}); err != nil {
			t.Fatal(err)
		}
	}
	_, want := f.Weights("final/")
	if d := distance(student, want); !(d <= oracleWeights) {
		t.Errorf("student after %d gradient steps off by %g", len(losses), d)
	}
}

// taught is a network of 3 units that learns from one of 7.
func taught(t testing.TB) *kernels.Network[float64] {
	net, teacher := network[float64](t, 3, kernels.SoftCrossEntropyMean), network[float64](t, 7, kernels.CrossEntropyMean)
	for i, w := range kernels.Views(teacher.Shape, teacher.Theta).Readout {
		kernels.Views(teacher.Shape, teacher.Theta).Readout[i] = 6 * w // some trials end with an action
	}
	net.Sessions = 2
	net.Teacher = &kernels.Teacher[float64]{Shape: teacher.Shape, Theta: teacher.Theta}
	return net
}

// The symbolic derivative, with ops before and after it, against central finite
// differences: 2·L(3θ) by θ.
func TestSoftCrossEntropyFiniteDifferences(t *testing.T) {
	const (
		step = 1e-5 // the error of a central difference is about step² and rounding/step
		near = 1e-7
	)
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	net := taught(t)
	batch := kernels.BatchOf(net)
	batch.Draw(net.Sampler, 3, 0)
	batch.Teach(backend, net)

	g := gorgonia.NewGraph()
	n := must(t)
	theta := leafOf(g, net.Theta)
	session := NewSession[float64](backend, net.Objective, batch.Tapes)
	tripled := n(gorgonia.Mul(theta, gorgonia.NewConstant(3.0)))
	_, grads := run(t, g, n(gorgonia.Mul(n(session.Apply(tripled)), gorgonia.NewConstant(2.0))), theta)

	at := func(i int, by float64) float64 {
		moved := make([]float64, len(net.Theta))
		for j, w := range net.Theta {
			moved[j] = 3 * w
		}
		moved[i] += 3 * by
		return 2 * backend.Forward(moved, net.Objective, batch.Tapes)
	}
	want := make([]float64, len(net.Theta))
	for i := range want {
		want[i] = (at(i, step) - at(i, -step)) / (2 * step)
	}
	if d := distance(grads[0], want); !(d <= near) {
		t.Errorf("gradient off by %g", d)
	}
}

func TestTrainerWithATeacherIsKernelsTrain(t *testing.T) {
	backend := cpu.New[float64](cpu.Generic, 2)
	defer backend.Close()
	through, bare := taught(t), taught(t)
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
			t.Fatalf("gradient step %d: %+v, without a graph %+v", i+1, r, bare.Records[i])
		}
	}
	if distance(through.Theta, bare.Theta) != 0 {
		t.Error("θ differs from training without a graph")
	}
}

// valueGrad is a value with its gradient, as a solver takes them.
type valueGrad struct{ value, grad gorgonia.Value }

func (v valueGrad) Value() gorgonia.Value         { return v.value }
func (v valueGrad) Grad() (gorgonia.Value, error) { return v.grad, nil }
