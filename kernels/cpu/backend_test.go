package cpu_test

import (
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
)

func generic[F kernels.Float](tb testing.TB) kernels.Backend[F] {
	b := cpu.New[F](0)
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func TestGeneric(t *testing.T) {
	t.Run("f32", func(t *testing.T) { kernelstest.Run(t, generic[float32]) })
	t.Run("f64", func(t *testing.T) { kernelstest.Run(t, generic[float64]) })
}
