package train

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
)

// DeviceError says that a device that was asked for is not there.
type DeviceError struct{ Device, Why string }

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Why) }

// breakEven is how many networks, trained together, a GPU trains faster than the
// cores beside it. 0: it has not been measured (radd bench gpu does).
const breakEven = 0

// WorthGPU reports whether auto means a GPU for so many networks that are
// trained together, where there is one.
func WorthGPU(networks int) bool { return worthGPU(networks, breakEven) }

func worthGPU(networks, breakEven int) bool { return breakEven > 0 && networks >= breakEven }

// automatic returns what auto stands for, and why.
func automatic(networks, breakEven int, h cuda.Host) (device, why string) {
	if !worthGPU(networks, breakEven) {
		if breakEven == 0 {
			return "cpu", "from how many networks on a GPU is faster has not been measured; --device gpu computes on it"
		}
		return "cpu", fmt.Sprintf("%d networks at once: a GPU is faster from %d on", networks, breakEven)
	}
	if h == nil {
		return "cpu", "this program reaches no GPU"
	}
	devices, err := h.Devices()
	if err != nil || len(devices) == 0 {
		return "cpu", "there is no GPU"
	}
	return "gpu", fmt.Sprintf("%d networks at once, from %d on it is faster", networks, breakEven)
}

// OpenBackend returns the backend that the configuration's device names (auto,
// cpu, gpu or gpu:K), for so many networks that are trained together, with the
// given number of jobs on the CPU, 0 for one per core. It says in one line what
// auto chose, and returns a *DeviceError where a GPU was asked for and there is none, a
// *cuda.Error where it fails, or an *input.Error where the environment names an instruction set that is
// not supported.
func OpenBackend[F kernels.Float](device string, networks, jobs int, log *slog.Logger) (kernels.Backend[F], error) {
	h := cuda.Installed()
	if device == "auto" {
		var why string
		device, why = automatic(networks, breakEven, h)
		log.Info("computing on the " + strings.ToUpper(device) + ": " + why)
	}
	if device == "cpu" {
		backend, err := cpu.Open[F](jobs)
		if err != nil {
			return nil, err
		}
		return backend, nil
	}
	if h == nil {
		return nil, &DeviceError{Device: device, Why: "this build computes on the CPU only; use --device cpu"}
	}
	backend, err := cuda.OpenBackend[F](h, device, log)
	if fault := (*cuda.Error)(nil); errors.As(err, &fault) {
		return nil, err
	}
	if err != nil {
		return nil, &DeviceError{device, err.Error()}
	}
	info := backend.Info()
	log.Info("computing on the GPU", "device", info.Device, "isa", info.ISA)
	return backend, nil
}
