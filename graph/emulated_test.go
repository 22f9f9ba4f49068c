//go:build !gpu && linux

package graph

import (
	"testing"

	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
)

// threads of a tape's block are few, because emulated ones take turns.
const threads = 64

// openDriver returns an emulated GPU.
func openDriver(t testing.TB) cuda.Driver {
	t.Helper()
	const memory = 1 << 28 // more than any test needs; what is not touched costs nothing
	return cudatest.Open(t, memory, cudatest.Sources()...)
}
