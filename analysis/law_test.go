package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"radd/task"
)

// watched returns a session of so many blocks that a Bayesian actor has played.
func watched(t *testing.T, c task.Config, blocks int) (*task.Session, []task.Trial, *task.Config) {
	t.Helper()
	c.Blocks = blocks
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: 1, Stream: task.StreamRollout})
	actor := task.NewBayes(task.Difference, &c)
	trials := make([]task.Trial, s.Trials())
	for n := range trials {
		trials[n] = actor.Play(&s, n)
	}
	return &s, trials, &c
}

// A belief that is the filter's, in other units, is recognised: its hazard, scale,
// centre and gain come back, by either kind of evidence.
func TestLawOfFilter(t *testing.T) {
	const scale, centre = 3, .1
	for _, hazard := range []float64{.02, .1} {
		for _, bias := range []float64{.8, .9} {
			c := task.DefaultConfig()
			c.Hazard, c.Bias = hazard, bias
			s, trials, config := watched(t, c, 40)
			for k, kind := range evidenceKinds {
				ideal := BeliefsOf("ideal", make([]float64, len(trials)), s, config, trials)
				for n, odds := range ideal.filter[k] {
					ideal.X[n] = centre + odds/scale
				}
				l := ideal.law(k)
				for _, x := range [][2]float64{{l.Hazard, hazard}, {l.Scale, scale}, {l.Centre, centre}, {l.Gain, 1}, {l.R2, 1}, {l.FilterR2, 1}, {l.FilterScale, scale},
					{l.Limit, math.Log((1-hazard)/hazard) / scale}} {
					if !(math.Abs(x[0]-x[1]) < 1e-5) {
						t.Errorf("hazard %v, bias %v, %s: %+v", hazard, bias, kind.name, l)
						break
					}
				}
				if !(l.OuterSlope < .8*l.Slope) || !(l.Linear.R2 < l.R2-.001) || !(l.Reach < l.Limit) || l.Trials != len(trials)-1 {
					t.Errorf("hazard %v, bias %v, %s: %+v", hazard, bias, kind.name, l)
				}
			}
		}
	}
}

// Noise in the recursion, and a gain that is not the filter's, are told apart from
// the hazard.
func TestLawOfNoisyStudent(t *testing.T) {
	const hazard, gain, scale, noise = .05, 1.6, .5, .3
	s, trials, config := watched(t, task.DefaultConfig(), 200)
	b := BeliefsOf("student", make([]float64, len(trials)), s, config, trials)
	random := rand.New(rand.NewPCG(3, 3))
	for n := range len(trials) - 1 {
		b.X[n+1] = changed(scale*b.X[n]+gain*b.evidence[0][n], 1-2*hazard)/scale + noise*random.NormFloat64()
	}
	l := b.law(0)
	if math.Abs(l.Hazard-hazard) > .005 || math.Abs(l.Gain-gain) > .05 || math.Abs(l.Scale-scale) > .02 || !(l.R2 > .9 && l.R2 < 1) || !(l.ChangeR2 < l.R2) {
		t.Errorf("%+v", l)
	}
}

// A leaky integrator shows where it breaks the law: it saturates nowhere near
// where it goes, its slope is the same far out, and nothing is lost by a line.
func TestLawOfLeakyIntegrator(t *testing.T) {
	const leak, gain = .9, .2
	s, trials, config := watched(t, task.DefaultConfig(), 40)
	b := BeliefsOf("leaky", make([]float64, len(trials)), s, config, trials)
	for n := range len(trials) - 1 {
		b.X[n+1] = leak*b.X[n] + gain*b.evidence[0][n]
	}
	l := b.law(0)
	if math.Abs(l.Linear.R2-1) > 1e-12 || math.Abs(l.Linear.Slope-leak) > 1e-9 || math.Abs(l.Linear.Gain-gain) > 1e-9 || math.Abs(l.Linear.Intercept) > 1e-9 {
		t.Errorf("the line: %+v", l.Linear)
	}
	if !(l.Limit > 20*l.Reach) || math.Abs(l.OuterSlope/l.Slope-1) > .01 || !(l.Gain < .1) {
		t.Errorf("%+v", l)
	}
	if math.Abs(l.Hazard-(1-leak)/2) > 1e-3 {
		t.Errorf("of slope %v in the middle, the hazard is %v", leak, l.Hazard)
	}
	// By the other evidence it is no law at all, but a worse one.
	if other := b.law(1); !(other.R2 < l.R2) {
		t.Errorf("by observations %+v", other)
	}
}

