package bench

import (
	"math"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
	"radd/task"
	"radd/train"
)

const trainedFixture = "../testdata/oracle/n2_trained_prob.npz"

// TestNetworkLike wants a larger network to play as the trained one does.
func TestNetworkLike(t *testing.T) {
	small, err := train.LoadWeights(trainedFixture)
	if err != nil {
		t.Fatal(err)
	}
	large, err := train.LoadWeights("../testdata/oracle/n25_trained_ce.npz")
	if err != nil {
		t.Fatal(err)
	}
	c, err := task.DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	p := task.NewSampler(c)
	play := func(net *kernels.Network[float64]) *kernels.Tape[float64] {
		b := cpu.New[float64](cpu.Generic, 1)
		defer b.Close()
		batch := kernels.BatchOf(net)
		batch.Draw(p, 1, 0)
		b.Forward(net.Theta, net.Objective, batch.Tapes)
		return batch.Tapes[0]
	}
	want := play(networkOf[float64](2, small.Theta, p))
	net, like := networkLike[float64](7, []train.Weights{small, large}, p)
	got := play(net)
	const rounding = 1e-12 // sums have more terms, all of them 0
	if like != "as 2 trained units" || got.T != want.T || got.Behaviour != want.Behaviour || math.Abs(got.Loss-want.Loss) > rounding {
		t.Errorf("%s: %d RNN steps, %+v, loss %v; want %d, %+v, %v", like, got.T, got.Behaviour, got.Loss, want.T, want.Behaviour, want.Loss)
	}
	if kernels.Views(net.Shape, net.Theta).HiddenHidden[7*6+6] == 0 {
		t.Error("the other units have no weights")
	}
	for n, want := range map[int]string{1: "", 25: "as 25 trained units", 60: "as 25 trained units"} {
		if _, like := networkLike[float32](n, []train.Weights{large, small}, p); like != want {
			t.Errorf("N = %d plays %q, want %q", n, like, want)
		}
	}
}

// TestBreakEven works out from when on a GPU is faster.
func TestBreakEven(t *testing.T) {
	for _, v := range []struct {
		name     string
		one, all float64
		rates    []float64 // of 1, 4, 16 networks
		want     int
	}{
		{"at once", 10, 100, []float64{11, 50, 200}, 1},
		{"later", 10, 100, []float64{1, 90, 200}, 4},
		{"not where it is slower again", 10, 100, []float64{20, 30, 120}, 16},
		{"never", 10, 100, []float64{1, 2, 99}, 0},
	} {
		var fleets []Fleet
		for i, networks := range []int{1, 4, 16} {
			fleets = append(fleets, Fleet{Networks: networks, GradientSteps: Spread{Median: v.rates[i]}})
		}
		if got := breakEven(fleets, v.one, v.all); got != v.want {
			t.Errorf("%s: %d networks, want %d", v.name, got, v.want)
		}
	}
}

// TestPeak works out an H100's peak, and the fraction of it.
func TestPeak(t *testing.T) {
	h100 := cuda.Properties{Architecture: "sm_90", Multiprocessors: 132, Clock: 1_980_000}
	if f32, f64 := peakOf(h100, "f32"), peakOf(h100, "f64"); math.Abs(f32-33454) > 1 || math.Abs(f64-16727) > 1 {
		t.Errorf("%v and %v · 10⁹ multiply–adds a second", f32, f64)
	}
	f := newFleet(1000, 50, 33454, []float64{2e6, 2e6, 1e6}, []float64{1.5e9, 1.5e9, 1e9})
	if f.GradientSteps.Median != 2e6 || math.Abs(f.MicrosPerRNNStep-.667) > .001 || math.Abs(f.Fraction-.336) > .001 {
		t.Errorf("%+v", f)
	}
	if f := newFleet(1, 50, 0, []float64{1}, []float64{1}); f.Fraction != 0 {
		t.Errorf("a fraction %v of a peak that is not known", f.Fraction)
	}
}

func TestCompare(t *testing.T) {
	s := Size{Hidden: 50, Fleets: []Fleet{{Networks: 1, RNNSteps: 1}, {Networks: 1000, RNNSteps: 6000}}}
	s.Dtype = "f32"
	p := GPUPeer{Dtype: "f32", Hidden: 50, Networks: 1000, RNNSteps: 600, GradientSteps: Spread{Median: 2}}
	if p.compare([]Size{s}); p.Times != 5 {
		t.Errorf("%v times", p.Times)
	}
	r := GPUReport{Peers: []GPUPeer{p}, Absent: []Absence{{"JAX", "No module | named jax"}}, Sizes: []Size{s}}
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Other programs", "| 5.00 |", `not timed: No module \| named jax |`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
