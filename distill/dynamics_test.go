package distill

import (
	"context"
	"testing"

	"radd/task"
)

// What is told of a trained network and of an untrained one, whose gradients
// vanish sooner.
func TestDynamicsOf(t *testing.T) {
	w := fixtureNetwork(t)
	subject := Subject{Weights: w, Task: task.DefaultConfig()}
	fresh := UntrainedOf("untrained", []Subject{subject})[0]
	trained, tables, err := DynamicsOf(context.Background(), w, task.DefaultConfig(), 8, 2)
	if err != nil {
		t.Fatal(err)
	}
	untrained, _, err := DynamicsOf(context.Background(), fresh.Weights, task.DefaultConfig(), 8, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) != 3 || len(trained.Gradient) != 8 || len(trained.Lyapunov) != 5 {
		t.Errorf("%d tables, %+v", len(tables), trained)
	}
	if !(trained.Lyapunov[0] < 0 && untrained.Lyapunov[0] < trained.Lyapunov[0]) || !(untrained.SpectralRadius < trained.SpectralRadius) {
		t.Errorf("exponents %v trained, %v untrained; radii %v, %v", trained.Lyapunov, untrained.Lyapunov, trained.SpectralRadius, untrained.SpectralRadius)
	}
	if !(untrained.Gradient[5].Median < trained.Gradient[5].Median) {
		t.Errorf("gradients %+v trained, %+v untrained", trained.Gradient, untrained.Gradient)
	}
}
