package task

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"radd/internal/input"
	"radd/internal/npz"
)

// oracle opens a fixture.
func oracle(t testing.TB, name string) *npz.File {
	t.Helper()
	f, err := npz.Open("../testdata/oracle/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func floatsOf(t testing.TB, f *npz.File, name string) []float64 {
	t.Helper()
	x, _, err := f.Float64(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func intsOf(t testing.TB, f *npz.File, name string) []int64 {
	t.Helper()
	x, _, err := f.Int64(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// posteriorTolerance is the agreement that the fixtures promise: two float64
// implementations that sum in different orders.
const posteriorTolerance = 1e-10

func TestBayesOracle(t *testing.T) {
	f := oracle(t, "bayes.npz")
	c := DefaultConfig()
	s, err := ReadSession(f, "", c)
	if err != nil {
		t.Fatal(err)
	}
	rnnSteps := make([]int, s.Trials()) // that the fixture's network took
	for _, trial := range intsOf(t, f, "record/trial") {
		rnnSteps[trial]++
	}
	near := func(t *testing.T, what string, i int, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= posteriorTolerance) {
			t.Errorf("%s[%d] = %v, want %v", what, i, got, want)
		}
	}
	for _, kind := range Kinds() {
		t.Run("observer/"+kind.String(), func(t *testing.T) {
			name := "observer/" + kind.String()
			side, block := floatsOf(t, f, name+"/side_posterior"), floatsOf(t, f, name+"/block_posterior")
			b := NewBayes(kind, &c)
			var got []float64
			for n := range s.Trials() {
				near(t, "block posterior", n, b.Block(), block[n])
				got = b.Watch(s, n, rnnSteps[n], got)
				near(t, "Side", n, b.Side(), side[len(got)-1])
			}
			if len(got) != len(side) {
				t.Fatalf("%d posteriors, want %d", len(got), len(side))
			}
			for i := range got {
				near(t, "side posterior", i, got[i], side[i])
			}
		})
		t.Run("actor/"+kind.String(), func(t *testing.T) {
			name := "actor/" + kind.String()
			steps, action := intsOf(t, f, name+"/rnn_steps"), intsOf(t, f, name+"/action")
			side := floatsOf(t, f, name+"/side_posterior")
			b := NewBayes(kind, &c)
			for n := range s.Trials() {
				got := b.Play(s, n)
				if int64(got.RNNSteps) != steps[n] || int64(got.Action) != action[n] {
					t.Fatalf("trial %d: %d RNN steps, action %d; want %d, %d", n, got.RNNSteps, got.Action, steps[n], action[n])
				}
				near(t, "side posterior", n, b.Side(), side[n])
			}
		})
	}
}

// The method in sums and log odds against the definition: a joint posterior of
// all hypotheses, multiplied by each observation's densities.
func TestBayesByDefinition(t *testing.T) {
	c := resolved(t, func(c *Config) {
		c.Bias, c.Hazard, c.NoiseSD = .7, .1, 1.3
		c.Strengths, c.StrengthProbabilities = []float64{0, .7, 2}, []float64{.2, .5, .3}
	})
	density := func(x, mean, variance float64) float64 {
		return math.Exp(-(x - mean) * (x - mean) / (2 * variance)) // its constant cancels
	}
	v := c.NoiseSD * c.NoiseSD
	random := rand.New(rand.NewPCG(5, 6))
	for _, kind := range Baselines() {
		if kind == SemiMarkov { // which TestSemiMarkov counts through
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			b := NewBayes(kind, &c)
			block := .5
			for trial := range 50 {
				prior := c.Bias*block + (1-c.Bias)*(1-block)
				switch kind {
				case Blockless:
					prior = .5
				case Published, Exponential:
					prior = block
				}
				likelihood := map[int8][]float64{-1: slices.Clone(c.StrengthProbabilities), +1: slices.Clone(c.StrengthProbabilities)}
				joint := map[int8][]float64{}
				for _, side := range []int8{-1, +1} {
					for _, p := range c.StrengthProbabilities {
						if side > 0 {
							p *= prior
						} else {
							p *= 1 - prior
						}
						joint[side] = append(joint[side], p)
					}
				}
				if got := b.BeginTrial(); math.Abs(got-prior) > 1e-12 {
					t.Fatalf("trial %d: prior %v, want %v", trial, got, prior)
				}
				for range random.IntN(8) {
					left, right := 2*random.NormFloat64(), 2*random.NormFloat64()
					sum := map[int8]float64{}
					for side, p := range joint {
						for i, μ := range c.Strengths {
							of := density(right-left, float64(side)*μ, 2*v)
							switch {
							case kind != Full:
							case side > 0:
								of = density(right, μ, v) * density(left, 0, v)
							default:
								of = density(left, μ, v) * density(right, 0, v)
							}
							p[i] *= of
							likelihood[side][i] *= of
							sum[side] += p[i]
						}
					}
					want := sum[+1] / (sum[-1] + sum[+1])
					if kind == Published { // it forgets the strength
						for side, p := range joint {
							for i := range p {
								p[i] = sum[side] / (sum[-1] + sum[+1]) * c.StrengthProbabilities[i]
							}
						}
					}
					if got := b.Observe(left, right); math.Abs(got-want) > 1e-12 {
						t.Fatalf("trial %d: posterior %v, want %v", trial, got, want)
					}
				}
				side := int8(2*random.IntN(2) - 1)
				if trial%4 == 3 && kind != Published { // whose evidence is no likelihood
					side = 0
				}
				b.EndTrial(side)
				right, left := 0., 0. // likelihood of either side
				for i := range c.Strengths {
					right += likelihood[+1][i]
					left += likelihood[-1][i]
				}
				if side != 0 && kind != FeedbackBlind {
					right, left = float64(1+side)/2, float64(1-side)/2
				}
				yes := (c.Bias*right + (1-c.Bias)*left) * block
				no := ((1-c.Bias)*right + c.Bias*left) * (1 - block)
				block = (1-c.Hazard)*yes/(yes+no) + c.Hazard*no/(yes+no)
				if kind == Exponential {
					block = ExponentialDecay*prior + (1-ExponentialDecay)*right/(right+left)
				}
				if math.Abs(b.Block()-block) > 1e-12 {
					t.Fatalf("trial %d: block posterior %v, want %v", trial, b.Block(), block)
				}
			}
		})
	}
}

// One session of many blocks against the figures that an independent
// implementation found on another of 30,000 blocks. The bounds cover what is
// left of chance in both.
func TestBayesFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a million trials")
	}
	c := resolved(t, func(c *Config) { c.Blocks = 5000 })
	s := draw(c, Origin{Seed: 2, Stream: StreamRollout})
	none := math.NaN() // not published
	for _, want := range []struct {
		kind                               Kind
		steps, action, trial, choice, nats float64
		byStrength                         []float64
	}{
		{Difference, 5.507, .847, .805, .950, .4736, []float64{8.322, 7.128, 5.663, 4.534, 3.871, 3.513}},
		{Full, 5.591, .828, .792, .957, .470, nil},
		{Blockless, 6.403, .779, .738, .948, .5141, nil},
		{Published, 3.786, .989, .864, .873, .561, []float64{4.405, 4.084, 3.791, 3.598, 3.463, 3.375}},
		{SideHidden, none, none, .802, none, .476, nil},
		{FeedbackBlind, none, none, .797, none, .480, nil},
		{SemiMarkov, none, none, .809, none, .469, nil},
	} {
		t.Run(want.kind.String(), func(t *testing.T) {
			t.Parallel()
			b := NewBayes(want.kind, &c)
			var tally Tally
			for n := range s.Trials() {
				tally.Add(b.Play(s, n))
			}
			got := tally.Figures()
			t.Logf("%d trials: steps %.3f action %.4f correct/trial %.4f correct/action %.4f nats %.4f", got.Trials,
				got.RNNStepsPerTrial, got.ActionRate, got.CorrectPerTrial, got.CorrectPerAction, got.CrossEntropyPerObservation)
			for _, x := range []struct {
				what             string
				got, want, bound float64
			}{
				{"RNN steps per trial", float64(got.RNNStepsPerTrial), want.steps, .06},
				{"action rate", float64(got.ActionRate), want.action, .006},
				{"correct per trial", float64(got.CorrectPerTrial), want.trial, .006},
				{"correct per action", float64(got.CorrectPerAction), want.choice, .006},
				{"nats per observation", float64(got.CrossEntropyPerObservation), want.nats, .006},
			} {
				if math.Abs(x.got-x.want) > x.bound || math.IsNaN(x.got) {
					t.Errorf("%s: %.4f, want %v ± %v", x.what, x.got, x.want, x.bound)
				}
			}
			for i, row := range tally.ByStrength() {
				if want.byStrength == nil {
					break
				}
				t.Logf("strength %v: %.3f RNN steps", row.Strength, row.Mean())
				if row.Strength != c.Strengths[i] || !(math.Abs(float64(row.Mean())-want.byStrength[i]) <= .06) {
					t.Errorf("strength %v: %.3f RNN steps, want %v at %v", row.Strength, row.Mean(), want.byStrength[i], c.Strengths[i])
				}
			}
		})
	}
}

// Whatever is observed and however certain the model, beliefs are
// probabilities, and the evidence has the right sign.
func TestBayesExtremes(t *testing.T) {
	const tiny, huge = math.SmallestNonzeroFloat64, math.MaxFloat64
	for _, kind := range Baselines() {
		for _, bias := range []float64{0, tiny, .5, .8, math.Nextafter(1, 0), 1} {
			for _, hazard := range []float64{0, tiny, .02, math.Nextafter(1, 0), 1} {
				for _, sd := range []float64{tiny, 1e-200, 1, 1e200, huge} {
					c := resolved(t, func(c *Config) {
						c.Bias, c.Hazard, c.NoiseSD = bias, hazard, sd
						c.Strengths, c.StrengthProbabilities = []float64{0, tiny, 1, huge}, []float64{0, .5, .25, .25}
					})
					b := NewBayes(kind, &c)
					check := func(what string, p float64) {
						if !(p >= 0 && p <= 1) {
							t.Fatalf("%v, bias %v, hazard %v, sd %v: %s %v", kind, bias, hazard, sd, what, p)
						}
					}
					for trial := range 40 {
						check("prior", b.BeginTrial())
						for _, x := range [][2]float64{{0, 0}, {1, -1}, {-huge, huge}, {huge, huge}, {tiny, 0}, {huge, -huge}} {
							check("posterior", b.Observe(x[0], x[1]))
						}
						b.EndTrial([]int8{+1, +1, -1, 0}[trial%4])
						check("block posterior", b.Block())
					}
				}
			}
		}
	}
}

// What certainty means: bias and hazard at the ends of their range.
func TestBayesCertainty(t *testing.T) {
	posteriors := func(bias, hazard float64, sides ...int8) []float64 {
		c := resolved(t, func(c *Config) { c.Bias, c.Hazard = bias, hazard })
		b := NewBayes(Difference, &c)
		p := []float64{b.BeginTrial()}
		for _, side := range sides {
			b.EndTrial(side)
			p = append(p, b.BeginTrial())
		}
		return p
	}
	for _, test := range []struct {
		name         string
		bias, hazard float64
		sides        []int8
		want         []float64 // P(right) before each trial and after the last
	}{
		{"one outcome tells all, for ever", 1, 0, []int8{+1, +1}, []float64{.5, 1, 1}},
		{"an impossible outcome starts anew", 1, 0, []int8{+1, -1, -1}, []float64{.5, 1, 0, 0}},
		{"always against the block", 0, 0, []int8{+1, +1}, []float64{.5, 1, 1}},
		{"a change after every trial", 1, 1, []int8{+1, -1}, []float64{.5, 0, 1}},
		{"certain but for the hazard", 1, .02, []int8{+1, -1}, []float64{.5, .98, .02}},
		{"no bias, nothing to learn", .5, .02, []int8{+1, +1}, []float64{.5, .5, .5}},
		{"no hazard", .8, 0, []int8{+1, -1}, []float64{.5, .68, .5}},
		{"evidence is forgotten at once", .8, .5, []int8{+1}, []float64{.5, .5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, got := range posteriors(test.bias, test.hazard, test.sides...) {
				if math.Abs(got-test.want[i]) > 1e-15 {
					t.Errorf("prior of trial %d: %v, want %v", i, got, test.want[i])
				}
			}
		})
	}

	// A belief that rounds to 1 still yields to as much evidence against it.
	const trials = 10_000
	c := resolved(t, func(c *Config) { c.Hazard = 0 })
	b := NewBayes(Difference, &c)
	for range trials {
		b.EndTrial(+1)
	}
	if b.Block() != 1 {
		t.Fatalf("block posterior %v after %d trials on the right", b.Block(), trials)
	}
	for range trials {
		b.EndTrial(-1)
	}
	if math.Abs(b.Block()-.5) > 1e-8 {
		t.Errorf("block posterior %v after as many on the left, want ½", b.Block())
	}
}

// Exchanging left and right exchanges the posteriors.
func TestBayesMirror(t *testing.T) {
	c := DefaultConfig()
	random := rand.New(rand.NewPCG(7, 8))
	for _, kind := range Baselines() {
		b, mirror := NewBayes(kind, &c), NewBayes(kind, &c)
		for range 30 {
			b.BeginTrial()
			mirror.BeginTrial()
			for range 10 {
				left, right := random.NormFloat64(), random.NormFloat64()
				if p, q := b.Observe(left, right), mirror.Observe(right, left); math.Abs(p+q-1) > 1e-14 {
					t.Fatalf("%v: posteriors %v and %v", kind, p, q)
				}
			}
			side := int8(2*random.IntN(2) - 1)
			b.EndTrial(side)
			mirror.EndTrial(-side)
		}
	}
}

func TestPlayAllocatesNothing(t *testing.T) {
	c := DefaultConfig()
	s := draw(c, Origin{Seed: 2, Stream: StreamRollout})
	b := NewBayes(Difference, &c)
	var tally Tally
	posterior := make([]float64, 0, c.MaxSteps())
	play := func() {
		for n := range s.Trials() {
			t := b.Play(s, n)
			b.Watch(s, n, t.RNNSteps, posterior)
			tally.Add(t)
		}
	}
	play()
	if allocs := testing.AllocsPerRun(5, play); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestKind(t *testing.T) {
	for _, kind := range Baselines() {
		if got, err := ParseKind(kind.String()); err != nil || got != kind {
			t.Errorf("ParseKind(%q) = %v, %v", kind, got, err)
		}
	}
	if Kinds()[0] != Difference || Kind(0) != Difference {
		t.Error("Difference is not the default")
	}
	if _, err := ParseKind("Full"); !input.Is(err) {
		t.Errorf("ParseKind of an unknown name: %v", err)
	}
	if got := Kind(99).String(); got != "Kind(99)" {
		t.Errorf("an unknown kind is %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("NewBayes took an unknown kind")
		}
	}()
	c := DefaultConfig()
	NewBayes(Kind(99), &c)
}

func BenchmarkPlay(b *testing.B) {
	c := DefaultConfig()
	s := draw(c, Origin{Seed: 2, Stream: StreamRollout})
	for _, kind := range Baselines() {
		b.Run(kind.String(), func(b *testing.B) {
			actor := NewBayes(kind, &c)
			for i := range b.N {
				actor.Play(s, i%s.Trials())
			}
		})
	}
}
