//go:build unix

package bench

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Programs that stand in for those of the bundle. BREAK names what goes wrong.
const (
	standInRadd = `#!/bin/sh
case $1 in
devices)
	[ "$BREAK" != none ] || { echo "CUDA_ERROR_NO_DEVICE"; exit 1; }
	[ "$BREAK" != cpu ] || { echo '{"build":"0.1.0 abc","devices":[{"device":"cpu","isa":"avx2","dtype":"f32"}]}'; exit; }
	echo '{"build":"0.1.0 abc","devices":[{"device":"gpu:0","isa":"sm_90","dtype":"f32","name":"NVIDIA H100 80GB"},{"device":"gpu:0","isa":"sm_90","dtype":"f64","name":"NVIDIA H100 80GB"},{"device":"gpu:1","isa":"sm_86","dtype":"f32","name":"Other"},{"device":"gpu:1","isa":"sm_86","dtype":"f64","name":"Other"},{"device":"cpu","isa":"avx2","dtype":"f32"}]}'
	exit ;;
esac
command=$1 out= resume= device= arguments=$*
while [ $# -gt 0 ]; do
	case $1 in --out) out=$2 ;; --resume) resume=1 ;; --device) device=$2 ;; esac
	shift
done
case $command in
replay)
	loss=0.25
	[ "$BREAK" != loss ] || [ "$device" = cpu ] || loss=0.2500001
	echo "{\"loss\":$loss,\"device\":\"$device\"}" ;;
train)
	mkdir -p "$out"
	case $out in
	*/stopped)
		if [ -z "$resume" ]; then
			[ "$BREAK" != stop ] || exit 0
			trap 'exit 75' TERM
			: >"$out/config.yaml"
			for _ in 1 2 3 4 5 6 7 8 9; do sleep 1; done
			exit 0
		fi ;;
	esac
	echo weights >"$out/weights.safetensors"
	echo "$device" >"$out/metrics.csv"
	case $BREAK$out in repeat*/again | resume*/stopped) echo other >"$out/weights.safetensors" ;; esac
	exit 0 ;;
sweep)
	[ "$BREAK" != sweep ] || { echo "a network failed" >&2; exit 1; }
	echo '{"networks":1000,"seconds":50}' ;;
bench)
	case $arguments in
	*--sweep=*) [ "$BREAK" != sweep ] || { echo "timed what failed"; exit 1; } ;;
	*) [ "$BREAK" = sweep ] || { echo "no sweep was timed"; exit 1; } ;;
	esac
	[ "$BREAK" != bench ] || { echo 'kernel n50_f32: the "device" is lost'; exit 1; }
	mkdir -p "$out"
	echo '{"sizes": []}' >"$out/bench.json"
	echo "| N | dtype |" >"$out/gpu.md" ;;
esac
`
	standInTests = `#!/bin/sh
[ "$BREAK" != tests ] || { echo "--- FAIL: TestKernels/n50_f32"; exit 1; }
`
	standInTapeTests = `#!/bin/sh
[ "$BREAK" != tape ] || { echo "--- FAIL: TestTapeIsVM/gru"; exit 1; }
`
	standInSanitizer = `#!/bin/sh
[ "$BREAK" != "$2" ] || { echo "========= ERROR SUMMARY: 1 error"; exit 99; }
while [ "${1%.test}" = "$1" ]; do shift; done
exec "$@"
`
)

// result is what gpu-check writes of a device.
type result struct {
	Device struct{ Device, ISA, Name string }
	Build  string
	Passed bool
	Steps  []struct {
		Step, Result, Note string
		Seconds            int
	}
	Bench map[string]any
}

