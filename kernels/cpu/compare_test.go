package cpu

import (
	"fmt"
	"math"
	"testing"

	"radd/kernels"
	"radd/task"
)

// comparedSizes are the hidden sizes over which instruction sets are compared:
// every one to beyond the widest panel, and odd ones to several panels.
func comparedSizes() []int {
	var list []int
	for n := 1; n <= 130; n++ {
		list = append(list, n)
	}
	for n := 131; n < 631; n += 20 {
		list = append(list, n)
	}
	return list
}

// TestAgreement compares every instruction set with the generic code: the
// states, the loss and the gradient of one session under the same decisions.
// Network by network, so that the sums' lengths and every tail are met.
func TestAgreement(t *testing.T) {
	forVectorISAs(t, agreement[float32], agreement[float64])
}

func agreement[F kernels.Float](t *testing.T, isa ISA) {
	// Relative to a norm: rounding, in sums of up to 630 products and over about
	// 60 RNN steps, with room for another order of summation.
	tolerance := 1e-13
	if kernels.Dtype[F]() == "f32" {
		tolerance = 1e-4
	}
	generic, vector := New[F](Generic, 1), New[F](isa, 1)
	defer generic.Close()
	defer vector.Close()
	sampler := smallSampler(t)
	for i, n := range comparedSizes() {
		if testing.Short() && i%5 > 0 {
			continue
		}
		o := []kernels.Objective{kernels.CrossEntropyMean, kernels.CrossEntropySum, kernels.ProbabilityMean, kernels.QLogMean(.6)}[i%4]
		want, got := kernels.NewBatch[F](n, 1), kernels.NewBatch[F](n, 1)
		want.Draw(sampler, uint64(n), 0)
		got.Draw(sampler, uint64(n), 0)
		theta := make([]F, kernels.Shape{N: n}.Size())
		kernels.Init(kernels.Shape{N: n}, uint64(n), theta)

		p, q := want.Tapes[0], got.Tapes[0]
		loss := generic.Forward(theta, o, want.Tapes)
		q.Forced = &kernels.Decisions{}
		for t := range p.T {
			q.Forced.Trial = append(q.Forced.Trial, int64(p.Trial[t]))
			q.Forced.Step = append(q.Forced.Step, int64(p.Step[t]))
			q.Forced.Feedback = append(q.Forced.Feedback, float64(p.Feedback[t]))
		}
		lossOff := math.Abs(vector.Forward(theta, o, got.Tapes)/loss - 1)
		wantGrad, gotGrad := make([]F, len(theta)), make([]F, len(theta))
		generic.Backward(theta, o, want.Tapes, 1, wantGrad)
		vector.Backward(theta, o, got.Tapes, 1, gotGrad)
		for _, x := range []struct {
			what string
			off  float64
		}{
			{"loss", lossOff},
			{"hidden", distance(q.Hidden[:(p.T+1)*n], p.Hidden[:(p.T+1)*n])},
			{"difference", distance(q.Difference[:p.T], p.Difference[:p.T])},
			{"gradient", distance(gotGrad, wantGrad)},
		} {
			if !(x.off <= tolerance) {
				t.Errorf("N = %d, T = %d, %v: %s is off by %.2g, allowed %.2g", n, p.T, o, x.what, x.off, tolerance)
			}
		}
	}
}

// smallSampler draws sessions of six trials.
func smallSampler(t *testing.T) *task.Sampler {
	t.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = 2, 3, 3
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return task.NewSampler(c)
}

// distance returns the norm of the difference over the norm of want.
func distance[F kernels.Float](got, want []F) float64 {
	difference := make([]float64, len(want))
	for i := range want {
		difference[i] = float64(got[i]) - float64(want[i])
	}
	return kernels.Norm(difference) / kernels.Norm(want)
}

// TestRoutines compares each routine alone with the generic one, at every
// alignment, between guard cells.
func TestRoutines(t *testing.T) {
	forVectorISAs(t, routinesAgree[float32], routinesAgree[float64])
}

func routinesAgree[F kernels.Float](t *testing.T, isa ISA) {
	r, generic := routinesOf[F](isa), genericRoutines[F]()
	tolerance := 1e-14 // of sums of about ten products, relative to a norm
	if kernels.Dtype[F]() == "f32" {
		tolerance = 1e-5
	}
	// Outer products of every number of rows, of columns and of pairs.
	for rows := 1; rows <= 9; rows++ {
		for vectors := 1; vectors <= 14; vectors++ {
			for _, count := range []int{1, 2, 7, 32} {
				width, padded := vectors*r.lanes, (rows+3)/4*4
				offset := (rows + vectors + count) % 8
				a := guarded(random[F](count*padded), offset)
				b := guarded(random[F](count*width), 7-offset)
				c := guarded(random[F](padded*width), offset/2)
				want := append([]F(nil), c.slice()...)
				generic.addOuterProducts(want, a.slice(), b.slice(), rows, padded, width, count)
				r.addOuterProducts(c.slice(), a.slice(), b.slice(), rows, padded, width, count)
				name := fmt.Sprintf("%d×%d from %d pairs", rows, width, count)
				if d := distance(c.slice()[:rows*width], want[:rows*width]); !(d <= tolerance) {
					t.Errorf("%s: off by %.2g", name, d)
				}
				a.check(t, name)
				b.check(t, name)
				c.check(t, name)
			}
		}
	}
	for n := range 70 {
		v := guarded(random[F](n), n%8)
		want := random[F](n)
		r.tanh(v.slice())
		generic.tanh(want)
		if d := distance(v.slice(), want); n > 0 && !(d <= tolerance) {
			t.Errorf("tanh of %d: off by %.2g", n, d)
		}
		v.check(t, fmt.Sprintf("tanh of %d", n))
	}
}

// random returns n numbers between −1 and 1, the same every time.
func random[F kernels.Float](n int) []F {
	v := make([]F, n)
	for i := range v {
		v[i] = F(math.Sin(float64(3*i*i + 1)))
	}
	return v
}

// guard is a slice between cells that nothing may write to.
type guard[F kernels.Float] struct {
	all            []F
	offset, length int
}

const (
	guardCells = 32 // two vectors of the most elements
	guardValue = 7e6
)

func guarded[F kernels.Float](v []F, offset int) guard[F] {
	g := guard[F]{make([]F, len(v)+offset+2*guardCells), guardCells + offset, len(v)}
	for i := range g.all {
		g.all[i] = guardValue
	}
	copy(g.slice(), v)
	return g
}

func (g guard[F]) slice() []F { return g.all[g.offset:][:g.length:g.length] }

func (g guard[F]) check(t *testing.T, what string) {
	t.Helper()
	for i, x := range g.all {
		if (i < g.offset || i >= g.offset+g.length) && x != guardValue {
			t.Fatalf("%s: wrote %d elements after its first of %d", what, i-g.offset, g.length)
		}
	}
}
