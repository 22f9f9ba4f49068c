//go:build !gpu && linux

package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
	"radd/train"
)

// fakePeer is a script that answers with a loss, for every number of networks.
const fakePeer = `import json, sys
print(json.dumps({"library": "none " + sys.argv[3] + sys.argv[4], "peers": ["loop|" + sys.argv[5], "wrong|1"]}), flush=True)
for line in sys.stdin:
    print(json.dumps({"loss": LOSS if "loop" in line else 7.0, "ns": 1e6}), flush=True)
`

// TestMeasureGPU measures an emulated device and wants a report in order.
func TestMeasureGPU(t *testing.T) {
	h := cudatest.Install(t, 2)
	w, err := train.LoadWeights(trainedFixture)
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	cfg := GPUConfig{Device: "gpu:1", Hidden: []int{2, 3}, Dtypes: []string{"f32"}, Networks: []int{1, 2}, Rounds: 2, Burst: 1,
		Weights: []train.Weights{w}, Report: func(d, of int) { done = d*10 + of }}
	r, err := MeasureGPU(context.Background(), h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.GPU.Device != "gpu:1" || r.GPU.Name != "emulated device" || len(r.Sizes) != 2 || done != 33 {
		t.Fatalf("%+v, %d sizes, progress %d", r.GPU, len(r.Sizes), done)
	}
	for i, kernel := range []string{"n2_f32", "generic_f32"} {
		s := r.Sizes[i]
		if s.Kernel != kernel || s.Resident < 1 || s.Threads != 32 || len(s.Fleets) != 2 || s.Trained == "" {
			t.Errorf("%+v, want kernel %s", s, kernel)
		}
		if s.RNNSteps < 400 || s.RNNSteps > 1500 || s.GraphMicros.Low <= 0 || s.TapeMicros.Low <= 0 || s.OneCore.Low <= 0 || s.AllCores.Low <= 0 {
			t.Errorf("%+v", s)
		}
		for _, f := range s.Fleets {
			if f.GradientSteps.Low <= 0 || f.RNNSteps <= 0 || f.MicrosPerRNNStep <= 0 {
				t.Errorf("%+v", f)
			}
		}
	}
	if len(r.Limits) != len(probes) || len(r.Aims) != 5 {
		t.Errorf("%d limits, %d aims", len(r.Limits), len(r.Aims))
	}
	for _, l := range r.Limits {
		if l.Value.Low <= 0 || l.Unit == "" {
			t.Errorf("%+v", l)
		}
	}
	for _, s := range r.Sizes {
		if f := s.Fleets[1]; s.Peak <= 0 || f.Fraction <= 0 || f.Cycles <= 0 || len(f.Uses) == 0 {
			t.Errorf("peak %v, %+v", s.Peak, f)
		}
	}
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"| 3 | f32 | generic_f32 | 32 |", "| " + limitUniform + " |", "| 2 | f32 | 2 | not counted |", "| N = 50, f64, 1,000 or more networks | 6061 | not measured |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := MeasureGPU(ctx, h, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	cfg.Device = "gpu"
	if _, err := MeasureGPU(context.Background(), h, cfg); err == nil || !strings.Contains(err.Error(), "one is measured at a time") {
		t.Errorf("%v of two devices", err)
	}
	cfg.Device = "gpu:0"
	for _, lives := range [][]int{{3}, {1000, 3}} { // launches: in a microbenchmark, then in training
		h.Wrap = func(d cuda.Driver) cuda.Driver {
			launches := lives[0]
			lives = lives[1:]
			return &cudatest.Dying{Device: d.(*cudatest.Device), Launches: launches}
		}
		var fault *cuda.Error
		if _, err := MeasureGPU(context.Background(), h, cfg); !errors.As(err, &fault) || len(lives) > 0 {
			t.Errorf("%v of a lost device, want a *cuda.Error", err)
		}
	}
}

// TestTimeScript wants peers that compute something else, or are not there, to
// be left out.
func TestTimeScript(t *testing.T) {
	python := pythonWith(t, "json")
	s, w := fixtureSession(t, trainedFixture)
	loss, _ := lossOf(w.N, w.Theta, s)
	dir := t.TempDir()
	path := filepath.Join(dir, "peer.py")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(fakePeer, "LOSS", significant(loss, 9))), 0o666); err != nil {
		t.Fatal(err)
	}
	cfg := &GPUConfig{Python: python, Rounds: 3}
	peers, err := timeScript(context.Background(), cfg, path, "work", "f32", "gpu", "1", "40")
	if err != nil {
		t.Fatal(err)
	}
	if len(peers) != 2 || peers[0].Name != "loop" || peers[0].Networks != 40 || peers[0].Library != "none gpu1" || peers[0].GradientSteps.Median != 40_000 {
		t.Errorf("%+v", peers)
	}
	if _, err := timeScript(context.Background(), cfg, filepath.Join(dir, "none.py")); err == nil {
		t.Error("a script that is not there is timed")
	}
}
