package train

import (
	"fmt"
	"log/slog"
	"strings"

	"radd/kernels"
	"radd/kernels/cpu"
)

// DeviceError says that a device that was asked for is not there.
type DeviceError struct{ Device, Why string }

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Why) }

// OpenBackend returns the backend that the configuration's device names (auto,
// cpu, gpu or gpu:K) with the given number of jobs, 0 for one per core. It says
// in one line what auto chose, and returns a *DeviceError where a GPU was asked
// for, or an *input.Error where the environment names an instruction set that is
// not supported.
func OpenBackend[F kernels.Float](device string, jobs int, log *slog.Logger) (kernels.Backend[F], error) {
	if strings.HasPrefix(device, "gpu") {
		return nil, &DeviceError{device, "this build computes on the CPU only; use --device cpu"}
	}
	if device == "auto" {
		log.Info("computing on the CPU: this build has no GPU backend")
	}
	backend, err := cpu.Open[F](jobs)
	if err != nil {
		return nil, err
	}
	return backend, nil
}
