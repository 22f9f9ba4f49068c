package cpu

import (
	"syscall"
	"testing"
	"unsafe"

	"radd/kernels"
)

// TestPages hands the kernels memory that ends where a page begins that cannot
// be touched, and then memory that begins where such a page ends: reading or
// writing one element too many would crash the test.
func TestPages(t *testing.T) {
	forVectorISAs(t, pages[float32], pages[float64])
}

func pages[F kernels.Float](t *testing.T, isa ISA) {
	backend := New[F](isa, 1)
	defer backend.Close()
	sampler := smallSampler(t)
	sizes := []int{129, 256, 257}
	for n := 1; n <= 70; n++ {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		if testing.Short() && n%3 > 0 {
			continue
		}
		plain := kernels.NewBatch[F](n, 1)
		plain.Draw(sampler, 1, 0)
		theta := make([]F, kernels.Shape{N: n}.Size())
		kernels.Init(kernels.Shape{N: n}, 1, theta)
		want := make([]F, len(theta))
		o := kernels.CrossEntropyMean
		loss := backend.Forward(theta, o, plain.Tapes)
		backend.Backward(theta, o, plain.Tapes, 1, want)

		for _, atEnd := range []bool{true, false} {
			paged := func(length int) []F { return besidePage[F](t, length, atEnd) }
			batch := kernels.NewBatch[F](n, 1)
			batch.Draw(sampler, 1, 0)
			p := batch.Tapes[0]
			p.T = 0
			p.Reserve(plain.Tapes[0].T + 16)
			steps := len(p.Trial)
			p.Input, p.Hidden = paged(steps*kernels.Inputs), paged((steps+1)*n)
			p.Difference, p.Feedback = paged(steps), paged(steps)
			p.Work = paged(len(plain.Tapes[0].Work))
			pagedTheta, velocity, grad := paged(len(theta)), paged(len(theta)), paged(len(theta))
			copy(pagedTheta, theta)
			if l := backend.Forward(pagedTheta, o, batch.Tapes); l != loss {
				t.Errorf("N = %d: loss %v, want %v", n, l, loss)
			}
			backend.Backward(pagedTheta, o, batch.Tapes, 1, grad)
			for i := range want {
				if grad[i] != want[i] {
					t.Fatalf("N = %d: element %d of the gradient is %v, want %v", n, i, grad[i], want[i])
				}
			}
			backend.Update(pagedTheta, velocity, grad, .1, .1)
		}
	}
}

// besidePage returns a slice of zeros that ends before, or begins after, a page
// that cannot be touched.
func besidePage[F kernels.Float](t *testing.T, length int, atEnd bool) []F {
	t.Helper()
	page := syscall.Getpagesize()
	bytes := length * int(unsafe.Sizeof(F(0)))
	size := (bytes + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	forbidden, from := all[:page], page
	if atEnd {
		forbidden, from = all[size:], size-bytes
	}
	if err := syscall.Mprotect(forbidden, syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*F)(unsafe.Pointer(&all[from])), length)
}
