//go:build linux

package cudatest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"radd/kernels/cuda"
)

// Device is the emulated device. It implements cuda.Driver.
type Device struct {
	Blocks int // resident at once

	properties cuda.Properties

	memory  []byte // the device's, mapped
	base    cuda.Pointer
	areas   []area // allocated, by address
	program *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
	stderr  bytes.Buffer
	kernels map[string]bool
	launch  []byte // that is sent
	waiting int
}

type area struct{ start, end int }

// alignment of allocations; between two of them lie as many guard bytes.
const alignment = 256

// guard fills what is not allocated, fresh what was not written: as numbers,
// both are not.
const (
	guard = 0xfe
	fresh = 0xff
)

// Open starts a device with the kernels of the given sources (Sources, or some of
// them) and the given bytes of memory. The test ends it.
func Open(tb testing.TB, memory int, sources ...string) *Device {
	tb.Helper()
	return open(tb, false, memory, sources)
}

// OpenChecked starts one that ends with a message where a kernel's access to memory
// lies outside of allocations and shared memory, or at an address that its type is
// not aligned to, or races with another thread's; 4 bytes of memory take 44 on the
// host once they are accessed. It is many times slower.
func OpenChecked(tb testing.TB, memory int, sources ...string) *Device {
	tb.Helper()
	return open(tb, true, memory, sources)
}

func open(tb testing.TB, checks bool, memory int, sources []string) *Device {
	tb.Helper()
	path := build(tb, checks, sources)
	d, err := start(path, tb.TempDir(), memory)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Errorf("closing the emulated device: %v", err)
		}
	})
	return d
}

func start(path, folder string, memory int) (*Device, error) {
	file, err := os.CreateTemp(folder, "memory-")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(int64(memory)); err != nil {
		return nil, err
	}
	d := &Device{Blocks: 3, properties: (&Host{Memory: memory}).properties(0), kernels: map[string]bool{}}
	d.memory, err = syscall.Mmap(int(file.Fd()), 0, memory, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	d.program = exec.Command(path, file.Name(), strconv.Itoa(memory), strconv.Itoa(os.Getpid()))
	d.program.Stderr = &d.stderr
	if d.to, err = d.program.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.program.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.from = bufio.NewReader(out)
	if err := d.program.Start(); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		line, err := d.from.ReadString('\n')
		if err != nil {
			return nil, d.died(err)
		}
		line = strings.TrimSpace(line)
		switch {
		case first:
			base, err := strconv.ParseUint(line, 10, 64)
			if err != nil {
				return nil, err
			}
			d.base = cuda.Pointer(base)
		case line == "":
			return d, nil
		default:
			d.kernels[line] = true
		}
	}
}

// died says why the program has ended.
func (d *Device) died(err error) error {
	d.to.Close()
	if wait := d.program.Wait(); wait != nil {
		err = wait
	}
	return fmt.Errorf("the device is lost: %w: %s", err, strings.TrimSpace(d.stderr.String()))
}

// Kill ends the device, as one that is lost.
func (d *Device) Kill() error { return d.program.Process.Kill() }

// Properties implements cuda.Driver.
func (d *Device) Properties() cuda.Properties { return d.properties }

// Memory implements cuda.Driver.
func (d *Device) Memory() (int, error) {
	free := len(d.memory)
	for _, a := range d.areas {
		free -= a.end - a.start + 2*alignment
	}
	return free, nil
}

// Allocate implements cuda.Driver.
func (d *Device) Allocate(bytes int) (cuda.Pointer, error) {
	size := (bytes + alignment - 1) / alignment * alignment
	at := alignment
	i := 0
	for i < len(d.areas) && d.areas[i].start < at+size+alignment {
		at = (d.areas[i].end + 2*alignment - 1) / alignment * alignment
		i++
	}
	if at+size+alignment > len(d.memory) {
		return 0, errors.New("out of memory")
	}
	d.areas = slices.Insert(d.areas, i, area{at, at + bytes})
	fill(d.memory[at-alignment:at], guard)
	fill(d.memory[at:at+bytes], fresh)
	fill(d.memory[at+bytes:at+size+alignment], guard)
	return d.base + cuda.Pointer(at), nil
}

func fill(v []byte, x byte) {
	for i := range v {
		v[i] = x
	}
}

// Free implements cuda.Driver. It finds out whether a kernel wrote around the
// allocation.
func (d *Device) Free(p cuda.Pointer) error {
	at := int(p - d.base)
	i := slices.IndexFunc(d.areas, func(a area) bool { return a.start == at })
	if i < 0 {
		return errors.New("freeing what was not allocated")
	}
	a := d.areas[i]
	d.areas = slices.Delete(d.areas, i, i+1)
	return d.intact(a)
}

func (d *Device) intact(a area) error {
	for i, x := range d.memory[a.start-alignment : a.start] {
		if x != guard {
			return fmt.Errorf("a kernel wrote %d bytes before its memory", alignment-i)
		}
	}
	for i, x := range d.memory[a.end : a.end+alignment] {
		if x != guard {
			return fmt.Errorf("a kernel wrote %d bytes behind its memory", i)
		}
	}
	return nil
}

// within returns the device's memory of an allocation or a part of one.
func (d *Device) within(p cuda.Pointer, bytes int) ([]byte, error) {
	at := int(p - d.base)
	for _, a := range d.areas {
		if at >= a.start && at+bytes <= a.end {
			return d.memory[at : at+bytes], nil
		}
	}
	return nil, fmt.Errorf("copying %d bytes at %#x, which are not allocated", bytes, p)
}

// Upload implements cuda.Driver.
func (d *Device) Upload(to cuda.Pointer, from []byte) error {
	memory, err := d.within(to, len(from))
	copy(memory, from)
	return err
}

// Download implements cuda.Driver.
func (d *Device) Download(to []byte, from cuda.Pointer) error {
	memory, err := d.within(from, len(to))
	copy(to, memory)
	return err
}

// Resident implements cuda.Driver.
func (d *Device) Resident(kernel string, block, shared int) (int, error) {
	if !d.kernels[kernel] {
		return 0, fmt.Errorf("there is no kernel %s", kernel)
	}
	return d.Blocks, nil
}

const nameBytes = 64

// Launch implements cuda.Driver.
func (d *Device) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	d.launch = append(d.launch[:0], make([]byte, nameBytes)...)
	copy(d.launch[:nameBytes-1], kernel)
	for _, x := range [...]int{grid, block, shared, int(arguments), len(d.areas)} {
		d.launch = binary.NativeEndian.AppendUint64(d.launch, uint64(x))
	}
	for _, a := range d.areas {
		d.launch = binary.NativeEndian.AppendUint64(d.launch, uint64(a.start))
		d.launch = binary.NativeEndian.AppendUint64(d.launch, uint64(a.end))
	}
	d.waiting++
	if _, err := d.to.Write(d.launch); err != nil {
		return d.died(err)
	}
	return nil
}

// Synchronise implements cuda.Driver.
func (d *Device) Synchronise() error {
	for ; d.waiting > 0; d.waiting-- {
		if _, err := d.from.ReadByte(); err != nil {
			return d.died(err)
		}
	}
	return nil
}

// Close implements cuda.Driver; a second call does nothing.
func (d *Device) Close() error {
	if d.memory == nil {
		return nil
	}
	var err error
	for _, a := range d.areas {
		err = errors.Join(err, d.intact(a))
	}
	d.to.Close()
	if d.program.ProcessState == nil {
		err = errors.Join(err, d.program.Wait())
	}
	err = errors.Join(err, syscall.Munmap(d.memory))
	d.memory = nil
	return err
}
