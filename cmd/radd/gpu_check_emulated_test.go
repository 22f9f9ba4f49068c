//go:build !gpu && linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radd/bench"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
)

// programs are what the tests' binary is as a process of that name: radd-emulated is
// one whose machine has an emulated device. (All lie in one folder, where radd would
// take a radd-gpu for its own.)
var programs = map[string]func(){"radd": main, "radd-emulated": func() {
	cuda.Install(&cudatest.Host{TB: process{}, Count: 1, Memory: 1 << 30})
	main()
}}

// process stands in for a test in a process of its own, which ends with what is
// to be cleaned up.
type process struct{ testing.TB }

func (process) Helper()         {}
func (process) Cleanup(func())  {}
func (process) TempDir() string { return os.TempDir() }
func (process) Fatal(why ...any) {
	fmt.Fprintln(os.Stderr, why...)
	os.Exit(exitFailed)
}
func (p process) Skip(why ...any) { p.Fatal(why...) }

// TestGPUCheckEmulated runs gpu-check at small size, whole but for the tests'
// programs, on an emulated device.
func TestGPUCheckEmulated(t *testing.T) {
	if testing.Short() {
		t.Skip("an emulated device is slow")
	}
	cudatest.Compiler(t)
	dir := t.TempDir()
	at := func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
	for _, folder := range []string{"tmp", "content/bin", "content/kernels/cuda", "content/graph", "content/testdata", "content/bench/sweeps", "path"} {
		if err := os.MkdirAll(at(folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const (
		passes   = "#!/bin/sh\n" // compute-sanitizer too: there is no device for it
		emulated = "#!/bin/sh\nexec \"${0%/*}/radd-emulated\" \"$@\"\n"
	)
	for path, from := range map[string]string{
		"gpu-check": "../../bench/gpu-check", "content/bench/sweeps/thousand.yaml": "../../bench/sweeps/thousand.yaml",
		"content/bin/radd": own, "content/bin/radd-emulated": own, "content/bin/radd-gpu": "", "content/kernels/cuda/cuda.test": "", "content/graph/graph.test": "",
		"path/compute-sanitizer": "",
	} {
		data := []byte(passes)
		if path == "content/bin/radd-gpu" {
			data = []byte(emulated)
		}
		if from != "" {
			if data, err = os.ReadFile(from); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(at(path), data, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	oracle, err := filepath.Abs("../../testdata/oracle")
	if err == nil {
		err = os.Symlink(oracle, at("content/testdata/oracle"))
	}
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(at("gpu-check"), "--small", "--out", at("out"))
	check.Env = append(os.Environ(), "TMPDIR="+at("tmp"), "PATH="+at("path")+":"+os.Getenv("PATH"))
	said, err := check.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	t.Logf("%s", said)

	var found struct {
		Passed bool
		Bench  bench.GPUReport
	}
	data, err := os.ReadFile(at("out/gpu0-emulated-device.json"))
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	r := found.Bench
	if !found.Passed || len(r.Sizes) != 1 || len(r.Limits) == 0 || len(r.Peers)+len(r.Absent) == 0 || r.Sweep == nil || r.Sweep.Finished != 4 || r.Sweep.Failed != 0 {
		t.Errorf("%+v\n%s", r, said)
	}
	if n := len(r.Aims); n == 0 || r.Aims[n-1].Measured != r.Sweep.Seconds {
		t.Errorf("%+v", r.Aims)
	}
	text, err := os.ReadFile(at("out/gpu0-emulated-device.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| a thousand networks | passed |", "Limits of the device", "| a sweep of 1,000 networks × 5,000 gradient steps from scratch, files included |", "training took "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
