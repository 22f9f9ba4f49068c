package cuda_test

import (
	"context"
	"fmt"
	"testing"

	"radd/kernels"
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
