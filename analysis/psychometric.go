package analysis

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"radd/task"
)

var nan = math.NaN()

// psychometricFit is the logistic regression
//
//	log P(right)/P(left) = slope·x + shift·b + side
//
// over trials with an action, x being the signed strength and b the block side.
type psychometricFit struct {
	n     int // trials, those without an action too
	cells map[[2]float64]*[2]float64
	order [][2]float64 // of the cells (x, b), as they came
}

func (f *psychometricFit) add(t task.Trial) {
	f.n++
	if t.Action == 0 {
		return
	}
	at := [2]float64{signed(t), float64(t.BlockSide)}
	if f.cells == nil {
		f.cells = map[[2]float64]*[2]float64{}
	}
	if f.cells[at] == nil {
		f.cells[at] = new([2]float64)
		f.order = append(f.order, at)
	}
	f.cells[at][(1+t.Action)/2]++
}

// estimate is a number with its 95 % interval.
type estimate struct{ value, low, high float64 }

func estimated(value, variance float64) estimate {
	half := z95 * math.Sqrt(variance)
	return estimate{value, value - half, value + half}
}

// psychometric are the parameters of a psychometric curve.
type psychometric struct {
	slope estimate // per unit of strength
	bias  estimate // shift/slope, in units of strength: how far the block moves the curve
	side  estimate // log odds of right that neither strength nor block explains
}

// fit returns the most likely parameters with the intervals of the observed
// information, the bias's by the delta method; NaN where there are none that are
// finite, as when all actions are to one side. Without blocks the bias is NaN.
func (f *psychometricFit) fit() psychometric {
	none := estimate{nan, nan, nan}
	result := psychometric{none, none, none}
	blocks := false
	for _, at := range f.order {
		blocks = blocks || at[1] != 0
	}
	d := 2
	if blocks {
		d = 3
	}
	theta := mat.NewVecDense(d, nil) // slope, side, shift
	information := mat.NewSymDense(d, nil)
	gradient, row := mat.NewVecDense(d, nil), mat.NewVecDense(d, nil)
	var cholesky mat.Cholesky
	converged := false
	for range 50 { // Newton takes about 7 where there is a maximum
		information.Zero()
		gradient.Zero()
		for _, at := range f.order {
			counts := f.cells[at]
			row.SetVec(0, at[0])
			row.SetVec(1, 1)
			if blocks {
				row.SetVec(2, at[1])
			}
			p := 1 / (1 + math.Exp(-mat.Dot(theta, row)))
			n := counts[0] + counts[1]
			gradient.AddScaledVec(gradient, counts[1]-n*p, row)
			information.SymRankOne(information, n*p*(1-p), row)
		}
		if !cholesky.Factorize(information) || cholesky.Cond() > 1e10 {
			return result // all actions are to one side, or one strength alone occurs
		}
		step := mat.NewVecDense(d, nil)
		if cholesky.SolveVecTo(step, gradient) != nil {
			return result
		}
		theta.AddVec(theta, step)
		if converged = mat.Norm(step, 2) < 1e-10; converged {
			break
		}
	}
	if !converged {
		return result
	}
	var covariance mat.SymDense
	if cholesky.InverseTo(&covariance) != nil {
		return result
	}
	slope := theta.AtVec(0)
	result.slope = estimated(slope, covariance.At(0, 0))
	result.side = estimated(theta.AtVec(1), covariance.At(1, 1))
	if blocks {
		bias := theta.AtVec(2) / slope
		// Var(shift/slope) by its derivatives 1/slope and −bias/slope.
		variance := (covariance.At(2, 2) - 2*bias*covariance.At(0, 2) + bias*bias*covariance.At(0, 0)) / (slope * slope)
		result.bias = estimated(bias, variance)
	}
	return result
}
