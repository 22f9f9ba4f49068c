package analysis

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"radd/task"
)

// Beliefs are somebody's belief in the block, trial by trial, beside what the
// trials tell of it. Log odds are of right against left, in nats.
type Beliefs struct {
	System string
	X      []float64 // (n) coordinate at each trial's start; NaN where there is none
	trials int

	evidence [2][]float64 // by evidenceKinds, (n) log odds that each trial gives for a block on the right
	filter   [2][]float64 // likewise, (n) the exact filter's log odds at each trial's start
}

// evidenceKinds are what a trial may tell of its block: its side, as feedback
// would tell it; or its observations alone. observers are the filters that take
// them in.
var evidenceKinds = []struct {
	name     string
	observer task.Kind
}{{"side", task.Difference}, {"observations", task.FeedbackBlind}}

// BeliefsOf returns the beliefs of a system with these coordinates x (n) at the
// trials' starts (n), in a session that it, or somebody else, played.
func BeliefsOf(system string, x []float64, s *task.Session, c *task.Config, trials []task.Trial) *Beliefs {
	b := &Beliefs{System: system, X: x, trials: len(trials)}
	rule := s.Rule()
	for k, kind := range evidenceKinds {
		observer := task.NewBayes(kind.observer, c)
		for n, trial := range trials {
			b.filter[k] = append(b.filter[k], observer.BlockLogOdds())
			observer.BeginTrial()
			prior := observer.LogOdds()
			for step := range trial.RNNSteps {
				if rule.Counted(step) {
					observer.Observe(s.Observe(n, step))
				}
			}
			evidence := float64(trial.Side) * math.Log(c.Bias/(1-c.Bias))
			if kind.observer == task.FeedbackBlind {
				evidence = changed(observer.LogOdds()-prior, 2*c.Bias-1)
			}
			b.evidence[k] = append(b.evidence[k], evidence)
			observer.EndTrial(trial.Side)
		}
	}
	return b
}

// filterOf returns the beliefs of the exact filter that takes in the k-th kind of
// evidence, in the same trials.
func (b *Beliefs) filterOf(k int) *Beliefs {
	f := *b
	f.System, f.X = "bayes-"+evidenceKinds[k].observer.String(), b.filter[k]
	return &f
}

// changed returns the log odds of a variable ±1 that had the given log odds and
// then changed its sign with probability (1 − k)/2: 2 atanh(k tanh(ℓ/2)).
func changed(logOdds, k float64) float64 { return 2 * math.Atanh(k*math.Tanh(logOdds/2)) }

// Law is how a belief goes from trial to trial, and how near that is to Bayes's
// rule for a block that changes after a trial with probability h, the hazard:
//
//	ℓ_{n+1} = H(ℓ_n + e_n),   H(y) = log((1 − h) eʸ + h) − log(1 − h + h eʸ)
//
// e_n being the evidence of trial n. With ℓ = Scale·(x − Centre) and Gain·e_n in
// place of e_n, hazard, scale, gain and centre are fitted to the pairs (x_n, e_n →
// x_{n+1}) by least squares of x. Each has its own trace in the map: the slope in
// its middle is 1 − 2h; ±log((1 − h)/h) over the scale is where it saturates; the
// gain is how far a trial moves it. So of the filter itself the gain is 1.
//
// Source: Glaze, Kable and Gold, "Normative evidence accumulation in unpredictable
// environments", 2015, the recursion.
type Law struct {
	Trials                      int     // pairs of successive trials
	Hazard, Gain, Scale, Centre float64 // scale in nats per unit of x
	Limit                       float64 // where the fitted map saturates, in units of x from the centre
	Reach                       float64 // 99th percentile of |x − Centre|
	R2, ChangeR2                float64 // of x_{n+1}, and of x_{n+1} − x_n
	Slope, OuterSlope           float64 // of x_{n+1} by x_n − Centre + Gain·e_n/Scale, over the third of pairs where that is nearest to 0, and the farthest
	Linear                      LinearLaw
	FilterScale, FilterR2       float64 // x ≈ ℓ/FilterScale + …, ℓ the exact filter's
}

