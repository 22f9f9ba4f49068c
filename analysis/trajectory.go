package analysis

import (
	"fmt"
	"iter"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
)

// Chunk is a run of consecutive RNN steps. T counts them; an array that was not
// recorded is nil, throughout a trajectory. A chunk's arrays belong to its
// trajectory: they are read only, and only until the next chunk.
type Chunk struct {
	T           int
	Hidden      []float64 // h (T, N)
	Input       []float64 // o (T, Q)
	Probability []float64 // a (T, 2), left before right
	BlockSide   []int8    // b (T), −1 left, +1 right
	Session     []int64   // (T) ids, which never decrease; nil is one session
}

// Trajectory is what a network did: its states and inputs, RNN step by RNN
// step. A chunk may end anywhere, within a session too.
type Trajectory struct {
	Name string // stands for it in errors
	N, Q int
	T    int // 0 where it is not known beforehand

	// Source yields the chunks, or an error and nothing after it. It can be
	// ranged over again and again, and gives the same every time.
	Source iter.Seq2[*Chunk, error]

	folder string // of the arrays within the file, for errors
	start  int    // of the first RNN step within them, likewise
}

// Recorded returns a trajectory of N units and Q inputs that is in memory. It
// keeps the arrays of c and panics if they do not have c.T rows.
func Recorded(name string, N, Q int, c Chunk) *Trajectory {
	t := &Trajectory{Name: name, N: N, Q: Q, T: c.T}
	t.check(&c)
	t.Source = func(yield func(*Chunk, error) bool) {
		rows := chunkRows(N + Q)
		for from := 0; from < c.T; from += rows {
			if part := c.rows(N, Q, from, min(from+rows, c.T)); !yield(&part, nil) {
				return
			}
		}
	}
	return t
}

// chunkRows is the rows of a chunk of which each has so many elements: few
// enough to be in a processor's cache, but for very wide rows.
func chunkRows(width int) int {
	const elements, least = 1 << 15, 16
	return max(least, elements/max(1, width))
}

// rows returns the rows [from, to) of the chunk.
func (c *Chunk) rows(N, Q, from, to int) Chunk {
	return Chunk{
		T:           to - from,
		Hidden:      cut(c.Hidden, N, from, to),
		Input:       cut(c.Input, Q, from, to),
		Probability: cut(c.Probability, 2, from, to),
		BlockSide:   cut(c.BlockSide, 1, from, to),
		Session:     cut(c.Session, 1, from, to),
	}
}

func cut[E any](array []E, width, from, to int) []E {
	if array == nil {
		return nil
	}
	return array[from*width : to*width]
}

// check panics unless the chunk's arrays have T rows.
func (t *Trajectory) check(c *Chunk) {
	if len(c.Hidden) != c.T*t.N || len(c.Input) != c.T*t.Q ||
		c.Probability != nil && len(c.Probability) != c.T*2 ||
		c.BlockSide != nil && len(c.BlockSide) != c.T ||
		c.Session != nil && len(c.Session) != c.T {
		panic("analysis: a chunk's arrays do not have the trajectory's shapes")
	}
}

// Chunks yields the source's chunks, but for empty ones, each after a look at
// every value in it. A value that cannot be ends it with an *input.Error that
// names the array and the index: states and inputs are finite, probabilities
// are from 0 to 1, block sides −1 or +1, and session ids never decrease. It
// panics where an array has not the trajectory's shape.
func (t *Trajectory) Chunks() iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		at, session := t.start, int64(math.MinInt64)
		for c, err := range t.Source {
			if err == nil {
				t.check(c)
				session, err = t.values(c, at, session)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			at += c.T
			if c.T > 0 && !yield(c, nil) {
				return
			}
		}
	}
}

