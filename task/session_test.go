package task

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"radd/internal/philox"
)

// sigmas bounds how far a mean of many draws may lie from its expectation, in
// standard errors: one draw of the seed in two million lies further.
const sigmas = 5

// draw returns the session of a resolved configuration at an origin.
func draw(c Config, o Origin) *Session {
	s := &Session{}
	s.Draw(NewSampler(c), o)
	return s
}

// expect checks a share of n draws against its probability.
func expect(t *testing.T, what string, count, n int, p float64) {
	t.Helper()
	got := float64(count) / float64(n)
	if bound := sigmas * math.Sqrt(p*(1-p)/float64(n)); math.Abs(got-p) > bound {
		t.Errorf("%s: a share of %.5f in %d, want %.5f ± %.5f", what, got, n, p, bound)
	}
}

func TestBlockThresholds(t *testing.T) {
	s := NewSampler(DefaultConfig())
	if len(s.Block) != 81 || s.Block[80] != 1<<32 {
		t.Fatalf("%d thresholds, the last %d; want 81 and 2³²", len(s.Block), s.Block[len(s.Block)-1])
	}
	mean, before := 0.0, uint64(0)
	for i, k := range s.Block {
		p := float64(k-before) / (1 << 32)
		before = k
		mean += p * float64(20+i)
		if want := .02 * math.Pow(.98, float64(i)) / (1 - math.Pow(.98, 81)); math.Abs(p-want) > 1.0/(1<<32) {
			t.Errorf("P(length %d) = %v, want %v", 20+i, p, want)
		}
	}
	if math.Abs(mean-49.4) > .05 {
		t.Errorf("mean length %v, want 49.4", mean)
	}
}

func TestThresholdsAtTheEndsOfTheRange(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   []int // possible block lengths
	}{
		{"hazard 0 makes all lengths alike", func(c *Config) { c.Hazard, c.BlockMin, c.BlockMax = 0, 3, 5 }, []int{3, 4, 5}},
		{"hazard 1 makes the shortest", func(c *Config) { c.Hazard = 1 }, []int{20}},
		{"one length", func(c *Config) { c.BlockMin, c.BlockMax = 7, 7 }, []int{7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := resolved(t, func(c *Config) { test.change(c); c.Blocks = 300 })
			lengths := slices.Clone(draw(c, Origin{Seed: 1, Stream: StreamTrain}).BlockLength)
			slices.Sort(lengths)
			if got := slices.Compact(lengths); !slices.Equal(got, test.want) {
				t.Errorf("lengths %v, want %v", got, test.want)
			}
		})
	}
}

// The two ways in which pick looks a word up agree with the definition, with
// entries of probability 0 first, last and in between.
func TestPick(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 6, 15, 16, 17, 18, 81, 1000} {
		for range 20 {
			weights := make([]float64, size)
			for i := range weights {
				weights[i] = max(0, random.Float64()-.4) // nearly half of them 0
			}
			weights[random.IntN(size)] = 1
			thresholds := cumulative(weights)
			words := []uint32{0, 1, math.MaxUint32}
			for _, k := range thresholds {
				words = append(words, uint32(k-1), uint32(k), uint32(k+1)) // wraps at the ends
			}
			for _, w := range words {
				want := 0
				for _, k := range thresholds {
					if uint64(w) >= k {
						want++
					}
				}
				got := pick(thresholds, w)
				if got != want || weights[got] == 0 {
					t.Fatalf("pick of %d in %v = %d, want %d (weight %v)", w, thresholds, got, want, weights[got])
				}
			}
		}
	}
}

// The distributions of the generative model over one long session.
func TestSessionDistributions(t *testing.T) {
	c := resolved(t, func(c *Config) {
		c.Blocks = 4000
		c.Strengths, c.StrengthProbabilities = []float64{0, 1, 4}, []float64{.5, .3, .2}
	})
	s := draw(c, Origin{Seed: 3, Stream: StreamTrain})
	n := s.Trials()
	if len(s.BlockLength) != c.Blocks || len(s.BlockSide) != n || len(s.Strength) != n {
		t.Fatalf("%d blocks, %d block sides and %d strengths for %d trials", len(s.BlockLength), len(s.BlockSide), len(s.Strength), n)
	}

	lengths := map[int]int{}
	trial, side := 0, s.BlockSide[0]
	for _, length := range s.BlockLength {
		lengths[length]++
		for range length {
			if s.BlockSide[trial] != side {
				t.Fatalf("trial %d is on block side %d", trial, s.BlockSide[trial])
			}
			trial++
		}
		side = -side
	}
	if trial != n {
		t.Fatalf("blocks of %d trials in all, %d trials", trial, n)
	}
	total := 1 - math.Pow(.98, 81)
	for length := 20; length <= 100; length++ {
		expect(t, "block length", lengths[length], c.Blocks, .02*math.Pow(.98, float64(length-20))/total)
		delete(lengths, length)
	}
	if len(lengths) > 0 {
		t.Errorf("blocks of other lengths: %v", lengths)
	}

	concordant, strengths := 0, map[float64]int{}
	for i, side := range s.TrialSide {
		if side == s.BlockSide[i] {
			concordant++
		} else if side != -s.BlockSide[i] {
			t.Fatalf("trial %d is on side %d", i, side)
		}
		strengths[s.Strength[i]]++
	}
	expect(t, "on the block's side", concordant, n, .8)
	for i, strength := range c.Strengths {
		expect(t, "strength", strengths[strength], n, c.StrengthProbabilities[i])
	}
}

