//go:build unix

package cuda_test

import (
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
	"radd/kernels/kernelstest"
)

// memory is enough for all that the tests do at once; what is not touched costs
// nothing.
const memory = 1 << 30

// open returns a backend on an emulated device.
func open[F kernels.Float](tb testing.TB) *cuda.Backend[F] {
	tb.Helper()
	d := cudatest.Open(tb, memory, cudatest.Sources()...)
	return cuda.New[F](d)
}

// closed returns a backend that the test closes.
func closed[F kernels.Float](tb testing.TB) kernels.Backend[F] {
	tb.Helper()
	b := open[F](tb)
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func TestConformance(t *testing.T) {
	t.Run("f32", func(t *testing.T) { kernelstest.Run(t, closed[float32]) })
	t.Run("f64", func(t *testing.T) { kernelstest.Run(t, closed[float64]) })
}
