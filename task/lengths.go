package task

import "math"

// lengths is the posterior of SemiMarkov: over the block's side and over how many
// trials it has lasted, given the sides of earlier trials.
//
// Its memory grows with BlockMax, and so does the time that a trial takes.
type lengths struct {
	end   []float64    // (BlockMax) P(the block ends after its trial i+1 | it lasted so long)
	joint [2][]float64 // (BlockMax) P(block left or right, the present trial is its trial i+1)
}

// blockLengthWeights returns weights in proportion to which a block lasts
// BlockMin, BlockMin + 1 … BlockMax trials.
func (c *Config) blockLengthWeights() []float64 {
	weights := make([]float64, c.BlockMax-c.BlockMin+1)
	for i := range weights {
		weights[i] = math.Pow(1-c.Hazard, float64(i))
	}
	return weights
}

func lengthsOf(c *Config) *lengths {
	l := &lengths{end: make([]float64, c.BlockMax)}
	weights := c.blockLengthWeights()
	left := 0.0 // the weight of the lengths from here on
	for i := len(weights) - 1; i >= 0; i-- {
		left += weights[i]
		if left > 0 { // else no block comes so far
			l.end[c.BlockMin-1+i] = weights[i] / left
		}
	}
	for side := range l.joint {
		l.joint[side] = make([]float64, c.BlockMax)
	}
	l.begin(.5, .5)
	return l
}

// begin sets the posterior to a block's first trial.
func (l *lengths) begin(left, right float64) {
	for side, p := range [2]float64{left, right} {
		clear(l.joint[side])
		l.joint[side][0] = p
	}
}

// pass takes in what a trial told, as log odds of a block on the right, goes on
// to the next trial and returns the log odds of its block. What contradicts a
// certainty begins anew, as if a block's first trial had told it.
func (l *lengths) pass(outcome float64) float64 {
	told := [2]float64{logistic(-outcome), logistic(outcome)}
	if l.weigh(told) == 0 {
		l.begin(told[0], told[1])
	}
	var ended [2]float64
	for side, p := range l.joint {
		for i, x := range p {
			ended[side] += float64(x * l.end[i])
			p[i] = x - float64(x*l.end[i])
		}
		copy(p[1:], p)
	}
	sum := [2]float64{}
	for side, p := range l.joint {
		p[0] = ended[1-side]
		for _, x := range p {
			sum[side] += x
		}
	}
	return math.Log(sum[1]) - math.Log(sum[0])
}

// weigh multiplies the posterior by a likelihood of left and right, and divides
// it by its sum, which it returns.
func (l *lengths) weigh(likelihood [2]float64) float64 {
	sum := 0.0
	for side, p := range l.joint {
		for i := range p {
			p[i] *= likelihood[side]
			sum += p[i]
		}
	}
	if sum == 0 {
		return 0
	}
	for _, p := range l.joint {
		for i := range p {
			p[i] /= sum
		}
	}
	return sum
}
