package analysis

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
)

// Logistic is an unregularised logistic regression of block side on states:
// log P(b = +1)/P(b = −1) = Weight·h + Intercept.
type Logistic struct {
	Weight    []float64 // (N)
	Intercept float64
	Accuracy  float64 // share of the RNN steps whose block side has the likelier sign
	Nats      float64 // −log P(b), mean over the RNN steps
	T         int
	Rank      int // of the regressors [h, 1]: where it is below N+1, weights are the smallest that do
	Passes    int // over the trajectory
}

// SeparationError tells that no finite weights are the most likely ones: the
// states tell the block side of every RNN step (Complete), or of some of them,
// without fault. More data, or fewer units, are needed.
type SeparationError struct {
	Name     string // of the trajectory
	Complete bool
	T        int
}

func (e *SeparationError) Error() string {
	what := "some RNN steps' block sides are"
	if e.Complete {
		what = "the block side is"
	}
	return fmt.Sprintf("%s: %s perfectly separated by the states of %d RNN steps, so the logistic regression has no finite solution; "+
		"record more RNN steps, or read from fewer dimensions (readout %s)", e.Name, what, e.T, PCA)
}

const (
	// logisticTolerance ends Newton's iteration, whose error falls at every step
	// at least tenfold: that of the last step's result is below it.
	logisticTolerance = 1e-9
	// In a long trajectory, of more than curvatureSteps RNN steps for every
	// regressor, second derivatives, which take most of the time, are those of a
	// part, at least one step in curvatureEvery, as long as Newton's steps are
	// longer than nearStep; and the last ones again once they are shorter than
	// nextStep. Lengths are in standard errors of weights near 0.
	curvatureSteps = 100
	curvatureEvery = 8
	nearStep       = 1
	nextStep       = .01
	// logisticPasses is far more than a finite solution takes, about 10.
	logisticPasses = 100
	// rankTolerance, times the number of regressors, is about how far rounding
	// leaves an eigenvalue from 0, relative to the largest.
	rankTolerance = 1e-15
)

// FitLogistic regresses the block side of every RNN step, blank ones too, on
// the state by Newton's method. Each iteration is one pass. In a long trajectory
// second derivatives are not taken anew from all of it at every one, which takes a
// few iterations more and much less time.
//
// A *SeparationError tells that there is no solution, an *input.Error that the
// trajectory has no block sides.
//
// Source: task, "block readout"; iteratively reweighted least squares, McCullagh
// and Nelder 1989.
func FitLogistic(t *Trajectory) (*Logistic, error) {
	f := &logisticFit{t: t, d: t.N + 1, every: 1}
	f.gradient, f.theta = make([]float64, f.d), make([]float64, f.d)
	f.hessian = mat.NewSymDense(f.d, nil)
	if err := f.pass(); err != nil {
		return nil, err
	}
	// In coordinates in which the regressors have covariance I, Newton's
	// equations are well conditioned and the length of a step means something.
	// Without the directions in which nothing varies they are regular, too.
	white := whitening(f.hessian)
	_, rank := white.Dims()
	a := make([]float64, rank)
	f.every = max(1, min(f.n/(curvatureSteps*f.d), curvatureEvery))
	long := f.every > 1
	last := math.Inf(1)
	for {
		step, ok := f.step(white)
		if !ok {
			return nil, f.separated(false)
		}
		length := floats.Norm(step, 2)
		if length <= logisticTolerance*(1+floats.Norm(a, 2)) {
			break
		}
		switch {
		case long && length < nextStep && f.every < 2 && length < last/8:
			f.every = 0
		case length < nearStep || length > last:
			f.every = 1
		}
		last = length
		before := f.nats
		floats.Add(a, step)
		for {
			mat.NewVecDense(f.d, f.theta).MulVec(white, mat.NewVecDense(rank, a))
			if err := f.pass(); err != nil {
				return nil, err
			}
			if f.margin > 0 {
				return nil, f.separated(true)
			}
			if f.passes > logisticPasses {
				return nil, f.separated(false)
			}
			// A rise by rounding is none.
			if f.nats <= before*(1+1e-12) {
				break
			}
			floats.Scale(.5, step)
			floats.Sub(a, step)
		}
	}
	return &Logistic{
		Weight:    f.theta[:t.N:t.N],
		Intercept: f.theta[t.N],
		Accuracy:  float64(f.correct) / float64(f.n),
		Nats:      f.nats / float64(f.n),
		T:         f.n,
		Rank:      rank,
		Passes:    f.passes,
	}, nil
}

// logisticFit is the state of a regression: a parameter vector θ, weights
// before intercept, and what the last pass found for it.
type logisticFit struct {
	t     *Trajectory
	d     int       // N + 1
	theta []float64 // (d)

	nats     float64       // −Σ log P(b)
	gradient []float64     // of nats by θ (d)
	hessian  *mat.SymDense // (d, d)
	margin   float64       // the smallest b·(log-odds): above 0, θ separates the sides
	correct  int
	n        int
	passes   int

	every int       // one RNN step in so many tells the Hessian; 0: it stays
	bent  int       // those that have
	rows  []float64 // √w·[h, 1] of a chunk
}