// LinearLaw is the leaky integrator in a law's place: x_{n+1} = Slope·x_n +
// Gain·e_n + Intercept.
type LinearLaw struct {
	Slope, Gain, Intercept float64
	R2, ChangeR2           float64
}

// pairs are what a law is fitted to, x being standardised.
type pairs struct {
	x, e, next []float64
	mean, sd   float64
}

func (b *Beliefs) pairs(evidence []float64) *pairs {
	var m moments
	for _, x := range b.X {
		if !math.IsNaN(x) {
			m.add(x)
		}
	}
	p := &pairs{mean: m.mean(), sd: m.sd()}
	for n := range b.trials - 1 {
		if x, next := b.X[n], b.X[n+1]; !math.IsNaN(x) && !math.IsNaN(next) && finite(evidence[n]) {
			p.x, p.e, p.next = append(p.x, (x-p.mean)/p.sd), append(p.e, evidence[n]), append(p.next, (next-p.mean)/p.sd)
		}
	}
	return p
}

// leastPairs is the least number of pairs to which a law is fitted.
const leastPairs = 20

// law fits the law of the k-th kind of evidence. Where there is nothing to fit, x
// that does not vary or too few trials, everything is NaN.
func (b *Beliefs) law(k int) Law {
	p := b.pairs(b.evidence[k])
	l := Law{Trials: len(p.x), Hazard: nan, Gain: nan, Scale: nan, Centre: nan, Limit: nan, Reach: nan, R2: nan, ChangeR2: nan, Slope: nan, OuterSlope: nan,
		Linear: LinearLaw{nan, nan, nan, nan, nan}, FilterScale: nan, FilterR2: nan}
	if len(p.x) < leastPairs || !(p.sd > 0) {
		return l
	}
	linear := p.linear()
	f := p.fit(linear)
	// Back to the units of x.
	l.Hazard, l.Gain, l.Scale, l.Centre = (1-f.k)/2, f.gain, f.scale/p.sd, p.mean+p.sd*f.centre
	l.Limit = math.Log((1-l.Hazard)/l.Hazard) / l.Scale
	l.R2, l.ChangeR2 = p.r2(f.next)
	l.Linear.R2, l.Linear.ChangeR2 = p.r2(linear.next)
	l.Linear.Slope, l.Linear.Gain, l.Linear.Intercept = linear.slope, p.sd*linear.gain, p.mean*(1-linear.slope)+p.sd*linear.intercept
	l.Slope, l.OuterSlope = p.slopes(&f)
	var reach []float64
	for _, x := range p.x {
		reach = append(reach, p.sd*math.Abs(x-f.centre))
	}
	slices.Sort(reach)
	l.Reach = quantile(reach, .99)
	var on line
	for n, odds := range b.filter[k] {
		if finite(odds) && !math.IsNaN(b.X[n]) {
			on.add(odds, b.X[n])
		}
	}
	fit := on.fit()
	l.FilterScale, l.FilterR2 = 1/fit.Scale, fit.R2
	return l
}

// r2 returns R² of x_{n+1} and of the change by a map.
func (p *pairs) r2(next func(x, e float64) float64) (state, change float64) {
	var all, changes moments
	residual := 0.
	for i, x := range p.x {
		d := p.next[i] - next(x, p.e[i])
		residual += d * d
		all.add(p.next[i])
		changes.add(p.next[i] - x)
	}
	return 1 - residual/all.squares, 1 - residual/changes.squares
}

// slopes returns the slope of x_{n+1} by what drives it, in the third of pairs
// where that is nearest to 0 and in the third where it is farthest.
func (p *pairs) slopes(f *lawFit) (inner, outer float64) {
	drive := make([]float64, len(p.x))
	size := make([]float64, len(p.x))
	for i, x := range p.x {
		drive[i] = x - f.centre + f.gain*p.e[i]/f.scale
		size[i] = math.Abs(drive[i])
	}
	sorted := slices.Sorted(slices.Values(size))
	near, far := quantile(sorted, 1./3), quantile(sorted, 2./3)
	var middle, left, right line
	for i, d := range drive {
		switch {
		case size[i] <= near:
			middle.add(d, p.next[i])
		case d >= far:
			right.add(d, p.next[i])
		case d <= -far:
			left.add(d, p.next[i])
		}
	}
	return middle.fit().Scale, (left.fit().Scale + right.fit().Scale) / 2
}

