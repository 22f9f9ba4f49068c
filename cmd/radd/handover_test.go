//go:build unix && !gpu

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A GPU is reached by another program, which is asked first; a script stands in
// for it here.
func TestHandOver(t *testing.T) {
	devices := func(build, name string) string {
		return fmt.Sprintf(`echo '{"build":%q,"devices":[{"device":"cpu"},{"device":%q}]}'`, build, name)
	}
	for _, v := range []struct {
		name, device, script string
		code                 int
		stderr, stdout       string
	}{
		{"takes over", "gpu", devices(build(), "gpu:0"), 7, "", "train --out"},
		{"takes over one of several", "gpu:1", devices(build(), "gpu:1"), 7, "", "--device gpu:1"},
		{"not that device", "gpu:1", devices(build(), "gpu:0"), exitFailed, "has cpu, gpu:0 only", ""},
		{"no GPU", "gpu", devices(build(), "cpu"), exitFailed, "only", ""},
		{"another build", "gpu", devices("0.0.1 abc", "gpu:0"), exitFailed, "another build", ""},
		{"two objects", "gpu", devices(build(), "gpu:0") + "; echo '{}'", exitFailed, "more than one JSON object", ""},
		{"no object", "gpu", "echo no CUDA-capable device is detected >&2; exit 1", exitFailed, "no CUDA-capable device", ""},
		{"cpu", "cpu", "exit 9", 0, "", ""},
		{"auto", "auto", "exit 9", 0, "computing on the CPU", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			dir := t.TempDir()
			gpu := filepath.Join(dir, "radd-gpu")
			script := "#!/bin/sh\nif [ \"$1\" = devices ]; then\n" + v.script + "\nexit\nfi\necho \"$@\"\nexit 7\n"
			if err := os.WriteFile(gpu, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd, stderr := program("train", "--out", filepath.Join(dir, "run"), "--device", v.device, "--hidden", "2", "--gradient-steps", "1", "--set", "task.blocks=1")
			cmd.Env = append(os.Environ(), gpuVariable+"="+gpu)
			var stdout strings.Builder
			cmd.Stdout = &stdout
			cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != v.code || !strings.Contains(stderr.String(), v.stderr) || !strings.Contains(stdout.String(), v.stdout) {
				t.Errorf("exit code %d, want %d\n%s\n%s", code, v.code, stderr, stdout.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "run")); (err == nil) != (v.code == 0) {
				t.Errorf("the run's folder: %v", err)
			}
		})
	}
	t.Run("no program", func(t *testing.T) {
		cmd, stderr := program("rollout", "--weights", "x", "--out", "y", "--device", "gpu")
		cmd.Env = append(os.Environ(), gpuVariable+"=")
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), "make gpu") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
}