// values returns an error for the first value of a chunk that cannot be, and
// the chunk's last session id; at is the chunk's first RNN step, session the
// last id before it.
func (t *Trajectory) values(c *Chunk, at int, session int64) (int64, error) {
	fault := func(array string, i, width int, found any, allowed string) error {
		index := fmt.Sprintf("[%d]", at+i/width)
		if array != sessionName && array != blockSideName {
			index = fmt.Sprintf("[%d, %d]", at+i/width, i%width)
		}
		return &input.Error{File: t.Name, Field: t.folder + array + index, Found: fmt.Sprint(found), Allowed: allowed}
	}
	if i := notFinite(c.Hidden); i >= 0 {
		return 0, fault(hiddenName, i, t.N, c.Hidden[i], "a finite number")
	}
	if i := notFinite(c.Input); i >= 0 {
		return 0, fault(inputName, i, t.Q, c.Input[i], "a finite number")
	}
	for i, p := range c.Probability {
		if !(p >= 0 && p <= 1) {
			return 0, fault(probabilityName, i, 2, p, "0 to 1")
		}
	}
	for i, side := range c.BlockSide {
		if side != -1 && side != +1 {
			return 0, fault(blockSideName, i, 1, side, "-1 left, 1 right")
		}
	}
	for i, id := range c.Session {
		if id < session {
			return 0, fault(sessionName, i, 1, id, fmt.Sprintf("%d or above: ids never decrease", session))
		}
		session = id
	}
	return session, nil
}

// notFinite returns the index of the first element that is NaN or infinite, or
// −1.
func notFinite(x []float64) int {
	var a, b, c, d float64 // each addition waits for the last one of its sum
	rest := x
	for ; len(rest) >= 4; rest = rest[4:] {
		a += rest[0] * 0
		b += rest[1] * 0
		c += rest[2] * 0
		d += rest[3] * 0
	}
	for _, v := range rest {
		a += v * 0
	}
	if (a+b)+(c+d) == 0 {
		return -1
	}
	for i, v := range x {
		if v*0 != 0 {
			return i
		}
	}
	return -1
}

// Count returns T. Where it is not known beforehand that takes a pass.
func (t *Trajectory) Count() (int, error) {
	if t.T > 0 {
		return t.T, nil
	}
	total := 0
	for c, err := range t.Source {
		if err != nil {
			return 0, err
		}
		total += c.T
	}
	return total, nil
}

// Slice returns the RNN steps [from, to) as a trajectory of its own. The first
// has no step before it then, even within a session.
func (t *Trajectory) Slice(from, to int) *Trajectory {
	s := *t
	s.T, s.start = to-from, t.start+from
	s.Source = func(yield func(*Chunk, error) bool) {
		at := 0
		for c, err := range t.Source {
			if err != nil {
				yield(nil, err)
				return
			}
			first, last := max(from-at, 0), min(to-at, c.T)
			at += c.T
			if first < last {
				part := c.rows(t.N, t.Q, first, last)
				if !yield(&part, nil) {
					return
				}
			}
			if at >= to {
				return
			}
		}
	}
	return &s
}

// Project returns the trajectory of the M coordinates P (h_t − h̄) in place of
// the N states; everything else stays. offset h̄ (N) may be nil, which is 0. It
// panics if P is not (M, N).
//
// Source: SI 7.3, the target trajectory.
func (t *Trajectory) Project(P *mat.Dense, offset []float64) *Trajectory {
	M, N := P.Dims()
	if N != t.N || offset != nil && len(offset) != N {
		panic("analysis: the projection or its offset has not the trajectory's N")
	}
	origin := make([]float64, M) // P h̄
	if offset != nil {
		for m := range origin {
			origin[m] = floats.Dot(P.RawRowView(m), offset)
		}
	}
	projected := *t
	projected.N = M
	projected.Source = func(yield func(*Chunk, error) bool) {
		var z []float64
		for c, err := range t.Chunks() {
			if err != nil {
				yield(nil, err)
				return
			}
			z = z[:0]
			for i := range c.T {
				h := c.Hidden[i*N : (i+1)*N]
				for m := range M {
					z = append(z, floats.Dot(P.RawRowView(m), h)-origin[m])
				}
			}
			q := *c
			q.Hidden = z
			if !yield(&q, nil) {
				return
			}
		}
	}
	return &projected
}
