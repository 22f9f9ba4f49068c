package distill

import (
	"context"
	"math"
	"testing"

	"radd/task"
	"radd/train"
)

// The default actor stands on its own curve, the published one below it, and the
// curve's straight lines between thresholds are near to what lies between.
func TestFrontierOf(t *testing.T) {
	const (
		blocks, seed = 300, 4
		own          = 1e-12
		between      = .004 // the same session is played, so that its luck is the same
	)
	ctx, c := context.Background(), task.DefaultConfig()
	curve, err := FrontierOf(ctx, task.Difference, c, blocks, seed)
	if err != nil {
		t.Fatal(err)
	}
	play := func(kind task.Kind, threshold float64) (p [3]float64) {
		c := c
		c.ActionThreshold = threshold
		s, err := train.Baseline(ctx, train.BaselineConfig{Kind: kind, Blocks: blocks, Seed: seed, Task: c})
		if err != nil {
			t.Fatal(err)
		}
		at := curve.Position(float64(s.RNNStepsPerTrial), float64(s.CorrectPerTrial))
		return [3]float64{float64(at.Threshold), float64(at.Distance), float64(at.RNNSteps)}
	}
	if p := play(task.Difference, .9); math.Abs(p[0]-.9) > own || math.Abs(p[1]) > own {
		t.Errorf("the actor stands at %v by its own curve", p)
	}
	worst := 0.
	for _, threshold := range []float64{.575, .625, .675, .725, .775, .825, .8625, .8875, .9125, .9375, .9625} {
		p := play(task.Difference, threshold)
		if worst = max(worst, math.Abs(p[1])); !(math.Abs(p[1]) < between) || math.Abs(p[0]-threshold) > .02 {
			t.Errorf("at threshold %v it stands at %v", threshold, p)
		}
	}
	t.Logf("between thresholds the curve is within %.4f", worst)
	if p := play(task.Published, .9); !(p[1] < -.003) {
		t.Errorf("the published actor stands at %v", p)
	}
}
