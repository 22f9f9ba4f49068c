package kernelstest

import (
	"math"
	"testing"

	"radd/kernels"
)

// guardCells is how many elements lie around a guarded slice: more than the
// widest vector of the smallest element, a byte, in 64 bytes.
const guardCells = 64 + maxOffset

// maxOffset is the largest offset of a guarded slice, in elements.
const maxOffset = 7

// guarded is a slice between guard cells, at any alignment that its elements
// allow and with nothing to spare behind it.
type guarded[E comparable] struct {
	all     []E
	offset  int
	length  int
	pattern [2]E
}

// guard returns a guarded copy of v at the offset, whose guard cells hold the
// two values in turn.
func guard[E comparable](v []E, offset int, pattern [2]E) guarded[E] {
	g := guarded[E]{make([]E, len(v)+2*guardCells), guardCells - maxOffset + offset, len(v), pattern}
	for i := range g.all {
		g.all[i] = pattern[i%2]
	}
	copy(g.slice(), v)
	return g
}

// guardVector is guard for numbers.
func guardVector[F kernels.Float](v []F, offset int) guarded[F] {
	return guard(v, offset, [2]F{7e6, -7e6})
}

func (g guarded[E]) slice() []E {
	return g.all[g.offset : g.offset+g.length : g.offset+g.length]
}

// check fails the test where a guard cell was written to.
func (g guarded[E]) check(t testing.TB, what string) {
	t.Helper()
	for i, x := range g.all {
		if (i < g.offset || i >= g.offset+g.length) && x != g.pattern[i%2] {
			t.Errorf("%s: %v was written %d elements after its first of %d", what, x, i-g.offset, g.length)
			return
		}
	}
}

// guardedTape is a tape whose memory lies between guard cells and holds no
// number at first.
type guardedTape[F kernels.Float] struct {
	*kernels.Tape[F]
	floats []guarded[F]
	ints   []guarded[int32]
	target guarded[int8]
	count  guarded[bool]
}

// guardTape returns a tape that is set to the whole session of the one given,
// which has been played to its end, and has just enough memory to play it
// again.
func guardTape[F kernels.Float](like *kernels.Tape[F], offset int) *guardedTape[F] {
	rule := like.Session.Rule()
	size := like.T - 1 - int(like.Step[like.T-1]) + rule.MaxSteps
	g := &guardedTape[F]{
		Tape:   kernels.NewTape[F](like.N),
		target: guard(make([]int8, size), offset, [2]int8{77, -77}),
		count:  guard(make([]bool, size), offset, [2]bool{true, false}),
	}
	g.Target, g.Counted = g.target.slice(), g.count.slice()
	for _, v := range []*[]int32{&g.Trial, &g.Step} {
		x := guard(make([]int32, size), offset, [2]int32{7e6, -7e6})
		fill(x.slice(), -9)
		g.ints = append(g.ints, x)
		*v = x.slice()
	}
	for _, v := range []struct {
		slice  *[]F
		length int
	}{
		{&g.Input, size * kernels.Inputs},
		{&g.Hidden, (size + 1) * like.N},
		{&g.Difference, size},
		{&g.Feedback, size},
		{&g.Work, len(like.Work)},
	} {
		x := guardVector(make([]F, v.length), offset)
		fill(x.slice(), F(math.NaN()))
		g.floats = append(g.floats, x)
		*v.slice = x.slice()
	}
	g.Begin(like.Session)
	return g
}

func (g *guardedTape[F]) check(t testing.TB) {
	t.Helper()
	for i, what := range []string{"tape.Input", "tape.Hidden", "tape.Difference", "tape.Feedback", "tape.Work"} {
		g.floats[i].check(t, what)
	}
	for i, what := range []string{"tape.Trial", "tape.Step"} {
		g.ints[i].check(t, what)
	}
	g.target.check(t, "tape.Target")
	g.count.check(t, "tape.Counted")
}
