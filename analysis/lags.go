package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
)

// Lags is how many RNN steps back gradients are followed.
const Lags = 200

// lagSteps is the number of RNN steps whose gradients are followed, and
// lagNumbers how many products that may take.
const (
	lagSteps   = 400
	lagNumbers = 1 << 30
)

// GradientNorms assigns to dst (L+1) the Euclidean norm of ∂d_t/∂h_{t−lag}, lag
// 0 … L, d_t being the logit difference after RNN step t: hidden (L+1, N) are the
// states h_{t−L} … h_t. The gradient of a loss of that step alone is this times
// the loss's derivative by d_t, at every lag. No gradient flows through the
// feedback, nor through the trial's end.
//
// Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent
// neural networks", 2013; task, the gradient.
func (s *System) GradientNorms(dst, hidden []float64) {
	L := len(dst) - 1
	if len(hidden) != (L+1)*s.N {
		panic("analysis: the states are not (L+1, N)")
	}
	g, spare := slices.Clone(s.Readout), make([]float64, s.N)
	for lag := range dst {
		dst[lag] = floats.Norm(g, 2)
		h := hidden[(L-lag)*s.N : (L-lag+1)*s.N]
		for i, x := range h {
			g[i] *= 1 - x*x
		}
		blas64.Gemv(blas.Trans, 1, s.Recurrent.RawMatrix(), blas64.Vector{N: s.N, Inc: 1, Data: g}, 0, blas64.Vector{N: s.N, Inc: 1, Data: spare})
		g, spare = spare, g
	}
}

// lagged are gradients of RNN steps that are spread over a recording.
type lagged struct {
	steps      []int      // (n) the RNN steps t, observation steps
	norms      *mat.Dense // (n, L+1) of the logit difference's gradient
	derivative [][]float64
}

// lagLosses are the losses whose gradients are told, each of one RNN step and
// before its reduction.
var lagLosses = []struct {
	name      string
	objective kernels.Objective
}{{"cross-entropy", kernels.CrossEntropySum}, {"probability", kernels.ProbabilityMean}}

// gradients follows the gradients of at most so many observation steps, evenly
// spread, over so many lags, in one pass. The recording is of the trajectory.
func (r *Recording) gradients(t *Trajectory, s *System, lags, most int) (*lagged, error) {
	g := &lagged{derivative: make([][]float64, len(lagLosses))}
	var counted, trial []int
	for n := range r.Trials {
		for i := max(lags, r.first[n]+r.Config.BlankSteps); i < r.first[n+1]; i++ {
			counted, trial = append(counted, i), append(trial, n)
		}
	}
	count := min(most, len(counted))
	for i := range count {
		k := i * len(counted) / count
		g.steps = append(g.steps, counted[k])
		for l, loss := range lagLosses {
			g.derivative[l] = append(g.derivative[l], loss.objective.Derivative(r.Trials[trial[k]].Side, r.logit[counted[k]]))
		}
	}
	if count == 0 {
		return g, nil
	}
	g.norms = mat.NewDense(count, lags+1, nil)
	var states []float64 // the last lags RNN steps before the chunk, and the chunk
	at, next := 0, 0     // RNN step of the chunk's first row; step that is to come
	for c, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		before := min(len(states)/s.N, lags)
		copy(states, states[len(states)-before*s.N:])
		states = append(states[:before*s.N], c.Hidden...)
		for ; next < count && g.steps[next] < at+c.T; next++ {
			last := before + g.steps[next] - at
			s.GradientNorms(g.norms.RawRowView(next), states[(last-lags)*s.N:(last+1)*s.N])
		}
		at += c.T
	}
	return g, nil
}

// LagNorm tells what is left of a gradient so many RNN steps back: its norm over
// that at lag 0, which is the same for every loss of a single step.
type LagNorm struct {
	Lag    int     `json:"lag"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // 5th percentile over RNN steps
	High   float64 `json:"high"` // 95th
}

// toldLags are those that a summary tells of.
var toldLags = []int{1, 2, 5, 10, 20, 50, 100, 200}

// tables returns the norms by lag, and those that a summary tells of.
func (g *lagged) tables() (*Table, []LagNorm) {
	t := NewTable("gradient_by_lag.csv", "of", "lag", "count", "q05", "q25", "median", "q75", "q95", "mean")
	if g.norms == nil {
		return t, nil
	}
	var told []LagNorm
	count, lags := g.norms.Dims()
	values := make([]float64, count)
	add := func(of string, lag int, factor func(i int) float64) [5]float64 {
		var m moments
		for i := range values {
			values[i] = g.norms.At(i, lag) * factor(i)
			m.add(values[i])
		}
		slices.Sort(values)
		var q [5]float64
		for i, p := range []float64{.05, .25, .5, .75, .95} {
			q[i] = quantile(values, p)
		}
		t.Add(of, lag, count, q[0], q[1], q[2], q[3], q[4], m.mean())
		return q
	}
	for lag := range lags {
		q := add("relative", lag, func(i int) float64 { return 1 / g.norms.At(i, 0) })
		if slices.Contains(toldLags, lag) {
			told = append(told, LagNorm{lag, q[2], q[0], q[4]})
		}
	}
	for lag := range lags {
		add("logit", lag, func(int) float64 { return 1 })
	}
	for l, loss := range lagLosses {
		for lag := range lags {
			add(loss.name, lag, func(i int) float64 { return math.Abs(g.derivative[l][i]) })
		}
	}
	return t, told
}

// quantile returns the p-quantile of ascending values, interpolated; NaN of none.
func quantile(ascending []float64, p float64) float64 {
	if len(ascending) == 0 {
		return nan
	}
	at := p * float64(len(ascending)-1)
	i := int(at)
	if i+1 >= len(ascending) {
		return ascending[i]
	}
	return ascending[i] + (at-float64(i))*(ascending[i+1]-ascending[i])
}
