//go:build !gpu && linux

package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
)

func TestGPUsAmongDevices(t *testing.T) {
	cudatest.Install(t, 2)
	var list deviceList
	rows, err := list.addGPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || len(list.Devices) != 4 {
		t.Fatalf("%d rows, %d devices, want 2 and 4: %v", len(rows), len(list.Devices), list.Devices)
	}
	want := computer{kernels.Info{Device: "gpu:1", ISA: "emulation", Dtype: "f64"}, "emulated device", 1 << 30, "emulation", "emulation"}
	if list.Devices[3] != want {
		t.Errorf("%+v, want %+v", list.Devices[3], want)
	}
	if err := newApp(nil, false, true).handOver(context.Background(), "gpu", 1); err != nil {
		t.Errorf("a program that reaches GPUs hands over: %v", err)
	}
}

func TestResumable(t *testing.T) {
	fault := &cuda.Error{Device: "gpu:0", Doing: "kernel n50_f32", Err: errors.New("the device is lost")}
	if err := resumable(errors.Join(fault, nil)); exitCode(err) != exitFailed || !strings.Contains(err.Error(), "gpu:0: kernel n50_f32: the device is lost") || !strings.Contains(err.Error(), "--resume") {
		t.Error(err)
	}
	other := errors.New("the disk is full")
	if err := resumable(other); err != other {
		t.Errorf("%v, want it as it was", err)
	}
}
