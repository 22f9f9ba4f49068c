package bench

import (
	"context"
	"math"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/task"
)

// GrowthReport is what MeasureGrowth found.
type GrowthReport struct {
	Machine
	Rounds  int      `json:"rounds"`
	Growths []Growth `json:"growth"`
}

// Growth is how the time of a gradient step grows with the length of a session
// and with the size of a network.
type Growth struct {
	kernels.Info
	Hidden   int     `json:"hidden"`          // of the networks of ByLength
	RNNSteps float64 `json:"rnn_steps"`       // of the sessions of BySize
	ByLength []Point `json:"by_length"`       // by T
	BySize   []Point `json:"by_size"`         // by N
	Length   float64 `json:"length_exponent"` // e of time ∝ T^e, by least squares over all points
}

// Point is one measured size.
type Point struct {
	Size       int     `json:"size"` // T or N
	Step       Spread  `json:"gradient_step_us"`
	PerRNNStep float64 `json:"us_per_rnn_step"`
	Exponent   float64 `json:"exponent"` // e of time ∝ size^e from the size before to this one; 0 at the first
}

// Lengths and sizes that growth is measured at.
var (
	growthLengths = []int{504, 1008, 1500, 2004, 3000, 3996, 5004} // whole trials of 12 RNN steps
	growthSizes   = []int{25, 50, 75, 100, 150, 200, 250, 300, 350, 400}
)

// MeasureGrowth measures how gradient steps grow with T and N, on untrained
// networks, of which every trial lasts to its end.
func MeasureGrowth(ctx context.Context, cfg Config) (*GrowthReport, error) {
	r := &GrowthReport{Machine: machine(cfg.Version), Rounds: cfg.Rounds}
	for _, isa := range cfg.ISAs {
		for _, dtype := range cfg.Dtypes {
			measure := growth[float64]
			if dtype == "f32" {
				measure = growth[float32]
			}
			g, err := measure(ctx, isa, &cfg)
			if err != nil {
				return nil, err
			}
			r.Growths = append(r.Growths, g)
		}
	}
	return r, nil
}

func growth[F kernels.Float](ctx context.Context, isa cpu.ISA, cfg *Config) (Growth, error) {
	const n, T = 50, 2004
	var subjects []*training[F]
	for _, length := range growthLengths {
		s, err := lasting[F](isa, n, length)
		if err != nil {
			return Growth{}, err
		}
		subjects = append(subjects, s)
	}
	for _, size := range growthSizes {
		s, err := lasting[F](isa, size, T)
		if err != nil {
			return Growth{}, err
		}
		subjects = append(subjects, s)
	}
	times := make([][]float64, len(subjects))
	for round := range cfg.Rounds {
		for i, s := range subjects {
			if err := ctx.Err(); err != nil {
				return Growth{}, err
			}
			times[i] = append(times[i], burst(cfg.Burst, s.step))
			if cfg.Report != nil {
				cfg.Report(round*len(subjects)+i+1, cfg.Rounds*len(subjects))
			}
		}
	}
	points := func(sizes []int, length func(int) int, times [][]float64) []Point {
		list := make([]Point, len(sizes))
		for i, size := range sizes {
			s, k := spread(times[i]), float64(length(size))/1000
			list[i] = Point{Size: size, PerRNNStep: s.Median / 1000, Step: Spread{s.Median * k, s.Low * k, s.High * k}}
			if i > 0 {
				list[i].Exponent = math.Log(list[i].Step.Median/list[i-1].Step.Median) / math.Log(float64(size)/float64(sizes[i-1]))
			}
		}
		return list
	}
	g := Growth{Info: subjects[0].backend.Info(), Hidden: n, RNNSteps: T}
	for _, s := range subjects {
		s.backend.Close()
	}
	g.ByLength = points(growthLengths, func(T int) int { return T }, times)
	g.BySize = points(growthSizes, func(int) int { return T }, times[len(growthLengths):])
	g.Length = exponent(g.ByLength)
	return g, nil
}

// lasting returns an untrained network of n hidden units whose sessions last T
// RNN steps, a multiple of 12.
func lasting[F kernels.Float](isa cpu.ISA, n, T int) (*training[F], error) {
	c := task.DefaultConfig()
	c.Blocks = 1
	c.BlockMin = T / (c.BlankSteps + c.MaxObservations)
	c.BlockMax = c.BlockMin
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return newTraining[F](isa, n, nil, task.NewSampler(c)), nil
}

// exponent returns e of time ∝ size^e, by least squares on logarithms.
func exponent(points []Point) float64 {
	var n, x, y, xx, xy float64
	for _, p := range points {
		a, b := math.Log(float64(p.Size)), math.Log(p.Step.Median)
		n, x, y, xx, xy = n+1, x+a, y+b, xx+a*a, xy+a*b
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
