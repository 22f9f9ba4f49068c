package analysis

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// sided returns T states of N units and block sides drawn by the log-odds
// weight·h + intercept.
func sided(T int, weight []float64, intercept float64, seed uint64) Chunk {
	r := rand.New(rand.NewPCG(seed, 0))
	c := Chunk{T: T, BlockSide: make([]int8, T)}
	for i := range T {
		h := make([]float64, len(weight))
		for j := range h {
			h[j] = r.NormFloat64()
		}
		c.Hidden = append(c.Hidden, h...)
		c.BlockSide[i] = -1
		if r.Float64() < 1/(1+math.Exp(-floats.Dot(weight, h)-intercept)) {
			c.BlockSide[i] = +1
		}
	}
	return c
}

// slopes returns the gradient of the log-likelihood by weights and intercept.
func slopes(l *Logistic, c Chunk, N int) []float64 {
	g := make([]float64, N+1)
	for i, side := range c.BlockSide {
		h := c.Hidden[i*N : (i+1)*N]
		y := (float64(side) + 1) / 2
		e := y - 1/(1+math.Exp(-l.LogOdds(h)))
		floats.AddScaled(g[:N], e, h)
		g[N] += e
	}
	return g
}

// TestLogistic finds a maximum of the likelihood, where the truth is near.
func TestLogistic(t *testing.T) {
	const T, N = 20_000, 3
	truth := []float64{1.5, -2, .3}
	c := sided(T, truth, .7, 1)
	trajectory := Recorded("memory", N, 0, c)
	l, err := FitLogistic(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "weights", append(l.Weight, l.Intercept), append(truth, .7), .05) // of T^-½
	if g := floats.Norm(slopes(l, c, N), 2); g > 1e-9*T {
		t.Errorf("the likelihood's gradient is %v", g)
	}
	if l.Rank != N+1 || l.T != T || l.Passes > 12 {
		t.Errorf("%+v", l)
	}
	const rounding = 1e-10
	chunked, err := FitLogistic(inChunks(trajectory, 777))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "weights in other chunks", append(chunked.Weight, chunked.Intercept), append(l.Weight, l.Intercept), rounding)
	if got, err := l.AccuracyOn(trajectory); err != nil || got != l.Accuracy || !(got > .8 && got < .9) {
		t.Errorf("accuracy %v, fitted %v: %v", got, l.Accuracy, err)
	}
}

// TestLogisticDependent has units that say the same: a copy, one that never
// changes. The smallest weights are shared out among them.
func TestLogisticDependent(t *testing.T) {
	const T, tolerance = 5000, 1e-8
	c := sided(T, []float64{1, -1}, .5, 2)
	plain, err := FitLogistic(Recorded("memory", 2, 0, c))
	if err != nil {
		t.Fatal(err)
	}
	copied := Chunk{T: T, BlockSide: c.BlockSide}
	for i := range T {
		h := c.Hidden[2*i : 2*i+2]
		copied.Hidden = append(copied.Hidden, h[0], h[1], h[1], 2)
	}
	l, err := FitLogistic(Recorded("memory", 4, 0, copied))
	if err != nil {
		t.Fatal(err)
	}
	if l.Rank != 3 {
		t.Errorf("rank %d, want 3", l.Rank)
	}
	// The constant 2 and the intercept's 1 share a constant b as 2b/5 and b/5.
	near(t, "weights", append(l.Weight, l.Intercept), []float64{
		plain.Weight[0], plain.Weight[1] / 2, plain.Weight[1] / 2, plain.Intercept * 2 / 5, plain.Intercept / 5,
	}, tolerance)
}

// TestSeparation notices that there is no solution.
func TestSeparation(t *testing.T) {
	states := func(side func(h float64) int8, at ...float64) *Trajectory {
		c := Chunk{T: len(at), Hidden: at}
		for _, h := range at {
			c.BlockSide = append(c.BlockSide, side(h))
		}
		return Recorded("separated.npz", 1, 0, c)
	}
	sign := func(h float64) int8 { return int8(math.Copysign(1, h)) }
	many := sided(100, make([]float64, 60), 0, 3)
	for _, test := range []struct {
		name       string
		trajectory *Trajectory
		complete   bool
	}{
		{"by a threshold", states(sign, -3, -2, -1, -.5, .5, 1, 2, 2.5), true},
		{"by a hair", states(sign, -1, -1e-6, 1e-6, 1), true},
		{"one side only", states(func(float64) int8 { return 1 }, 1, 2, 3), true},
		{"more units than they are worth", Recorded("separated.npz", 60, 0, many), true},
		{"but for a tie", func() *Trajectory {
			side := int8(1)
			return states(func(h float64) int8 {
				if h != 0 {
					return sign(h)
				}
				side = -side
				return side
			}, -2, -1, 0, 0, 0, 0, 1, 2)
		}(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := FitLogistic(test.trajectory)
			var separation *SeparationError
			if !errors.As(err, &separation) || l != nil || separation.Complete != test.complete || separation.T != test.trajectory.T {
				t.Fatalf("%+v, %v", l, err)
			}
			if text := err.Error(); len(text) == 0 || text[:14] != "separated.npz:" {
				t.Error(text)
			}
		})
	}
}

