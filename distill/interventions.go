package distill

import (
	"context"
	"errors"

	"radd/analysis"
	"radd/task"
	"radd/train"
)

// Intervened is how a network plays under an intervention on its feedback input.
type Intervened struct {
	Feedback string // own, zeroed, inverted or shuffled
	task.Figures
}

// InterventionsOf returns how a network plays the session of so many blocks and
// the seed in closed loop with its own feedback, and with feedback that is zeroed,
// inverted and shuffled, as an analysis tells it.
func InterventionsOf(ctx context.Context, w train.Weights, c task.Config, blocks int, seed uint64) ([]Intervened, error) {
	if err := train.Vanilla(w.Path, w.Cell); err != nil {
		return nil, err
	}
	c.Blocks = blocks
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, nil)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	s.Record()
	var list []Intervened
	for _, of := range []struct {
		feedback string
		play     func() ([]task.Trial, error)
	}{
		{"own", func() ([]task.Trial, error) { return playNetwork(ctx, backend, w.Theta, w.N, &s) }},
		{"zeroed", func() ([]task.Trial, error) { return playNetwork(ctx, backend, withFeedback(w, 0), w.N, &s) }},
		{"inverted", func() ([]task.Trial, error) { return playNetwork(ctx, backend, withFeedback(w, -1), w.N, &s) }},
		{"shuffled", func() ([]task.Trial, error) { return playShuffled(ctx, backend, w.Theta, w.N, &s) }},
	} {
		trials, err := of.play()
		if err != nil {
			return nil, err
		}
		var tally task.Tally
		for _, trial := range trials {
			tally.Add(trial)
		}
		list = append(list, Intervened{of.feedback, tally.Figures()})
	}
	return list, nil
}

// StudentOf returns the RADD student of a network's passage through the session of
// so many blocks and the seed, as a network that plays the task. The passage is
// held in memory: 8·T·N bytes and more. An *input.Error tells why there is none.
func StudentOf(ctx context.Context, w train.Weights, c task.Config, blocks int, seed uint64, kind analysis.Kind) (train.Weights, error) {
	none := train.Weights{}
	if err := train.Vanilla(w.Path, w.Cell); err != nil {
		return none, err
	}
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, nil)
	if err != nil {
		return none, err
	}
	defer backend.Close()
	t, err := passage(ctx, backend, &Subject{Name: w.Path, Weights: w, Task: c}, blocks, seed)
	if err != nil {
		return none, err
	}
	student, err := studentOf(t, w, kind)
	if err != nil {
		return none, err
	}
	theta, err := student.Network(t)
	if condition := (*ConditionError)(nil); err != nil && !errors.As(err, &condition) {
		return none, err
	}
	return train.Weights{Path: w.Path, N: student.M, Theta: theta, Cell: "rnn"}, nil
}
