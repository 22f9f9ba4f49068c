package distill

import (
	"context"

	"radd/internal/philox"
	"radd/kernels"
	"radd/task"
)

// shuffleDraws keeps the draws of shuffled outcomes apart from others of the
// stream: it stands where theirs have small numbers.
const shuffleDraws = 1 << 31

// shuffled returns which trial's outcome, of n trials, a trial's successor is told
// under shuffled feedback.
func shuffled(seed uint64, trial, n int) int {
	words := philox.Draw(seed, task.StreamBootstrap.Counter(uint32(trial/4), 0, shuffleDraws, 0))
	return int(uint64(words[trial%4]) * uint64(n) >> 32)
}

// playShuffled returns the trials of a session that the network plays in closed
// loop while the feedback that follows each trial is that of a trial drawn at
// random, with replacement, from the network's passage with its own feedback. So
// feedback comes when it would and is as often good, but tells nothing of the trial.
// The waiting feedback is always the same and stays.
func playShuffled[F kernels.Float](ctx context.Context, backend kernels.Backend[F], theta []F, n int, s *task.Session) ([]task.Trial, error) {
	own, err := playNetwork(ctx, backend, theta, n, s)
	if err != nil {
		return nil, err
	}
	_, origin := s.Noise()
	rule := s.Rule()
	trials := make([]task.Trial, 0, len(own))
	tape := kernels.NewTape[F](n)
	tape.BeginStretch(s, 1) // between two stretches the feedback can be changed
	for more := true; more; more = tape.Continue(1) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		backend.Forward(theta, kernels.CrossEntropySum, []*kernels.Tape[F]{tape})
		for _, trial := range tape.Played() {
			tape.Feedback[tape.T-1] = F(rule.Feedback(own[shuffled(origin.Seed, len(trials), len(own))]))
			trials = append(trials, trial)
		}
	}
	return trials, nil
}