// linearFit is a leaky integrator of standardised x.
type linearFit struct{ slope, gain, intercept float64 }

func (f *linearFit) next(x, e float64) float64 { return f.slope*x + f.gain*e + f.intercept }

func (p *pairs) linear() *linearFit {
	rows := mat.NewDense(len(p.x), 3, nil)
	for i, x := range p.x {
		rows.SetRow(i, []float64{x, p.e[i], 1})
	}
	var w mat.VecDense
	if err := w.SolveVec(rows, mat.NewVecDense(len(p.next), p.next)); err != nil && !isCondition(err) {
		return &linearFit{nan, nan, nan}
	}
	return &linearFit{w.AtVec(0), w.AtVec(1), w.AtVec(2)}
}

// lawFit is the filter's map of standardised x, k being 1 − 2h.
type lawFit struct{ k, gain, scale, centre float64 }

func (f *lawFit) next(x, e float64) float64 {
	return f.centre + changed(f.scale*(x-f.centre)+f.gain*e, f.k)/f.scale
}

// derivatives assigns those of next by the logit of k, the gain, the logarithm of
// the scale, and the centre.
func (f *lawFit) derivatives(dst *[4]float64, x, e float64) {
	y := f.scale*(x-f.centre) + f.gain*e
	t := math.Tanh(y / 2)
	d := 1 - f.k*f.k*t*t
	byY := f.k * (1 - t*t) / d
	dst[0] = 2 * t / d * f.k * (1 - f.k) / f.scale
	dst[1] = byY * e / f.scale
	dst[2] = byY*(x-f.centre) - changed(y, f.k)/f.scale
	dst[3] = 1 - byY
}

// moved returns the fit with its parameters moved, within bounds that keep every
// number finite.
func (f *lawFit) moved(by *mat.VecDense) lawFit {
	const most, scales = 30, 12 // of the logit of k; of the logarithm of the scale of standardised x
	logit := math.Log(f.k/(1-f.k)) + by.AtVec(0)
	scale := math.Log(f.scale) + by.AtVec(2)
	return lawFit{
		k:      1 / (1 + math.Exp(-max(-most, min(logit, most)))),
		gain:   f.gain + by.AtVec(1),
		scale:  math.Exp(max(-scales, min(scale, scales))),
		centre: f.centre + by.AtVec(3),
	}
}

func (p *pairs) residual(f *lawFit) float64 {
	sum := 0.
	for i, x := range p.x {
		d := p.next[i] - f.next(x, p.e[i])
		sum += d * d
	}
	return sum
}

// fit returns the least-squares fit that a descent from the leaky integrator's
// slope and gain ends in.
//
// Source: Marquardt, "An algorithm for least-squares estimation of nonlinear
// parameters", 1963.
func (p *pairs) fit(from *linearFit) lawFit {
	const iterations, enough = 200, 1e-12
	f := lawFit{k: max(.02, min(from.slope, .98)), gain: 1}
	f.scale = max(1e-3, min(f.k/math.Abs(from.gain), 1e3))
	f.gain = math.Copysign(1, from.gain)
	residual, damping := p.residual(&f), 1e-3
	for range iterations {
		normal, right := mat.NewSymDense(4, nil), mat.NewVecDense(4, nil)
		var g [4]float64
		for i, x := range p.x {
			f.derivatives(&g, x, p.e[i])
			d := p.next[i] - f.next(x, p.e[i])
			for a := range g {
				right.SetVec(a, right.AtVec(a)+g[a]*d)
				for b := a; b < len(g); b++ {
					normal.SetSym(a, b, normal.At(a, b)+g[a]*g[b])
				}
			}
		}
		better := false
		for ; damping < 1e12 && !better; damping *= 8 {
			damped := mat.NewSymDense(4, nil)
			damped.CopySym(normal)
			for a := range g {
				damped.SetSym(a, a, normal.At(a, a)*(1+damping)+1e-300)
			}
			var step mat.VecDense
			var factor mat.Cholesky
			if !factor.Factorize(damped) || factor.SolveVecTo(&step, right) != nil {
				continue
			}
			moved := f.moved(&step)
			if next := p.residual(&moved); next < residual {
				done := residual-next < enough*residual
				f, residual, better = moved, next, true
				damping /= 64
				if done {
					return f
				}
			}
		}
		if !better {
			break
		}
	}
	return f
}

