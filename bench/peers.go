package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"radd/graph"
	"radd/internal/npz"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// PeersReport is what MeasurePeers found.
type PeersReport struct {
	Machine
	Rounds int       `json:"rounds"`
	Python string    `json:"python"`
	Peers  []Peer    `json:"peers"`
	Absent []Absence `json:"absent"`
}

// Peer is one way to make gradient steps, on one core and over one session.
type Peer struct {
	Name             string  `json:"name"`
	Library          string  `json:"library"`
	Dtype            string  `json:"dtype"`
	Hidden           int     `json:"hidden"`
	RNNSteps         int     `json:"rnn_steps"`
	Loss             float64 `json:"loss"` // within lossTolerance of radd's
	MicrosPerRNNStep Spread  `json:"us_per_rnn_step"`
	Times            Spread  `json:"times_radd"` // its time over that of radd's kernels in the same round
}

// Absence says what was not timed, and why.
type Absence struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// PeersConfig says what to time.
type PeersConfig struct {
	Hidden  []int
	Dtypes  []string
	Rounds  int
	Python  string // interpreter
	Version string
	Report  func(done, of int)
}

// peerTrials is the trials of the session that peers play: untrained networks
// use all 12 RNN steps of each, which makes T = 600. A longer session cannot be
// unrolled, see graph.MaxUnrolledSteps.
const peerTrials = 50

// peerBurst is the time of radd's measurement within a round; the scripts have
// theirs, which is longer, as their gradient steps are.
const peerBurst = 20 * time.Millisecond

// lossTolerance is how far a peer's loss may be from radd's, relative to it,
// before it is held for another model: float32 in another order of summation.
const lossTolerance = 1e-4

// MeasurePeers times gradient steps by radd and by whatever else is installed.
func MeasurePeers(ctx context.Context, cfg PeersConfig) (*PeersReport, error) {
	r := &PeersReport{Machine: machine(cfg.Version), Rounds: cfg.Rounds, Python: cfg.Python}
	dir, err := os.MkdirTemp("", "radd-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, scripts); err != nil {
		return nil, err
	}
	isa, err := cpu.Choose()
	if err != nil {
		return nil, err
	}
	groups := len(cfg.Dtypes) * len(cfg.Hidden)
	for i, dtype := range cfg.Dtypes {
		for j, n := range cfg.Hidden {
			measure := peers[float64]
			if dtype == "f32" {
				measure = peers[float32]
			}
			g, err := measure(ctx, isa, n, dir, &cfg, func(round int) {
				if cfg.Report != nil {
					cfg.Report((i*len(cfg.Hidden)+j)*cfg.Rounds+round, groups*cfg.Rounds)
				}
			})
			if err != nil {
				return nil, err
			}
			r.Peers = append(r.Peers, g.peers...)
			for _, a := range g.absent {
				if !slices.Contains(r.Absent, a) {
					r.Absent = append(r.Absent, a)
				}
			}
		}
	}
	return r, nil
}

// peerGroup is everybody on one network in one dtype: a session of T RNN steps
// that radd's kernels, the first peer, play with the loss.
type peerGroup struct {
	dir    string // of the scripts
	dtype  string
	n, T   int
	loss   float64
	peers  []Peer
	run    []gradientSteps // of each peer
	absent []Absence
}

// gradientSteps makes a burst of gradient steps and returns the nanoseconds of
// the fastest and the loss.
type gradientSteps func() (ns, loss float64, err error)

func (g *peerGroup) add(name, library string, run gradientSteps) {
	g.peers = append(g.peers, Peer{Name: name, Library: library, Dtype: g.dtype, Hidden: g.n, RNNSteps: g.T})
	g.run = append(g.run, run)
}

func (g *peerGroup) leaveOut(name string, why error) {
	g.absent = append(g.absent, Absence{name, why.Error()})
}