func (f *logisticFit) separated(complete bool) error {
	return &SeparationError{Name: f.t.Name, Complete: complete, T: f.n}
}

// pass goes over the trajectory and assigns everything that depends on θ.
func (f *logisticFit) pass() error {
	clear(f.gradient)
	if f.every > 0 {
		f.hessian.Zero()
	}
	f.nats, f.margin, f.correct, f.n, f.bent = 0, math.Inf(1), 0, 0, 0
	f.passes++
	for c, err := range f.t.Chunks() {
		if err != nil {
			return err
		}
		if c.BlockSide == nil {
			return missing(f.t, blockSideName)
		}
		f.add(c)
	}
	if f.n == 0 {
		return tooShort(f.t, 0, 1)
	}
	if f.every > 1 {
		f.hessian.ScaleSym(float64(f.n)/float64(f.bent), f.hessian)
	}
	return nil
}

// missing is the error that a trajectory lacks an array.
func missing(t *Trajectory, array string) error {
	return &input.Error{File: t.Name, Field: t.folder + array, Found: "there is no such array"}
}

// tooShort is the error that a trajectory has too few RNN steps.
func tooShort(t *Trajectory, T, least int) error {
	return &input.Error{File: t.Name, Field: t.folder + hiddenName, Found: fmt.Sprintf("%d RNN steps", T), Allowed: fmt.Sprintf("%d or more", least)}
}

// add adds a chunk's part to what pass assigns.
func (f *logisticFit) add(c *Chunk) {
	N := f.t.N
	weight, intercept := f.theta[:N], f.theta[N]
	f.rows = f.rows[:0]
	for i, side := range c.BlockSide {
		h := c.Hidden[i*N : (i+1)*N]
		b := float64(side)
		m := b * (floats.Dot(weight, h) + intercept)
		if m > 0 {
			f.correct++
		}
		f.margin = min(f.margin, m)
		e := math.Exp(-math.Abs(m))
		f.nats += max(-m, 0) + math.Log1p(e)
		wrong := 1 / (1 + e) // P(−b)
		if m > 0 {
			wrong = e / (1 + e)
		}
		floats.AddScaled(f.gradient[:N], -b*wrong, h)
		f.gradient[N] -= b * wrong
		if f.every == 0 || (f.n+i)%f.every != 0 {
			continue
		}
		f.bent++

		w := math.Sqrt(e) / (1 + e) // √(P(b) P(−b))
		start := len(f.rows)
		f.rows = append(f.rows, h...)
		floats.Scale(w, f.rows[start:])
		f.rows = append(f.rows, w)
	}
	f.n += c.T
	addSquares(f.hessian, f.rows)
}

// whitening returns W (d, r) with Wᵀ H W = I for a symmetric H (d, d) of rank
// r, whose range is W's.
func whitening(H *mat.SymDense) *mat.Dense {
	d := H.SymmetricDim()
	values, vectors := symmetricEigen(H)
	none := 0
	for none < d-1 && values[none] <= rankTolerance*float64(d)*values[d-1] {
		none++
	}
	W := mat.NewDense(d, d-none, nil)
	for j := none; j < d; j++ {
		for i := range d {
			W.Set(i, j-none, vectors.At(i, j)/math.Sqrt(values[j]))
		}
	}
	return W
}

// step returns Newton's step in whitened coordinates, −(WᵀHW)⁻¹ Wᵀg, and false
// where the equations are singular to rounding: along some direction the
// likelihood does not bend any more, though the states vary along it.
func (f *logisticFit) step(white *mat.Dense) ([]float64, bool) {
	_, r := white.Dims()
	var HW mat.Dense
	HW.Mul(f.hessian, white)
	var full mat.Dense
	full.Mul(white.T(), &HW)
	H := mat.NewSymDense(r, nil)
	for i := range r {
		for j := i; j < r; j++ {
			H.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(H) || chol.Cond() > 1/rankTolerance {
		return nil, false
	}
	g := mat.NewVecDense(r, nil)
	g.MulVec(white.T(), mat.NewVecDense(f.d, f.gradient))
	g.ScaleVec(-1, g)
	step := make([]float64, r)
	if err := chol.SolveVecTo(mat.NewVecDense(r, step), g); err != nil {
		return nil, false
	}
	return step, true
}

// LogOdds returns Weight·h + Intercept for a state h (N).
func (l *Logistic) LogOdds(h []float64) float64 { return floats.Dot(l.Weight, h) + l.Intercept }

// AccuracyOn returns the share of a trajectory's RNN steps whose block side has
// the sign of LogOdds.
func (l *Logistic) AccuracyOn(t *Trajectory) (float64, error) {
	correct, n := 0, 0
	for c, err := range t.Chunks() {
		if err != nil {
			return 0, err
		}
		if c.BlockSide == nil {
			return 0, missing(t, blockSideName)
		}
		for i, side := range c.BlockSide {
			if float64(side)*l.LogOdds(c.Hidden[i*t.N:(i+1)*t.N]) > 0 {
				correct++
			}
		}
		n += c.T
	}
	return float64(correct) / float64(n), nil
}
