package distill

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// relabelled returns a network that is the same but for its units' order and
// signs, which nothing outside can tell.
func relabelled(w train.Weights) train.Weights {
	n := w.N
	theta := make([]float64, len(w.Theta))
	from, to := kernels.Views(kernels.Shape{N: n}, w.Theta), kernels.Views(kernels.Shape{N: n}, theta)
	at := func(i int) int { return (7*i + 3) % n } // 7 and n have no factor in common
	sign := func(i int) float64 { return float64(1 - 2*(i%2)) }
	copy(to.ReadoutBias, from.ReadoutBias)
	for i := range n {
		p := at(i)
		for k := range kernels.Inputs {
			to.InputHidden[p*kernels.Inputs+k] = sign(i) * from.InputHidden[i*kernels.Inputs+k]
		}
		for j := range n {
			to.HiddenHidden[p*n+at(j)] = sign(i) * sign(j) * from.HiddenHidden[i*n+j]
		}
		to.InputBias[p], to.HiddenBias[p] = sign(i)*from.InputBias[i], sign(i)*from.HiddenBias[i]
		for a := range kernels.Actions {
			to.Readout[a*n+p] = sign(i) * from.Readout[a*n+i]
		}
	}
	return train.Weights{Path: "relabelled", N: n, Theta: theta, Cell: "rnn"}
}

