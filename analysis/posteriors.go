package analysis

import "radd/task"

// PosteriorFit tells how well the activity along a readout follows a Bayesian
// observer's posterior: activity ≈ scale·posterior + intercept, and the same with
// the posterior's log odds.
type PosteriorFit struct {
	Kind             Kind       `json:"kind"`
	Readout          string     `json:"readout"` // stimulus, at observation steps; block, at trials' starts
	Observer         string     `json:"observer"`
	Count            int        `json:"count"`
	Scale            task.Ratio `json:"scale"`
	Intercept        task.Ratio `json:"intercept"`
	R2               task.Ratio `json:"r2"`
	LogOddsScale     task.Ratio `json:"log_odds_scale"`
	LogOddsIntercept task.Ratio `json:"log_odds_intercept"`
	LogOddsR2        task.Ratio `json:"log_odds_r2"`
}

// posteriorBins divide the posterior from 0 to 1.
const posteriorBins = 20

// eachPosterior calls do with a posterior's log odds and the RNN step whose state
// is to be compared with it: for the block every trial's start, for the stimulus
// every observation step.
func (r *Recording) eachPosterior(readout int, observer task.Kind, do func(logOdds float64, step int)) {
	for n := range r.Trials {
		if readout == block {
			if at := r.start(n); at >= 0 {
				do(r.blockPosterior[observer][n], at)
			}
			continue
		}
		for i := r.first[n] + r.Config.BlankSteps; i < r.first[n+1]; i++ {
			do(r.sidePosterior[observer][i], i)
		}
	}
}

// activity returns the state's coordinate along a readout of a kind.
func (r *Recording) activity(kind Kind, readout, step int) float64 {
	if kind == Full {
		return r.full[step][readout-stimulus]
	}
	return r.at[step][readout]
}

var readoutNames = map[int]string{stimulus: "stimulus", block: "block"}

// observers are those whose posteriors the activity along each readout is
// compared with: all whose posterior over the block, or over the side, is one of
// its own.
var observers = map[int][]task.Kind{
	block:    {task.Difference, task.SideHidden, task.FeedbackBlind, task.SemiMarkov, task.Exponential},
	stimulus: task.Baselines(),
}

// posteriors returns the fits, and the activity by bins of the posterior.
func (r *Recording) posteriors() (fits []PosteriorFit, bins *Table) {
	bins = NewTable("posterior.csv", "readout", "observer", "posterior_low", "posterior_high", "count", "posterior", "activity", "activity_sd", "fit")
	kinds := []Kind{PCA}
	if r.full != nil {
		kinds = append(kinds, Full)
	}
	for _, kind := range kinds {
		for _, readout := range []int{block, stimulus} {
			for _, observer := range observers[readout] {
				var p, odds line
				var bin [posteriorBins]struct{ x, y moments }
				r.eachPosterior(readout, observer, func(logOdds float64, step int) {
					x, y := probability(logOdds), r.activity(kind, readout, step)
					p.add(x, y)
					if finite(logOdds) {
						odds.add(logOdds, y)
					}
					b := &bin[min(int(x*posteriorBins), posteriorBins-1)]
					b.x.add(x)
					b.y.add(y)
				})
				f, o := p.fit(), odds.fit()
				fits = append(fits, PosteriorFit{kind, readoutNames[readout], observer.String(), f.n,
					task.Ratio(f.Scale), task.Ratio(f.Intercept), task.Ratio(f.R2), task.Ratio(o.Scale), task.Ratio(o.Intercept), task.Ratio(o.R2)})
				if kind != PCA {
					continue
				}
				for i := range bin {
					if b := &bin[i]; b.x.n > 0 {
						bins.Add(readoutNames[readout], observer.String(), float64(i)/posteriorBins, float64(i+1)/posteriorBins, b.x.n,
							b.x.mean(), b.y.mean(), b.y.sd(), f.Scale*b.x.mean()+f.Intercept)
					}
				}
			}
		}
	}
	return fits, bins
}

// posteriorTable returns the fits as a table.
func posteriorTable(fits []PosteriorFit) *Table {
	t := NewTable("posterior_fit.csv", "kind", "readout", "observer", "count", "scale", "intercept", "r2", "log_odds_scale", "log_odds_intercept", "log_odds_r2")
	for _, f := range fits {
		t.Add(string(f.Kind), f.Readout, f.Observer, f.Count, f.Scale, f.Intercept, f.R2, f.LogOddsScale, f.LogOddsIntercept, f.LogOddsR2)
	}
	return t
}
