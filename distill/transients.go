package distill

import (
	"context"

	"radd/analysis"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// The short sessions of an analysis, of whose first trials it tells.
const (
	transientSessions = 1000
	transientTrials   = 30
)

// TransientsOf returns how the first trials of many short sessions go beside the
// middle of one long session, by a network and by the Bayesian actor that knows
// the generative model: transients.csv of an analysis. The short sessions are of
// the task's constants, the long one has so many blocks; all are of the seed, the
// long one that of its rollout.
//
// Source: SI 7.1, that there are no initial transients.
func TransientsOf(ctx context.Context, w train.Weights, c task.Config, sessions, trials, blocks int, seed uint64) (*analysis.Table, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	short := c
	c.Blocks = blocks
	if c, err = c.Resolve(); err != nil {
		return nil, err
	}
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, nil)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	t := analysis.NewTransientsTable()
	long, err := playNetwork(ctx, backend, w.Theta, w.N, &s)
	if err != nil {
		return nil, err
	}
	starts, err := startsOfNetwork(ctx, backend, w.Theta, w.N, short, seed, sessions, trials)
	if err != nil {
		return nil, err
	}
	analysis.AddTransients(t, "network", starts, analysis.PlayedSession(&s, long))
	if long, err = playBayes(ctx, task.Difference, &s, &c); err != nil {
		return nil, err
	}
	if starts, err = startsOfBayes(ctx, task.Difference, short, seed, sessions, trials); err != nil {
		return nil, err
	}
	analysis.AddTransients(t, "bayes-"+task.Difference.String(), starts, analysis.PlayedSession(&s, long))
	return t, nil
}

// seedOf returns the seed that a session was drawn from.
func seedOf(s *task.Session) uint64 {
	_, origin := s.Noise()
	return origin.Seed
}

// shortOrigin is that of the k-th of a seed's short sessions: the rollout's own is the 0th of
// its stream.
func shortOrigin(seed uint64, k int) task.Origin {
	return task.Origin{Seed: seed, Stream: task.StreamRollout, Session: uint32(1 + k)}
}

// shortSampler returns the sampler of sessions that have no fewer trials than asked
// for, and no more blocks than that takes.
func shortSampler(c task.Config, trials int) *task.Sampler {
	c.Blocks = (trials + c.BlockMin - 1) / c.BlockMin
	return task.NewSampler(c)
}

// startsBatch is how many short sessions are played side by side.
const startsBatch = 64

// startsOfNetwork returns the first trials of so many short sessions that the
// network plays in closed loop, each from h = 0.
func startsOfNetwork[F kernels.Float](ctx context.Context, backend kernels.Backend[F], theta []F, n int, c task.Config, seed uint64, sessions, trials int) ([][]task.Trial, error) {
	sampler := shortSampler(c, trials)
	list := make([][]task.Trial, sessions)
	batch := make([]task.Session, min(startsBatch, sessions))
	tapes := make([]*kernels.Tape[F], len(batch))
	for i := range tapes {
		tapes[i] = kernels.NewTape[F](n)
	}
	for from := 0; from < sessions; from += len(batch) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		some := tapes[:min(len(tapes), sessions-from)]
		for i, tape := range some {
			batch[i].Draw(sampler, shortOrigin(seed, from+i))
			tape.BeginStretch(&batch[i], trials)
		}
		backend.Forward(theta, kernels.CrossEntropySum, some)
		for i, tape := range some {
			for _, trial := range tape.Played() {
				list[from+i] = append(list[from+i], trial)
			}
		}
	}
	return list, nil
}

// startsOfBayes does as startsOfNetwork for a Bayesian actor.
func startsOfBayes(ctx context.Context, kind task.Kind, c task.Config, seed uint64, sessions, trials int) ([][]task.Trial, error) {
	sampler := shortSampler(c, trials)
	list := make([][]task.Trial, sessions)
	var s task.Session
	for k := range list {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Draw(sampler, shortOrigin(seed, k))
		actor := task.NewBayes(kind, &c)
		for n := range trials {
			list[k] = append(list[k], actor.Play(&s, n))
		}
	}
	return list, nil
}