// A network and itself under other names are one by every measure, and an
// untrained one is another.
func TestCompare(t *testing.T) {
	const rounding = 1e-5 // in the square root of it for distances near 0
	w := fixtureNetwork(t)
	trained := Subject{Name: "trained", Set: "trained", Weights: w, Task: task.DefaultConfig()}
	again := Subject{Name: "relabelled", Set: "trained", Weights: relabelled(w), Task: task.DefaultConfig()}
	subjects := append([]Subject{trained, again}, UntrainedOf("untrained", []Subject{trained, again})...)
	cfg := DefaultSimilarityConfig()
	cfg.Blocks, cfg.OwnBlocks, cfg.Starts, cfg.Resamples = 6, 40, 12, 200
	s, err := Compare(context.Background(), subjects, cfg, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tables := s.Tables()
	pairs := recordsOf(t, tables[0])
	if len(pairs) != 6 {
		t.Fatalf("%d pairs of four networks", len(pairs))
	}
	for _, row := range pairs {
		cka, procrustes, fixed := float(t, row, "cka"), float(t, row, "procrustes"), float(t, row, "fixed_points")
		switch {
		case row["set_a"] == "trained" && row["set_b"] == "trained":
			if math.Abs(cka-1) > rounding || procrustes > rounding || fixed != 1 || float(t, row, "student_recurrence") > rounding || float(t, row, "student_input") > rounding {
				t.Errorf("one network twice: %v", row)
			}
		case row["set_a"] != row["set_b"]:
			if !(cka < .9) || !(procrustes > .3) {
				t.Errorf("a trained network beside an untrained one: %v", row)
			}
		}
	}
	structure := recordsOf(t, tables[1])
	if len(structure) != 4*6 || structure[0]["condition"] != "wait" || structure[0]["fixed"] == "0" {
		t.Errorf("%v", structure[0])
	}
	for _, g := range s.Groups {
		if g.Measure == "cka" && g.A == "trained" && g.B == "untrained" &&
			!(g.Pairs == 4 && g.Less < -.1 && g.LessLow <= g.Less && g.Less <= g.LessHigh && g.Low <= g.Mean && g.Mean <= g.High) {
			t.Errorf("%+v", g)
		}
	}
	again2, err := Compare(context.Background(), subjects, cfg, train.Options{})
	if err != nil || !slices.EqualFunc(s.Groups, again2.Groups, func(a, b GroupSimilarity) bool { return a.Mean == b.Mean || a.Pairs == 0 }) {
		t.Errorf("not the same twice: %v", err)
	}
}

// Means and intervals of groups, of pairs whose measure is made up.
func TestGroups(t *testing.T) {
	subjects := []Subject{{Set: "a"}, {Set: "a"}, {Set: "a"}, {Set: "b"}, {Set: "b"}}
	n := len(subjects)
	values := make([][]float64, n*n)
	for i := range n {
		for j := i + 1; j < n; j++ {
			v := []float64{float64(i + j), 1, math.NaN(), float64(j), 2}
			if subjects[i].Set != subjects[j].Set {
				v[1] = .25
			}
			values[i*n+j] = v
		}
	}
	var s Similarity
	s.group(subjects, values, 400)
	if len(s.Groups) != 3*len(measures) {
		t.Fatalf("%d groups", len(s.Groups))
	}
	aa, ab, bb := s.Groups[0], s.Groups[1], s.Groups[2]
	if aa.Mean != 2 || aa.Pairs != 3 || ab.Mean != 4.5 || ab.Pairs != 6 || ab.Less != 2.5 || bb.Mean != 7 || bb.Pairs != 1 {
		t.Errorf("%+v, %+v, %+v", aa, ab, bb)
	}
	if !(aa.Low >= 1 && aa.Low < aa.Mean && aa.Mean < aa.High && aa.High <= 3) {
		t.Errorf("interval %+v", aa)
	}
	if apart := s.Groups[4]; apart.Less != -.75 || apart.LessLow != -.75 || apart.LessHigh != -.75 {
		t.Errorf("%+v", apart) // whoever is drawn
	}
	if unknown := s.Groups[6]; unknown.Pairs != 0 || !math.IsNaN(float64(unknown.Mean)) || !math.IsNaN(float64(unknown.Low)) {
		t.Errorf("%+v", unknown)
	}
}

// Students that differ in the rows' signs and in κ are one; of others the
// distances are those of the best signs.
func TestAlign(t *testing.T) {
	s := twoUnits()
	a := &RADD{M: 2, Q: 3, A: s.A, B: s.B, C: s.C}
	changed := func(first, second, scale float64) *RADD {
		S := mat.NewDense(2, 2, []float64{first, 0, 0, second})
		b := &RADD{M: 2, Q: 3, A: new(mat.Dense), B: new(mat.Dense), C: []float64{scale * first * s.C[0], scale * second * s.C[1]}}
		b.A.Product(S, s.A, S)
		b.B.Mul(S, s.B)
		b.B.Scale(scale, b.B)
		return b
	}
	for _, test := range [][3]float64{{1, 1, 1}, {-1, 1, 1}, {1, -1, .2}, {-1, -1, 7}} {
		got := Align(a, changed(test[0], test[1], test[2]))
		if got.Recurrence > 1e-12 || got.Input > 1e-12 || got.Signs[0] != test[0] || got.Signs[1] != test[1] {
			t.Errorf("signs %v, scale %v: %+v", test[:2], test[2], got)
		}
	}
	other := changed(1, -1, 2)
	other.A.Set(0, 0, -other.A.At(0, 0))
	// The other entry of the diagonal, and those beside it, stay: .6, .2, −.3, .7.
	want := 2 * .6 / math.Sqrt(.36+.04+.09+.49)
	if got := Align(a, other); math.Abs(got.Recurrence-want) > 1e-12 || got.Input > 1e-12 {
		t.Errorf("%+v, want %v", got, want)
	}
	nothing := &RADD{M: 2, Q: 3, A: s.A, B: mat.NewDense(2, 3, nil), C: make([]float64, 2)}
	if got := Align(a, nothing); !math.IsNaN(got.Input) {
		t.Errorf("a student without inputs: %+v", got)
	}
}

func TestSubjects(t *testing.T) {
	run := trained(t)
	list, err := SubjectsOf("a", []string{run, filepath.Join(run, "weights.safetensors"), filepath.Join("..", "testdata", "oracle", "n50_trained_prob.npz")})
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Weights.SHA256 != list[1].Weights.SHA256 || list[2].Weights.N != 50 || list[2].Set != "a" {
		t.Errorf("%+v", list)
	}
	if _, err := SubjectsOf("a", []string{t.TempDir()}); !input.Is(err) {
		t.Errorf("an empty folder: %v", err)
	}
}

// The common inputs are those of an actor who is followed step by step.
func TestInputsOf(t *testing.T) {
	c := task.DefaultConfig()
	got, err := inputsOf(context.Background(), &c, 6)
	if err != nil {
		t.Fatal(err)
	}
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: 6, Stream: task.StreamRollout})
	actor, rule := task.NewBayes(task.Difference, &c), s.Rule()
	var want []float64
	feedback := 0.
	for n := range s.Trials() {
		actor.BeginTrial()
		for step, ended := 0, false; !ended; step++ {
			left, right := s.Observe(n, step)
			want = append(want, left, right, feedback)
			if rule.Counted(step) {
				actor.Observe(left, right)
			}
			outcome := rule.Step(step, s.TrialSide[n], actor.LogOdds())
			ended, feedback = outcome.Ended, outcome.Feedback
		}
		actor.EndTrial(s.TrialSide[n])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d numbers, want %d", len(got), len(want))
	}
}
