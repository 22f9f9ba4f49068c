package distill

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
)

// streamed returns a trajectory of T RNN steps of 50 units that is made on the
// fly: a 2-D system with noise in its dynamics, in a 50-D space in whose other
// directions something else happens.
func streamed(T, chunk int) (*system, *analysis.Trajectory) {
	const N = 50
	s := randomSystem(2, 3, N, Tanh())
	s.process = .1
	trajectory := s.trajectory(T, chunk)
	// Vectors without a component along the basis.
	others := orthonormal(randomSystem(20, 0, N, Tanh()).basis)
	for i := range 20 {
		v := others.RawRowView(i)
		for m := range 2 {
			b := s.basis.RawRowView(m)
			floats.AddScaled(v, -floats.Dot(v, b), b)
		}
	}
	source := trajectory.Source
	trajectory.Source = func(yield func(*analysis.Chunk, error) bool) {
		t := 0
		for c, err := range source {
			for i := range c.T {
				floats.Add(c.Hidden[i*N:(i+1)*N], others.RawRowView(t%20))
				t++
			}
			if !yield(c, err) {
				return
			}
		}
	}
	return s, trajectory
}

// TestPrefix holds the streamed solution to the one in one piece.
func TestPrefix(t *testing.T) {
	const tolerance = 1e-9
	s, trajectory := streamed(20_000, 997)
	r := mustFit(t, trajectory, s.problem())
	W := direct(t, trajectory, r)
	got := mat.NewDense(6, 2, nil)
	got.SetRow(0, r.C)
	got.Slice(1, 3, 0, 2).(*mat.Dense).Copy(r.A.T())
	got.Slice(3, 6, 0, 2).(*mat.Dense).Copy(r.B.T())
	near(t, "A, B, c", got.RawMatrix().Data, W.RawMatrix().Data, tolerance)
}

// allocated returns the bytes that do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemory shows that memory does not grow with T: four times the RNN steps
// allocate what T allocates, in every pass.
func TestMemory(t *testing.T) {
	// A float64 kept of every RNN step would be 480,000 bytes more; gonum leaves
	// some garbage for every batch of 256.
	const T, slack = 20_000, 128 << 10
	_, short := streamed(T, 500)
	s, long := streamed(4*T, 500)
	r := mustFit(t, short, s.problem())
	for name, pass := range map[string]func(*analysis.Trajectory) error{
		"Fit":              func(t *analysis.Trajectory) error { _, err := Fit(t, s.problem()); return err },
		"Fit, scaled":      func(t *analysis.Trajectory) error { _, err := Fit(t, Problem{Projection: s.basis}); return err },
		"Evaluate":         func(t *analysis.Trajectory) error { _, err := r.Evaluate(t); return err },
		"CrossValidate":    func(t *analysis.Trajectory) error { _, err := r.CrossValidate(t); return err },
		"ErrorGrowth":      func(t *analysis.Trajectory) error { _, err := r.ErrorGrowth(t, 1); return err },
		"Jacobians":        func(t *analysis.Trajectory) error { _, err := r.Jacobians(t); return err },
		"ScaleSensitivity": func(t *analysis.Trajectory) error { _, err := r.ScaleSensitivity(t); return err },
	} {
		run := func(trajectory *analysis.Trajectory) uint64 {
			return allocated(func() {
				if err := pass(trajectory); err != nil {
					t.Fatal(err)
				}
			})
		}
		if a, b := run(short), run(long); b > a+slack {
			t.Errorf("%s: %d bytes for %d RNN steps, %d for %d", name, a, T, b, 4*T)
		}
	}
}

// TestStreaming passes over 20 million RNN steps of 50 units, which are made on
// the fly, in a process that stays below 200 MB.
func TestStreaming(t *testing.T) {
	if testing.Short() {
		t.Skip("20 million RNN steps, 10 seconds")
	}
	const T, most, slack = 20_000_000, 200 << 20, 16 << 20 // RNN steps, bytes, bytes
	s, trajectory := streamed(T, 1000)
	start := time.Now()
	var r *RADD
	bytes := allocated(func() { r = mustFit(t, trajectory, s.problem()) })
	t.Logf("%d RNN steps of %d units in %v, allocating %d bytes; the process held %d MB at most",
		r.T, r.N, time.Since(start), bytes, resident(t)>>20)
	if bytes > slack {
		t.Errorf("%d RNN steps allocated %d bytes", T, bytes)
	}
	if held := resident(t); held > most {
		t.Errorf("the process held %d bytes", held)
	}
	near(t, "A, B, c", r.parameters(), s.parameters(), .01) // noise leaves about 1/√T
}

// resident returns the most bytes that the process has held in memory.
func resident(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "darwin" { // counts bytes, Linux KiB
		return usage.Maxrss
	}
	return usage.Maxrss << 10
}

// BenchmarkFit passes over the recording of a rollout: 175,000 RNN steps of 50
// units in memory.
func BenchmarkFit(b *testing.B) {
	s, trajectory := recorded(b, 175_000)
	for b.Loop() {
		mustFit(b, trajectory, s.problem())
	}
}

// BenchmarkDistil makes the whole report of it.
func BenchmarkDistil(b *testing.B) {
	s, trajectory := recorded(b, 175_000)
	for b.Loop() {
		if _, err := Distil(trajectory, nil, Problem{Projection: s.basis}, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// recorded returns a streamed trajectory with blocks of 175 RNN steps in
// memory.
func recorded(tb testing.TB, T int) (*system, *analysis.Trajectory) {
	s, trajectory := streamed(T, 1000)
	var all analysis.Chunk
	for c, err := range trajectory.Chunks() {
		if err != nil {
			tb.Fatal(err)
		}
		all.Hidden, all.Input = append(all.Hidden, c.Hidden...), append(all.Input, c.Input...)
		for range c.T {
			all.BlockSide = append(all.BlockSide, int8(1-2*(len(all.BlockSide)/175%2)))
		}
	}
	all.T = T
	return s, analysis.Recorded("recorded", trajectory.N, trajectory.Q, all)
}
