//go:build gpu

package cuda

/*
#cgo linux CFLAGS: -I/usr/local/cuda/include
#include <cuda.h>

// What gorgonia.org/cu does not bind.
static CUresult largeShared(CUfunction f, int bytes) {
	return cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}
// What it binds in Go's memory, anew in every call.
typedef struct {
	CUresult result;
	size_t free;
} memory;
static memory memoryOf(void) {
	memory m = {0};
	size_t total;
	m.result = cuMemGetInfo(&m.free, &total);
	return m;
}
static const char *nameOf(CUresult r) {
	const char *name = 0;
	cuGetErrorName(r, &name);
	return name ? name : "an error without a name";
}
*/
import "C"

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

//go:embed images
var embedded embed.FS

// images returns the folder of images.
func images() fs.FS {
	folder, err := fs.Sub(embedded, "images")
	if err != nil {
		panic(err) // the name is a constant
	}
	return folder
}

// sharedOptIn is the attribute of the shared memory that a block may ask for.
const sharedOptIn = cu.DeviceAttribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)

// plainShared is the dynamic shared memory, in bytes, that a block has without
// asking.
const plainShared = 48 << 10

// machine implements Host by the CUDA driver.
type machine struct{}

var system Host = machine{}

func (machine) Devices() ([]Properties, error) { return Devices() }
func (machine) Open(index int) (Driver, error) { return Open(index) }

// device is a GPU of the CUDA driver. It implements Driver.
type device struct {
	properties Properties
	context    cu.CUContext
	module     cu.Module
	functions  map[string]cu.Function
	shared     map[string]int // granted to a function
	argument   uint64         // of a launch
	arguments  []unsafe.Pointer
}

// Devices returns the GPUs that the CUDA driver shows.
func Devices() ([]Properties, error) {
	count, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("counting CUDA devices: %w", err)
	}
	var all []Properties
	for i := range count {
		p, _, err := propertiesOf(i)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func propertiesOf(index int) (p Properties, d cu.Device, err error) {
	p.Index = index
	fail := func(doing string, err error) (Properties, cu.Device, error) {
		return p, 0, &Error{fmt.Sprintf("gpu:%d", index), doing, err}
	}
	if d, err = cu.GetDevice(index); err != nil {
		return fail("opening", err)
	}
	if p.Name, err = d.Name(); err != nil {
		return fail("asking for its name", err)
	}
	memory, err := d.TotalMem()
	if err != nil {
		return fail("asking for its memory", err)
	}
	p.Memory = int(memory)
	var major, minor int
	for _, x := range []struct {
		to *int
		of cu.DeviceAttribute
	}{
		{&major, cu.ComputeCapabilityMajor}, {&minor, cu.ComputeCapabilityMinor},
		{&p.Multiprocessors, cu.MultiprocessorCount}, {&p.Clock, cu.ClockRate}, {&p.SharedMemory, sharedOptIn},
	} {
		if *x.to, err = d.Attribute(x.of); err != nil {
			return fail("asking for its properties", err)
		}
	}
	p.Architecture = fmt.Sprintf("sm_%d%d", major, minor)
	p.Driver = driverVersion()
	return p, d, nil
}

// driverVersion returns the NVIDIA driver's version, where the system tells it,
// and the CUDA version that it knows.
func driverVersion() string {
	cuda := fmt.Sprintf("CUDA %d.%d", cu.Version()/1000, cu.Version()%1000/10)
	module, err := os.ReadFile("/sys/module/nvidia/version")
	if err != nil {
		return cuda
	}
	return strings.TrimSpace(string(module)) + ", " + cuda
}

// Open returns the driver of a GPU, with the kernels loaded.
func Open(index int) (Driver, error) {
	p, dev, err := propertiesOf(index)
	if err != nil {
		return nil, err
	}
	fail := func(doing string, err error) (Driver, error) { return nil, &Error{p.String(), doing, err} }
	var major, minor int
	if _, err := fmt.Sscanf(p.Architecture, "sm_%d", &major); err != nil {
		return fail("reading its architecture", err)
	}
	major, minor = major/10, major%10
	architecture, ok := architectureFor(major, minor)
	if !ok {
		return fail("choosing kernels", fmt.Errorf("%s is older than every architecture that the kernels are made for: %v",
			p.Architecture, Architectures))
	}
	manifest, err := ReadManifest(images())
	if err != nil {
		return fail("reading the kernels", err)
	}
	image, err := manifest.ReadImage(images(), architecture)
	if err != nil {
		return fail("reading the kernels", err)
	}
	d := &device{properties: p, functions: map[string]cu.Function{}, shared: map[string]int{}}
	d.arguments = []unsafe.Pointer{unsafe.Pointer(&d.argument)}
	if d.context, err = dev.RetainPrimaryCtx(); err != nil {
		return fail("making a context", err)
	}
	if err := d.enter(); err != nil {
		return fail("entering its context", err)
	}
	defer d.leave()
	if d.module, err = cu.LoadData(string(image)); err != nil {
		return fail("loading the kernels for "+architecture, fmt.Errorf("%w (is the NVIDIA driver older than the toolkit, %s?)",
			err, manifest.Compiler))
	}
	for name := range manifest.Kernels[Architectures[0]] {
		if d.functions[name], err = d.module.Function(name); err != nil {
			return fail("kernel "+name, err)
		}
	}
	return d, nil
}

// result returns the error that a call of the driver gave, or nil.
func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return errors.New(C.GoString(C.nameOf(r)))
}

