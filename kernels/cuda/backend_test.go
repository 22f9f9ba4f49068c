package cuda_test

import (
	"testing"

	"radd/kernels"
	"radd/kernels/kernelstest"
)

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
	t.Run("f32", func(t *testing.T) {
		if testing.Short() {
			t.Skip("with -short, float32 is held to the specification by TestKernels alone")
		}
		kernelstest.Run(t, closed[float32])
	})
	t.Run("f64", func(t *testing.T) { kernelstest.Run(t, closed[float64]) })
}
