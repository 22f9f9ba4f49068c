package analysis

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"radd/internal/philox"
	"radd/kernels"
	"radd/task"
)

// blockTrajectory returns the mean states at trials' starts along a block.
func (r *Recording) blockTrajectory() *Table {
	t := NewTable("block_trajectory.csv", "block_side", "trial", "trials", "pc1", "pc2", "stimulus", "block", "block_low", "block_high", "block_posterior")
	type cell struct {
		at        [axes]moments
		posterior moments
	}
	var by [2][]cell
	for n, b := range r.blocks {
		at := r.start(n)
		if at < 0 {
			continue
		}
		side := (1 + r.Trials[n].BlockSide) / 2
		for len(by[side]) <= b.within {
			by[side] = append(by[side], cell{})
		}
		c := &by[side][b.within]
		for k, x := range r.at[at] {
			c.at[k].add(x)
		}
		c.posterior.add(probability(r.blockPosterior[task.Difference][n]))
	}
	for side, cells := range by {
		for within := range cells {
			c := &cells[within]
			low, high := c.at[block].interval()
			t.Add(2*side-1, within, c.at[pc1].n, c.at[pc1].mean(), c.at[pc2].mean(), c.at[stimulus].mean(), c.at[block].mean(), low, high, c.posterior.mean())
		}
	}
	return t
}

func probability(logOdds float64) float64 { return kernels.Sigmoid(logOdds) }

// trialTrajectory returns the mean states within trials, by block side, stimulus
// side and strength.
func (r *Recording) trialTrajectory() *Table {
	t := NewTable("trial_trajectory.csv", "block_side", "trial_side", "strength", "step", "trials", "pc1", "pc2", "stimulus", "block", "probability_right")
	strengths := (&Played{Trials: r.Trials}).strengths()
	for _, blockSide := range []int8{-1, +1} {
		for _, trialSide := range []int8{-1, +1} {
			for k := -1; k < len(strengths); k++ {
				steps := make([]struct {
					at    [axes]moments
					right moments
				}, r.Config.MaxSteps())
				for n, trial := range r.Trials {
					if trial.BlockSide != blockSide || trial.Side != trialSide || k >= 0 && trial.Strength != strengths[k] {
						continue
					}
					for step := range trial.RNNSteps {
						i := r.first[n] + step
						for axis, x := range r.at[i] {
							steps[step].at[axis].add(x)
						}
						steps[step].right.add(probability(r.logit[i]))
					}
				}
				var strength any = ""
				if k >= 0 {
					strength = strengths[k]
				}
				for step := range steps {
					if c := &steps[step]; c.right.n > 0 {
						t.Add(blockSide, trialSide, strength, step, c.right.n, c.at[pc1].mean(), c.at[pc2].mean(), c.at[stimulus].mean(), c.at[block].mean(), c.right.mean())
					}
				}
			}
		}
	}
	return t
}

// pairedSequences is the number of sequences of observations that the network is
// taken through from either side's blocks.
const pairedSequences = 4

// pairedTrajectory returns what the network makes of the same observations in
// left and in right blocks: from the mean state at trials' starts, without an
// end.
func (r *Recording) pairedTrajectory(s *System) *Table {
	t := NewTable("paired_trajectory.csv", "sequence", "block_side", "step", "left", "right", "pc1", "pc2", "stimulus", "block", "probability_right")
	start := r.meanStart()
	for sequence := range pairedSequences {
		side, strength := 1-2*(sequence%2), r.Config.Strengths[len(r.Config.Strengths)*(1+sequence/2)/3%len(r.Config.Strengths)]
		observed := make([][2]float64, r.Config.MaxObservations)
		for i := range observed {
			w := philox.Draw(pairedSeed, task.StreamBootstrap.Counter(uint32(i), uint32(sequence), 0, 0))
			left, right := philox.Normal2(w[0], w[1])
			observed[i] = [2]float64{left * r.Config.NoiseSD, right * r.Config.NoiseSD}
			observed[i][(1+side)/2] += strength
		}
		for k, state := range start {
			if state == nil {
				continue
			}
			h, F := append([]float64(nil), state...), make([]float64, s.N)
			add := func(step int, left, right any) {
				x := r.Frame.Coordinates(h)
				t.Add(sequence, 2*k-1, step, left, right, x[pc1], x[pc2], x[stimulus], x[block], probability(s.logit(h)))
			}
			add(r.Config.BlankSteps-1, 0, 0)
			feedback := 0.
			for i, o := range observed {
				s.Step(F, h, [3]float64{o[0], o[1], feedback})
				h, F = F, h
				add(r.Config.BlankSteps+i, o[0], o[1])
				feedback = r.Config.WaitingFeedback
			}
		}
	}
	return t
}

