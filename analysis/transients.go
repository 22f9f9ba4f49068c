package analysis

import "radd/task"

// NewTransientsTable returns the table of transients without rows.
func NewTransientsTable() *Table {
	return NewTable("transients.csv", "player", "set", "trial", "trials", "actions", "action_rate", "action_low", "action_high",
		"correct", "correct_per_trial", "correct_low", "correct_high", "rnn_steps_per_trial", "rnn_steps_low", "rnn_steps_high")
}

// Sets of trials in the table of transients.
const (
	sessionStart = "session" // by trial within short sessions
	blockStart   = "block"   // by trial within blocks, in the middle of a long session
	middle       = "middle"  // of a long session, all trials together
)

// AddTransients adds a player's rows: of the first trials of short sessions, by
// trial; of the middle half of a long session, by trial within the block, as far
// as the short sessions go, and as a whole. A session starts without knowledge of
// its block, and a block with the wrong one: it is by a Bayesian actor's rows that
// a network's transient is told from its ignorance.
func AddTransients(t *Table, player string, sessions [][]task.Trial, long *Played) {
	first := 0
	for _, s := range sessions {
		first = max(first, len(s))
	}
	starts, blocks := make([][]task.Trial, first), make([][]task.Trial, first)
	for _, s := range sessions {
		for n, trial := range s {
			starts[n] = append(starts[n], trial)
		}
	}
	from, to := len(long.Trials)/4, len(long.Trials)*3/4
	for i := from; i < to; i++ {
		if n := long.blocks[i].within; n < first {
			blocks[n] = append(blocks[n], long.Trials[i])
		}
	}
	add := func(set string, trial any, trials []task.Trial) {
		if len(trials) == 0 {
			return
		}
		p := PaceOf(trials)
		actions, correct := 0, 0
		for _, played := range trials {
			actions += index(played.Action != 0)
			correct += index(played.Correct())
		}
		low, high := Wilson(actions, len(trials))
		t.Add(player, set, trial, len(trials), actions, p.actions, low, high, correct, p.correct, p.correctLow, p.correctHigh, p.steps, p.stepsLow, p.stepsHigh)
	}
	for n := range starts {
		add(sessionStart, n, starts[n])
	}
	for n := range blocks {
		add(blockStart, n, blocks[n])
	}
	add(middle, "", long.Trials[from:to])
}
