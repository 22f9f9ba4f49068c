package task

import (
	"math"
	"testing"

	"radd/internal/philox"
)

// TestObservationsAhead holds the reader to Session.Observe, to the bit: trial after
// trial, step by step, and in any other order; on drawn sessions and on recorded
// ones, one after the other.
func TestObservationsAhead(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*Config)
		record  bool
		normals Normals
	}{
		{"the paper's", nil, false, nil},
		{"recorded", nil, true, nil},
		{"no blanks", func(c *Config) { c.BlankSteps = 0 }, false, philox.Normals},
		{"thirty-one observations", func(c *Config) { c.MaxObservations = 31 }, false, nil},
		{"much noise", func(c *Config) { c.NoiseSD = 3 }, false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := DefaultConfig()
			if test.change != nil {
				test.change(&c)
			}
			c, err := c.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			sampler := NewSampler(c)
			var o Observations
			for i := range 3 {
				var s Session
				s.Draw(sampler, Origin{Seed: 5, Stream: StreamTrain, GradientStep: uint32(i)})
				if test.record {
					s.Record()
				}
				o.Begin(&s, test.normals)
				steps := c.MaxSteps()
				check := func(trial, step int) {
					left, right := o.At(trial, step)
					wantLeft, wantRight := s.Observe(trial, step)
					if math.Float64bits(left) != math.Float64bits(wantLeft) || math.Float64bits(right) != math.Float64bits(wantRight) {
						t.Fatalf("session %d, trial %d, step %d: %v, %v; want %v, %v", i, trial, step, left, right, wantLeft, wantRight)
					}
				}
				for trial := range s.Trials() {
					for step := range 1 + (trial*7+i)%steps { // trials end at any step
						check(trial, step)
					}
				}
				for j := range 500 {
					check(j*j%s.Trials(), j*j*j%steps)
				}
			}
		})
	}
}
