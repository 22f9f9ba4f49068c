//go:build !gpu && linux

package sweep

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
)

// TestOnGPU trains a sweep's networks on an emulated device, together, and rolls
// them out there; after the device was lost, the sweep run again is that of one
// without a loss.
func TestOnGPU(t *testing.T) {
	h := cudatest.Install(t, 1)
	var launches, opened atomic.Int64
	lives := int64(math.MaxInt64)
	h.Wrap = func(d cuda.Driver) cuda.Driver {
		opened.Add(1)
		return &mortal{d.(*cudatest.Device), &launches, &opened, &lives}
	}
	text := strings.Replace(tiny, "device: cpu", "device: gpu", 1) + "rollout: {blocks: 12}\ndistill: [full]\ngrid: {seed: 1..4}\n"
	whole := open(t, t.TempDir(), text)
	oneAfterAnother := Options{Wait: true, Jobs: 1} // the launches are not shared: their number is known
	sum, err := whole.Run(context.Background(), oneAfterAnother)
	if err != nil || sum.Finished != 4 || sum.Failed != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	want := tables(t, whole)
	if rows := want["networks.csv"]; strings.Count(rows, "gpu:0") != 4 {
		t.Errorf("not every network was trained on the GPU:\n%s", rows)
	}

	for _, after := range []int64{0, launches.Load() - 1} { // while it trains; while it rolls out
		s := open(t, t.TempDir(), text)
		launches.Store(0)
		lives = after
		_, err := s.Run(context.Background(), oneAfterAnother)
		var fault *cuda.Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), "gpu:0 (emulated device)") || !strings.Contains(err.Error(), "the device is lost") {
			t.Errorf("lost after %d launches: %v, want a *cuda.Error that names device and cause", after, err)
		}
		if n := opened.Load(); n != 0 {
			t.Errorf("lost after %d launches: the device was left open %d times", after, n)
		}
		lives = math.MaxInt64
		run(t, s)
		sameTables(t, tables(t, s), want)
	}
}

// mortal counts launches and what is open, of all devices, and is lost where
// launches are more than it lives through.
type mortal struct {
	*cudatest.Device
	launches, opened *atomic.Int64
	lives            *int64
}

func (d *mortal) Close() error {
	d.opened.Add(-1)
	return d.Device.Close()
}

func (d *mortal) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	if d.launches.Add(1) > *d.lives {
		if err := d.Kill(); err != nil {
			return err
		}
	}
	return d.Device.Launch(kernel, grid, block, shared, arguments)
}