const pairedSeed = 1

// meanStart returns the mean sampled state at trials' starts in left and in right
// blocks (N), nil where none was sampled. Trials early in a block, which still
// remember the other, are left out: those of the shortest block's first half.
func (r *Recording) meanStart() [2][]float64 {
	N := r.Frame.N
	var mean [2][]float64
	var count [2]float64
	r.eachSampled(func(k, n, step int) {
		if step != r.Config.BlankSteps-1 || r.blocks[n].within < r.Config.BlockMin/2 {
			return
		}
		side := (1 + r.Trials[n].BlockSide) / 2
		if mean[side] == nil {
			mean[side] = make([]float64, N)
		}
		count[side]++
		for i, h := range r.sample.after[k*N : (k+1)*N] {
			mean[side][i] += (h - mean[side][i]) / count[side]
		}
	})
	return mean
}

// eachSampled calls do for every sampled RNN step: its number in the sample, its
// trial, and its number in the trial.
func (r *Recording) eachSampled(do func(k, trial, step int)) {
	n := 0
	for k, i := range r.sample.step {
		for i >= r.first[n+1] {
			n++
		}
		do(k, n, i-r.first[n])
	}
}

// exampleBlocks is the number of blocks that are told RNN step by RNN step.
const exampleBlocks = 3

// example returns a few blocks RNN step by RNN step, from the second on, because
// the first begins ignorant.
func (r *Recording) example() *Table {
	t := NewTable("example.csv", "rnn_step", "block_number", "trial", "step", "block_side", "trial_side", "strength", "left", "right", "feedback", "action",
		"pc1", "pc2", "stimulus", "block", "probability_right", "stimulus_posterior", "block_posterior")
	from := min(1, len(r.Session.BlockLength)-1)
	for n, b := range r.blocks {
		if b.block < from || b.block >= from+exampleBlocks {
			continue
		}
		trial := r.Trials[n]
		for step := range trial.RNNSteps {
			i := r.first[n] + step
			x, at := r.inputs[i], r.at[i]
			t.Add(i, b.block, n, step, trial.BlockSide, trial.Side, trial.Strength, x[0], x[1], x[2], trial.Action,
				at[pc1], at[pc2], at[stimulus], at[block], probability(r.logit[i]),
				probability(r.sidePosterior[task.Difference][i]), probability(r.blockPosterior[task.Difference][n]))
		}
	}
	return t
}

// variance returns the shares of the variance by component.
func (c *Components) variance() *Table {
	t := NewTable("variance.csv", "component", "share", "cumulative")
	cumulative := 0.
	for i, share := range c.Explained() {
		cumulative += share
		t.Add(i+1, share, cumulative)
	}
	return t
}

// readoutTable returns the readouts of a report in the plane.
func (r *Report) readoutTable() *Table {
	t := NewTable("readouts.csv", "kind", "readout", "pc1", "pc2", "angle", "halves_angle")
	for _, report := range r.Readouts {
		if report.readouts == nil || r.frame == nil {
			continue
		}
		for row, name := range []string{"stimulus", "block"} {
			direction := report.readouts.Projection.RowView(row)
			var x mat.VecDense
			x.MulVec(r.frame.Plane, direction)
			t.Add(string(report.Kind), name, x.AtVec(0), x.AtVec(1), report.Angle, report.HalvesAngles[row])
		}
	}
	return t
}

// fitted is a least-squares line y ≈ scale·x + intercept.
type fitted struct {
	Scale, Intercept, R2 float64
	n                    int
}

// line sums up what a line is fitted to.
//
// Source: Welford 1962.
type line struct {
	n                float64
	x, y, xx, xy, yy float64
}

func (l *line) add(x, y float64) {
	l.n++
	dx, dy := x-l.x, y-l.y
	l.x += dx / l.n
	l.y += dy / l.n
	l.xx += dx * (x - l.x)
	l.xy += dx * (y - l.y)
	l.yy += dy * (y - l.y)
}

func (l *line) fit() fitted {
	scale := l.xy / l.xx
	return fitted{Scale: scale, Intercept: l.y - scale*l.x, R2: scale * l.xy / l.yy, n: int(l.n)}
}

func finite(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }
