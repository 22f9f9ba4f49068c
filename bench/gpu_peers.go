package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// GPUPeer is another program that trains networks on the GPU, over one session.
type GPUPeer struct {
	Name          string  `json:"name"`
	Library       string  `json:"library"`
	Dtype         string  `json:"dtype"`
	Hidden        int     `json:"hidden"`
	Networks      int     `json:"networks"`
	RNNSteps      int     `json:"rnn_steps"` // of the session
	Loss          float64 `json:"loss"`      // within lossTolerance of radd's
	GradientSteps Spread  `json:"gradient_steps_per_second"`
	// radd's gradient steps a second at as many networks, of sessions as long, and
	// how many times the peer's that is; 0 where radd was not measured there.
	Ours  float64 `json:"radd_gradient_steps_per_second"`
	Times float64 `json:"radd_times"`
}

// compare finds how much faster radd is, by RNN steps: sessions are not of one
// length.
func (p *GPUPeer) compare(sizes []Size) {
	for _, s := range sizes {
		for _, f := range s.Fleets {
			if s.Hidden == p.Hidden && s.Dtype == p.Dtype && f.Networks == p.Networks {
				p.Ours = f.RNNSteps / float64(p.RNNSteps)
				p.Times = p.Ours / p.GradientSteps.Median
			}
		}
	}
}

// gpuLibraries are the Python libraries that scripts time on a GPU.
var gpuLibraries = []struct{ name, script string }{{"JAX", "jax_fleet.py"}, {"PyTorch", "torch_fleet.py"}}

// measureGPUPeers times what is installed, on the session and networks of n hidden
// units that play like the first of the weights; there are none if these are more.
func measureGPUPeers(ctx context.Context, dtype string, n int, cfg *GPUConfig) (peers []GPUPeer, absent []Absence, err error) {
	w := cfg.Weights[0]
	if n < w.N {
		return nil, nil, nil
	}
	rules, err := task.DefaultConfig().Resolve()
	if err != nil {
		return nil, nil, err
	}
	net, _ := networkLike[float64](n, cfg.Weights[:1], task.NewSampler(rules))
	dir, err := os.MkdirTemp("", "radd-peers-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, scripts); err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "work.npz")
	if err := writeWork(file, net.Shape, net.Theta, cfg.Session); err != nil {
		return nil, nil, err
	}
	loss, T := lossOf(n, net.Theta, cfg.Session)
	_, index, _ := strings.Cut(cfg.Device, ":")
	for _, library := range gpuLibraries {
		for _, networks := range cfg.Peers {
			found, err := timeScript(ctx, cfg, filepath.Join(dir, "peers", library.script), file, dtype, "gpu", index, fmt.Sprint(networks))
			if err != nil {
				absent = append(absent, Absence{library.name, err.Error()})
				break
			}
			for _, p := range found {
				p.Dtype, p.Hidden, p.RNNSteps = dtype, n, T
				if !(math.Abs(p.Loss-loss) <= lossTolerance*math.Abs(loss)) {
					absent = append(absent, Absence{p.Library + ", " + p.Name,
						fmt.Sprintf("its loss on the session is %v, radd's %v: it computes something else", p.Loss, loss)})
					continue
				}
				peers = append(peers, p)
			}
		}
	}
	return peers, absent, ctx.Err()
}

// timeScript times every peer of a script. A peer says behind a bar how many
// networks it trains at once.
func timeScript(ctx context.Context, cfg *GPUConfig, path string, arguments ...string) (peers []GPUPeer, err error) {
	s, err := startScript(ctx, cfg.Python, path, arguments...)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	for _, asked := range s.Peers {
		p := GPUPeer{Library: s.Library, Networks: 1}
		name, networks, _ := strings.Cut(asked, "|")
		if _, err := fmt.Sscan(networks, &p.Networks); err != nil {
			return nil, fmt.Errorf("%s does not say how many networks %q trains", filepath.Base(path), asked)
		}
		p.Name = name
		var rates []float64
		for range cfg.Rounds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var ns float64
			if ns, p.Loss, err = s.ask(asked); err != nil {
				return nil, err
			}
			rates = append(rates, float64(p.Networks)*1e9/ns)
		}
		p.GradientSteps = spread(rates)
		peers = append(peers, p)
	}
	return peers, nil
}

// lossOf returns radd's loss on a session, by the specification in float64, and
// the session's RNN steps.
func lossOf(n int, theta []float64, s *task.Session) (loss float64, T int) {
	tape := kernels.NewTape[float64](n)
	tape.Begin(s)
	b := cpu.New[float64](cpu.Generic, 1)
	defer b.Close()
	return b.Forward(theta, kernels.CrossEntropyMean, []*kernels.Tape[float64]{tape}), tape.T
}
