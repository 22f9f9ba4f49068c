package cuda

import (
	"fmt"
	"strings"
)

// Pointer is an address in the device's memory.
type Pointer uint64

// Driver is what the backend needs of a device. Calls come from one goroutine
// at a time.
type Driver interface {
	Properties() Properties

	// Memory returns the bytes that are free.
	Memory() (free int, err error)

	// Allocate returns memory of the given size, aligned to 256 bytes.
	Allocate(bytes int) (Pointer, error)
	Free(Pointer) error

	// Upload and Download copy when all launches before have ended.
	Upload(to Pointer, from []byte) error
	Download(to []byte, from Pointer) error

	// Resident returns how many blocks of a kernel the device can hold at once.
	Resident(kernel string, block, shared int) (int, error)

	// Launch starts a kernel whose only argument is a pointer; shared is the
	// block's dynamic shared memory in bytes. Synchronise waits for its end.
	Launch(kernel string, grid, block, shared int, arguments Pointer) error
	Synchronise() error

	// Close releases the device with all of its memory.
	Close() error
}

// Properties say which device it is.
type Properties struct {
	Index        int    // of the devices that the driver shows
	Name         string // "NVIDIA H100 80GB HBM3"
	Architecture string // "sm_90"
	SharedMemory int    // most bytes of dynamic shared memory of a block

	Memory          int    // bytes, all of it
	Multiprocessors int    // SMs
	Clock           int    // kHz, at most; 0 where it is not told
	Driver          string // "535.261.03, CUDA 12.2"
}

// ComputeCapability returns "9.0" of sm_90, and what is no CUDA architecture as it
// is.
func (p Properties) ComputeCapability() string {
	digits, ok := strings.CutPrefix(p.Architecture, "sm_")
	if !ok || len(digits) < 2 {
		return p.Architecture
	}
	return digits[:len(digits)-1] + "." + digits[len(digits)-1:]
}

func (p Properties) String() string { return fmt.Sprintf("gpu:%d (%s)", p.Index, p.Name) }

// Error is what went wrong with a device.
type Error struct {
	Device string // "gpu:0 (NVIDIA H100 80GB HBM3)"
	Doing  string
	Err    error
}

func (e *Error) Error() string { return e.Device + ": " + e.Doing + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Thrown implements panics.Thrown: where a method has no error to return, it
// panics with this one.
func (e *Error) Thrown() {}
