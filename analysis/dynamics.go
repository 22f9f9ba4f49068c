package analysis

import (
	"cmp"
	"math"
	"slices"

	"radd/task"
)

// Dynamics tells how a network's states and gradients grow or decay in time.
type Dynamics struct {
	SpectralRadius task.Ratio   `json:"spectral_radius"` // of W_hh
	JacobianRadius task.Ratio   `json:"jacobian_radius"` // spectral radius along the recording, median
	Expanding      task.Ratio   `json:"expanding"`       // share of the recording's states where it is above 1
	Lyapunov       []task.Ratio `json:"lyapunov"`        // exponents per RNN step, largest first
	LyapunovLow    []task.Ratio `json:"lyapunov_low"`
	LyapunovHigh   []task.Ratio `json:"lyapunov_high"`
	Gradient       []LagNorm    `json:"gradient_by_lag"`
}

const (
	exponents     = 5       // Lyapunov exponents
	lyapunovSteps = 20_000  // RNN steps along which they are followed
	jacobians     = 100     // sampled Jacobians
	eigenNumbers  = 1 << 28 // how many numbers N³ of them may come to
)

// Dynamics returns the summary with the tables of gradients by lag, spectral
// radii and Lyapunov exponents. The recording is of the trajectory, s the network
// that was recorded.
func (r *Recording) Dynamics(t *Trajectory, s *System) (*Dynamics, []*Table, error) {
	d := &Dynamics{}
	tables := make([]*Table, 3)
	var errs [2]error
	parallel(len(tables), func(i int) {
		switch i {
		case 0:
			most := max(16, min(lagSteps, lagNumbers/(Lags*s.N*s.N)))
			g, err := r.gradients(t, s, min(Lags, r.T/2), most)
			if errs[0] = err; err == nil {
				tables[i], d.Gradient = g.tables()
			}
		case 1:
			l, err := s.LyapunovExponents(t, exponents, min(lyapunovSteps, r.T))
			if errs[1] = err; err == nil {
				tables[i] = l.table()
				d.Lyapunov, d.LyapunovLow, d.LyapunovHigh = task.Ratios(l.Value), task.Ratios(l.Low), task.Ratios(l.High)
			}
		case 2:
			tables[i] = r.radii(s, d)
		}
	})
	return d, tables, cmp.Or(errs[0], errs[1])
}

// table returns the exponents after ever more RNN steps; the last have intervals.
func (l *Lyapunov) table() *Table {
	t := NewTable("lyapunov.csv", "exponent", "rnn_steps", "value", "low", "high")
	for j := range l.Value {
		for _, c := range l.Course {
			if c.RNNSteps < l.RNNSteps {
				t.Add(1+j, c.RNNSteps, c.Value[j], nan, nan)
			}
		}
		t.Add(1+j, l.RNNSteps, l.Value[j], l.Low[j], l.High[j])
	}
	return t
}

// radii returns the table of spectral radii, of W_hh and of Jacobians along the
// recording.
func (r *Recording) radii(s *System, d *Dynamics) *Table {
	m := len(r.sample.step)
	count := max(1, min(jacobians, m, eigenNumbers/(s.N*s.N*s.N)))
	radii := make([]float64, count)
	var logs moments
	expanding := 0
	for i := range radii {
		k := i * m / count
		radii[i] = SpectralRadius(s.Jacobian(r.sample.after[k*s.N : (k+1)*s.N]))
		logs.add(math.Log(radii[i]))
		expanding += index(radii[i] > 1)
	}
	slices.Sort(radii)
	own := SpectralRadius(s.Recurrent)
	share := float64(expanding) / float64(count)
	d.SpectralRadius, d.JacobianRadius, d.Expanding = task.Ratio(own), task.Ratio(quantile(radii, .5)), task.Ratio(share)
	t := NewTable("spectral_radius.csv", "matrix", "count", "q05", "q25", "median", "q75", "q95", "mean_log", "expanding")
	t.Add("W_hh", 1, nan, nan, own, nan, nan, math.Log(own), index(own > 1))
	t.Add("jacobian", count, quantile(radii, .05), quantile(radii, .25), quantile(radii, .5), quantile(radii, .75), quantile(radii, .95), logs.mean(), share)
	return t
}
