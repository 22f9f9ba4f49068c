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
	Platform string         `json:"platform"`
	Cores    int            `json:"cores"`
	Devices  []kernels.Info `json:"devices"`
}

// Run implements the command.
func (devicesCommand) Run(a *app) error {
	list := deviceList{Version: version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.GOMAXPROCS(0)}
	rows := [][]string{{"device", "instruction set", "dtype", "cores"}}
	for _, info := range []kernels.Info{information[float32](), information[float64]()} {
		list.Devices = append(list.Devices, info)
		rows = append(rows, []string{info.Device, info.ISA, info.Dtype, fmt.Sprint(list.Cores)})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.finish(list)
}

func information[F kernels.Float]() kernels.Info {
	b := cpu.New[F](1)
	defer b.Close()
	return b.Info()
}