func TestLogisticFaults(t *testing.T) {
	none := Recorded("memory", 1, 0, Chunk{T: 2, Hidden: []float64{1, 2}})
	_, err := FitLogistic(none)
	wantFault(t, err, "memory: block_side", "no such array")
	_, err = (&Logistic{Weight: []float64{1}}).AccuracyOn(none)
	wantFault(t, err, "memory: block_side")
	_, err = FitLogistic(Recorded("memory", 1, 0, Chunk{}))
	wantFault(t, err, "0 RNN steps")
	bad := sided(50, []float64{1}, 0, 1)
	bad.Hidden[7] = math.NaN()
	for name, do := range map[string]func(*Trajectory) error{
		"logistic":   func(t *Trajectory) error { _, err := FitLogistic(t); return err },
		"components": func(t *Trajectory) error { _, err := PrincipalComponents(t); return err },
		"accuracy":   func(t *Trajectory) error { _, err := (&Logistic{Weight: []float64{1}}).AccuracyOn(t); return err },
		"readouts":   func(t *Trajectory) error { _, err := FindReadouts(t, []float64{1, 2}, Full); return err },
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, do(Recorded("memory", 1, 0, bad)), "hidden[7, 0]") })
	}
}

// TestReadoutFaults refuses what gives no directions.
func TestReadoutFaults(t *testing.T) {
	c := sided(500, []float64{1, 1}, 0, 1)
	trajectory := Recorded("memory", 2, 0, c)
	_, err := FindReadouts(trajectory, []float64{1, 2, 1, 2}, Full)
	wantFault(t, err, "memory: readout_weight: a stimulus readout of length 0")
	_, err = FindReadouts(trajectory, []float64{1, 2, 3, 4}, "plane")
	wantFault(t, err, `"plane"`, "full, pca")
	_, err = FindReadouts(Recorded("memory", 1, 0, sided(50, []float64{1}, 0, 1)), []float64{1, 2}, PCA)
	wantFault(t, err, "one unit", "pca")
	r, err := FindReadouts(trajectory, []float64{0, 0, 1, 0}, Full)
	if err != nil {
		t.Fatal(err)
	}
	_, err = SplitHalves(trajectory.Slice(0, 1), []float64{0, 0, 1, 0}, r)
	wantFault(t, err, "1 RNN steps")
	defer func() {
		if recover() == nil {
			t.Error("no panic where the weights are not (2, N)")
		}
	}()
	_, _ = FindReadouts(trajectory, []float64{1}, Full)
}

// TestSplitHalves finds the truth twice where it is well determined, and holds
// the figures to the two halves' own.
func TestSplitHalves(t *testing.T) {
	truth := []float64{2, -1, .5}
	c := sided(40_001, truth, .2, 5)
	trajectory := Recorded("memory", 3, 0, c)
	weight := []float64{0, 0, 0, 1, 1, 0}
	for _, kind := range []Kind{Full, PCA} {
		r, err := FindReadouts(trajectory, weight, kind)
		if err != nil {
			t.Fatal(err)
		}
		h, err := SplitHalves(trajectory, weight, r)
		if err != nil {
			t.Fatal(err)
		}
		if kind == Full && (h.Angles[0] != 0 || h.CovarianceAngles[0] != 0 || !(h.Angles[1] > 0 && h.Angles[1] < 5)) {
			t.Errorf("angles %v, in the covariance's metric %v", h.Angles, h.CovarianceAngles)
		}
		if got := Angle(h.First.Projection.RawRowView(1), h.Second.Projection.RawRowView(1)); got != h.Angles[1] {
			t.Errorf("%s: angle %v, want %v", kind, h.Angles[1], got)
		}
		first, err1 := h.Second.BlockAccuracyOn(trajectory.Slice(0, 20_000))
		second, err2 := h.First.BlockAccuracyOn(trajectory.Slice(20_000, 40_001))
		want := (first*20_000 + second*20_001) / 40_001
		if err := errors.Join(err1, err2); err != nil || math.Abs(h.HeldOutAccuracy-want) > 1e-15 {
			t.Errorf("%s: held-out accuracy %v, want %v: %v", kind, h.HeldOutAccuracy, want, err)
		}
		P := r.Projection
		for row := range 2 {
			if norm := floats.Norm(P.RawRowView(row), 2); math.Abs(norm-1) > 1e-14 {
				t.Errorf("%s: row %d has length %v", kind, row, norm)
			}
		}
		if kind == Full {
			near(t, "block readout", P.RawRowView(1), floats.ScaleTo(make([]float64, 3), 1/floats.Norm(truth, 2), truth), .03)
			continue
		}
		var outside mat.Dense // both readouts lie in the plane
		V := r.Components.Plane()
		outside.Product(P, V.T(), V)
		outside.Sub(P, &outside)
		if n := mat.Norm(&outside, 2); n > 1e-14 {
			t.Errorf("the readouts leave the plane by %v", n)
		}
	}
}

// BenchmarkReadouts finds the readouts in a recording as long as a rollout's:
// 175,000 RNN steps of 50 units.
func BenchmarkReadouts(b *testing.B) {
	one, weight := oracle(b)
	recording := whole(b, one)
	var long Chunk
	for long.T < 175_000 {
		long.T += recording.T
		long.Hidden, long.Input = append(long.Hidden, recording.Hidden...), append(long.Input, recording.Input...)
		long.BlockSide = append(long.BlockSide, recording.BlockSide...)
	}
	trajectory := Recorded("long", 50, 3, long)
	for _, kind := range []Kind{Full, PCA} {
		b.Run(string(kind), func(b *testing.B) {
			for b.Loop() {
				if _, err := FindReadouts(trajectory, weight, kind); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
