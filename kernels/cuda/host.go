package cuda

import (
	"errors"
	"fmt"
	"log/slog"

	"radd/kernels"
)

// Host is a machine with GPUs.
type Host interface {
	// Devices lists them.
	Devices() ([]Properties, error)

	// Open returns the driver of one, with the kernels loaded.
	Open(index int) (Driver, error)
}

var installed = system

// Installed returns this machine, or nil in a build without the tag gpu, which
// reaches no GPU.
func Installed() Host { return installed }

// Install has Installed return another host, such as an emulated one, until
// restore is called. No other goroutine may be about to look.
func Install(h Host) (restore func()) {
	before := installed
	installed = h
	return func() { installed = before }
}

// OpenBackend returns the backend of what a name stands for: gpu is every
// device, gpu:K the one numbered K.
func OpenBackend[F kernels.Float](h Host, name string, log *slog.Logger) (kernels.Backend[F], error) {
	var indices []int
	if name == "gpu" {
		devices, err := h.Devices()
		if err != nil {
			return nil, err
		}
		for _, d := range devices {
			indices = append(indices, d.Index)
		}
	} else {
		var index int
		if _, err := fmt.Sscanf(name, "gpu:%d", &index); err != nil {
			return nil, fmt.Errorf("device %q: gpu or gpu:K is wanted", name)
		}
		indices = append(indices, index)
	}
	if len(indices) == 0 {
		return nil, errors.New("there is no CUDA device")
	}
	var all Together[F]
	for _, index := range indices {
		d, err := h.Open(index)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, New[F](d, log))
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}
