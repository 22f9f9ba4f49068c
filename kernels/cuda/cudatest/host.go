//go:build linux

package cudatest

import (
	"fmt"
	"testing"

	"radd/kernels/cuda"
)

// Host is a machine with emulated devices. It implements cuda.Host.
type Host struct {
	TB     testing.TB
	Count  int                           // of devices
	Memory int                           // bytes of each
	Wrap   func(cuda.Driver) cuda.Driver // what a driver is opened as; nil: as it is
}

// memory is enough for what tests do; what is not touched costs nothing.
const memory = 1 << 30

// Install makes the machine one with emulated devices until the test ends, and
// returns it.
func Install(tb testing.TB, count int) *Host {
	tb.Helper()
	Compiler(tb)
	h := &Host{TB: tb, Count: count, Memory: memory}
	tb.Cleanup(cuda.Install(h))
	return h
}

func (h *Host) properties(index int) cuda.Properties {
	return cuda.Properties{Index: index, Name: "emulated device", Architecture: "emulation", SharedMemory: 227 << 10,
		Memory: h.Memory, Multiprocessors: 1, Driver: "emulation"}
}

// Devices implements cuda.Host.
func (h *Host) Devices() (all []cuda.Properties, err error) {
	for i := range h.Count {
		all = append(all, h.properties(i))
	}
	return all, nil
}

// Open implements cuda.Host. Every call starts another device.
func (h *Host) Open(index int) (cuda.Driver, error) {
	if index < 0 || index >= h.Count {
		return nil, &cuda.Error{Device: fmt.Sprintf("gpu:%d", index), Doing: "opening", Err: fmt.Errorf("invalid device ordinal, of %d", h.Count)}
	}
	d := Open(h.TB, h.Memory, Sources()...)
	d.properties = h.properties(index)
	if h.Wrap == nil {
		return d, nil
	}
	return h.Wrap(d), nil
}

// Dying is a device that is lost at a launch.
type Dying struct {
	*Device
	Launches int // that it lives through
}

// Launch implements cuda.Driver.
func (d *Dying) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	if d.Launches--; d.Launches < 0 {
		if err := d.Kill(); err != nil {
			return err
		}
	}
	return d.Device.Launch(kernel, grid, block, shared, arguments)
}
