package cputime

import (
	"testing"
	"time"
)

// TestProcess: it goes on while the process computes, and hardly while it waits.
func TestProcess(t *testing.T) {
	start := Process()
	for begun := time.Now(); time.Since(begun) < 20*time.Millisecond; {
	}
	if Process() <= start {
		t.Error("computing takes no processor time")
	}
	before := Process()
	time.Sleep(200 * time.Millisecond)
	if waited := Process() - before; waited > 100*time.Millisecond {
		t.Errorf("%v of processor time in 200 ms of waiting", waited)
	}
}
