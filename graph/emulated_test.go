//go:build !gpu && linux

package graph

import (
	"errors"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
	"radd/task"
)

// threads of a tape's block are few, because emulated ones take turns.
const threads = 32

// openDriver returns an emulated GPU.
func openDriver(t testing.TB) cuda.Driver {
	t.Helper()
	const memory = 1 << 28 // more than any test needs; what is not touched costs nothing
	return cudatest.Open(t, memory, cudatest.Sources()...)
}

// Every cell's tape accesses memory as a device that checks it allows: within what is
// allocated, aligned, without races between threads.
func TestTapeAccesses(t *testing.T) {
	if testing.Short() {
		t.Skip("checked accesses take many times as long")
	}
	d := cudatest.OpenChecked(t, 1<<26, cudatest.Sources()...)
	t.Run("f32", func(t *testing.T) { accesses(t, cuda.New[float32](d, silent), 5) })
	t.Run("f64", func(t *testing.T) { accesses(t, cuda.New[float64](d, silent), 40) }) // a warp sums a row
}

func accesses[F kernels.Float](t *testing.T, on *cuda.Backend[F], n int) {
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax, c.BlankSteps, c.MaxObservations = 1, 2, 2, 1, 3
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range cells {
		t.Run(test.name, func(t *testing.T) {
			u := onDevice(t, on, test.cell, n, 3)
			for _, i := range u.device {
				i.Threads = 64
			}
			var theta []F
			for _, x := range thetaOf(test.cell, n, 2) {
				theta = append(theta, F(x))
			}
			b := kernels.NewBatch[F](n*test.cell.States(), 2)
			b.Draw(task.NewSampler(c), 3, 1)
			for _, o := range []kernels.Objective{kernels.CrossEntropyMean, kernels.QLogMean(.3)} {
				u.Forward(theta, o, b.Tapes)
				u.Backward(theta, o, b.Tapes, 1, make([]F, len(theta)))
			}
		})
	}
}

// Where the device fails, an error or a panic says which, and at what.
func TestTapeFailures(t *testing.T) {
	wants := func(err error, part string) {
		t.Helper()
		var fault *cuda.Error
		if !errors.As(err, &fault) || fault.Device != "gpu:0 (emulated device)" || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want a *cuda.Error that says %q", err, part)
		}
	}
	const little = 1 << 16
	on := cuda.New[float64](cudatest.Open(t, little, cudatest.Sources()...), silent)
	_, err := NewUnrolled(RNN{}, 50, DefaultSteps, 1, kernels.Backend[float64](on))
	wants(err, "bytes for a tape: out of memory")

	forward := func(on *cuda.Backend[float64], launches int) (err error) {
		u, err := NewUnrolled(RNN{}, 9, DefaultSteps, 1, kernels.Backend[float64](on))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { err, _ = recover().(error) }()
		b := kernels.NewBatch[float64](9, 1)
		for step := range launches {
			b.Draw(brief(t), 1, step)
			u.Forward(thetaOf(RNN{}, 9, 1), kernels.CrossEntropyMean, b.Tapes)
		}
		return nil
	}
	device := &launches{Driver: openDriver(t), free: 1 << 12}
	wants(forward(cuda.New[float64](device, silent), 1), "one session's tape needs more than the 3840 bytes")
	dying := &cudatest.Dying{Device: openDriver(t).(*cudatest.Device), Launches: 2}
	wants(forward(cuda.New[float64](dying, silent), 3), "kernel tape_f64: the device is lost")
}
