// Package cputime tells how long the process has computed, which a clock on the
// wall does not where others use the cores.
package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process returns the processor time that all threads of the process have taken.
func Process() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic("cputime: a system without a clock of processor time")
	}
	return time.Duration(t.Nano())
}