// enter makes the device's context the one of the calling thread, until leave.
func (d *device) enter() error {
	runtime.LockOSThread()
	if err := cu.SetCurrentContext(d.context); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	return nil
}

func (d *device) leave() { runtime.UnlockOSThread() }

// Properties implements Driver.
func (d *device) Properties() Properties { return d.properties }

// Memory implements Driver.
func (d *device) Memory() (int, error) {
	if err := d.enter(); err != nil {
		return 0, err
	}
	defer d.leave()
	m := C.memoryOf()
	return int(m.free), result(m.result)
}

// Allocate implements Driver.
func (d *device) Allocate(bytes int) (Pointer, error) {
	if err := d.enter(); err != nil {
		return 0, err
	}
	defer d.leave()
	p, err := cu.MemAlloc(int64(bytes))
	return Pointer(p), err
}

// Free implements Driver.
func (d *device) Free(p Pointer) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return cu.MemFree(cu.DevicePtr(p))
}

// Upload implements Driver.
func (d *device) Upload(to Pointer, from []byte) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return cu.MemcpyHtoD(cu.DevicePtr(to), unsafe.Pointer(unsafe.SliceData(from)), int64(len(from)))
}

// Download implements Driver.
func (d *device) Download(to []byte, from Pointer) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return cu.MemcpyDtoH(unsafe.Pointer(unsafe.SliceData(to)), cu.DevicePtr(from), int64(len(to)))
}

// function returns a kernel that may have the shared memory.
func (d *device) function(kernel string, shared int) (cu.Function, error) {
	f, ok := d.functions[kernel]
	if !ok {
		return f, errors.New("there is no such kernel")
	}
	if shared > max(plainShared, d.shared[kernel]) {
		// A Function is the driver's handle and nothing else.
		if err := result(C.largeShared(*(*C.CUfunction)(unsafe.Pointer(&f)), C.int(shared))); err != nil {
			return f, fmt.Errorf("%d bytes of shared memory a block: %w", shared, err)
		}
		d.shared[kernel] = shared
	}
	return f, nil
}

// Resident implements Driver.
func (d *device) Resident(kernel string, block, shared int) (int, error) {
	if err := d.enter(); err != nil {
		return 0, err
	}
	defer d.leave()
	f, err := d.function(kernel, shared)
	if err != nil {
		return 0, err
	}
	blocks, err := f.MaxActiveBlocksPerMultiProcessor(block, int64(shared))
	return blocks * d.properties.Multiprocessors, err
}

// Launch implements Driver.
func (d *device) Launch(kernel string, grid, block, shared int, arguments Pointer) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	f, err := d.function(kernel, shared)
	if err != nil {
		return err
	}
	d.argument = uint64(arguments)
	return f.Launch(grid, 1, 1, block, 1, 1, shared, cu.NoStream, d.arguments)
}

// Synchronise implements Driver.
func (d *device) Synchronise() error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return cu.Synchronize()
}

// Close implements Driver; a second call does nothing.
func (d *device) Close() error {
	if d.functions == nil {
		return nil
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	d.functions = nil
	dev, err := cu.CurrentDevice()
	return errors.Join(err, d.module.Unload(), dev.ReleasePrimaryCtx())
}
