package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"radd/kernels/cuda"
	"radd/train"
)

// gpuVariable names the program that computes on GPUs, where it is not beside
// this one.
const gpuVariable = "RADD_GPU"

// gpuPatience is how long radd-gpu may take to tell of its devices: a driver
// that is loaded for the first time takes seconds.
const gpuPatience = 60 * time.Second

// handOver makes this process radd-gpu, with the same arguments, where so many
// networks, trained together, are for a GPU and this program reaches none: one
// that does cannot run without. It returns nil where the CPU is asked for or to be
// chosen, and otherwise a *train.DeviceError that says what is missing and what to
// do.
func (a *app) handOver(ctx context.Context, device string, networks int) error {
	automatic := device == "auto"
	if device == "cpu" || automatic && !train.WorthGPU(networks) || cuda.Installed() != nil {
		return nil
	}
	wanted := device
	if automatic {
		wanted = "gpu"
	}
	program, err := gpuProgram()
	if err == nil {
		var list *deviceList
		if list, err = askDevices(ctx, program); err == nil {
			err = list.admits(wanted, program)
		}
	}
	switch {
	case err == nil:
		return replaceProcess(program, a.args)
	case automatic: // which then is the CPU
		return nil
	}
	return &train.DeviceError{Device: device, Why: err.Error()}
}

// gpuProgram returns the path of radd-gpu.
func gpuProgram() (string, error) {
	if named := os.Getenv(gpuVariable); named != "" {
		return named, nil
	}
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	if own, err = filepath.EvalSymlinks(own); err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(own), "radd-gpu")
	if _, err := os.Stat(beside); err != nil {
		return "", fmt.Errorf("there is no radd-gpu beside this program; run make gpu, or name it by %s", gpuVariable)
	}
	return beside, nil
}

// askDevices returns what radd-gpu says can compute. Anything but one JSON
// object is no answer.
func askDevices(ctx context.Context, program string) (*deviceList, error) {
	ctx, cancel := context.WithTimeout(ctx, gpuPatience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "devices", "--json", "--quiet")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var list deviceList
	decoder := json.NewDecoder(bytes.NewReader(out))
	if err == nil {
		err = decoder.Decode(&list)
	}
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("it printed more than one JSON object")
		}
	}
	if err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()+string(out)), "\n")
		return nil, fmt.Errorf("%s tells of no device (%v) %.200s", program, err, said)
	}
	return &list, nil
}

// admits returns an error unless radd-gpu is of this build and has the device.
func (l *deviceList) admits(device, program string) error {
	if ours := build(); l.Build != ours {
		return fmt.Errorf("%s is of another build (%s, this program is %s); run make gpu", program, l.Build, ours)
	}
	var names []string
	for _, d := range l.Devices {
		if d.Device == device || device == "gpu" && strings.HasPrefix(d.Device, "gpu:") {
			return nil
		}
		names = append(names, d.Device)
	}
	return fmt.Errorf("%s has %s only", program, strings.Join(names, ", "))
}
