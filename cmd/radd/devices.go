package main

import (
	"fmt"
	"runtime"
	"strings"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/cuda"
)

type devicesCommand struct{}

func (devicesCommand) Help() string {
	return `A device stands once for each floating-point type that it computes in.

    radd devices --json`
}

// deviceList is what can compute here.
type deviceList struct {
	Version  string     `json:"version"`
	Build    string     `json:"build"` // what the program was built from, but for tags and platform
	Platform string     `json:"platform"`
	Cores    int        `json:"cores"`
	Chosen   cpu.ISA    `json:"chosen"`  // instruction set that the CPU computes with
	Devices  []computer `json:"devices"` // GPUs, then the CPU; of its instruction sets the fastest first
}

// computer is a device in one floating-point type; what follows Info is a GPU's.
type computer struct {
	kernels.Info
	Name              string `json:"name,omitempty"`
	MemoryBytes       int    `json:"memory_bytes,omitempty"`
	ComputeCapability string `json:"compute_capability,omitempty"`
	Driver            string `json:"driver,omitempty"`
}

var dtypes = []string{kernels.Dtype[float32](), kernels.Dtype[float64]()}

// addGPUs adds the GPUs that this program reaches and returns their rows.
func (l *deviceList) addGPUs() (rows [][]string, err error) {
	h := cuda.Installed()
	if h == nil {
		return nil, nil
	}
	devices, err := h.Devices()
	for _, d := range devices {
		name := fmt.Sprintf("gpu:%d", d.Index)
		capability := d.ComputeCapability()
		for _, dtype := range dtypes {
			l.Devices = append(l.Devices, computer{kernels.Info{Device: name, ISA: d.Architecture, Dtype: dtype}, d.Name, d.Memory, capability, d.Driver})
		}
		rows = append(rows, []string{name, d.Architecture, strings.Join(dtypes, ", "), "",
			fmt.Sprintf("%s, %.1f GiB, driver %s", d.Name, float64(d.Memory)/(1<<30), d.Driver)})
	}
	return rows, err
}

// Run implements the command.
func (devicesCommand) Run(a *app) error {
	chosen, err := cpu.Choose()
	if err != nil {
		return err
	}
	list := deviceList{Version: version(), Build: build(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Chosen: chosen}
	rows := [][]string{{"device", "instruction set", "dtypes", "cores", ""}}
	gpus, err := list.addGPUs()
	if err != nil {
		return err
	}
	rows = append(rows, gpus...)
	for _, isa := range cpu.Supported() {
		note := ""
		if isa == chosen {
			note = "used; " + cpu.Variable + " chooses another"
		}
		rows = append(rows, []string{"cpu", string(isa), strings.Join(dtypes, ", "), fmt.Sprint(list.Cores), note})
		for _, dtype := range dtypes {
			list.Devices = append(list.Devices, computer{Info: kernels.Info{Device: "cpu", ISA: string(isa), Dtype: dtype}})
		}
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(list)
}
