//go:build !gpu && linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/bench"
	"radd/kernels/cuda/cudatest"
)

const trainedFixture = "../../testdata/oracle/n2_trained_prob.npz"

// TestBenchGPU measures an emulated device through the command line.
func TestBenchGPU(t *testing.T) {
	if testing.Short() {
		t.Skip("rounds take seconds")
	}
	cudatest.Install(t, 1)
	out := filepath.Join(t.TempDir(), "out")
	if code := radd([]string{"bench", "gpu", "--quiet", "--hidden", "2", "--dtype", "f64", "--networks", "1", "--burst", "1ms", "--weights", trainedFixture, "--out", out}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	var r bench.GPUReport
	data, err := os.ReadFile(filepath.Join(out, "bench.json"))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Sizes) != 1 || r.Sizes[0].Device != "gpu:0" || r.Sizes[0].Trained == "" || r.GPU.Name != "emulated device" {
		t.Errorf("%+v", r)
	}
	text, err := os.ReadFile(filepath.Join(out, "gpu.md"))
	if err != nil || !strings.Contains(string(text), "n2_f64") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestBenchGPUUsage(t *testing.T) {
	cudatest.Install(t, 1)
	for _, arguments := range [][]string{
		{"--networks", "4,1"}, {"--peers", "0"}, {"--device", "gpu"}, {"--device", "cpu"}, {"--session", trainedFixture}, {"--weights", "none.npz"},
		{"--hidden", "0"}, {"--burst", "0s"}, {"--sweep", "none.json"}, {"--sweep", "../../go.mod"}, {"--sweep", "../../CITATION.cff"}, {"--weights", trainedFixture, "--session", "none.npz"},
	} {
		if code := radd(append([]string{"bench", "gpu", "--quiet"}, arguments...)); code != exitInput {
			t.Errorf("%v: exit code %d, want %d", arguments, code, exitInput)
		}
	}
	if code := radd([]string{"bench", "gpu", "--device", "gpu:7"}); code != exitFailed {
		t.Errorf("a device that is not there: exit code %d", code)
	}
}
