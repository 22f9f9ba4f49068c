package distill

import (
	"context"

	"radd/analysis"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// blockUnit is the unit of a RADD student of two units that follows the block
// readout.
const blockUnit = 1

// LawOf returns law.csv and law_map.csv of a RADD student of two units that plays
// the rollout's session of so many blocks and the seed.
func LawOf(ctx context.Context, student train.Weights, c task.Config, blocks int, seed uint64) ([]*analysis.Table, error) {
	if err := train.Vanilla(student.Path, student.Cell); err != nil {
		return nil, err
	}
	c.Blocks = blocks
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	beliefs, err := studentBeliefs(ctx, "student", student, &s, &c)
	if err != nil {
		return nil, err
	}
	return analysis.LawTables([]*analysis.Beliefs{beliefs}, &c), nil
}

// studentBeliefs returns the beliefs of a RADD student of two units that plays the
// session in closed loop.
func studentBeliefs(ctx context.Context, name string, w train.Weights, s *task.Session, c *task.Config) (*analysis.Beliefs, error) {
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, nil)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	x := make([]float64, s.Trials())
	trials := make([]task.Trial, 0, len(x))
	tape := kernels.NewTape[float64](w.N)
	tape.BeginStretch(s, stretchTrials)
	for more := true; more; more = tape.Continue(stretchTrials) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		backend.Forward(w.Theta, kernels.CrossEntropySum, []*kernels.Tape[float64]{tape})
		first := 0
		for last, trial := range tape.Played() {
			// A trial's start is its last blank step, or what came before it.
			x[len(trials)] = tape.State(first + c.BlankSteps - 1)[blockUnit]
			trials = append(trials, trial)
			first = last + 1
		}
	}
	return analysis.BeliefsOf(name, x, s, c, trials), nil
}
