package cuda_test

import (
	"math"
	"slices"
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/task"
)

// noiseTolerance is of an observation: rounding of logarithm, sine and cosine.
// In float32 the angle has an error of 2⁻²⁴ turns at a radius up to 5.8.
var noiseTolerance = map[string]float64{"f32": 5e-6, "f64": 1e-14}

// TestDraw draws 10⁵ trials and wants sides, strengths and blocks to be those of
// the specification, and observations up to rounding.
func TestDraw(t *testing.T) {
	t.Run("f32", func(t *testing.T) { draws(t, open[float32](t)) })
	t.Run("f64", func(t *testing.T) { draws(t, open[float64](t)) })
}

func draws[F kernels.Float](t *testing.T, b *cuda.Backend[F]) {
	blocks := 2100 // of 49 trials on average
	if testing.Short() {
		blocks = 40
	}
	for _, v := range []struct {
		name   string
		change func(*task.Config)
		origin task.Origin
	}{
		{"long", func(c *task.Config) { c.Blocks, c.BlockMin, c.BlockMax = blocks, 20, 100 },
			task.Origin{Seed: 0x123456789abcdef0, Stream: task.StreamRollout}},
		{"many observations", func(c *task.Config) { c.MaxObservations, c.BlankSteps, c.NoiseSD = 150, 0, 2 },
			task.Origin{Seed: 7, Stream: task.StreamTrain, GradientStep: 1 << 31, Session: 1<<24 - 1}},
		{"one length", func(c *task.Config) { c.Blocks, c.BlockMin, c.BlockMax = 9, 2, 2 }, task.Origin{Seed: 3, Stream: task.StreamTrain}},
		{"one strength", func(c *task.Config) { c.Strengths, c.StrengthProbabilities = []float64{1.25}, nil },
			task.Origin{Seed: 4, Stream: task.StreamTrain, GradientStep: 5}},
		{"strengths that do not occur", func(c *task.Config) { c.StrengthProbabilities = []float64{0, .5, 0, .5, 0, 0} },
			task.Origin{Seed: 5, Stream: task.StreamTrain, Session: 2}},
	} {
		t.Run(v.name, func(t *testing.T) {
			p := short(t, v.change)
			var want task.Session
			want.Draw(p, v.origin)
			want.Record()
			got, err := b.Draw(p, v.origin, want.Trials()+1)
			if err != nil {
				t.Fatal(err)
			}
			if v.name == "long" && !testing.Short() && len(got.TrialSide) < 100_000 {
				t.Errorf("only %d trials", len(got.TrialSide))
			}
			if !slices.Equal(got.BlockSide, want.BlockSide) || !slices.Equal(got.TrialSide, want.TrialSide) {
				t.Errorf("%d trials, want %d: sides of blocks or trials differ", len(got.TrialSide), want.Trials())
				return
			}
			for n, strength := range want.Strength {
				if got.Strength[n] != float64(F(strength)) {
					t.Fatalf("trial %d: strength %v, want %v", n, got.Strength[n], strength)
				}
			}
			worst := 0.0
			for i, x := range want.Observation {
				if x == 0 && got.Observation[i] != 0 {
					t.Fatalf("a blank step shows %v", got.Observation[i])
				}
				worst = max(worst, math.Abs(got.Observation[i]-x))
			}
			if limit := noiseTolerance[kernels.Dtype[F]()] * p.Config.NoiseSD; !(worst <= limit) {
				t.Errorf("an observation is off by %.2g, allowed %.2g", worst, limit)
			}
		})
	}
}
