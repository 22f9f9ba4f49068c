package distill

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/npz"
	"radd/kernels"
)

// noisy is a system with noise in its dynamics, over sessions and blocks, seen
// as 6 units.
func noisy() *system {
	s := randomSystem(2, 3, 6, Tanh())
	s.process, s.session, s.block = .2, 1500, 150
	return s
}

// TestCrossValidation holds the ten parts, whose R factors are folded together,
// to fits and runs of trajectories that are cut out.
func TestCrossValidation(t *testing.T) {
	const T, tolerance = 6000, 1e-9
	s := noisy()
	trajectory := s.trajectory(T, 77)
	r := mustFit(t, trajectory, s.problem())
	got, err := r.CrossValidate(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	length := (T - 9*Gap) / Parts
	inverse, free := newScore(2), newScore(2)
	for k := range Parts {
		rows := newFactor(r.columns())
		for j := range Parts {
			if j == k {
				continue
			}
			for s, err := range r.view(trajectory.Slice(j*(length+Gap), j*(length+Gap)+length)).steps() {
				if err != nil {
					t.Fatal(err)
				}
				if s.previous != nil {
					s.regression(rows.row())
				}
			}
		}
		student := *r
		if err := student.adopt(rows, ""); err != nil {
			t.Fatal(err)
		}
		run, truth, estimate := newFreeRun(&student), make([]float64, 2), make([]float64, 2)
		for s, err := range r.view(trajectory.Slice(k*(length+Gap), k*(length+Gap)+length)).steps() {
			if err != nil {
				t.Fatal(err)
			}
			free.add(s.z, run.next(s, s.previous == nil))
			if s.previous != nil {
				s.inverse(truth)
				student.drive(estimate, s.previous, s.o)
				inverse.add(truth, estimate)
			}
		}
	}
	near(t, "held-out r2", got.R2, inverse.r2(), tolerance)
	near(t, "held-out free-run r2", got.FreeRunR2, free.r2(), tolerance)
	if got.R2[0] == r.R2[0] {
		t.Error("nothing was held out")
	}
	short, err := mustFit(t, s.trajectory(900, 900), s.problem()).CrossValidate(s.trajectory(900, 900))
	if err != nil || !math.IsNaN(short.R2[0]) || !math.IsNaN(short.FreeRunR2[1]) {
		t.Errorf("of a short trajectory: %+v, %v", short, err)
	}
	tiny, err := mustFit(t, s.trajectory(920, 920), s.problem()).CrossValidate(s.trajectory(920, 920))
	if err != nil || math.IsNaN(tiny.R2[0]) {
		t.Errorf("of parts of two RNN steps: %+v, %v", tiny, err)
	}
}

// TestEvaluateOutside counts held-out states that are beyond f's domain.
func TestEvaluateOutside(t *testing.T) {
	s := noisy()
	p := s.problem()
	p.Scale = Scale{}
	r := mustFit(t, s.trajectory(300, 300), p)
	wide := noisy()
	wide.process, wide.seed = 1.5, 1
	e, err := r.Evaluate(wide.trajectory(3000, 100))
	if err != nil {
		t.Fatal(err)
	}
	if e.Outside == 0 || e.Outside == e.T || math.IsNaN(e.R2[0]) || e.T != 3000 || e.Pairs != 2998 {
		t.Errorf("%+v", e)
	}
}

// TestGrowth holds the error of free runs to its limits: none for the teacher's
// own parameters without noise, one-step residuals at horizon 1, and random
// parameters far off.
func TestGrowth(t *testing.T) {
	s := noisy()
	trajectory := s.trajectory(15_000, 1000)
	r := mustFit(t, trajectory, s.problem())
	g, err := r.ErrorGrowth(trajectory, 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Evaluate(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	for m := range 2 {
		// At horizon 1 runs start every tenth RNN step: a sample of all one-step
		// errors.
		const sample = .1
		first, all := g.Error.At(0, m), math.Sqrt(1-e.StateR2[m])
		if math.Abs(first/all-1) > sample {
			t.Errorf("row %d: an error of %v at horizon 1, one-step %v", m, first, all)
		}
		if last := g.Error.At(Horizons-1, m); !(last > first && last < 1.5) || !(g.Control.At(Horizons-1, m) > last) {
			t.Errorf("row %d: errors of %v at horizon 1, %v at 100; control %v", m, first, last, g.Control.At(Horizons-1, m))
		}
	}
	// Ten sessions of 1500 have 150 starts, of which the last ones do not live
	// to see 100 RNN steps more.
	if g.Runs[0] != 10*150 || g.Runs[Horizons-1] != 10*140 {
		t.Errorf("%d runs came to horizon 1, %d to 100", g.Runs[0], g.Runs[Horizons-1])
	}
	other, err := r.ErrorGrowth(trajectory, 2)
	if err != nil || mat.Equal(other.Control, g.Control) || !mat.Equal(other.Error, g.Error) {
		t.Errorf("another seed changes more or less than the control: %v", err)
	}

	exact := twoUnits()
	perfect := mustFit(t, exact.trajectory(500, 500), exact.problem())
	g, err = perfect.ErrorGrowth(exact.trajectory(500, 500), 1)
	if err != nil || !(mat.Max(g.Error) < exactTolerance) || !(mat.Min(g.Control) > .1) {
		t.Errorf("without noise errors are up to %v, the control's from %v: %v", mat.Max(g.Error), mat.Min(g.Control), err)
	}
}

// TestStability holds the figures to what is known: a linear system's are the
// eigenvalues of A; in general the exponents sum up to the mean of log |det J|.
func TestStability(t *testing.T) {
	const tolerance = 1e-9
	linear := &system{f: Identity(), A: mat.NewDense(2, 2, []float64{.9, .3, 0, .5}), B: mat.NewDense(2, 1, []float64{.1, .2}), C: []float64{0, 0}}
	r := mustFit(t, linear.trajectory(20_000, 1000), linear.problem())
	s, err := r.Jacobians(linear.trajectory(20_000, 1000))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "moduli", s.Modulus, []float64{.9, .5}, tolerance)
	near(t, "moduli of A", s.ModulusA, []float64{.9, .5}, tolerance)
	near(t, "mean log radius", []float64{s.MeanLogRadius}, []float64{math.Log(.9)}, tolerance)
	near(t, "Lyapunov exponents", s.Lyapunov, []float64{math.Log(.9), math.Log(.5)}, 1e-3) // the frame turns into place at first
	if s.Expanding != 0 {
		t.Errorf("%v of the RNN steps expand", s.Expanding)
	}

	bent := noisy()
	trajectory := bent.trajectory(5000, 500)
	r = mustFit(t, trajectory, bent.problem())
	s, err = r.Jacobians(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	determinant, radius, n := 0.0, 0.0, 0.0
	for step, err := range r.view(trajectory).steps() {
		if err != nil {
			t.Fatal(err)
		}
		if step.previous != nil {
			var J mat.Dense
			J.Mul(mat.NewDiagDense(2, []float64{1 - step.z[0]*step.z[0], 1 - step.z[1]*step.z[1]}), r.A)
			determinant += math.Log(math.Abs(mat.Det(&J)))
			var eigen mat.Eigen
			if !eigen.Factorize(&J, mat.EigenNone) {
				t.Fatal("no eigenvalues")
			}
			largest := 0.0
			for _, v := range eigen.Values(nil) {
				largest = max(largest, math.Hypot(real(v), imag(v)))
			}
			radius += largest
			n++
		}
	}
	near(t, "sum of Lyapunov exponents", []float64{floats.Sum(s.Lyapunov)}, []float64{determinant / n}, tolerance)
	near(t, "mean spectral radius", s.Modulus[:1], []float64{radius / n}, tolerance)

	singular := *r
	singular.A = mat.NewDense(2, 2, []float64{.5, .5, .5, .5})
	if s, err = singular.Jacobians(trajectory); err != nil || !math.IsInf(s.Lyapunov[1], -1) && !(s.Lyapunov[1] < -10) || math.IsNaN(s.Lyapunov[0]) {
		t.Errorf("of a singular A: %+v, %v", s, err)
	}
}

// TestSensitivity holds the fits that share two passes to fits of their own.
func TestSensitivity(t *testing.T) {
	const tolerance = 1e-9
	s := noisy()
	trajectory := s.trajectory(4000, 333)
	p := s.problem()
	r := mustFit(t, trajectory, p)
	list, err := r.ScaleSensitivity(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	for i, factor := range []float64{1.01, 1.05, 1.1, 1.25, 1.5, 2, 1.01} {
		got := list[i]
		if got.Scale.Factor != factor || got.Scale.PerRow != (i == 6) {
			t.Errorf("scale %d is %+v", i, got.Scale)
		}
		p.Scale = got.Scale
		own := mustFit(t, trajectory, p)
		e, err := own.Evaluate(trajectory)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "scale", got.Values, own.Scale, tolerance)
		near(t, "r2", got.R2, own.R2, tolerance)
		near(t, "free-run r2", got.FreeRunR2, e.FreeRunR2, tolerance)
		change := floats.Distance(own.unscaled(), r.unscaled(), 2) / floats.Norm(r.unscaled(), 2)
		near(t, "change", []float64{got.Change}, []float64{change}, tolerance)
	}

	// A nonlinearity whose domain scaling leaves.
	f := Identity()
	f.Low, f.High = -10, 10
	f.Inverse = func(z float64) float64 { return z }
	far := small(200, func(c *analysis.Chunk) { floats.AddConst(5, c.Hidden) })
	beyond := Problem{F: f, Projection: eye(2), Scale: Scale{Fixed: []float64{1}}}
	beyond.F.Low = 2
	list, err = mustFit(t, far, beyond).ScaleSensitivity(far)
	if err != nil || !math.IsNaN(list[0].R2[0]) || !math.IsNaN(list[0].Change) {
		t.Errorf("outside the domain: %+v, %v", list, err)
	}
}

// TestBootstrap holds standard errors to what theory says for independent
// noise, σ √diag (XᵀX)⁻¹.
func TestBootstrap(t *testing.T) {
	const tolerance = .25 // of 80 pairs of blocks, standard errors have an error of 8 %, and there are 12 of them
	s := noisy()
	s.session = 0
	trajectory := s.trajectory(24_000, 1000)
	r := mustFit(t, trajectory, s.problem())
	got, err := r.Bootstrap(trajectory, DefaultResamples, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Units != 80 || got.Resamples != DefaultResamples {
		t.Errorf("%d pairs of blocks, %d resamples", got.Units, got.Resamples)
	}
	p := r.regressors()
	moments := mat.NewSymDense(p, nil)
	row := make([]float64, r.columns())
	for s, err := range r.view(trajectory).steps() {
		if err != nil {
			t.Fatal(err)
		}
		if s.previous != nil {
			s.regression(row)
			moments.SymRankOne(moments, 1, mat.NewVecDense(p, row[:p]))
		}
	}
	var inverse mat.Dense
	if err := inverse.Inverse(moments); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got float64, regressor int) {
		t.Helper()
		if want := s.process * math.Sqrt(inverse.At(regressor, regressor)); math.Abs(got/want-1) > tolerance {
			t.Errorf("standard error of %s: %v, in theory %v", what, got, want)
		}
	}
	for m := range 2 {
		check("c", got.C[m], 0)
		for j := range 2 {
			check("A", got.A.At(m, j), 1+j)
		}
		for q := range 3 {
			check("B", got.B.At(m, q), 3+q)
		}
	}
	again, err := r.Bootstrap(s.trajectory(24_000, 777), DefaultResamples, 1)
	if err != nil || !mat.Equal(again.A, got.A) || !slices.Equal(again.C, got.C) {
		t.Errorf("the same seed gave something else: %v", err)
	}
	s.block = 0
	if none, err := r.Bootstrap(s.trajectory(1000, 100), 10, 1); none != nil || err != nil {
		t.Errorf("without blocks: %+v, %v", none, err)
	}
}

// TestBlockPairs counts the pairs and their rows.
func TestBlockPairs(t *testing.T) {
	for _, test := range []struct {
		name           string
		T, session, in int
		rows           []int
	}{
		{"two pairs", 40, 0, 10, []int{19, 20}},
		{"an odd last block", 50, 0, 10, []int{19, 30}},
		{"one block", 10, 0, 10, []int{9}},
		{"sessions of three blocks", 60, 30, 10, []int{29, 29}},
		{"sessions of one block", 20, 10, 10, []int{9, 9}},
		{"a session of one RNN step", 41, 20, 10, []int{19, 19}},
	} {
		s := twoUnits()
		s.session, s.block = test.session, test.in
		r := newStudent(s.trajectory(test.T, 7), s.problem())
		r.Scale = []float64{1, 1}
		units, err := r.blockPairs(s.trajectory(test.T, 7))
		var rows []int
		for _, u := range units {
			rows = append(rows, u.count)
		}
		if err != nil || !slices.Equal(rows, test.rows) {
			t.Errorf("%s: pairs of %v RNN steps, want %v (%v)", test.name, rows, test.rows, err)
		}
	}
}

// TestNetwork saves the oracle's student as a network and runs it: its states
// are RADD's.
func TestNetwork(t *testing.T) {
	const tolerance = 1e-12
	a, trajectory := oracle(t)
	r := mustFit(t, trajectory, Problem{Projection: mat.NewDense(2, 50, a.Floats("projection"))})
	theta, err := r.Network(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := kernels.WriteWeights(&file, kernels.Shape{N: 2}, theta, nil); err != nil {
		t.Fatal(err)
	}
	w := kernels.Views(kernels.Shape{N: 2}, theta)
	h, z, next := make([]float64, 2), make([]float64, 2), make([]float64, 2)
	for _, o := range [][]float64{{0, 0, 0}, {1.3, -.4, 0}, {.2, 2.1, -.05}, {0, 0, 1}} {
		for i := range next {
			u := w.InputBias[i] + w.HiddenBias[i]
			for j, x := range o {
				u += w.InputHidden[i*3+j] * x
			}
			for j, x := range h {
				u += w.HiddenHidden[i*2+j] * x
			}
			next[i] = math.Tanh(u)
		}
		copy(h, next)
		r.Step(next, z, o)
		copy(z, next)
		near(t, "state", z, h, tolerance)
	}
}

// TestResult writes the whole report of the oracle's trajectory and reads every
// array that others rely on.
func TestResult(t *testing.T) {
	a, trajectory := oracle(t)
	P := mat.NewDense(2, 50, a.Floats("projection"))
	for name, test := range map[string]struct {
		scale   Scale
		heldOut *analysis.Trajectory
		shape   []int
	}{
		"parts, one scale":       {Scale{}, nil, []int{}},
		"held out, scale by row": {Scale{PerRow: true}, trajectory.Slice(1000, 3000), []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Distil(trajectory, test.heldOut, Problem{Projection: P, Scale: test.scale}, 1)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			w := npz.NewWriter(&b)
			if err := r.Write(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := npz.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "radd.npz")
			if err != nil {
				t.Fatal(err)
			}
			for name, shape := range map[string][]int{
				"A": {2, 2}, "B": {2, 3}, "c": {2}, "projection": {2, 50}, "offset": {50}, "scale": test.shape,
				"r2": {2}, "free_run_r2": {2}, "held_out_r2": {2}, "held_out_free_run_r2": {2}, "condition": {},
				"state_r2": {2}, "horizon_error": {Horizons, 2}, "horizon_error_random": {Horizons, 2},
				"stability/lyapunov": {2}, "stability/max_radius": {}, "sensitivity/r2": {7, 2}, "sensitivity/change": {7},
				"standard_error/A": {2, 2}, "standard_error/B": {2, 3}, "standard_error/c": {2},
			} {
				if _, err := f.Want(name, shape...); err != nil {
					t.Error(err)
				}
				data, _, err := f.Float64(name)
				if err != nil {
					t.Error(err)
				}
				if i := slices.IndexFunc(data, math.IsNaN); i >= 0 {
					t.Errorf("%s holds NaN", name)
				}
			}
			if rank, _, err := f.Int64("rank"); err != nil || rank[0] != 6 {
				t.Errorf("rank %v, %v", rank, err)
			}
			got := func(name string) []float64 {
				data, _, err := f.Float64(name)
				if err != nil {
					t.Fatal(err)
				}
				return data
			}
			if test.heldOut == nil {
				for _, name := range []string{"A", "B", "c", "scale", "r2", "free_run_r2"} {
					near(t, name, got(name), a.Floats(name), givenTolerance)
				}
				return
			}
			e, err := r.Evaluate(test.heldOut)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "held_out_r2", got("held_out_r2"), e.R2, 0)
			near(t, "held_out_free_run_r2", got("held_out_free_run_r2"), e.FreeRunR2, 0)
		})
	}
}

// TestResultDeficient reports on a student of one direction twice: the answer
// of minimum norm comes with the warning, and so does the network.
func TestResultDeficient(t *testing.T) {
	a, trajectory := oracle(t)
	P := mat.NewDense(2, 50, nil)
	P.SetRow(0, a.Floats("projection")[:50])
	P.SetRow(1, P.RawRowView(0))
	r, err := Distil(trajectory, nil, Problem{Projection: P}, 1)
	var condition *ConditionError
	if !errors.As(err, &condition) || r == nil || r.Rank != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	wantText(t, err, "radd_n50: ", "rank 5", "the smallest")
	near(t, "A", r.A.RawMatrix().Data, slices.Repeat(r.A.RawMatrix().Data[:1], 4), exactTolerance)
	f, err := npz.Open(write(t, r.Write))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rank, _, err := f.Int64("rank"); err != nil || rank[0] != 5 {
		t.Errorf("rank %v, %v", rank, err)
	}
	theta, err := r.Network(trajectory)
	if !errors.As(err, &condition) || len(theta) != (kernels.Shape{N: 2}).Size() || condition.Rank != 2 {
		t.Fatalf("%v, %v", theta, err)
	}
	// The teacher's logit difference is linear in the one direction: both
	// coefficients share it.
	w := kernels.Views(kernels.Shape{N: 2}, theta)
	near(t, "readout", w.Readout[2:3], w.Readout[3:], exactTolerance)
}

// TestResultWithout writes the report of an autonomous system of one unit that
// has no blocks.
func TestResultWithout(t *testing.T) {
	s := &system{f: Tanh(), A: mat.NewDense(1, 1, []float64{.9}), C: []float64{.3}, process: .3}
	r, err := Distil(s.trajectory(1500, 100), nil, s.problem(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.StandardErrors != nil || r.B != nil {
		t.Errorf("%+v", r)
	}
	f, err := npz.Open(write(t, r.Write))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Want("B", 1, 0); err != nil || f.Has("standard_error/A") {
		t.Error(err, f.Names())
	}
}

// write writes an archive and returns its path.
func write(t *testing.T, fill func(*npz.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "written.npz")
	writeFile(t, path, b.Bytes())
	return path
}
