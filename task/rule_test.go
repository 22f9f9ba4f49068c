package task

import (
	"math"
	"testing"
)

// Every row of the closed loop's table, for both stimulus sides.
func TestRule(t *testing.T) {
	c := DefaultConfig()
	r := c.Rule()
	if want := math.Log(9); math.Abs(r.LogitThreshold-want) > 1e-15*want*2 {
		t.Fatalf("threshold %v, want ln 9 = %v", r.LogitThreshold, want)
	}
	θ, beyond := r.LogitThreshold, math.Nextafter(r.LogitThreshold, 9)
	const firstBlank, lastBlank, first, last = 0, 1, 2, 11
	waiting := Outcome{Feedback: -.05}
	timeOut := Outcome{Feedback: -1, Ended: true}
	right := Outcome{Feedback: +1, Ended: true, Action: +1} // for a stimulus on the right

	for _, row := range []struct {
		name       string
		step       int
		difference float64
		want       Outcome // for a stimulus on the right
	}{
		{"blank", firstBlank, 0, Outcome{}},
		{"blank, sure", lastBlank, 100, Outcome{}},
		{"blank, sure of the left", lastBlank, -100, Outcome{}},
		{"blank, NaN", firstBlank, nan, Outcome{}},
		{"action at the first observation", first, beyond, right},
		{"action at the last observation", last, beyond, right},
		{"action, infinitely sure", first, inf, right},
		{"exactly at the threshold", first, θ, waiting},
		{"exactly at the threshold, last", last, θ, timeOut},
		{"undecided", first, 0, waiting},
		{"undecided, last but one", last - 1, 0, waiting},
		{"undecided, last", last, 0, timeOut},
		{"NaN", first, nan, waiting},
		{"NaN, last", last, nan, timeOut},
	} {
		for _, side := range []int8{-1, +1} {
			for _, choice := range []int8{-1, +1} {
				want := row.want
				if want.Action *= choice; want.Action != 0 && want.Action != side {
					want.Feedback = -1
				}
				if got := r.Step(row.step, side, float64(choice)*row.difference); got != want {
					t.Errorf("%s: Step(%d, %+d, %+d × %v) = %+v, want %+v",
						row.name, row.step, side, choice, row.difference, got, want)
				}
			}
		}
	}
}

func TestRuleWithoutBlanks(t *testing.T) {
	c := resolved(t, func(c *Config) { c.BlankSteps, c.MaxObservations = 0, 1 })
	r := c.Rule()
	if !r.Counted(0) {
		t.Error("the first step is not counted")
	}
	if got, want := r.Step(0, -1, 0), (Outcome{Feedback: -1, Ended: true}); got != want {
		t.Errorf("the only observation: %+v, want %+v", got, want)
	}
}

func TestCounted(t *testing.T) {
	c := DefaultConfig()
	r := c.Rule()
	for step, want := range []bool{false, false, true, true} {
		if got := r.Counted(step); got != want {
			t.Errorf("Counted(%d) = %v", step, got)
		}
	}
}

// Feedback is what the configuration says it is.
func TestFeedback(t *testing.T) {
	c := resolved(t, func(c *Config) {
		c.WaitingFeedback, c.CorrectFeedback, c.ErrorFeedback, c.TimeoutFeedback = .1, .2, .3, .4
	})
	r := c.Rule()
	const step, last = 2, 11
	for _, side := range []int8{-1, +1} {
		sure := 9 * float64(side)
		for want, got := range map[float64]Outcome{
			.1: r.Step(step, side, 0), .2: r.Step(step, side, sure), .3: r.Step(step, side, -sure), .4: r.Step(last, side, 0),
		} {
			if got.Feedback != want {
				t.Errorf("side %+d: %+v, want feedback %v", side, got, want)
			}
		}
	}
}
