package distill

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/philox"
	"radd/task"
)

// DefaultResamples gives standard errors to about 3 %.
const DefaultResamples = 500

// StandardErrors are those of a student's parameters, by resampling pairs of
// blocks.
type StandardErrors struct {
	A         *mat.Dense // (M, M)
	B         *mat.Dense // (M, Q); nil where Q is 0
	C         []float64  // (M)
	Units     int        // pairs of blocks
	Resamples int
}

// Bootstrap resamples a trajectory's left–right pairs of blocks with
// replacement and solves the regression for each sample. A pair is two
// consecutive blocks of one session, so that no sample has more of one side; a
// session's odd last block goes with the pair before it, if there is one. The
// projection and κ stay as they are. It takes one pass and keeps an R factor
// for every pair. The draws are those of the seed.
//
// Where the trajectory has no block sides, or fewer than two pairs, it returns
// nil.
//
// Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993.
func (r *RADD) Bootstrap(t *analysis.Trajectory, resamples int, seed uint64) (*StandardErrors, error) {
	units, err := r.blockPairs(t)
	if err != nil || len(units) < 2 {
		return nil, err
	}
	sample := newFactor(r.columns())
	sums := newScore(len(r.parameters()))
	student := *r
	for b := range resamples {
		sample.reset()
		var words philox.Words
		for i := range units {
			if i%4 == 0 {
				words = philox.Draw(seed, task.StreamBootstrap.Counter(uint32(i/4), uint32(b), 0, 0))
			}
			u := units[uint64(words[i%4])*uint64(len(units))>>32]
			sample.add(u.R, u.count)
		}
		_ = student.adopt(sample, t.Name) // of minimum norm, as the whole trajectory's
		parameters := student.parameters()
		sums.add(parameters, parameters)
	}
	M, Q := r.M, r.Q
	errors := make([]float64, len(sums.deviation))
	for i, d := range sums.deviation {
		errors[i] = math.Sqrt(d / (sums.n - 1))
	}
	out := &StandardErrors{Units: len(units), Resamples: resamples}
	out.A = mat.NewDense(M, M, errors[:M*M])
	if Q > 0 {
		out.B = mat.NewDense(M, Q, errors[M*M:M*M+M*Q])
	}
	out.C = errors[M*M+M*Q:]
	return out, nil
}

// parameters returns A′, B′ and c′, one after the other.
func (r *RADD) parameters() []float64 {
	all := slices.Clone(r.A.RawMatrix().Data)
	if r.B != nil {
		all = append(all, r.B.RawMatrix().Data...)
	}
	return append(all, r.C...)
}

// unit is the R factor of one pair of blocks.
type unit struct {
	R     []float64
	count int
}

// blockPairs returns the R factors of a trajectory's pairs of blocks; nil where
// it has no block sides.
func (r *RADD) blockPairs(t *analysis.Trajectory) ([]unit, error) {
	var units []unit
	rows := newFactor(r.columns())
	blocks, side := 0, int8(0) // begun in this session; of the last one
	endPair := func() {
		units = append(units, unit{slices.Clone(rows.R()), rows.count})
		rows.reset()
	}
	endSession := func() {
		if rows.count == 0 {
			return
		}
		if blocks > 1 && blocks%2 == 1 {
			before := units[len(units)-1]
			units = units[:len(units)-1]
			rows.add(before.R, before.count)
		}
		endPair()
	}
	for s, err := range r.view(t).steps() {
		switch {
		case err != nil:
			return nil, err
		case s.blockSide == 0:
			return nil, nil
		case s.previous == nil:
			endSession()
			blocks = 1
		case s.blockSide != side:
			if blocks%2 == 0 {
				endPair()
			}
			blocks++
		}
		side = s.blockSide
		if s.previous != nil {
			s.regression(rows.row())
		}
	}
	endSession()
	return units, nil
}
