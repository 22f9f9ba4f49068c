package cpu_test

import (
	"context"
	"errors"
	"testing"

	"radd/internal/panics"

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

// A worker's panic reaches the caller, whose own would: otherwise it would end
// the process.
func TestPanicReachesCaller(t *testing.T) {
	backend := cpu.New[float32](cpu.Generic, 4)
	defer backend.Close()
	shape := kernels.Shape{N: 2}
	theta := make([]float32, shape.Size())
	var tapes []*kernels.Tape[float32]
	for range 16 {
		tapes = append(tapes, kernels.NewTape[float32](shape.N)) // without a session to play
	}
	networks := []*kernels.Network[float32]{{Shape: shape, Sessions: 1}, {Shape: shape, Sessions: 1}} // nor a sampler
	for name, call := range map[string]func(){
		"Forward": func() { backend.Forward(theta, kernels.CrossEntropyMean, tapes) },
		"Train":   func() { backend.Train(context.Background(), networks, 1) },
	} {
		err := panics.Catch(func() error { call(); return nil })
		if fault := (*panics.Error)(nil); !errors.As(err, &fault) {
			t.Errorf("%s: %v, want the panic", name, err)
		}
	}
}
