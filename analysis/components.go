package analysis

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Components are the principal components of a trajectory's states.
type Components struct {
	T          int
	Mean       []float64     // mean state (N)
	Covariance *mat.SymDense // of the states (N, N), with divisor T
	Variance   []float64     // along the directions (N), largest first
	Directions *mat.Dense    // unit rows (N, N), each of arbitrary sign
}

// PrincipalComponents returns the components of all states of the trajectory,
// in one pass: chunks' sums of squares about their own means are merged.
//
// Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
// for computing sample variances", 1979.
func PrincipalComponents(t *Trajectory) (*Components, error) {
	N := t.N
	c := &Components{Mean: make([]float64, N)}
	squares := mat.NewSymDense(N, nil) // Σ (h − h̄)(h − h̄)ᵀ of the chunks before
	chunkMean := make([]float64, N)
	var centred []float64
	for chunk, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		clear(chunkMean)
		for i := range chunk.T {
			floats.Add(chunkMean, chunk.Hidden[i*N:(i+1)*N])
		}
		floats.Scale(1/float64(chunk.T), chunkMean)
		centred = append(centred[:0], chunk.Hidden...)
		for i := range chunk.T {
			floats.Sub(centred[i*N:(i+1)*N], chunkMean)
		}
		addSquares(squares, centred)

		// The two means' distance δ adds δδᵀ·T_a·T_b/(T_a + T_b).
		before, total := float64(c.T), float64(c.T+chunk.T)
		floats.Sub(chunkMean, c.Mean)
		squares.SymRankOne(squares, before*float64(chunk.T)/total, mat.NewVecDense(N, chunkMean))
		floats.AddScaled(c.Mean, float64(chunk.T)/total, chunkMean)
		c.T += chunk.T
	}
	if c.T == 0 {
		return nil, tooShort(t, 0, 1)
	}
	squares.ScaleSym(1/float64(c.T), squares)
	c.Covariance = squares
	c.decompose()
	return c, nil
}

// decompose assigns variances and directions from the covariance.
func (c *Components) decompose() {
	N := len(c.Mean)
	ascending, vectors := symmetricEigen(c.Covariance)
	c.Variance = make([]float64, N)
	c.Directions = mat.NewDense(N, N, nil)
	for i := range N {
		c.Variance[i] = max(0, ascending[N-1-i]) // rounding leaves a zero slightly below
		c.Directions.SetRow(i, mat.Col(nil, N-1-i, vectors))
	}
}

// symmetricEigen returns the eigenvalues of a finite S (n, n), ascending (n), and
// its unit eigenvectors in columns (n, n). gonum's reflections fail where squares of
// elements underflow, so what lies far below S's rounding is taken to be 0.
func symmetricEigen(S *mat.SymDense) (ascending []float64, vectors *mat.Dense) {
	const negligible = 1e-60
	n := S.SymmetricDim()
	least := negligible * max(mat.Max(S), -mat.Min(S))
	rounded := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			if v := S.At(i, j); math.Abs(v) > least {
				rounded.SetSym(i, j, v)
			}
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(rounded, true) {
		panic("analysis: the eigenvalues of a finite matrix did not converge")
	}
	vectors = new(mat.Dense)
	eigen.VectorsTo(vectors)
	return eigen.Values(nil), vectors
}

// Explained returns each component's share of the variance (N), largest first:
// NaN where the states do not vary.
func (c *Components) Explained() []float64 {
	shares := make([]float64, len(c.Variance))
	total := floats.Sum(c.Variance)
	for i, v := range c.Variance {
		shares[i] = v / total
	}
	return shares
}

// Plane returns the first two principal directions (2, N).
func (c *Components) Plane() *mat.Dense {
	return mat.DenseCopyOf(c.Directions.Slice(0, 2, 0, len(c.Mean)))
}

// Angle returns the angle between two vectors of equal length in degrees, 0 to
// 180; NaN where one is 0.
func Angle(u, v []float64) float64 {
	return angle(u, v, func(x []float64) float64 { return floats.Norm(x, 2) })
}

// Angle returns the angle between two directions (N) in the metric of the
// states' covariance C, acos(uᵀCv/√(uᵀCu·vᵀCv)) in degrees: the cosine is the
// correlation of the two signals uᵀh and vᵀh over the trajectory. It is NaN
// where one of them does not vary.
func (c *Components) Angle(u, v []float64) float64 {
	return angle(u, v, func(x []float64) float64 {
		a := mat.NewVecDense(len(x), x)
		return math.Sqrt(mat.Inner(a, c.Covariance, a))
	})
}

// angle returns the angle between two vectors in the metric of a norm, to full
// precision where it is small, too.
//
// Source: Kahan, "How futile are mindless assessments of roundoff in
// floating-point computation?", 2006, section 12.
func angle(u, v []float64, norm func([]float64) float64) float64 {
	sum, difference := make([]float64, len(u)), make([]float64, len(u))
	floats.AddScaled(sum, 1/norm(u), u)
	floats.AddScaled(difference, 1/norm(u), u)
	floats.AddScaled(sum, 1/norm(v), v)
	floats.AddScaled(difference, -1/norm(v), v)
	return 2 * math.Atan2(norm(difference), norm(sum)) * 180 / math.Pi
}
