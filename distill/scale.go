package distill

import (
	"fmt"
	"math"
	"slices"

	"radd/analysis"
	"radd/internal/input"
)

// DefaultScaleFactor keeps |z| below 1 by a margin.
const DefaultScaleFactor = 1.01

// Scale says how κ is chosen, by which the projected states are divided. The
// zero value is the default: one κ, 1.01 times the largest |P (h − h̄)| over all
// rows and RNN steps.
type Scale struct {
	Factor float64   // of the largest |P (h − h̄)|; 0 is DefaultScaleFactor
	PerRow bool      // every row has a κ of its own, from its own largest value
	Fixed  []float64 // κ itself, one or one a row: no pass over the trajectory; {1} turns scaling off
}

// resolve returns κ of each row (M). peaks (M) are each row's largest
// |P (h − h̄)|, and nil where Fixed says it all.
func (s Scale) resolve(M int, peaks []float64) ([]float64, error) {
	scale := make([]float64, M)
	if s.Fixed != nil {
		if len(s.Fixed) != 1 && len(s.Fixed) != M {
			return nil, &input.Error{Field: "scale", Found: fmt.Sprintf("%d values", len(s.Fixed)), Allowed: fmt.Sprintf("one, or one for each of %d rows", M)}
		}
		for m := range scale {
			scale[m] = s.Fixed[m%len(s.Fixed)]
			if !(scale[m] > 0) || math.IsInf(scale[m], 0) {
				return nil, &input.Error{Field: "scale", Found: formatFloat(scale[m]), Allowed: "a finite number above 0"}
			}
		}
		return scale, nil
	}
	factor := s.Factor
	if factor == 0 {
		factor = DefaultScaleFactor
	}
	if !(factor > 0) || math.IsInf(factor, 0) {
		return nil, &input.Error{Field: "scale's factor", Found: formatFloat(factor), Allowed: "a finite number above 0"}
	}
	largest := slices.Max(peaks)
	if largest == 0 {
		return nil, &input.Error{Field: "projection", Found: "states that are 0 throughout the trajectory", Allowed: "a direction in which the states vary"}
	}
	for m, peak := range peaks {
		if !s.PerRow || peak == 0 {
			peak = largest
		}
		scale[m] = factor * peak
	}
	return scale, nil
}

// peaks returns the largest |x| of each of a trajectory's dimensions.
func peaks(t *analysis.Trajectory) ([]float64, error) {
	peaks := make([]float64, t.N)
	for c, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		for i, x := range c.Hidden {
			m := i % t.N
			peaks[m] = max(peaks[m], math.Abs(x))
		}
	}
	return peaks, nil
}