// What does not vary, or hardly exists, has no law.
func TestNoLaw(t *testing.T) {
	s, trials, config := watched(t, task.DefaultConfig(), 2)
	b := BeliefsOf("constant", make([]float64, len(trials)), s, config, trials)
	if l := b.law(0); !math.IsNaN(l.Hazard) || !math.IsNaN(l.R2) {
		t.Errorf("%+v", l)
	}
	for _, extreme := range [][2]float64{{.5, .02}, {1, .02}, {.8, 0}, {.8, 1}} { // evidence of 0, of ∞, and beliefs that grow or alternate
		c := task.DefaultConfig()
		c.Bias, c.Hazard = extreme[0], extreme[1]
		s, trials, config := watched(t, c, 2)
		b := BeliefsOf("extreme", make([]float64, len(trials)), s, config, trials)
		for n := range b.X {
			b.X[n] = math.Sin(float64(n * n))
		}
		if rows := rowsOf(t, LawTables([]*Beliefs{b}, config)[0]); len(rows) != 2*len(evidenceKinds) {
			t.Errorf("bias, hazard %v: %v", extreme, rows)
		}
	}
	for i, table := range LawTables([]*Beliefs{b}, config) {
		if rows := rowsOf(t, table); len(rows) == 0 || i == 0 && rows[1]["hazard"] != "" {
			t.Errorf("%s: %v", table.Name, rows)
		}
	}
}

// Derivatives of the map are those of central differences.
func TestLawDerivatives(t *testing.T) {
	const step, tolerance = 1e-6, 1e-8
	f := lawFit{.9, 1.3, 2, .2}
	for _, at := range [][2]float64{{.3, .5}, {-2, 1.4}, {1.5, -1.4}} {
		var got [4]float64
		f.derivatives(&got, at[0], at[1])
		for i, move := range []func(g *lawFit, by float64){
			func(g *lawFit, by float64) { logit := math.Log(g.k/(1-g.k)) + by; g.k = 1 / (1 + math.Exp(-logit)) },
			func(g *lawFit, by float64) { g.gain += by },
			func(g *lawFit, by float64) { g.scale *= math.Exp(by) },
			func(g *lawFit, by float64) { g.centre += by },
		} {
			a, b := f, f
			move(&a, step)
			move(&b, -step)
			if want := (a.next(at[0], at[1]) - b.next(at[0], at[1])) / (2 * step); math.Abs(got[i]-want) > tolerance {
				t.Errorf("derivative %d at %v: %v, want %v", i, at, got[i], want)
			}
		}
	}
}

// The map's own rows: next is what the law says, of the filter.
func TestLawMap(t *testing.T) {
	s, trials, config := watched(t, task.DefaultConfig(), 100)
	b := BeliefsOf("ideal", nil, s, config, trials)
	b.X = b.filter[1]
	for _, row := range rowsOf(t, LawTables([]*Beliefs{b}, config)[1]) {
		if row["system"] == "ideal" && row["evidence"] == "side" {
			continue // which is not what it goes by
		}
		// Within a bin the map is nearly straight.
		if law, next := number(t, row, "law"), number(t, row, "next"); math.Abs(law-number(t, row, "filter")) > 1e-6 || math.Abs(law-next) > .15 {
			t.Errorf("%v", row)
		}
	}
}
