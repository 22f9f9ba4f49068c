//go:build gpu

package cuda_test

import (
	"log/slog"
	"os"
	"strconv"
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
)

// open returns a backend on the GPU that RADD_TEST_GPU numbers, the first one
// without it.
func open[F kernels.Float](tb testing.TB) *cuda.Backend[F] {
	tb.Helper()
	index := 0
	if s := os.Getenv("RADD_TEST_GPU"); s != "" {
		var err error
		if index, err = strconv.Atoi(s); err != nil {
			tb.Fatalf("RADD_TEST_GPU: %v", err)
		}
	}
	d, err := cuda.Open(index)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return cuda.New[F](d, slog.New(slog.DiscardHandler))
}