// checked runs gpu-check on stand-ins and returns its exit code, what it said and
// the folder that it wrote into.
func checked(t *testing.T, fault, archive string, sanitizer bool) (code int, said, out string) {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile("gpu-check")
	if err != nil {
		t.Fatal(err)
	}
	folder := func(path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }
	programs := map[string]string{
		"gpu/gpu-check": string(script), "gpu/content/bin/radd": standInRadd, "gpu/content/bin/radd-gpu": standInRadd,
		"gpu/content/bench/sweeps/thousand.yaml": "base: {device: gpu}\n",
		"gpu/content/kernels/cuda/cuda.test":     standInTests, "gpu/content/graph/graph.test": standInTapeTests,
	}
	if sanitizer {
		programs["path/compute-sanitizer"] = standInSanitizer
	}
	for name, text := range programs {
		if err := os.MkdirAll(filepath.Dir(folder(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder(name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if archive != "" {
		pack := exec.Command("sh", "-c", "tar -cf - bin bench kernels graph | "+archive+" >../content.tar.xz")
		pack.Dir = folder("gpu/content")
		if text, err := pack.CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", archive, err, text)
		}
		if err := os.RemoveAll(folder("gpu/content")); err != nil {
			t.Fatal(err)
		}
	}
	out = folder("out")
	check := exec.Command(folder("gpu/gpu-check"), "--out", out)
	path := "/usr/bin:/bin"
	if sanitizer {
		path = folder("path") + ":" + path
	}
	check.Env = append(os.Environ(), "BREAK="+fault, "PATH="+path)
	text, err := check.CombinedOutput()
	if check.ProcessState == nil {
		t.Fatal(err)
	}
	return check.ProcessState.ExitCode(), string(text), out
}

func readResult(t *testing.T, path string) (r result) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, data)
	}
	return r
}

// TestGPUCheck runs gpu-check with one thing after the other going wrong, and
// wants that to be told, the other steps to be run, and the exit code to be 1.
func TestGPUCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for runs to be stopped")
	}
	steps := []string{"conformance", "instruction tape", "memcheck", "racecheck", "synccheck", "determinism over grids", "replay as on the CPU", "training",
		"training repeated", "training resumed", "training the unrolled graph", "rollout", "distillation", "a thousand networks", "speed"}
	for _, v := range []struct {
		fault  string
		failed []string
		note   string
	}{
		{"", nil, ""},
		{"tests", []string{"conformance", "memcheck", "racecheck", "synccheck", "determinism over grids"}, "FAIL: TestKernels"},
		{"tape", []string{"instruction tape", "memcheck", "racecheck", "synccheck"}, "FAIL: TestTapeIsVM"},
		{"racecheck", []string{"racecheck"}, "exit code 99: ========= ERROR SUMMARY"},
		{"loss", []string{"replay as on the CPU"}, "loss 0.2500001, the CPU's 0.25"},
		{"repeat", []string{"training repeated"}, "weights.safetensors"},
		{"resume", []string{"training resumed"}, "weights.safetensors"},
		{"stop", []string{"training resumed"}, "not 75"},
		{"sweep", []string{"a thousand networks"}, "a network failed"},
		{"bench", []string{"speed"}, `the "device" is lost`},
	} {
		t.Run(v.fault, func(t *testing.T) {
			t.Parallel() // it sleeps most of the time
			code, said, out := checked(t, v.fault, "", true)
			if want := min(len(v.failed), 1); code != want {
				t.Errorf("exit code %d, want %d\n%s", code, want, said)
			}
			for device, name := range map[string]string{"gpu:0": "gpu0-nvidia-h100-80gb", "gpu:1": "gpu1-other"} {
				r := readResult(t, filepath.Join(out, name+".json"))
				if r.Device.Device != device || r.Build != "0.1.0 abc" || r.Passed != (v.failed == nil) || (r.Bench == nil) != (v.fault == "bench") {
					t.Errorf("%+v", r)
				}
				var ran, failed []string
				note := ""
				for _, s := range r.Steps {
					ran = append(ran, s.Step)
					if s.Result != "passed" {
						failed = append(failed, s.Step)
						note = s.Note
					}
				}
				if !slices.Equal(ran, steps) || !slices.Equal(failed, v.failed) || !strings.Contains(note, v.note) {
					t.Errorf("%s: ran %q, failed %q with %q; want %q with %q", device, ran, failed, note, v.failed, v.note)
				}
				text, err := os.ReadFile(filepath.Join(out, name+".md"))
				if err != nil || strings.Count(string(text), "| passed |") != len(steps)-len(v.failed) ||
					strings.Contains(string(text), "| N | dtype |") == (v.fault == "bench") || strings.Contains(string(text), "**not every") == (v.failed == nil) {
					t.Errorf("%v\n%s", err, text)
				}
			}
		})
	}
	t.Run("no sanitizer", func(t *testing.T) {
		t.Parallel()
		if _, err := os.Stat("/usr/bin/compute-sanitizer"); err == nil {
			t.Skip("there is one here")
		}
		code, said, out := checked(t, "", "", false)
		if r := readResult(t, filepath.Join(out, "gpu1-other.json")); code != 0 || r.Steps[2].Result != "not run" || r.Steps[2].Note == "" {
			t.Errorf("exit code %d, %+v\n%s", code, r.Steps[2], said)
		}
	})
	for fault, want := range map[string]string{"none": "CUDA_ERROR_NO_DEVICE", "cpu": "lists no GPU"} {
		t.Run(fault, func(t *testing.T) {
			code, said, out := checked(t, fault, "", true)
			if _, err := os.Stat(out); code != 1 || !strings.Contains(said, want) || err == nil {
				t.Errorf("exit code %d, %q, the folder: %v", code, said, err)
			}
		})
	}
	t.Run("packed", func(t *testing.T) {
		t.Parallel()
		if code, said, _ := checked(t, "", "xz", true); code != 0 {
			t.Errorf("exit code %d\n%s", code, said)
		}
	})
	t.Run("usage", func(t *testing.T) {
		for _, arguments := range [][]string{{"--out"}, {"elsewhere"}} {
			check := exec.Command("./gpu-check", arguments...)
			check.Run()
			if code := check.ProcessState.ExitCode(); code != 2 {
				t.Errorf("%q: exit code %d, want 2", arguments, code)
			}
		}
	})
}