func TestFirstSide(t *testing.T) {
	c := resolved(t, func(c *Config) { c.Blocks, c.BlockMin, c.BlockMax = 1, 1, 1 })
	p := NewSampler(c)
	var s Session
	const draws = 20_000
	right := 0
	for i := range uint32(draws) {
		s.Draw(p, Origin{Seed: 4, Stream: StreamTrain, GradientStep: i})
		if s.BlockSide[0] > 0 {
			right++
		}
	}
	expect(t, "first block on the right", right, draws, .5)
}

// Mean, variance and independence of the noise, by side, and blank steps.
func TestObservations(t *testing.T) {
	c := resolved(t, func(c *Config) { c.Blocks, c.NoiseSD = 100, 1.5 })
	s := draw(c, Origin{Seed: 5, Stream: StreamRollout})
	var sum, square [2]float64 // of the noise: 0 away from the stimulus, 1 on its side
	cross, between, n := 0.0, 0.0, 0
	for trial := range s.Trials() {
		before := 0.0
		for step := range c.MaxSteps() {
			left, right := s.Observe(trial, step)
			if step < c.BlankSteps {
				if left != 0 || right != 0 {
					t.Fatalf("trial %d: blank step %d has observations %v, %v", trial, step, left, right)
				}
				continue
			}
			noise := [2]float64{left, right}
			if s.TrialSide[trial] < 0 {
				noise = [2]float64{right, left}
			}
			noise[1] -= s.Strength[trial]
			for i, x := range noise {
				sum[i] += x / c.NoiseSD
				square[i] += x * x / (c.NoiseSD * c.NoiseSD)
			}
			cross += noise[0] * noise[1] / (c.NoiseSD * c.NoiseSD)
			between += before * noise[0] / (c.NoiseSD * c.NoiseSD)
			before = noise[0]
			n++
		}
	}
	root := math.Sqrt(float64(n))
	for name, deviation := range map[string]float64{
		"mean away from the stimulus":     sum[0] / root,
		"mean on its side":                sum[1] / root,
		"variance away from the stimulus": (square[0] - float64(n)) / (root * math.Sqrt2),
		"variance on its side":            (square[1] - float64(n)) / (root * math.Sqrt2),
		"correlation of the sides":        cross / root,
		"correlation of successive steps": between / root,
	} {
		if math.Abs(deviation) > sigmas {
			t.Errorf("%s: %.1f standard errors from what it should be", name, deviation)
		}
	}
}

// Any trial can be drawn alone, in any order, given the block lengths.
func TestTrialsDrawnAlone(t *testing.T) {
	c := DefaultConfig()
	p := NewSampler(c)
	o := Origin{Seed: 0x0123456789abcdef, Stream: StreamTrain, GradientStep: 77, Session: 5}
	s := draw(c, o)
	s.Record()
	alone := draw(c, o)
	for _, n := range rand.New(rand.NewPCG(3, 4)).Perm(s.Trials()) {
		w := philox.Draw(o.Seed, philox.Counter{0, uint32(n), 77, 2<<24 | 5})
		side := s.BlockSide[n]
		if uint64(w[0]) >= p.Bias {
			side = -side
		}
		if strength := c.Strengths[pick(p.Strength, w[1])]; side != s.TrialSide[n] || strength != s.Strength[n] {
			t.Fatalf("trial %d alone: side %d, strength %v; in the session %d, %v", n, side, strength, s.TrialSide[n], s.Strength[n])
		}
		for step := c.MaxSteps() - 1; step >= 0; step-- {
			left, right := alone.Observe(n, step)
			if i := (n*12 + step) * 2; left != s.Observation[i] || right != s.Observation[i+1] {
				t.Fatalf("trial %d, step %d: observations alone differ from those recorded", n, step)
			}
		}
	}
}

