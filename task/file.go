package task

import (
	"cmp"
	"fmt"
	"math"

	"radd/internal/input"
	"radd/internal/npz"
)

// Arrays of a session file, of K blocks and n trials:
//
//	name          dtype     shape                   values
//	block_length  int64     (K)                     trials in each block, 1 or more, with sum n
//	trial_side    int64     (n)                     −1 left, +1 right
//	block_side    int64     (n)                     the same, constant within a block
//	strength      float64   (n)                     finite, 0 or above
//	observation   float64   (n, MaxSteps, 2)        finite, left before right; 0 on blank steps
//
// Sides need not alternate from block to block, and strengths need not be the
// configuration's: a session may have been recorded elsewhere.
const (
	blockLengthName = "block_length"
	trialSideName   = "trial_side"
	blockSideName   = "block_side"
	strengthName    = "strength"
	observationName = "observation"
)

// ReadSession reads a recorded session, to be played by the closed loop of the
// resolved configuration. Its arrays are those that WriteSession writes, also in
// the shorter types that package npz reads; each stands after the prefix, bare
// or, failing that, after "session/".
//
// The error is an *input.Error: npz's where an array is missing or has another
// type or shape, and one that names the array, the index, what is there and what
// is allowed (and leaves the file's name to the caller) where a value is wrong.
func ReadSession(f *npz.File, prefix string, c Config) (*Session, error) {
	r := sessionReader{file: f, prefix: prefix}
	s := &Session{rule: c.Rule(), noiseSD: c.NoiseSD}
	n := r.trials(s.rule.MaxSteps)
	s.TrialSide = r.sides(trialSideName, n)
	s.BlockSide = r.sides(blockSideName, n)
	s.BlockLength = r.blockLengths(s.BlockSide)
	s.Strength = r.strengths(n)
	s.Observation = r.observations(n, &s.rule)
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// sessionReader reads arrays one after the other. Its methods return what they
// read; after the first fault, err, they read nothing.
type sessionReader struct {
	file   *npz.File
	prefix string
	err    error
}

// name returns the full name of an array.
func (r *sessionReader) name(array string) string {
	bare, folder := r.prefix+array, r.prefix+"session/"+array
	if !r.file.Has(bare) && r.file.Has(folder) {
		return folder
	}
	return bare
}

// fault notes that the array holds, at the index, what it may not.
func (r *sessionReader) fault(array, index string, found any, allowed string) {
	r.err = &input.Error{Field: r.name(array) + index, Found: fmt.Sprint(found), Allowed: allowed}
}

// maxRecordedSteps is the most RNN steps, possible ones, of a recorded session:
// 11 million trials of the paper's task. Their observations fill 2 GiB.
const maxRecordedSteps = 1 << 27

// trials returns the number of trials, a trial having so many possible steps. It
// holds the shapes of all arrays to it before any is read: a small file can
// claim arrays that would fill the memory.
func (r *sessionReader) trials(maxSteps int) int {
	shape := r.want(trialSideName, -1)
	if r.err != nil {
		return 0
	}
	n, most := shape[0], maxRecordedSteps/maxSteps
	switch {
	case n == 0:
		r.fault(trialSideName, "", "no trials", "1 or more")
	case n > most:
		r.fault(trialSideName, "", fmt.Sprintf("%d trials", n), fmt.Sprintf("up to %d of %d RNN steps", most, maxSteps))
	}
	r.want(blockSideName, n)
	r.want(strengthName, n)
	r.want(observationName, n, maxSteps, 2)
	if blocks := r.want(blockLengthName, -1); r.err == nil && blocks[0] > n {
		r.fault(blockLengthName, "", fmt.Sprintf("%d blocks", blocks[0]), fmt.Sprintf("up to %d, one for each trial", n))
	}
	return n
}

// want returns the shape of an array, which must have the given dimensions, −1
// standing for any.
func (r *sessionReader) want(array string, dims ...int) (shape []int) {
	if r.err == nil {
		shape, r.err = r.file.Want(r.name(array), dims...)
	}
	return shape
}

// read returns an array that must have the given dimensions, −1 standing for
// any; get is npz's reader of its type.
func read[T any](r *sessionReader, get func(string) ([]T, []int, error), array string, dims ...int) []T {
	if r.want(array, dims...); r.err != nil {
		return nil
	}
	var data []T
	data, _, r.err = get(r.name(array))
	return data
}

func (r *sessionReader) sides(array string, n int) []int8 {
	values := read(r, r.file.Int64, array, n)
	sides := make([]int8, len(values))
	for i, v := range values {
		if v != -1 && v != +1 {
			r.fault(array, fmt.Sprintf("[%d]", i), v, "-1 left, 1 right")
			return nil
		}
		sides[i] = int8(v)
	}
	return sides
}

// blockLengths reads the lengths of the blocks that trials with these block
// sides fall into.
func (r *sessionReader) blockLengths(blockSide []int8) []int {
	values := read(r, r.file.Int64, blockLengthName, -1)
	if r.err != nil {
		return nil
	}
	lengths := make([]int, len(values))
	from, n := 0, len(blockSide)
	for k, v := range values {
		if v < 1 || v > int64(n-from) {
			r.fault(blockLengthName, fmt.Sprintf("[%d]", k), v,
				fmt.Sprintf("1 or more, and %d with all others together", n))
			return nil
		}
		lengths[k] = int(v)
		for i := from + 1; i < from+lengths[k]; i++ {
			if blockSide[i] != blockSide[from] {
				r.fault(blockSideName, fmt.Sprintf("[%d]", i), blockSide[i],
					fmt.Sprintf("%d throughout block %d, trials %d to %d", blockSide[from], k, from, from+lengths[k]-1))
				return nil
			}
		}
		from += lengths[k]
	}
	if from != n {
		r.fault(blockLengthName, "", fmt.Sprintf("a sum of %d", from), fmt.Sprintf("%d, the number of trials", n))
	}
	return lengths
}

func (r *sessionReader) strengths(n int) []float64 {
	strengths := read(r, r.file.Float64, strengthName, n)
	for i, x := range strengths {
		if !(x >= 0) || math.IsInf(x, 0) {
			r.fault(strengthName, fmt.Sprintf("[%d]", i), x, "a finite number, 0 or above")
			return nil
		}
	}
	return strengths
}

func (r *sessionReader) observations(n int, rule *Rule) []float64 {
	observations := read(r, r.file.Float64, observationName, n, rule.MaxSteps, 2)
	for i, x := range observations {
		step, allowed := i/2%rule.MaxSteps, "a finite number"
		bad := math.IsNaN(x) || math.IsInf(x, 0)
		if !rule.Counted(step) {
			bad, allowed = x != 0, "0 on blank steps"
		}
		if bad {
			r.fault(observationName, fmt.Sprintf("[%d, %d, %d]", i/2/rule.MaxSteps, step, i%2), x, allowed)
			return nil
		}
	}
	return observations
}

// WriteSession adds the session's arrays to the archive, each after the prefix.
// Observations that have not been recorded are drawn on the way, so that memory
// does not grow with the session. Errors are the writer's.
func WriteSession(w *npz.Writer, prefix string, s *Session) error {
	n := s.Trials()
	if err := cmp.Or(
		npz.Add(w, prefix+blockLengthName, s.BlockLength, len(s.BlockLength)),
		npz.Add(w, prefix+trialSideName, widen(s.TrialSide), n),
		npz.Add(w, prefix+blockSideName, widen(s.BlockSide), n),
		npz.Add(w, prefix+strengthName, s.Strength, n),
	); err != nil {
		return err
	}
	stream, err := npz.NewStream[float64](w, prefix+observationName, n, s.rule.MaxSteps, 2)
	if err != nil {
		return err
	}
	trial := make([]float64, 0, s.rule.MaxSteps*2)
	for i := range n {
		if err := stream.Write(s.appendTrial(trial, i)); err != nil {
			return err
		}
	}
	return nil
}

func widen(sides []int8) []int64 {
	wide := make([]int64, len(sides))
	for i, side := range sides {
		wide[i] = int64(side)
	}
	return wide
}
