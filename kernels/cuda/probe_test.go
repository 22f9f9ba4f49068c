package cuda_test

import (
	"fmt"
	"strings"
	"testing"

	"radd/kernels/cuda"
)

var probeKernels = []string{"probe_multiply_add_f32", "probe_multiply_add_f64", "probe_load_uniform", "probe_load_spread", "probe_shuffle",
	"probe_barrier", "probe_copy"}

// TestProbes runs every microbenchmark, alone and on the whole device; Run holds
// what it computes to what it should.
func TestProbes(t *testing.T) {
	d := open[float32](t).Driver()
	for _, kernel := range probeKernels {
		t.Run(kernel, func(t *testing.T) {
			for _, p := range []cuda.Probe{{Kernel: kernel, Threads: 32, Alone: true}, {Kernel: kernel, Threads: 256}} {
				if kernel == "probe_copy" {
					p.Bytes = 16 * 1001
				}
				for _, rounds := range []int{1, 3} {
					r, err := p.Run(d, rounds)
					if err != nil {
						t.Errorf("%+v: %v", p, err)
						continue
					}
					if r.Cycles < 1 || r.Time < 0 || r.Warps%(p.Threads/32) != 0 || p.Alone != (r.Warps == 1) || r.Operations+r.Bytes != rounds*max(16, p.Bytes) {
						t.Errorf("%+v, %d rounds: %+v", p, rounds, r)
					}
				}
			}
		})
	}
}

// miscopying is a device that computes what another kernel does.
type miscopying struct{ cuda.Driver }

func (d miscopying) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	wrong := map[string]string{"probe_shuffle": "probe_barrier", "probe_load_spread": "probe_load_uniform"}[kernel]
	if wrong == "" {
		return nil // the copy stays undone
	}
	return d.Driver.Launch(wrong, grid, block, shared, arguments)
}

// TestProbeChecks wants a probe that computes something else to fail.
func TestProbeChecks(t *testing.T) {
	d := miscopying{open[float32](t).Driver()}
	for _, kernel := range []string{"probe_shuffle", "probe_load_spread", "probe_copy"} {
		_, err := cuda.Probe{Kernel: kernel, Threads: 64, Alone: true, Bytes: 64}.Run(d, 1)
		if err == nil || !strings.Contains(fmt.Sprint(err), "kernel "+kernel) {
			t.Errorf("%s: %v", kernel, err)
		}
	}
}
