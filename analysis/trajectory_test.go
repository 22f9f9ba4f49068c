package analysis

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"radd/internal/input"
)

// wantFault wants an *input.Error whose text has all parts.
func wantFault(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if !input.Is(err) {
		t.Errorf("%T is not an *input.Error: %v", err, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// counted returns T RNN steps of N units and Q inputs whose values tell where
// they are.
func counted(T, N, Q int) Chunk {
	c := Chunk{
		T: T, Hidden: make([]float64, T*N), Input: make([]float64, T*Q),
		Probability: make([]float64, T*2), BlockSide: make([]int8, T), Session: make([]int64, T),
	}
	for i := range c.Hidden {
		c.Hidden[i] = float64(i)
	}
	for i := range c.Input {
		c.Input[i] = -float64(i)
	}
	for i := range T {
		c.Probability[2*i], c.Probability[2*i+1] = float64(i)/float64(T), 1-float64(i)/float64(T)
		c.BlockSide[i] = int8(1 - 2*(i/5%2))
		c.Session[i] = int64(i / 50)
	}
	return c
}

// whole puts a trajectory's chunks together.
func whole(tb testing.TB, t *Trajectory) Chunk {
	tb.Helper()
	var all Chunk
	for c, err := range t.Chunks() {
		if err != nil {
			tb.Fatal(err)
		}
		all.T += c.T
		all.Hidden = append(all.Hidden, c.Hidden...)
		all.Input = append(all.Input, c.Input...)
		all.Probability = append(all.Probability, c.Probability...)
		all.BlockSide = append(all.BlockSide, c.BlockSide...)
		all.Session = append(all.Session, c.Session...)
	}
	return all
}

func equal(a, b Chunk) bool {
	return a.T == b.T && slices.Equal(a.Hidden, b.Hidden) && slices.Equal(a.Input, b.Input) &&
		slices.Equal(a.Probability, b.Probability) && slices.Equal(a.BlockSide, b.BlockSide) && slices.Equal(a.Session, b.Session)
}

// inChunks returns the trajectory in chunks of a size.
func inChunks(t *Trajectory, size int) *Trajectory {
	s := *t
	s.Source = func(yield func(*Chunk, error) bool) {
		for from := 0; from < t.T; from += size {
			for c, err := range t.Slice(from, min(from+size, t.T)).Source {
				if !yield(c, err) {
					return
				}
			}
		}
	}
	return &s
}

// TestRecorded passes over a trajectory twice, in memory, sliced, and projected.
func TestRecorded(t *testing.T) {
	const T, N, Q = 3000, 20, 2
	c := counted(T, N, Q)
	trajectory := Recorded("memory", N, Q, c)
	for range 2 {
		if !equal(whole(t, trajectory), c) {
			t.Fatal("not what was recorded")
		}
	}
	for _, cut := range [][2]int{{0, T}, {0, 1}, {T - 1, T}, {1, 1700}, {1499, 1501}, {7, 7}} {
		part := trajectory.Slice(cut[0], cut[1])
		if want := c.rows(N, Q, cut[0], cut[1]); !equal(whole(t, part), want) || part.T != want.T {
			t.Errorf("RNN steps %v: not those", cut)
		}
	}
	for range trajectory.Chunks() {
		break // an iteration may end anywhere
	}
	P := mat.NewDense(2, N, nil)
	P.Set(0, 3, 1)
	P.Set(1, 0, 2)
	offset := make([]float64, N)
	offset[3] = 10
	projected := whole(t, trajectory.Project(P, offset))
	for i := range T {
		if projected.Hidden[2*i] != c.Hidden[i*N+3]-10 || projected.Hidden[2*i+1] != 2*c.Hidden[i*N] {
			t.Fatalf("RNN step %d is projected to %v", i, projected.Hidden[2*i:2*i+2])
		}
	}
	if !slices.Equal(projected.Input, c.Input) || !slices.Equal(projected.Session, c.Session) {
		t.Error("a projection changes more than states")
	}
	unknown := *trajectory
	unknown.T = 0
	if n, err := unknown.Count(); n != T || err != nil {
		t.Errorf("%d RNN steps counted, %v", n, err)
	}
}

func TestTrajectoryFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Chunk)
		says   string
	}{
		{"NaN", func(c *Chunk) { c.Hidden[20*1800+7] = math.NaN() }, "memory: hidden[1800, 7]: NaN"},
		{"infinite", func(c *Chunk) { c.Hidden[0] = math.Inf(1) }, "memory: hidden[0, 0]: +Inf"},
		{"input", func(c *Chunk) { c.Input[2*2999+1] = math.NaN() }, "memory: input[2999, 1]: NaN"},
		{"probability", func(c *Chunk) { c.Probability[3] = 1.5 }, "memory: prob[1, 1]: 1.5"},
		{"probability NaN", func(c *Chunk) { c.Probability[0] = math.NaN() }, "memory: prob[0, 0]: NaN"},
		{"block side", func(c *Chunk) { c.BlockSide[1700] = 0 }, "memory: block_side[1700]: 0"},
		{"session within a chunk", func(c *Chunk) { c.Session[120] = 1 }, "memory: session[120]: 1"},
		{"session across chunks", func(c *Chunk) {
			for i := range c.Session {
				c.Session[i] = -int64(i / 1489) // a multiple of the rows of a chunk
			}
		}, "memory: session[1489]: -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := counted(3000, 20, 2)
			test.change(&c)
			trajectory := Recorded("memory", 20, 2, c)
			for name, t2 := range map[string]*Trajectory{
				"whole": trajectory, "sliced": trajectory.Slice(0, 3000), "projected": trajectory.Project(mat.NewDense(1, 20, nil), nil),
				"sliced twice": trajectory.Slice(0, 3000).Slice(0, 3000),
			} {
				t.Run(name, func(t *testing.T) {
					var last error
					for c, err := range t2.Chunks() {
						if last = err; err != nil && c != nil {
							t.Error("a chunk with an error")
						}
					}
					wantFault(t, last, test.says)
				})
			}
		})
	}
	// Indices are the file's, in a slice too.
	c := counted(3000, 20, 2)
	c.Hidden[20*1800] = math.NaN()
	for _, err := range Recorded("memory", 20, 2, c).Slice(1000, 2000).Slice(500, 900).Chunks() {
		if err != nil {
			wantFault(t, err, "hidden[1800, 0]")
		}
	}
	for name, do := range map[string]func(){
		"short":      func() { Recorded("", 2, 1, Chunk{T: 2, Hidden: make([]float64, 4), Input: make([]float64, 1)}) },
		"projection": func() { Recorded("", 2, 0, Chunk{}).Project(mat.NewDense(1, 3, nil), nil) },
		"offset":     func() { Recorded("", 2, 0, Chunk{}).Project(mat.NewDense(1, 2, nil), []float64{1}) },
	} {
		t.Run(name+" panics", func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do()
		})
	}
}