// peers times everybody on an untrained network of n hidden units.
func peers[F kernels.Float](ctx context.Context, isa cpu.ISA, n int, dir string, cfg *PeersConfig, report func(round int)) (*peerGroup, error) {
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax = 1, peerTrials, peerTrials
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	net := networkOf[F](n, nil, task.NewSampler(c))
	batch := kernels.BatchOf(net)
	batch.Draw(net.Sampler, net.Seed, 0)
	backend := cpu.New[F](isa, 1)
	defer backend.Close()
	tape := batch.Tapes[0]
	grad := make([]F, len(net.Theta))
	update := func(grad []F) {
		backend.Update(net.Theta, net.Velocity, grad, F(net.LearningRate), F(net.Momentum))
	}
	step := func() int {
		backend.Forward(net.Theta, net.Objective, batch.Tapes)
		backend.Backward(net.Theta, net.Objective, batch.Tapes, 1, grad)
		update(grad)
		return 1
	}
	step()
	g := &peerGroup{dir: dir, dtype: kernels.Dtype[F](), n: n, T: tape.T, loss: tape.Loss}
	g.add("kernels", "radd, "+string(isa), func() (float64, float64, error) { return burst(peerBurst, step), tape.Loss, nil })

	unrolled, err := graph.NewUnrolled(graph.RNN{}, n, graph.DefaultSteps, 1, cpu.New[F](isa, 1))
	if err != nil {
		g.leaveOut("the unrolled graph", err)
	} else {
		defer unrolled.Close()
		own := []*kernels.Tape[F]{kernels.NewTape[F](n)}
		name := fmt.Sprintf("unrolled graph (%.2f s to build, once, are not counted)", unrolled.BuildTime().Seconds())
		g.add(name, "gorgonia's graph on radd's VM", func() (ns, loss float64, err error) {
			ns = burst(peerBurst, func() int {
				own[0].Begin(tape.Session)
				unrolled.Forward(net.Theta, net.Objective, own)
				unrolled.Backward(net.Theta, net.Objective, own, 1, grad)
				update(grad)
				return 1
			})
			return ns, own[0].Loss, nil
		})
	}

	file := filepath.Join(dir, fmt.Sprintf("work-%s-%d.npz", g.dtype, n))
	if err := writeWork(file, net.Shape, net.Theta, tape.Session); err != nil {
		return nil, err
	}
	for _, library := range libraries {
		p, err := startScript(ctx, cfg.Python, filepath.Join(dir, "peers", library.script), file, g.dtype)
		if err != nil {
			g.leaveOut(library.name, err)
			continue
		}
		defer p.stop()
		for _, name := range p.Peers {
			g.add(name, p.Library, func() (float64, float64, error) { return p.ask(name) })
		}
	}
	return g, g.measure(ctx, cfg.Rounds, report)
}

// measure times every peer once a round. One that fails, or has another loss
// than radd, is left out.
func (g *peerGroup) measure(ctx context.Context, rounds int, report func(round int)) error {
	times := make([][]float64, len(g.peers))
	for round := range rounds {
		for i := range g.peers {
			if err := ctx.Err(); err != nil {
				return err
			}
			if round > 0 && len(times[i]) == 0 {
				continue
			}
			ns, loss, err := g.run[i]()
			if err == nil && !(math.Abs(loss-g.loss) <= lossTolerance*math.Abs(g.loss)) {
				err = fmt.Errorf("its loss on the session is %v, radd's %v: it computes something else", loss, g.loss)
			}
			if err != nil {
				g.leaveOut(g.peers[i].Library+", "+g.peers[i].Name, err)
				times[i] = nil
				continue
			}
			g.peers[i].Loss = loss
			times[i] = append(times[i], ns/float64(g.T)/1000)
		}
		report(round + 1)
	}
	var timed []Peer
	for i, p := range g.peers {
		if len(times[i]) < rounds {
			continue
		}
		p.MicrosPerRNNStep = spread(times[i])
		ratio := make([]float64, rounds)
		for k := range ratio {
			ratio[k] = times[i][k] / times[0][k]
		}
		p.Times = spread(ratio)
		timed = append(timed, p)
	}
	g.peers = timed
	return nil
}

// writeWork writes what the scripts read: weights, session and rule.
func writeWork[F kernels.Float](path string, shape kernels.Shape, theta []F, s *task.Session) error {
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	for _, p := range shape.Parameters() {
		if err := npz.Add(w, "weight/"+p.Name, theta[p.Start:p.End], p.Shape...); err != nil {
			return err
		}
	}
	rule := s.Rule()
	if err := cmp.Or(
		task.WriteSession(w, "session/", s),
		npz.Add(w, "blank_steps", []int{rule.BlankSteps}),
		npz.Add(w, "logit_threshold", []float64{rule.LogitThreshold}),
		npz.Add(w, "waiting_feedback", []float64{rule.WaitingFeedback}),
		w.Close(),
	); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}
