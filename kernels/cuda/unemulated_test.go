//go:build !gpu && !linux

package cuda_test

import (
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
)

// open skips the test: the emulated device is a Linux program.
func open[F kernels.Float](tb testing.TB) *cuda.Backend[F] {
	tb.Helper()
	tb.Skip("NOT TESTED: the CUDA kernels, which are emulated on Linux only")
	return nil
}
