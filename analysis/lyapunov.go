package analysis

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// SpectralRadius returns the largest modulus of a square matrix's eigenvalues.
func SpectralRadius(m *mat.Dense) float64 {
	var eigen mat.Eigen
	if !eigen.Factorize(m, mat.EigenNone) {
		panic("analysis: the eigenvalues of a finite matrix did not converge")
	}
	radius := 0.
	for _, lambda := range eigen.Values(nil) {
		radius = max(radius, cmplx.Abs(lambda))
	}
	return radius
}

// Lyapunov are the largest Lyapunov exponents of a system along a trajectory, in
// natural logarithms per RNN step: states that differ by a little differ by exp
// of the first times as much a step later, given the same inputs.
type Lyapunov struct {
	RNNSteps int
	Value    []float64     // (k) largest first; −Inf where the Jacobians are singular
	Low      []float64     // (k) 95 % interval: ±1.96 standard errors over windows of lyapunovWindow RNN steps
	High     []float64     // (k)
	Course   []Convergence // of all k, after ever more RNN steps
}

// Convergence is what the exponents were after so many RNN steps.
type Convergence struct {
	RNNSteps int
	Value    []float64 // (k)
}

const (
	lyapunovSettle = 200 // RNN steps in which the tangents turn into the leading directions, which do not count
	lyapunovWindow = 100 // RNN steps
	lyapunovCourse = 20  // lengths at which the course is told
)

// LyapunovExponents follows the largest k exponents along the first steps of a
// trajectory of the system, by the Jacobians at its states; of the steps those up
// to lyapunovSettle, at most a tenth, do not count. It is one pass at most.
//
// Source: Benettin, Galgani, Giorgilli and Strelcyn, "Lyapunov characteristic
// exponents", 1980: tangents that are made orthonormal again after every step.
func (s *System) LyapunovExponents(t *Trajectory, k, steps int) (*Lyapunov, error) {
	settle := min(lyapunovSettle, steps/10)
	tangents := newTangents(min(k, s.N), s.N)
	k = len(tangents.rows)
	sums, window, idle := make([]float64, k), make([]float64, k), make([]float64, k)
	windows := make([]moments, k)
	l := &Lyapunov{}
	every := max(lyapunovWindow, (steps-settle)/lyapunovCourse/lyapunovWindow*lyapunovWindow)
	at := 0
	for c, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		for i := range c.T {
			if at++; at > steps {
				break
			}
			h := c.Hidden[i*s.N : (i+1)*s.N]
			if at <= settle {
				tangents.advance(s, h, idle)
				continue
			}
			tangents.advance(s, h, window)
			l.RNNSteps++
			if l.RNNSteps%lyapunovWindow == 0 {
				for j, w := range window {
					windows[j].add(w / lyapunovWindow)
				}
				floats.Add(sums, window)
				clear(window)
			}
			if l.RNNSteps%every == 0 {
				l.Course = append(l.Course, Convergence{l.RNNSteps, scaled(sums, 1/float64(l.RNNSteps))})
			}
		}
		if at > steps {
			break
		}
	}
	floats.Add(sums, window)
	l.Value = scaled(sums, 1/float64(l.RNNSteps))
	for j := range windows {
		low, high := windows[j].interval()
		l.Low, l.High = append(l.Low, low), append(l.High, high)
	}
	return l, nil
}

func scaled(v []float64, factor float64) []float64 {
	return floats.ScaleTo(make([]float64, len(v)), factor, v)
}

// tangents are orthonormal tangent vectors, one a row.
type tangents struct {
	rows, spare [][]float64
}

// newTangents returns the first k unit vectors, turned so that no unit of a
// network is left out.
func newTangents(k, N int) *tangents {
	t := &tangents{}
	for i := range k {
		row := make([]float64, N)
		for j := range row {
			row[j] = math.Cos(math.Pi * float64(i+1) * (float64(j) + .5) / float64(N+1))
		}
		t.rows, t.spare = append(t.rows, row), append(t.spare, make([]float64, N))
	}
	orthonormalise(t.rows, make([]float64, k))
	return t
}

// advance maps the tangents by the Jacobian at the state h = F, makes them
// orthonormal again and adds the logarithms of their lengths to sums. One that is
// mapped to 0 stays there.
func (t *tangents) advance(s *System, h, sums []float64) {
	for i, row := range t.rows {
		next := t.spare[i]
		blas64.Gemv(blas.NoTrans, 1, s.Recurrent.RawMatrix(), blas64.Vector{N: s.N, Inc: 1, Data: row}, 0, blas64.Vector{N: s.N, Inc: 1, Data: next})
		for j, x := range h {
			next[j] *= 1 - x*x
		}
	}
	t.rows, t.spare = t.spare, t.rows
	orthonormalise(t.rows, sums)
}

// orthonormalise makes the rows orthonormal, one after the other, and adds the
// logarithms of what was left of their lengths to sums.
func orthonormalise(rows [][]float64, sums []float64) {
	for i, row := range rows {
		for _, earlier := range rows[:i] {
			floats.AddScaled(row, -floats.Dot(earlier, row), earlier)
		}
		length := floats.Norm(row, 2)
		sums[i] += math.Log(length)
		if length > 0 {
			floats.Scale(1/length, row)
		}
	}
}
