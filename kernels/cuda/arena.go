package cuda

import (
	"unsafe"

	"radd/kernels"
)

// arena lays out arrays in one piece of the device's memory. What is put into
// it is uploaded in one copy; space behind that is not. An arena is filled
// twice by the same code: first to measure, then for good.
type arena struct {
	device   Pointer
	capacity int // bytes at device
	host     []byte
	at       int
	measures bool
}

// alignment of every array, in bytes.
const alignment = 256

// take returns the place of the next array.
func (a *arena) take(bytes int) (Pointer, int) {
	at := a.at
	a.at += (bytes + alignment - 1) / alignment * alignment
	return a.device + Pointer(at), at
}

// space returns room for n elements that are not uploaded; nothing may be put
// thereafter.
func space[E any](a *arena, n int) Pointer {
	p, _ := a.take(sizeOf[E](n))
	return p
}

// put adds an array and returns where it will be.
func put[E any](a *arena, v []E) Pointer {
	p, at := a.take(sizeOf[E](len(v)))
	if !a.measures {
		copy(a.host[at:], bytesOf(v))
	}
	return p
}

func putOne[E any](a *arena, v E) Pointer {
	p, at := a.take(sizeOf[E](1))
	if !a.measures {
		one := [1]E{v}
		copy(a.host[at:], bytesOf(one[:]))
	}
	return p
}

// putAs adds an array as numbers of the type.
func putAs[F kernels.Float](a *arena, v []float64) Pointer {
	p, at := a.take(sizeOf[F](len(v)))
	if !a.measures {
		to := view[F](a, at, len(v))
		for i, x := range v {
			to[i] = F(x)
		}
	}
	return p
}

// view returns n elements of the host's copy, from a byte on.
func view[E any](a *arena, at, n int) []E {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*E)(unsafe.Pointer(&a.host[at])), n)
}

// begin makes the arena empty, to be measured or to be filled.
func (a *arena) begin(measures bool) { a.at, a.measures = 0, measures }

// usable returns the bytes that the arena may have: what is free, with its own
// counted as free, less a share for the driver's own needs.
func (a *arena) usable(d Driver) (int, error) {
	free, err := d.Memory()
	return (free + a.capacity) / 16 * 15, err
}

// reserve gives the arena, as measured, its memory: uploaded bytes of it on the
// host too.
func (a *arena) reserve(d Driver, uploaded int) error {
	if uploaded > len(a.host) {
		a.host = make([]byte, uploaded)
	}
	if a.at <= a.capacity {
		return nil
	}
	if err := a.free(d); err != nil {
		return err
	}
	most, err := a.usable(d)
	if err != nil {
		return err
	}
	size := max(a.at, min(a.at+a.at/4, most)) // sessions differ in length
	device, err := d.Allocate(size)
	if err != nil {
		size = a.at
		device, err = d.Allocate(size)
	}
	if err == nil {
		a.device, a.capacity = device, size
	}
	return err
}

func (a *arena) free(d Driver) error {
	if a.capacity == 0 {
		return nil
	}
	device := a.device
	a.device, a.capacity = 0, 0
	return d.Free(device)
}
