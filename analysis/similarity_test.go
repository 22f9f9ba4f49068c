package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// normal returns a matrix of standard normal deviates.
func normal(rows, columns int, seed uint64) *mat.Dense {
	random := rand.New(rand.NewPCG(seed, 7))
	m := mat.NewDense(rows, columns, nil)
	m.Apply(func(int, int, float64) float64 { return random.NormFloat64() }, m)
	return m
}

// rotation returns a random orthogonal matrix.
func rotation(N int) *mat.Dense {
	var qr mat.QR
	qr.Factorize(normal(N, N, 11))
	var Q mat.Dense
	qr.QTo(&Q)
	return &Q
}

// Similarities that can be told: of what is the same but for a rotation, a scale
// and a shift; of part of it; and of what has nothing in common.
func TestSimilarity(t *testing.T) {
	const T, N = 20_000, 6
	const (
		exact  = 1e-6 // a distance near 0 is the square root of rounding
		chance = .03  // independent columns of 20,000 numbers correlate by about 1/√T = .007
	)
	x := normal(T, N, 1)
	x.Apply(func(_, j int, v float64) float64 { return v / float64(1+j) }, x)
	var turned mat.Dense
	turned.Mul(x, rotation(N))
	turned.Apply(func(_, j int, v float64) float64 { return 3*v + float64(j) }, &turned)
	// Columns that are orthogonal and of the same length.
	waves := mat.NewDense(T, 2, nil)
	waves.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(i)*2*math.Pi/T*float64(1+j) + .1) }, waves)
	first := mat.DenseCopyOf(waves.Slice(0, T, 0, 1))
	for _, test := range []struct {
		name                       string
		x, y                       *mat.Dense
		cka, procrustes, tolerance float64
	}{
		{"itself", x, x, 1, 0, exact},
		{"turned, scaled, shifted", x, &turned, 1, 0, exact},
		{"one of two directions", first, waves, math.Sqrt(.5), math.Sqrt(2 - math.Sqrt2), 1e-9},
		{"two of one direction", waves, first, math.Sqrt(.5), math.Sqrt(2 - math.Sqrt2), 1e-9},
		{"independent", normal(T, 4, 2), normal(T, 3, 3), 0, math.Sqrt2, chance},
	} {
		a, b := RepresentationOf(mat.DenseCopyOf(test.x)), RepresentationOf(mat.DenseCopyOf(test.y))
		cka, procrustes := a.Similarity(b)
		if !(math.Abs(cka-test.cka) < test.tolerance) || !(math.Abs(procrustes-test.procrustes) < test.tolerance) {
			t.Errorf("%s: %v and %v, want %v and %v", test.name, cka, procrustes, test.cka, test.procrustes)
		}
	}
	if cka, procrustes := RepresentationOf(mat.NewDense(9, 2, nil)).Similarity(RepresentationOf(normal(9, 2, 1))); !math.IsNaN(cka) || !math.IsNaN(procrustes) {
		t.Errorf("of what does not vary: %v, %v", cka, procrustes)
	}
}

// CKA is that of centred Gram matrices over RNN steps, and the distance that of
// the best rotation, found by brute force in the plane.
func TestSimilarityBruteForce(t *testing.T) {
	const T = 40
	x, y := normal(T, 2, 5), normal(T, 2, 6)
	y.Apply(func(i, j int, v float64) float64 { return v + 2*x.At(i, 1-j) }, y)
	a, b := RepresentationOf(x), RepresentationOf(y) // x and y are centred now
	var gx, gy mat.Dense
	gx.Mul(x, x.T())
	gy.Mul(y, y.T())
	inner := func(p, q *mat.Dense) (sum float64) {
		for i := range T {
			for j := range T {
				sum += p.At(i, j) * q.At(i, j)
			}
		}
		return sum
	}
	cka, procrustes := a.Similarity(b)
	if want := inner(&gx, &gy) / math.Sqrt(inner(&gx, &gx)*inner(&gy, &gy)); math.Abs(cka-want) > 1e-12 {
		t.Errorf("CKA %v, of Gram matrices %v", cka, want)
	}
	nearest := math.Inf(1)
	for step := range 20_000 {
		s, c := math.Sincos(2 * math.Pi * float64(step) / 20_000)
		for _, mirror := range []float64{1, -1} {
			sum := 0.
			for i := range T {
				u, v := y.At(i, 0)/b.length, mirror*y.At(i, 1)/b.length
				sum += math.Pow(x.At(i, 0)/a.length-c*u+s*v, 2) + math.Pow(x.At(i, 1)/a.length-s*u-c*v, 2)
			}
			nearest = min(nearest, math.Sqrt(sum))
		}
	}
	if math.Abs(nearest-procrustes) > 1e-6 {
		t.Errorf("distance %v, by brute force %v", procrustes, nearest)
	}
}

// Along its own recorded inputs a network goes through its recorded states.
func TestDrive(t *testing.T) {
	r := recordedNetwork(t)
	c := whole(t, r.trajectory)
	states := r.system.Drive(c.Input)
	for i, x := range states.RawMatrix().Data {
		if math.Abs(x-c.Hidden[i]) > 1e-9 { // float64 on both sides, and no chaos
			t.Fatalf("number %d is %v, recorded %v", i, x, c.Hidden[i])
		}
	}
}

func TestStructure(t *testing.T) {
	for _, test := range []struct {
		self float64
		want Structure
	}{{2, Structure{Fixed: 3, Stable: 2}}, {.8, Structure{Fixed: 1, Stable: 1}}} {
		if got := StructureOf(twoUnits(test.self, .7, .5).FixedPoints([3]float64{}, grid())); got != test.want {
			t.Errorf("self-excitation %v: %+v, want %+v", test.self, got, test.want)
		}
	}
}