// Recorded or not, a session shows the same observations.
func TestRecord(t *testing.T) {
	drawn := draw(DefaultConfig(), Origin{Seed: 8, Stream: StreamTrain})
	recorded := draw(DefaultConfig(), Origin{Seed: 8, Stream: StreamTrain})
	recorded.Record()
	if got, want := len(recorded.Observation), recorded.Trials()*12*2; got != want {
		t.Fatalf("%d observations, want %d", got, want)
	}
	for n := range drawn.Trials() {
		for step := range 12 {
			l, r := drawn.Observe(n, step)
			if left, right := recorded.Observe(n, step); left != l || right != r {
				t.Fatalf("trial %d, step %d: recorded %v, %v; drawn %v, %v", n, step, left, right, l, r)
			}
		}
	}
}

// Each part of an origin names another session; the same origin the same one.
func TestOrigins(t *testing.T) {
	base := Origin{Seed: 1, Stream: StreamTrain, GradientStep: 1, Session: 1}
	record := func(o Origin) *Session {
		s := draw(DefaultConfig(), o)
		s.Record()
		return s
	}
	want := record(base)
	if !reflect.DeepEqual(record(base), want) {
		t.Error("the same origin drew two sessions")
	}
	for name, o := range map[string]Origin{
		"seed":          {2, StreamTrain, 1, 1},
		"seed, high":    {1<<32 | 1, StreamTrain, 1, 1},
		"stream":        {1, StreamRollout, 1, 1},
		"gradient step": {1, StreamTrain, 2, 1},
		"session":       {1, StreamTrain, 1, 2},
	} {
		got := record(o)
		if slices.Equal(got.BlockLength, want.BlockLength) || slices.Equal(got.TrialSide, want.TrialSide) ||
			slices.Equal(got.Strength, want.Strength) || slices.Equal(got.Observation[4:24], want.Observation[4:24]) {
			t.Errorf("another %s drew some of the same", name)
		}
	}
}

func TestRedrawAllocatesNothing(t *testing.T) {
	p := NewSampler(DefaultConfig())
	var s Session
	o := Origin{Seed: 9, Stream: StreamTrain}
	s.Draw(p, o)
	if allocs := testing.AllocsPerRun(20, func() { s.Draw(p, o) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	s.Record()
	if s.Draw(p, o); s.Observation != nil {
		t.Error("a session drawn anew keeps old observations")
	}
}

func BenchmarkDraw(b *testing.B) {
	p := NewSampler(DefaultConfig())
	var s Session
	trials := 0
	for i := range b.N {
		s.Draw(p, Origin{Seed: 1, Stream: StreamTrain, GradientStep: uint32(i)})
		trials += s.Trials()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(trials), "ns/trial")
}

func BenchmarkObserve(b *testing.B) {
	s := draw(DefaultConfig(), Origin{Seed: 1, Stream: StreamTrain})
	sum := 0.0
	for i := range b.N {
		left, right := s.Observe(i%100, 2+i%10)
		sum += left + right
	}
	_ = sum
}

// State noise is standard normal, another for every trial, step and session, and
// the same however it is asked for.
func TestStateNoise(t *testing.T) {
	const n, trials, steps = 7, 60, 12
	var all []float64
	seen := map[float64]bool{}
	for _, o := range []Origin{
		{Seed: 3, Stream: StreamTrain},
		{Seed: 3, Stream: StreamTrain, GradientStep: 1},
		{Seed: 3, Stream: StreamTrain, Session: 1},
		{Seed: 3, Stream: StreamRollout},
		{Seed: 4, Stream: StreamTrain},
	} {
		s := draw(DefaultConfig(), o)
		for trial := range trials {
			for step := range steps {
				deviates, again := make([]float64, n), make([]float64, n)
				s.StateNoise(trial, step, deviates)
				s.StateNoise(trial, step, again)
				if !slices.Equal(deviates, again) {
					t.Fatal("the same step has two noises")
				}
				for _, d := range deviates {
					if seen[d] {
						t.Fatalf("%v: %v was drawn before", o, d)
					}
					seen[d] = true
				}
				all = append(all, deviates...)
			}
		}
	}
	mean, square := 0.0, 0.0
	for _, d := range all {
		mean += d / float64(len(all))
		square += d * d / float64(len(all))
	}
	// Four standard errors of 25,200 draws.
	if math.Abs(mean) > .026 || math.Abs(square-1) > .036 {
		t.Errorf("mean %v, mean square %v", mean, square)
	}
}
