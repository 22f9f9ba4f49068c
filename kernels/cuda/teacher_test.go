package cuda_test

import (
	"context"
	"fmt"
	"testing"

	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/task"
)

// TestTeacher trains students of every mapping along teachers of several sizes,
// together, and wants what kernels.Train gives for each alone. The two play the
// teacher by different mappings, so that its outputs, and with them the losses,
// agree up to rounding only.
func TestTeacher(t *testing.T) {
	b := open[float64](t)
	p := short(t, func(c *task.Config) { c.Blocks = 1 })
	var together, alone []*kernels.Network[float64]
	for i, sizes := range [][2]int{{50, 2}, {25, 2}, {50, 2}, {2, 25}, {7, 50}, {50, 100}, {100, 9}, {300, 2}} {
		teacher := network[float64](p, sizes[0], 9)
		for _, list := range []*[]*kernels.Network[float64]{&together, &alone} {
			net := network[float64](p, sizes[1], uint64(i))
			net.Objective = kernels.SoftCrossEntropyMean
			net.Teacher = &kernels.Teacher[float64]{Shape: teacher.Shape, Theta: teacher.Theta}
			*list = append(*list, net)
		}
	}
	const gradientSteps = 3
	if err := b.Train(context.Background(), together, gradientSteps); err != nil {
		t.Fatal(err)
	}
	for i, want := range alone {
		got := together[i]
		t.Run(fmt.Sprintf("%d to %d", want.Teacher.Shape.N, want.Shape.N), func(t *testing.T) {
			kernels.Train(context.Background(), b, want, gradientSteps)
			if got.Err != nil || got.Step != gradientSteps || len(got.Records) != gradientSteps {
				t.Fatalf("%d gradient steps, %d records, %v", got.Step, len(got.Records), got.Err)
			}
			for k, r := range got.Records {
				w := want.Records[k]
				if r.RNNSteps != w.RNNSteps || r.Behaviour != w.Behaviour {
					t.Errorf("gradient step %d: %+v, want %+v", k+1, r, w)
				}
				if d := distance([]float64{r.Loss, r.GradientNorm}, []float64{w.Loss, w.GradientNorm}); !(d <= agreement) {
					t.Errorf("gradient step %d: %+v, want %+v", k+1, r, w)
				}
			}
			if d := distance(got.Theta, want.Theta); !(d <= agreement) {
				t.Errorf("θ is off by %.2g, allowed %.2g", d, agreement)
			}
		})
	}
}

// TestDistillationOracle repeats the oracle's traditional distillation: a teacher
// of 50 units, a student of 2, 20 gradient steps on recorded sessions.
func TestDistillationOracle(t *testing.T) {
	const (
		oracleStep    = 1e-9 // what the oracle asks of a loss and a gradient,
		oracleWeights = 1e-8 // and of weights after training
	)
	f := kernelstest.Open(t, "distill_n50_n2")
	b := open[float64](t)
	teacherN, teacher := f.Weights("teacher/")
	n, theta := f.Weights("student/")
	velocity, grad := make([]float64, len(theta)), make([]float64, len(theta))
	steps := f.Integers("rnn_steps")
	lead, tape := kernels.NewTape[float64](teacherN), kernels.NewTape[float64](n)
	tape.Teacher = lead
	leads, tapes := []*kernels.Tape[float64]{lead}, []*kernels.Tape[float64]{tape}
	for k, want := range f.Floats("loss") {
		session := f.Session(fmt.Sprintf("%d/session/", k))
		lead.Begin(session)
		tape.Begin(session)
		b.Forward(teacher, kernels.CrossEntropyMean, leads)
		loss := b.Forward(theta, kernels.SoftCrossEntropyMean, tapes)
		if d := distance([]float64{loss}, []float64{want}); !(d <= oracleStep) || int64(tape.T) != steps[k] {
			t.Fatalf("gradient step %d: loss %v of %d RNN steps, want %v of %d", k+1, loss, tape.T, want, steps[k])
		}
		b.Backward(theta, kernels.SoftCrossEntropyMean, tapes, 1, grad)
		if _, want := f.Weights("0/grad/"); k == 0 && !(distance(grad, want) <= oracleStep) {
			t.Errorf("the first gradient is off by %.2g", distance(grad, want))
		}
		b.Update(theta, velocity, grad, f.Floats("lr")[0], f.Floats("momentum")[0])
	}
	if _, want := f.Weights("final/"); !(distance(theta, want) <= oracleWeights) {
		t.Errorf("the student is off by %.2g, allowed %.2g", distance(theta, want), oracleWeights)
	}
}
