package analysis

import (
	"slices"

	"radd/task"
)

// Played is what a player did in one or more sessions.
type Played struct {
	Trials   []task.Trial             // (n); BlockSide is 0 in trials without bias
	Observed bool                     // RNNSteps and Observations are known
	Seconds  []float64                // (n) response times, nil where there are none
	Feedback func(task.Trial) float64 // summed over a trial, nil where there is none

	blocks []blockOf // (n)
}

// blockOf says where in its block a trial lies.
type blockOf struct {
	block    int  // from 0, over all sessions
	within   int  // trial within the block
	length   int  // trials of the block
	previous int  // trials of the block before it, 0 where there is none in the session
	next     int  // trials until the session's next block begins, 0 where there is none
	whole    bool // the block was not cut off by the session's end
}

// PlayedSession returns what somebody did in a session of known blocks: its
// trials (n), in order.
func PlayedSession(s *task.Session, trials []task.Trial) *Played {
	rule := s.Rule()
	p := &Played{Trials: trials, Observed: true, Feedback: feedback(rule)}
	p.divide(s.BlockLength, true)
	return p
}

// feedback returns the sum of a trial's feedback under the rule.
func feedback(rule task.Rule) func(task.Trial) float64 {
	return func(t task.Trial) float64 {
		return rule.WaitingFeedback*float64(t.Observations-1) + rule.Feedback(t)
	}
}

// divide appends the blocks of a session, of which the last is complete or cut
// off by the session's end.
func (p *Played) divide(lengths []int, complete bool) {
	first := 0
	if k := len(p.blocks); k > 0 {
		first = p.blocks[k-1].block + 1
	}
	for k, length := range lengths {
		b := blockOf{block: first + k, length: length, whole: k < len(lengths)-1 || complete}
		if k > 0 {
			b.previous = lengths[k-1]
		}
		for b.within = range length {
			if k < len(lengths)-1 {
				b.next = length - b.within
			}
			p.blocks = append(p.blocks, b)
		}
	}
}

// strengths returns the strengths that occur, ascending.
func (p *Played) strengths() []float64 {
	seen := map[float64]bool{}
	var list []float64
	for _, t := range p.Trials {
		if !seen[t.Strength] {
			seen[t.Strength] = true
			list = append(list, t.Strength)
		}
	}
	slices.Sort(list)
	return list
}
