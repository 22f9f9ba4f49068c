package cpu_test

import (
	"testing"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
)

// backend returns a constructor of backends on an instruction set.
func backend[F kernels.Float](isa cpu.ISA) func(testing.TB) kernels.Backend[F] {
	return func(tb testing.TB) kernels.Backend[F] {
		b := cpu.New[F](isa, 0)
		tb.Cleanup(func() {
			if err := b.Close(); err != nil {
				tb.Error(err)
			}
		})
		return b
	}
}

// TestBackend holds every instruction set of this machine to the suite.
func TestBackend(t *testing.T) {
	for _, isa := range cpu.Supported() {
		t.Run(string(isa), func(t *testing.T) {
			t.Run("f32", func(t *testing.T) { kernelstest.Run(t, backend[float32](isa)) })
			t.Run("f64", func(t *testing.T) { kernelstest.Run(t, backend[float64](isa)) })
		})
	}
}
