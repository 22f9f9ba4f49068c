package task

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The posterior over side and age against a sum over all courses that the blocks
// of a short session can take.
func TestSemiMarkov(t *testing.T) {
	c := resolved(t, func(c *Config) { c.Bias, c.Hazard, c.BlockMin, c.BlockMax = .7, .2, 2, 5 })
	lengths := c.blockLengthWeights()
	total := 0.0
	for _, w := range lengths {
		total += w
	}
	random := rand.New(rand.NewPCG(3, 1))
	var sides []int8
	b := NewBayes(SemiMarkov, &c)
	for trial := range 14 {
		want := [2]float64{}
		// course adds every course of the blocks from a trial on.
		var course func(at int, side int8, p float64)
		course = func(at int, side int8, p float64) {
			for i, w := range lengths {
				p, end := p*w/total, at+c.BlockMin+i
				for n := at; n < min(end, trial); n++ {
					if sides[n] == side {
						p *= c.Bias
					} else {
						p *= 1 - c.Bias
					}
				}
				if end > trial {
					want[(1+side)/2] += p
				} else {
					course(end, -side, p)
				}
			}
		}
		course(0, +1, .5)
		course(0, -1, .5)
		if p := want[1] / (want[0] + want[1]); math.Abs(b.Block()-p) > 1e-12 {
			t.Fatalf("trial %d: block posterior %v, want %v", trial, b.Block(), p)
		}
		b.BeginTrial()
		sides = append(sides, int8(2*random.IntN(2)-1))
		b.EndTrial(sides[trial])
	}
}

// Blocks of one length leave no doubt when they change.
func TestSemiMarkovCertainty(t *testing.T) {
	c := resolved(t, func(c *Config) { c.Bias, c.BlockMin, c.BlockMax = 1, 3, 3 })
	b := NewBayes(SemiMarkov, &c)
	for trial, side := range []int8{+1, +1, +1, -1, -1, -1, +1, -1} {
		p := b.BeginTrial()
		if want := float64(1+side) / 2; trial > 0 && trial < 7 && p != want {
			t.Errorf("trial %d: prior %v, want %v", trial, p, want)
		}
		b.EndTrial(side)
	}
	// A side that could not be begins anew: −1 was the first of three trials.
	if p := b.Block(); p != 0 {
		t.Errorf("block posterior %v after a contradiction", p)
	}
}

// Who is not told the side of a trial goes by its observations: nothing, if there
// are none.
func TestHidden(t *testing.T) {
	c := DefaultConfig()
	for _, kind := range []Kind{Difference, SideHidden, FeedbackBlind, SemiMarkov} {
		b := NewBayes(kind, &c)
		b.BeginTrial()
		b.EndTrial(0)
		if b.Block() != .5 {
			t.Errorf("%v: block posterior %v after a trial that told nothing", kind, b.Block())
		}
		b.BeginTrial()
		b.Observe(0, 100)
		b.EndTrial(0)
		hidden := b.Block()
		told := NewBayes(kind, &c)
		told.BeginTrial()
		told.Observe(0, 100)
		told.EndTrial(+1)
		if math.Abs(hidden-told.Block()) > 1e-3 {
			t.Errorf("%v: block posterior %v after observations that leave no doubt, %v when told", kind, hidden, told.Block())
		}
	}
}
