package bench

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
	"radd/sweep"
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
}

// onH100 is a report of an H100 that does what it should.
func onH100(sizes ...Size) *GPUReport {
	p := cuda.Properties{Architecture: "sm_90", Multiprocessors: 132, Clock: 1_980_000}
	r := &GPUReport{GPU: gpuOf(p)}
	for _, x := range probes {
		value := 1000.0
		if x.model != nil {
			value = x.model(p)
		}
		r.Limits = append(r.Limits, Limit{Name: x.name, Value: Spread{Median: value}})
	}
	for _, s := range sizes {
		r.hold(&s)
		r.Sizes = append(r.Sizes, s)
	}
	return r
}

func sizeOf(kernel, dtype string, n int, fleets ...Fleet) Size {
	s := Size{Hidden: n, Fleets: fleets}
	s.Kernel, s.Dtype = kernel, dtype
	return s
}

// TestUses works out what of an H100 training takes, and what binds it.
func TestUses(t *testing.T) {
	fleet := newFleet(1000, []float64{2e6, 2e6, 1e6}, []float64{1.5e9, 1.5e9, 1e9})
	if fleet.GradientSteps.Median != 2e6 || math.Abs(fleet.MicrosPerRNNStep-.667) > .001 {
		t.Errorf("%+v", fleet)
	}
	s := onH100(sizeOf("n50_f32", "f32", 50, fleet)).Sizes[0]
	f := s.Fleets[0]
	const percent = .01
	if math.Abs(f.Fraction-.336) > percent || math.Abs(f.Cycles-174.2) > .1 || s.IssueSlots != 570 {
		t.Errorf("%v of the peak, %v cycles, %v slots", f.Fraction, f.Cycles, s.IssueSlots)
	}
	for i, want := range []Use{{"issue slots", 142.5, .818}, {"shared memory", 82, .471}, {"memory", 104.5, .6}, {"multiply–adds", 58.6, .336}} {
		found := false
		for _, u := range f.Uses {
			found = found || u.Resource == want.Resource && math.Abs(u.Cycles-want.Cycles) < .5 && math.Abs(u.Fraction-want.Fraction) < percent
		}
		if !found || i == 0 && f.Uses[0].Resource != want.Resource {
			t.Errorf("%+v, want %+v", f.Uses, want)
		}
	}
	if got := binds(f.Uses); got != "issue slots, 82 %" {
		t.Error(got)
	}
	generic := onH100(sizeOf("generic_f32", "f32", 50, fleet)).Sizes[0]
	if u := generic.Fleets[0].Uses; generic.IssueSlots != 0 || len(u) != 1 || binds(u) != "latency: of multiply–adds, used most, 34 %" {
		t.Errorf("of a kernel that is not counted: %+v", u)
	}
	double := onH100(sizeOf("n50_f64", "f64", 50, newFleet(1000, []float64{1.16e6}, []float64{1.16e6 * 750})))
	if got := binds(double.Sizes[0].Fleets[0].Uses); got != "shared memory, 110 %" {
		t.Error(got)
	}
}

// TestDocumentedWork wants the page on the GPU to give what is counted of each
// kernel.
func TestDocumentedWork(t *testing.T) {
	page, err := os.ReadFile("../docs/gpu.md")
	if err != nil {
		t.Fatal(err)
	}
	for kernel, w := range works {
		row := fmt.Sprintf("\n| `%s` | %v | %v | %v | %v | %v |\n", kernel, w.slots, w.uniform, w.spread, w.words, w.floats)
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/gpu.md lacks %q", row)
		}
	}
}

// TestAims holds reports against the aims.
func TestAims(t *testing.T) {
	rate := func(networks int, steps float64) Fleet {
		return newFleet(networks, []float64{steps}, []float64{steps * trainedT})
	}
	sizes := []Size{sizeOf("n50_f32", "f32", 50, rate(1, 4100), rate(256, 3e6), rate(1000, 1.9e6), rate(2000, 2.1e6)), sizeOf("n250_f32", "f32", 250, rate(256, 1e5))}
	r := onH100(sizes...)
	r.Sweep = &sweep.Summary{Networks: 1000, Seconds: 61, Kernels: 40}
	for i, want := range []struct {
		wanted, measured float64
		met              bool
		binds            string
	}{
		{2e6, 2.1e6, true, "issue slots, 86 %"},
		{4000, 4100, true, "latency: "},
		{8e5, 0, false, ""},
		{1.2e5, 1e5, false, "issue slots, "},
		{60, 61, false, "training took 40.0 s of it"},
	} {
		a := r.aims()[i]
		if math.Abs(a.Wanted-want.wanted) > 1e-6*want.wanted || math.Abs(a.Measured-want.measured) > 1e-6*want.measured || a.Met != want.met || !strings.HasPrefix(a.Binds, want.binds) {
			t.Errorf("%+v, want %+v", a, want)
		}
	}
	r.GPU.Multiprocessors /= 2
	if a := r.aims(); math.Abs(a[0].Wanted-1e6) > 1 || a[1].Wanted != 4000 || !a[4].Met || math.Abs(a[4].Wanted-120) > 1e-6 {
		t.Errorf("on half an H100: %+v", a)
	}
}

func TestCompare(t *testing.T) {
	s := Size{Hidden: 50, Fleets: []Fleet{{Networks: 1, RNNSteps: 1}, {Networks: 1000, RNNSteps: 6000}}}
	s.Dtype = "f32"
	p := GPUPeer{Dtype: "f32", Hidden: 50, Networks: 1000, RNNSteps: 600, GradientSteps: Spread{Median: 2}}
	if p.compare([]Size{s}); p.Times != 5 || p.Ours != 10 {
		t.Errorf("%v, %v times", p.Ours, p.Times)
	}
	r := GPUReport{Peers: []GPUPeer{p}, Absent: []Absence{{"JAX", "No module | named jax"}}, Sizes: []Size{s}}
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Other programs", "| 10.00 | 5.00 |", `not timed: No module \| named jax |`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
