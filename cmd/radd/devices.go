package main

import (
	"fmt"
	"runtime"

	"radd/kernels"
	"radd/kernels/cpu"
)

type devicesCommand struct{}

func (devicesCommand) Help() string {
	return `A device stands once for each floating-point type that it computes in.

    radd devices --json`
}

// deviceList is what can compute here.
type deviceList struct {
	Version  string         `json:"version"`
	Build    string         `json:"build"` // what the program was built from, but for tags and platform
	Platform string         `json:"platform"`
	Cores    int            `json:"cores"`
	Chosen   cpu.ISA        `json:"chosen"`  // instruction set that the CPU computes with
	Devices  []kernels.Info `json:"devices"` // the fastest first
}

// Run implements the command.
func (devicesCommand) Run(a *app) error {
	chosen, err := cpu.Choose()
	if err != nil {
		return err
	}
	list := deviceList{Version: version(), Build: build(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Chosen: chosen}
	rows := [][]string{{"device", "instruction set", "dtypes", "cores", ""}}
	for _, isa := range cpu.Supported() {
		note := ""
		if isa == chosen {
			note = "used; " + cpu.Variable + " chooses another"
		}
		rows = append(rows, []string{"cpu", string(isa), "f32, f64", fmt.Sprint(list.Cores), note})
		for _, dtype := range []string{kernels.Dtype[float32](), kernels.Dtype[float64]()} {
			list.Devices = append(list.Devices, kernels.Info{Device: "cpu", ISA: string(isa), Dtype: dtype})
		}
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(list)
}
