package analysis

import (
	"math"
	"testing"

	"radd/task"
)

// played adds blocks of 40 trials to a Behaviour. At strength 0 the actor takes
// the old block's side for the first few trials after a switch, and the block's
// side from then on; at strength 1 it is always right.
func played(b *Behaviour, blocks, switchAfter int) {
	for block := range blocks {
		side := int8(1 - 2*(block%2))
		for n := range 40 {
			t := task.Trial{Side: side, BlockSide: side, RNNSteps: 4, Observations: 2, Strength: float64(n % 2)}
			if n%5 == 0 {
				t.Side = -side
			}
			t.Action = t.Side
			if t.Strength == 0 {
				t.Action = side
				if block > 0 && n < switchAfter {
					t.Action = -side
				}
			}
			b.Add(block, n, t)
			b.Compare(block, n%4 != 0, t.RNNSteps, .2)
		}
	}
}

func TestPerformance(t *testing.T) {
	var b Behaviour
	played(&b, 100, 0)
	p := b.Performance(200, 1)
	for _, v := range []struct {
		name string
		got  Figure
		want float64
	}{
		{"RNN steps per trial", p.RNNStepsPerTrial, 4},
		{"action rate", p.ActionRate, 1},
		{"correct per trial", p.CorrectPerTrial, .9},  // wrong at strength 0 on discordant trials
		{"block gap", p.BlockGap, .5},                 // half of the discordant trials are of strength 0
		{"the same at strength 0", p.ZeroBlockGap, 1}, //
		{"trials to recover", p.TrialsToRecover, 0},
		{"agreement", p.Agreement, .75},
		{"KL", p.KL, .05},
	} {
		if math.Abs(float64(v.got.Value)-v.want) > 1e-12 || v.got.Low > v.got.Value+1e-12 || v.got.High < v.got.Value-1e-12 {
			t.Errorf("%s: %v, want %v", v.name, v.got, v.want)
		}
	}
}

// An actor whose preference changes at once r trials after a switch takes r
// trials to recover, whichever trials are of strength 0.
func TestTrialsToRecover(t *testing.T) {
	for _, r := range []int{0, 4, 10} {
		var b Behaviour
		played(&b, 100, r)
		if got := float64(b.Performance(0, 1).TrialsToRecover.Value); math.Abs(got-float64(r)) > 1e-12 {
			t.Errorf("a change after %d trials: %v", r, got)
		}
	}
}

func TestNoPreferenceToRecover(t *testing.T) {
	var b Behaviour
	for block := range 20 {
		side := int8(1 - 2*(block%2))
		for n := range 40 {
			b.Add(block, n, task.Trial{Side: side, BlockSide: side, Action: int8(1 - 2*(n%2)), RNNSteps: 4})
		}
	}
	if f := b.Performance(50, 1).TrialsToRecover; !math.IsNaN(float64(f.Value)) || !math.IsNaN(float64(f.Low)) {
		t.Errorf("an actor without preference recovers in %v trials", f)
	}
}

// The interval of a mean of independent blocks is the one that theory gives.
func TestBootstrapInterval(t *testing.T) {
	var b Behaviour
	const pairs = 400
	for block := range 2 * pairs {
		action := int8(1)
		if block/2%2 == 0 { // half of the pairs are all wrong
			action = -1
		}
		b.Add(block, 0, task.Trial{Side: 1, BlockSide: 1, Action: action, RNNSteps: 3})
	}
	f := b.Performance(2000, 7).CorrectPerTrial
	half := 1.96 * .5 / math.Sqrt(pairs)
	for name, got := range map[string]float64{"low": .5 - float64(f.Low), "high": float64(f.High) - .5} {
		if math.Abs(got-half) > .1*half {
			t.Errorf("%s end is %v from the mean, want %v", name, got, half)
		}
	}
	if again := b.Performance(2000, 7).CorrectPerTrial; again != f {
		t.Error("the same seed gave another interval")
	}
}

func TestMedian(t *testing.T) {
	of := func(x float64) Performance { return Performance{CorrectPerTrial: Figure{Value: task.Ratio(x)}} }
	for _, v := range []struct {
		values            []float64
		median, low, high float64
	}{
		{[]float64{3, 1, 2}, 2, 1, 3},
		{[]float64{4, 1, 3, 2}, 2.5, 1, 4},
		{[]float64{math.NaN(), 5, math.NaN()}, 5, 5, 5},
	} {
		var players []Performance
		for _, x := range v.values {
			players = append(players, of(x))
		}
		if got := Median(players).CorrectPerTrial; got != (Figure{task.Ratio(v.median), task.Ratio(v.low), task.Ratio(v.high)}) {
			t.Errorf("of %v: %v", v.values, got)
		}
	}
	if f := Median([]Performance{of(math.NaN())}).CorrectPerTrial; !math.IsNaN(float64(f.Value)) {
		t.Errorf("of nothing: %v", f)
	}
}
