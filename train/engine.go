package train

import (
	"fmt"
	"runtime"

	"radd/graph"
	"radd/internal/input"
	"radd/kernels"
)

// cell returns the cell of a resolved configuration, with its connections.
func (c *Config) cell() graph.Cell {
	cell, err := graph.CellNamed(c.Cell, c.Leak, c.StateNoise)
	if err != nil {
		panic("train: an unresolved configuration")
	}
	return graph.Connect(cell, graph.Connectivity{Input: c.InputMask, Recurrent: c.RecurrentMask, Readout: c.ReadoutMask,
		Excitatory: c.Excitatory})
}

// layout returns where θ holds the parameters of a resolved configuration.
func (c *Config) layout() []kernels.Parameter { return graph.Layout(c.cell(), c.Hidden) }

func sizeOf(layout []kernels.Parameter) int { return layout[len(layout)-1].End }

// deviceFor returns the device for an engine: the unrolled graph is for the CPU,
// so auto means that.
func deviceFor(engine, device string) string {
	if engine == "unrolled" && device == "auto" {
		return "cpu"
	}
	return device
}

// openUnrolled returns the unrolled engine of a resolved configuration over a
// backend.
func openUnrolled[F kernels.Float](c *Config, backend kernels.Backend[F]) (*graph.Unrolled[F], error) {
	if device := backend.Info().Device; device != "cpu" {
		return nil, &input.Error{Field: "device", Found: device, Allowed: "cpu, with the engine unrolled"}
	}
	workers := c.Jobs
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	u, err := graph.NewUnrolled(c.cell(), c.Hidden, c.Unroll, min(workers, c.Sessions), backend)
	if err != nil {
		return nil, fmt.Errorf("the unrolled graph: %w", err)
	}
	return u, nil
}

// config returns the configuration of the network that the weights are of, as far
// as they tell it.
func (w *Weights) config() Config {
	c := DefaultConfig()
	c.Hidden, c.Cell, c.Leak, c.StateNoise = w.N, w.Cell, w.Leak, w.StateNoise
	return c
}

// engine returns the engine that plays the weights in a rollout.
func (w *Weights) engine() string {
	if w.Cell == "rnn" {
		return "fused"
	}
	return "unrolled"
}

// play returns what plays the weights: the backend, or for another cell than rnn
// the unrolled engine over it.
func play[F kernels.Float](w Weights, backend kernels.Backend[F]) (kernels.Backend[F], error) {
	if w.engine() == "fused" {
		return backend, nil
	}
	c := w.config()
	u, err := openUnrolled(&c, backend)
	if err != nil {
		return nil, err
	}
	return u, nil
}

// truncated returns the backend with gradients as long as the configuration's.
func truncated[F kernels.Float](c *Config, backend kernels.Backend[F]) kernels.Backend[F] {
	if c.Truncate == 0 {
		return backend
	}
	return &kernels.Truncated[F]{Backend: backend, Trials: c.Truncate}
}
