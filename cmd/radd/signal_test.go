//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitFor waits until the path exists.
func waitFor(t *testing.T, path string) {
	t.Helper()
	waitUntil(t, path+" appears", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}

// A signal leaves a checkpoint and exit code 75; the run goes on from there,
// and ends as one that was never stopped.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	stopped, whole := filepath.Join(dir, "stopped"), filepath.Join(dir, "whole")
	const steps = "3000"
	args := func(out string, more ...string) []string {
		return append([]string{"train", "--out", out, "--set", "task.blocks=1", "--hidden", "8", "--gradient-steps", steps, "--metrics-every", "1"}, more...)
	}
	for i, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, stderr := program(args(stopped, "--resume")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, filepath.Join(stopped, "metrics.csv"))
		waitUntil(t, "the run goes on", func() bool {
			log, _ := os.ReadFile(filepath.Join(stopped, "log.jsonl"))
			return bytes.Count(log, []byte(`"resuming"`)) == i
		})
		time.Sleep(50 * time.Millisecond)
		cmd.Process.Signal(signal)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitStopped || !strings.Contains(stderr.String(), "--resume") ||
			!strings.Contains(stderr.String(), "stopping; a second Ctrl-C ends at once") {
			t.Fatalf("%d: exit code %d after %v, want %d: %s", i, code, signal, exitStopped, stderr)
		}
		if found, _ := filepath.Glob(filepath.Join(stopped, "checkpoints", "step-*")); len(found) == 0 {
			t.Fatal("no checkpoint")
		}
	}
	for _, out := range []string{stopped, whole} {
		cmd, stderr := program(args(out, "--resume", "--quiet")...)
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Fatalf("%s: %v: %s", out, err, stderr)
		}
	}
	for _, name := range []string{"metrics.csv", "weights.safetensors"} {
		a, _ := os.ReadFile(filepath.Join(stopped, name))
		b, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not that of a run that was never stopped (%v)", name, err)
		}
	}
}

// What has no checkpoint is interrupted, and leaves nothing.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	weights, err := filepath.Abs("../../testdata/oracle/n50_init.npz")
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := program("rollout", "--weights", weights, "--blocks", "20000", "--out", filepath.Join(dir, "rollout"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 6000 { // until it has begun to write
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), "radd: interrupted: what was not finished was not written\n") {
		t.Errorf("exit code %d, want %d: %s", code, exitFailed, stderr)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("it left %v", entries)
	}
}

// A second signal ends the process at once, though a gradient step takes long.
func TestSecondSignal(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	cmd, _ := program("train", "--out", out, "--hidden", "4096", "--set", "task.blocks=100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(out, "metrics.csv"))
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	for range 100 {
		cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			if cmd.ProcessState.Exited() {
				t.Errorf("exit code %d, want an end by the signal", cmd.ProcessState.ExitCode())
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	cmd.Process.Kill()
	<-ended
	t.Error("ten seconds of signals did not end it")
}
