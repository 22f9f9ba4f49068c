package bench

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/train"
)

// TestMeasureCPU looks at a measurement's arithmetic, not at its figures.
func TestMeasureCPU(t *testing.T) {
	done := 0
	cfg := Config{Hidden: []int{2, 9}, Dtypes: []string{"f32", "f64"}, ISAs: cpu.Supported(), Rounds: 2, Burst: 1,
		Report: func(d, of int) { done++ }}
	r, err := MeasureCPU(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := 4 * len(cfg.ISAs); len(r.Speeds) != want || len(r.Limits) != want/2 || done != 2*want {
		t.Fatalf("%d rows, %d limits, %d reports", len(r.Speeds), len(r.Limits), done)
	}
	for _, s := range r.Speeds {
		if s.MicrosPerRNNStep.Low <= 0 || s.CeilingMicros <= 0 || s.Fraction <= 0 || s.NetworksPerSecond <= 0 || s.RNNSteps < 12*80 {
			t.Errorf("%+v", s)
		}
		// The whole's ceiling is its parts': medians of a sum differ from the
		// sum of medians, over two rounds by half the difference at most.
		parts := s.Forward.Ceiling + s.Backward.Ceiling + s.Gradient.Ceiling + s.Update.Ceiling
		if math.Abs(parts/1000/s.CeilingMicros-1) > .01 {
			t.Errorf("N = %d, %s, %s: ceilings %v of the parts and %v of the whole", s.Hidden, s.Dtype, s.ISA, parts/1000, s.CeilingMicros)
		}
	}
	var svg, raster bytes.Buffer
	if err := errors.Join(r.WritePlot(&svg, "svg"), r.WritePlot(&raster, "png")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(svg.String(), "RNN step") {
		t.Error("the plot has no label")
	}
	if _, err := png.Decode(&raster); err != nil {
		t.Error(err)
	}
}

// TestMeasureStops: an interrupted measurement ends with its context's error.
func TestMeasureStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := Config{Hidden: []int{2}, Dtypes: []string{"f32"}, ISAs: []cpu.ISA{cpu.Generic}, Rounds: 100, Burst: 1,
		Report: func(int, int) { cancel() }}
	if _, err := MeasureCPU(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCeiling works out the least time of a product from given rates.
func TestCeiling(t *testing.T) {
	m := &measurement[float32]{work: cpu.Work{Lanes: 16}, sample: samples{"matrix": {32, 64}}}
	rates := map[string]float64{"multiply-adds": 128, "near": 512}
	of := func(name string) float64 { return rates[name] }
	for _, test := range []struct {
		name string
		p    cpu.Product
		want float64
	}{
		{"arithmetic", cpu.Product{MultiplyAdds: 1280}, 10},
		{"loads of the matrix, at the best of all rounds", cpu.Product{MultiplyAdds: 160, Matrix: 10, Elements: 10}, 10},
		{"loads of elements", cpu.Product{MultiplyAdds: 16, Matrix: 1, Elements: 79}, 10},
	} {
		if got := m.ceiling(test.p, of); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s: %v ns, want %v", test.name, got, test.want)
		}
	}
}

// TestTraining: measured gradient steps are training's, at learning rate 0.
func TestTraining(t *testing.T) {
	w, err := train.LoadWeights("../testdata/oracle/n2_trained_prob.npz")
	if err != nil {
		t.Fatal(err)
	}
	m, err := measured[float64](cpu.Generic, w.N, &Config{Weights: &w, Burst: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	for i, x := range m.net.Theta {
		if x != w.Theta[i] {
			t.Fatal("the weights have changed")
		}
	}
	if m.meanT > 1500 {
		t.Errorf("a trained network's sessions last %v RNN steps", m.meanT)
	}
	m.at = 3
	m.step()
	batch := kernels.BatchOf(m.net)
	batch.Draw(m.net.Sampler, m.net.Seed, 4)
	loss := m.backend.Forward(w.Theta, m.net.Objective, batch.Tapes)
	if got := m.batch.Tapes[0].Loss; got != loss {
		t.Errorf("loss %v, want %v", got, loss)
	}
}

func TestMeasureGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("networks of 400 units")
	}
	r, err := MeasureGrowth(context.Background(), Config{Dtypes: []string{"f32"}, ISAs: cpu.Supported()[:1], Rounds: 1, Burst: 1})
	if err != nil {
		t.Fatal(err)
	}
	g := r.Growths[0]
	if len(g.ByLength) != len(growthLengths) || len(g.BySize) != len(growthSizes) || g.ByLength[0].Size != 504 || g.BySize[0].Size != 25 {
		t.Fatalf("%+v", g)
	}
	if s := g.BySize[1]; math.Abs(s.PerRNNStep*g.RNNSteps/s.Step.Median-1) > 1e-12 {
		t.Errorf("%+v", s)
	}
	var b bytes.Buffer
	if err := errors.Join(r.WriteByLength(&b, "svg"), r.WriteBySize(&b, "png")); err != nil {
		t.Error(err)
	}
}

func TestExponent(t *testing.T) {
	var points []Point
	for _, x := range []float64{10, 30, 90} {
		points = append(points, Point{Size: int(x), Step: Spread{Median: 7 * math.Pow(x, 1.5)}})
	}
	if e := exponent(points); math.Abs(e-1.5) > 1e-12 {
		t.Error(e)
	}
}