// lawBins divide the pairs of the table of maps.
const lawBins = 20

// LawTables returns the laws of several systems by either kind of evidence, with
// those of the exact filters in the first system's trials for comparison; and
// their maps.
func LawTables(list []*Beliefs, c *task.Config) []*Table {
	laws := NewTable("law.csv", "system", "evidence", "trials", "hazard", "gain", "scale", "centre", "limit", "reach", "slope", "outer_slope", "r2", "change_r2",
		"linear_slope", "linear_gain", "linear_r2", "linear_change_r2", "filter_scale", "filter_r2")
	maps := NewTable("law_map.csv", "system", "evidence", "count", "drive", "next", "next_sd", "law", "filter")
	type row struct {
		*Beliefs
		evidence int
		Law
	}
	var all []row
	for k := range evidenceKinds {
		for i, b := range list {
			if i == 0 {
				all = append(all, row{Beliefs: b.filterOf(k), evidence: k})
			}
			all = append(all, row{Beliefs: b, evidence: k})
		}
	}
	parallel(len(all), func(i int) { all[i].Law = all[i].law(all[i].evidence) })
	for _, f := range all {
		l := f.Law
		laws.Add(f.System, evidenceKinds[f.evidence].name, l.Trials, l.Hazard, l.Gain, l.Scale, l.Centre, l.Limit, l.Reach, l.Slope, l.OuterSlope, l.R2, l.ChangeR2,
			l.Linear.Slope, l.Linear.Gain, l.Linear.R2, l.Linear.ChangeR2, l.FilterScale, l.FilterR2)
		f.addMap(maps, f.evidence, &l, c)
	}
	return []*Table{laws, maps}
}

// addMap adds the map in bins of as many pairs each, in the fitted log odds.
func (b *Beliefs) addMap(t *Table, k int, l *Law, c *task.Config) {
	if math.IsNaN(l.Scale) {
		return
	}
	type pair struct{ drive, next float64 }
	var list []pair
	for n := range b.trials - 1 {
		if x, next := b.X[n], b.X[n+1]; !math.IsNaN(x) && !math.IsNaN(next) && finite(b.evidence[k][n]) {
			list = append(list, pair{l.Scale*(x-l.Centre) + l.Gain*b.evidence[k][n], l.Scale * (next - l.Centre)})
		}
	}
	slices.SortFunc(list, func(a, b pair) int { return cmp.Compare(a.drive, b.drive) })
	for i := range lawBins {
		var drive, next moments
		for _, p := range list[i*len(list)/lawBins : (i+1)*len(list)/lawBins] {
			drive.add(p.drive)
			next.add(p.next)
		}
		if drive.n > 0 {
			t.Add(b.System, evidenceKinds[k].name, drive.n, drive.mean(), next.mean(), next.sd(), changed(drive.mean(), 1-2*l.Hazard), changed(drive.mean(), 1-2*c.Hazard))
		}
	}
}

// Beliefs returns those of the recorded network along its block readout in the
// plane.
func (r *Recording) Beliefs() *Beliefs {
	x := make([]float64, len(r.Trials))
	for n := range x {
		x[n] = nan
		if at := r.start(n); at >= 0 {
			x[n] = r.at[at][block]
		}
	}
	return BeliefsOf("network", x, r.Session, &r.Config, r.Trials)
}