// TestComponents holds streamed components to those of the whole matrix, in
// chunks of any size.
func TestComponents(t *testing.T) {
	const N, tolerance = 4, 1e-12
	rapid.Check(t, func(rt *rapid.T) {
		T := rapid.IntRange(2, 60).Draw(rt, "T")
		c := Chunk{T: T, Hidden: rapid.SliceOfN(rapid.Float64Range(-1, 1), T*N, T*N).Draw(rt, "states")}
		for i := range c.Hidden {
			c.Hidden[i] += float64(100 * (i % N)) // far from 0, in some units
		}
		trajectory := Recorded("memory", N, 0, c)
		got, err := PrincipalComponents(inChunks(trajectory, rapid.IntRange(1, T).Draw(rt, "chunk")))
		if err != nil {
			rt.Fatal(err)
		}
		mean := make([]float64, N)
		for i, h := range c.Hidden {
			mean[i%N] += h / float64(T)
		}
		var centred mat.Dense
		centred.Apply(func(_, j int, h float64) float64 { return h - mean[j] }, mat.NewDense(T, N, c.Hidden))
		var want mat.Dense
		want.Mul(centred.T(), &centred)
		want.Scale(1/float64(T), &want)
		if !mat.EqualApprox(&want, got.Covariance, 1e-10) { // means are up to 300
			rt.Fatalf("covariance %v, want %v", mat.Formatted(got.Covariance), mat.Formatted(&want))
		}
		var rebuilt mat.Dense // to rounding of the covariance, whose elements are below 1
		rebuilt.Product(got.Directions.T(), mat.NewDiagDense(N, got.Variance), got.Directions)
		if !mat.EqualApprox(&rebuilt, got.Covariance, tolerance) {
			rt.Fatal("the components do not make the covariance")
		}
		if !slices.IsSortedFunc(got.Variance, func(a, b float64) int { return cmp.Compare(b, a) }) {
			rt.Fatalf("variances %v", got.Variance)
		}
	})
	// Squares that all but vanish.
	states := []float64{2.791859107896544e-104, 0.007859501631173771, 0.5625001895241439, 1, 8.720301752336693e-106, 1.1368683772161603e-13, 4.649162292480469e-06, 0.5000019073486328}
	for i := range states {
		states[i] += float64(100 * (i % N))
	}
	got, err := PrincipalComponents(Recorded("memory", N, 0, Chunk{T: 2, Hidden: states}))
	if total := mat.Trace(got.Covariance); err != nil || math.Abs(got.Variance[0]-total) > tolerance {
		t.Errorf("variances %v of %v, %v", got.Variance, total, err)
	}
	if _, err := PrincipalComponents(Recorded("none", 2, 0, Chunk{})); err == nil {
		t.Error("components of no states")
	}
}

func TestAngle(t *testing.T) {
	const tolerance = 1e-12
	skew := &Components{Covariance: mat.NewSymDense(2, []float64{2, 1, 1, 2})}
	for _, test := range []struct {
		u, v       []float64
		want, skew float64
	}{
		{[]float64{1, 0}, []float64{0, 3}, 90, 60},
		{[]float64{1, 1}, []float64{2, 2}, 0, 0},
		{[]float64{1, 0}, []float64{-2, 0}, 180, 180},
		{[]float64{1, 1}, []float64{1, -1}, 90, 90},
		{[]float64{1, 0}, []float64{1, 1e-9}, 1e-9 * 180 / math.Pi, 1e-9 * math.Sqrt(3) / 2 * 180 / math.Pi},
	} {
		if got := Angle(test.u, test.v); !(math.Abs(got-test.want) <= tolerance*(1+test.want)) {
			t.Errorf("angle of %v and %v: %v, want %v", test.u, test.v, got, test.want)
		}
		if got := skew.Angle(test.u, test.v); !(math.Abs(got-test.skew) <= tolerance*(1+test.skew)) {
			t.Errorf("angle of %v and %v in a skewed metric: %v, want %v", test.u, test.v, got, test.skew)
		}
	}
	if got := Angle([]float64{0, 0}, []float64{1, 0}); !math.IsNaN(got) {
		t.Errorf("an angle of %v to nothing", got)
	}
}
