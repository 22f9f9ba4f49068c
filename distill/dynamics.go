package distill

import (
	"context"

	"radd/analysis"
	"radd/task"
	"radd/train"
)

// DynamicsOf returns how a network's gradients and states grow or decay in time,
// as an analysis tells it, along the first so many blocks of the seed's rollout. It
// asks no readouts of the network, so that untrained ones and checkpoints can be
// followed through training.
func DynamicsOf(ctx context.Context, w train.Weights, c task.Config, blocks int, seed uint64) (*analysis.Dynamics, []*analysis.Table, error) {
	if err := train.Vanilla(w.Path, w.Cell); err != nil {
		return nil, nil, err
	}
	c.Blocks = blocks
	c, err := c.Resolve()
	if err != nil {
		return nil, nil, err
	}
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, nil)
	if err != nil {
		return nil, nil, err
	}
	defer backend.Close()
	t, err := passage(ctx, backend, &Subject{Name: w.Path, Weights: w, Task: c}, blocks, seed)
	if err != nil {
		return nil, nil, err
	}
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	r, err := analysis.Record(t, &s, c, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	return r.Dynamics(t, analysis.SystemOf(w.Path, w.N, w.Theta))
}
