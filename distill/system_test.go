package distill

import (
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
)

// system is a teacher of known parameters, of whose M-dimensional state N units
// are seen.
type system struct {
	f     Nonlinearity
	A, B  *mat.Dense // (M, M), (M, Q)
	C     []float64  // (M)
	basis *mat.Dense // (M, N) with orthonormal rows; nil: the units are the state

	process, observation float64 // sd of the noise that goes into f, and of what is added to the states seen
	session, block       int     // RNN steps of each; 0: one session, no blocks
	seed                 uint64
}

// twoUnits is a system of two units with three inputs.
func twoUnits() *system {
	return &system{
		f: Tanh(),
		A: mat.NewDense(2, 2, []float64{.6, .2, -.3, .7}),
		B: mat.NewDense(2, 3, []float64{.2, -.15, .05, -.1, .1, .2}),
		C: []float64{.05, -.02},
	}
}

// randomSystem returns a system of M units with Q inputs, seen as N units
// through a random orthonormal basis.
func randomSystem(M, Q, N int, f Nonlinearity) *system {
	r := rand.New(rand.NewPCG(uint64(M), uint64(N)))
	normal := func(rows, cols int, sd float64) *mat.Dense {
		m := mat.NewDense(rows, cols, nil)
		m.Apply(func(int, int, float64) float64 { return sd * r.NormFloat64() }, m)
		return m
	}
	s := &system{f: f, A: normal(M, M, .6/math.Sqrt(float64(M))), C: normal(1, M, .1).RawRowView(0)}
	if Q > 0 {
		s.B = normal(M, Q, .2)
	}
	s.basis = orthonormal(normal(M, N, 1))
	return s
}

// orthonormal returns the rows made orthonormal.
func orthonormal(rows *mat.Dense) *mat.Dense {
	M, _ := rows.Dims()
	for i := range M {
		for j := range i {
			floats.AddScaled(rows.RawRowView(i), -floats.Dot(rows.RawRowView(i), rows.RawRowView(j)), rows.RawRowView(j))
		}
		floats.Scale(1/floats.Norm(rows.RawRowView(i), 2), rows.RawRowView(i))
	}
	return rows
}

// trajectory returns T RNN steps in chunks of the given size, drawn when they
// are asked for. Every session begins at a random state.
func (s *system) trajectory(T, chunk int) *analysis.Trajectory {
	M, _ := s.A.Dims()
	N, Q := M, 0
	if s.B != nil {
		_, Q = s.B.Dims()
	}
	if s.basis != nil {
		_, N = s.basis.Dims()
	}
	return &analysis.Trajectory{Name: "system", N: N, Q: Q, T: T, Source: s.source(T, chunk, M, N, Q)}
}

func (s *system) source(T, chunk, M, N, Q int) iter.Seq2[*analysis.Chunk, error] {
	return func(yield func(*analysis.Chunk, error) bool) {
		r := rand.New(rand.NewPCG(s.seed, 0))
		teacher := &RADD{F: s.f, M: M, Q: Q, N: N, A: s.A, B: s.B, C: s.C}
		z, drive := make([]float64, M), make([]float64, M)
		c := &analysis.Chunk{
			Hidden: make([]float64, chunk*N), Input: make([]float64, chunk*Q),
			Session: make([]int64, chunk),
		}
		if s.block > 0 {
			c.BlockSide = make([]int8, chunk)
		}
		for from := 0; from < T; from += chunk {
			c.T = min(chunk, T-from)
			for i := range c.T {
				t := from + i
				o := c.Input[i*Q : (i+1)*Q]
				for q := range o {
					o[q] = r.NormFloat64()
				}
				if t == 0 || s.session > 0 && t%s.session == 0 {
					for m := range drive {
						drive[m] = r.NormFloat64() / 2
					}
				} else {
					teacher.drive(drive, z, o)
				}
				for m, u := range drive {
					z[m] = s.f.Forward(u + s.process*r.NormFloat64())
				}
				s.see(c.Hidden[i*N:(i+1)*N], z)
				if s.observation > 0 {
					for n := range N {
						c.Hidden[i*N+n] += s.observation * r.NormFloat64()
					}
				}
				c.Session[i] = int64(t / max(1, s.session))
				if s.session == 0 {
					c.Session[i] = 0
				}
				if s.block > 0 {
					c.BlockSide[i] = int8(1 - 2*(t/s.block%2))
				}
			}
			part := *c
			part.Hidden, part.Input, part.Session = c.Hidden[:c.T*N], c.Input[:c.T*Q], c.Session[:c.T]
			if s.block > 0 {
				part.BlockSide = c.BlockSide[:c.T]
			}
			if !yield(&part, nil) {
				return
			}
		}
	}
}

// see assigns the units (N) that show the state z (M).
func (s *system) see(units, z []float64) {
	if s.basis == nil {
		copy(units, z)
		return
	}
	clear(units)
	for m, x := range z {
		floats.AddScaled(units, x, s.basis.RawRowView(m))
	}
}

// problem is to find the system again, without scaling.
func (s *system) problem() Problem {
	P := s.basis
	if P == nil {
		M, _ := s.A.Dims()
		P = eye(M)
	}
	return Problem{F: s.f, Projection: P, Scale: Scale{Fixed: []float64{1}}}
}

func eye(M int) *mat.Dense {
	I := mat.NewDense(M, M, nil)
	for i := range M {
		I.Set(i, i, 1)
	}
	return I
}

// parameters returns A, B and c, one after the other.
func (s *system) parameters() []float64 {
	return (&RADD{A: s.A, B: s.B, C: s.C}).parameters()
}

func mustFit(tb testing.TB, t *analysis.Trajectory, p Problem) *RADD {
	tb.Helper()
	r, err := Fit(t, p)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
