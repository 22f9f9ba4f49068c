package analysis

import (
	"bytes"
	"math"
	"math/cmplx"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels/kernelstest"
	"radd/task"
)

// recorded is the fixtures' trained network with its record of a session.
type recorded struct {
	*Recording
	system     *System
	trajectory *Trajectory
	session    *task.Session
	readouts   *Readouts
}

func recordedNetwork(t testing.TB) recorded {
	t.Helper()
	a := kernelstest.Open(t, "n50_trained_prob")
	fixture := kernelstest.Load(t, "n50_trained_prob")
	r := recorded{system: SystemOf("network", fixture.N, fixture.Theta), session: fixture.Session}
	hidden, prob := a.Floats("record/hidden"), a.Floats("record/prob")
	var sides []int8
	for _, n := range a.Integers("record/trial") {
		sides = append(sides, r.session.BlockSide[n])
	}
	r.trajectory = Recorded("record", fixture.N, 3, Chunk{T: len(sides), Hidden: hidden, Input: a.Floats("record/input"), Probability: prob, BlockSide: sides})
	var err error
	if r.readouts, err = FindReadouts(r.trajectory, fixture.Theta[len(fixture.Theta)-2-2*fixture.N:len(fixture.Theta)-2], PCA); err != nil {
		t.Fatal(err)
	}
	if r.Recording, err = Record(r.trajectory, r.session, task.DefaultConfig(), FrameOf(r.readouts), nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// The recording's trials are the fixture's, and so are the observers'
// posteriors.
func TestRecord(t *testing.T) {
	r := recordedNetwork(t)
	a := kernelstest.Open(t, "n50_trained_prob")
	trial, step, feedback := a.Integers("record/trial"), a.Integers("record/step"), a.Floats("record/feedback")
	if r.T != len(trial) || len(r.Trials) != r.session.Trials() {
		t.Fatalf("%d RNN steps, %d trials", r.T, len(r.Trials))
	}
	config := task.DefaultConfig()
	observers := map[task.Kind]*task.Bayes{}
	for _, kind := range task.Kinds() {
		observers[kind] = task.NewBayes(kind, &config)
	}
	for n, played := range r.Trials {
		last := r.first[n+1] - 1
		if trial[r.first[n]] != int64(n) || step[r.first[n]] != 0 || step[last] != int64(played.RNNSteps-1) || (feedback[last] == 1) != played.Correct() {
			t.Fatalf("trial %d: %+v", n, played)
		}
		for kind, b := range observers {
			if b.Block() != probability(r.blockPosterior[kind][n]) {
				t.Fatalf("trial %d: block posterior of %v", n, kind)
			}
			want := b.Watch(r.session, n, played.RNNSteps, nil)
			for i, p := range want {
				if got := probability(r.sidePosterior[kind][r.first[n]+i]); math.Abs(got-p) > 1e-12 {
					t.Fatalf("trial %d, step %d: side posterior of %v is %v, want %v", n, i, kind, got, p)
				}
			}
		}
	}
	// Coordinates are projections of the states.
	hidden := a.Floats("record/hidden")
	for i := range r.T {
		centred := floats.SubTo(make([]float64, 50), hidden[50*i:50*i+50], r.readouts.Offset)
		if d := math.Abs(floats.Dot(r.readouts.Projection.RawRowView(1), centred) - r.at[i][block]); d > 1e-12 {
			t.Fatalf("RNN step %d lies %v off along the block readout", i, d)
		}
	}
	short := r.trajectory.Slice(0, r.T-1)
	if _, err := Record(short, r.session, config, r.Frame, nil); !input.Is(err) {
		t.Errorf("a recording that is too short: %v", err)
	}
	fewer := *r.session
	fewer.TrialSide = fewer.TrialSide[:len(fewer.TrialSide)-1]
	if _, err := Record(r.trajectory, &fewer, config, r.Frame, nil); !input.Is(err) {
		t.Errorf("a recording that is too long: %v", err)
	}
}

// What the tables of states say, of the fixture.
func TestSpace(t *testing.T) {
	r := recordedNetwork(t)
	space, tables := r.Space(r.system)
	byName := map[string]*Table{}
	for _, table := range tables {
		byName[table.Name] = table
		if table.Rows() == 0 {
			t.Errorf("%s is empty", table.Name)
		}
	}
	for _, fit := range space.Posteriors {
		if fit.Observer == "difference" && !(fit.R2 > .3 && fit.R2 < 1 && fit.Scale > 0 && fit.LogOddsR2 > .3) {
			t.Errorf("%+v", fit)
		}
	}
	if e := space.Effects; !(e.ObservationStimulus > .1) || math.Abs(float64(e.FeedbackBlock)) > float64(e.ObservationStimulus)/5 {
		t.Errorf("%+v", e)
	}
	starts := map[string]float64{}
	for _, row := range rowsOf(t, byName["block_trajectory.csv"]) {
		starts[row["block_side"]] += number(t, row, "trials")
	}
	if int(starts["1"]+starts["-1"]) != r.session.Trials() {
		t.Errorf("trials' starts: %v of %d", starts, r.session.Trials())
	}
	first := 0.
	for _, row := range rowsOf(t, byName["trial_trajectory.csv"]) {
		if row["strength"] == "" && row["step"] == "0" {
			first += number(t, row, "trials")
		}
	}
	if int(first) != r.session.Trials() {
		t.Errorf("%v trials have a first step, of %d", first, r.session.Trials())
	}
	example := rowsOf(t, byName["example.csv"])
	if i := int(number(t, example[0], "rnn_step")); math.Abs(number(t, example[0], "stimulus")-r.at[i][stimulus]) > 1e-8 || example[0]["block_number"] != "1" {
		t.Errorf("the example begins with %v", example[0])
	}
	// The same observations on either side, and the block's side is what differs.
	paired := rowsOf(t, byName["paired_trajectory.csv"])
	half := len(paired) / 2 / pairedSequences
	left, right := paired[0], paired[half]
	if left["block_side"] != "-1" || right["block_side"] != "1" || !(number(t, left, "block") < number(t, right, "block")) || paired[3]["left"] != paired[half+3]["left"] {
		t.Errorf("%v beside %v", left, right)
	}
	total := 0.
	for _, row := range rowsOf(t, byName["observation_effect.csv"]) {
		total += number(t, row, "count")
	}
	observations := 0
	for _, trial := range r.Trials {
		observations += trial.Observations
	}
	if int(total) != observations {
		t.Errorf("%v observations, want %d", total, observations)
	}
}

// plain is the frame of two units in which coordinates are the units.
func plain() *Frame {
	f := &Frame{N: 2, Mean: make([]float64, 2), Axes: mat.NewDense(axes, 2, []float64{1, 0, 0, 1, 1, 0, 0, 1})}
	f.Plane = f.Axes.Slice(0, 2, 0, 2).(*mat.Dense)
	f.P = f.Axes.Slice(2, 4, 0, 2).(*mat.Dense)
	f.Back = pseudoinverse(f.P)
	return f
}

// An input's effect is the difference of two steps, and then of what follows.
func TestResponse(t *testing.T) {
	s := twoUnits(1.5, .4, .6)
	r := &Recording{Frame: plain()}
	h := []float64{.2, -.1}
	got := r.response(s, h, [3]float64{1, 0, .5}, [3]float64{0, 0, .5}, 3)
	a, b := []float64{.2, -.1}, []float64{.2, -.1}
	for lag, e := range got {
		x := [3]float64{}
		if lag == 0 {
			x = [3]float64{1, 0, .5}
		}
		y := x
		y[0] = 0
		next, other := make([]float64, 2), make([]float64, 2)
		s.Step(next, a, x)
		s.Step(other, b, y)
		a, b = next, other
		if math.Abs(e[stimulus]-(a[0]-b[0])) > 1e-15 || math.Abs(e[block]-(a[1]-b[1])) > 1e-15 || e[stimulus] != e[pc1] {
			t.Errorf("lag %d: %v, want %v, %v", lag+1, e, a[0]-b[0], a[1]-b[1])
		}
	}
}

// Arrows of a bistable system are single steps, and every place lies in the
// basin on its side.
func TestField(t *testing.T) {
	s := twoUnits(2, .7, .5)
	conditions := []Condition{{"none", [3]float64{}}, {"drive", [3]float64{2, 0, 0}}}
	points := s.FixedPointsOf(conditions, grid())
	view := scaledView(s, "units", [2]float64{2, .5})
	table := NewFieldTable()
	view.AddField(table, conditions, points)
	rows := rowsOf(t, table)
	if len(rows) != 2*fieldPoints*fieldPoints {
		t.Fatalf("%d rows", len(rows))
	}
	F := make([]float64, 2)
	for _, row := range rows {
		x, y := number(t, row, "x"), number(t, row, "y")
		in := 0
		if row["condition"] == "drive" {
			in = 1
		}
		s.Step(F, []float64{x / 2, y / .5}, conditions[in].Input)
		if math.Abs(2*F[0]-x-number(t, row, "dx")) > 1e-8 || math.Abs(.5*F[1]-y-number(t, row, "dy")) > 1e-8 {
			t.Fatalf("%v: one step leads to %v", row, F)
		}
		if math.Abs(x) < 1e-6 && in == 0 {
			continue // on the ridge
		}
		p := points[in][int(number(t, row, "basin"))]
		if !p.Stable() || in == 0 && p.X[0]*x < 0 {
			t.Fatalf("%v comes to %v", row, p.X)
		}
	}
	// A system that never rests has no basins.
	rotation := &System{N: 2, Recurrent: mat.NewDense(2, 2, []float64{1.2, -1.5, 1.5, 1.2}), Input: mat.NewDense(2, 3, nil), Bias: make([]float64, 2)}
	if got := rotation.basin([]float64{.5, 0}, make([]float64, 2), make([]float64, 2), rotation.FixedPoints([3]float64{}, grid())); got != "" {
		t.Errorf("a limit cycle is in the basin of %v", got)
	}
}

// Seen from as many readouts as it has units, a network's recurrence has the
// eigenvalues that it has.
func TestCircuit(t *testing.T) {
	s := twoUnits(.9, .4, .6)
	P := mat.NewDense(2, 2, []float64{.6, .8, 1, 0})
	c := s.seenFrom(P, nil)
	var eigen mat.Eigen
	if !eigen.Factorize(c.recurrence, mat.EigenNone) {
		t.Fatal("no eigenvalues")
	}
	values := eigen.Values(nil)
	slices.SortFunc(values, func(a, b complex128) int { return int(math.Copysign(1, cmplx.Abs(a)-cmplx.Abs(b))) })
	if cmplx.Abs(values[0]-.6) > 1e-12 || cmplx.Abs(values[1]-.9) > 1e-12 {
		t.Errorf("eigenvalues %v", values)
	}
	if math.Abs(c.input.At(1, 0)-.3) > 1e-12 || math.Abs(c.input.At(0, 2)-.16) > 1e-12 {
		t.Errorf("input %v", mat.Formatted(c.input))
	}
	// The logit of z is that of the state P⁺z.
	if got := c.readout.At(0, 0)*.6 + c.readout.At(0, 1)*1; math.Abs(got-1) > 1e-12 {
		t.Errorf("unit 1 reads %v", got)
	}
	table := NewCircuitTable()
	AddStudentCircuit(table, s, PCA, [2]float64{2, 4})
	for _, row := range rowsOf(t, table) {
		want, known := map[string]float64{"block stimulus": .8, "stimulus left": .6, "block feedback": .8, "logit stimulus": .5}[row["to"]+" "+row["from"]]
		if known && math.Abs(number(t, row, "value")-want) > 1e-8 {
			t.Errorf("%v, want %v", row, want)
		}
	}
	if pseudoinverse(mat.NewDense(2, 2, []float64{1, 2, 1, 2})) != nil {
		t.Error("one direction twice has a pseudoinverse of full rank")
	}
}

// Points on a line with one slow mode each are a line attractor; with the same
// spectra off a line, or on it with fast modes, they are none.
func TestLineAttractor(t *testing.T) {
	s := twoUnits(.3, 0, 1) // the second unit hardly moves where tanh is straight
	points := func(slow complex128, places ...[2]float64) (list []Point) {
		for _, x := range places {
			list = append(list, Point{X: x[:], Eigenvalues: []complex128{slow, .3}, Eigenvectors: mat.NewCDense(2, 2, []complex128{0, 1, 1, 0})})
		}
		return list
	}
	onLine := [][2]float64{{0, .05}, {0, 0}, {0, -.05}, {.001, .09}}
	for name, test := range map[string]struct {
		points []Point
		want   bool
	}{
		"a line":           {points(.99, onLine...), true},
		"one that grows":   {points(1.01, onLine...), true},
		"fast":             {points(.8, onLine...), false},
		"a longer one":     {points(.99, [2]float64{0, 0}, [2]float64{0, .9}, [2]float64{0, -.9}), false}, // where tanh bends, states move
		"a triangle":       {points(.99, [2]float64{0, 0}, [2]float64{1, 0}, [2]float64{0, 1}), false},
		"two points alone": {points(.99, onLine[:2]...), false},
	} {
		sum := summarise(s, Condition{Name: "none"}, test.points, plain())
		if sum.LineAttractor != test.want || sum.Fixed != len(test.points) {
			t.Errorf("%s: %+v", name, sum)
		}
		if name == "a line" && math.Abs(float64(sum.BlockAngle)) > 1e-9 {
			t.Errorf("the slowest mode is the block readout: %+v", sum)
		}
	}
}

// The arrays have FixedPointFinder's names and shapes.
func TestWritePoints(t *testing.T) {
	s := twoUnits(2, .7, .5)
	conditions := []Condition{{"none", [3]float64{}}, {"drive", [3]float64{2, 0, 0}}}
	points := s.FixedPointsOf(conditions, grid())
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := WritePoints(w, s, conditions, points); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := npz.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "points")
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string][]int{"xstar": {4, 2}, "F_xstar": {4, 2}, "x_init": {4, 2}, "inputs": {4, 3}, "cond_id": {4}, "qstar": {4}, "dq": {4},
		"n_iters": {4}, "J_xstar": {4, 2, 2}, "is_stable": {4}, "tol_unique": {}} {
		if got, err := f.Shape(name); err != nil || !slices.Equal(got, shape) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if !f.Has("eigval_J_xstar") || !f.Has("eigvec_J_xstar") { // complex, which the reader refuses
		t.Error("no eigenvalues or no eigenvectors")
	}
	stable, _, err := f.Bool("is_stable")
	if err != nil || stable[3] != true {
		t.Errorf("is_stable %v, %v", stable, err)
	}
	if conditions, _, err := f.Int64("cond_id"); err != nil || !slices.Equal(conditions, []int64{0, 0, 0, 1}) {
		t.Errorf("cond_id %v, %v", conditions, err)
	}
	tables := NewPointTables()
	sums := tables.Add(s, conditions, points, func(h []float64) Place { return PlaceOfUnits(h, &[2]float64{2, 2}) }, nil)
	if sums[0].Fixed != 3 || sums[0].Stable != 2 || sums[1].Stable != 1 || tables.points.Rows() != 4 || tables.eigenvalues.Rows() != 8 {
		t.Errorf("%+v", sums)
	}
}

// Where somebody stands between two points of a curve.
func TestFrontier(t *testing.T) {
	trials := func(steps, correct int) (list []task.Trial) {
		for i := range 10 {
			trial := task.Trial{Side: 1, Action: -1, RNNSteps: steps}
			if i < correct {
				trial.Action = 1
			}
			list = append(list, trial)
		}
		return list
	}
	f := &FrontierCurve{}
	f.Add(.9, PaceOf(trials(6, 9)))
	f.Add(.7, PaceOf(trials(4, 5)))
	if s := f.Stand(PaceOf(trials(5, 6))); math.Abs(float64(s.CorrectAtSteps)-.7) > 1e-12 || math.Abs(float64(s.Shortfall)-.1) > 1e-12 {
		t.Errorf("%+v", s)
	}
	if s := f.Stand(PaceOf(trials(7, 6))); !math.IsNaN(float64(s.CorrectAtSteps)) {
		t.Errorf("beyond the curve: %+v", s)
	}
}
