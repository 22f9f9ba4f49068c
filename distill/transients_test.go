package distill

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"testing"

	"radd/analysis"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
	"radd/task"
	"radd/train"
)

// recordsOf returns a table's rows by column.
func recordsOf(t *testing.T, table *analysis.Table) (list []map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		list = append(list, row)
	}
	return list
}

func float(t *testing.T, row map[string]string, column string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(row[column], 64)
	if err != nil {
		t.Fatalf("%s of %v: %v", column, row, err)
	}
	return x
}

// fixtureNetwork is the fixtures' trained network.
func fixtureNetwork(t *testing.T) train.Weights {
	f := kernelstest.Load(t, "n50_trained_prob")
	return train.Weights{Path: "fixture", N: f.N, Theta: f.Theta, Cell: "rnn"}
}

// openCPU returns a backend.
func openCPU(t *testing.T) kernels.Backend[float64] {
	t.Helper()
	backend, err := cpu.Open[float64](1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	return backend
}

// The first trials of short sessions are those of whole sessions of the same
// origins, which differ from one another.
func TestStarts(t *testing.T) {
	const sessions, trials, seed = 70, 25, 9
	w, backend, c, ctx := fixtureNetwork(t), openCPU(t), task.DefaultConfig(), context.Background()
	network, err := startsOfNetwork(ctx, backend, w.Theta, w.N, c, seed, sessions, trials)
	if err != nil {
		t.Fatal(err)
	}
	bayes, err := startsOfBayes(ctx, task.Difference, c, seed, sessions, trials)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{0, 1, 63, 64, 69} {
		var s task.Session
		s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout, Session: uint32(1 + k)})
		own, err := playNetwork(ctx, backend, w.Theta, w.N, &s)
		if err != nil {
			t.Fatal(err)
		}
		actor, err := playBayes(ctx, task.Difference, &s, &c)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(network[k], own[:trials]) || !slices.Equal(bayes[k], actor[:trials]) {
			t.Errorf("session %d begins otherwise", k)
		}
	}
	if slices.Equal(bayes[0], bayes[1]) {
		t.Error("two sessions are the same")
	}
}

// A Bayesian actor begins a session as one without blocks plays, and does better
// later; every set's counts are those of its trials.
func TestTransientsOf(t *testing.T) {
	const (
		sessions, trials, blocks = 3000, 12, 600
		tolerance                = .012 // three standard errors of a share of 15,000 trials, which are not quite independent
	)
	table, err := TransientsOf(context.Background(), fixtureNetwork(t), task.DefaultConfig(), sessions, trials, blocks, 3)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]int{}
	for _, row := range recordsOf(t, table) {
		key := row["player"] + " " + row["set"]
		sets[key]++
		n := float(t, row, "trials")
		if row["set"] == "session" && n != sessions {
			t.Errorf("%v", row)
		}
		if share := float(t, row, "correct") / n; math.Abs(share-float(t, row, "correct_per_trial")) > 1e-9 ||
			!(float(t, row, "correct_low") < share && share < float(t, row, "correct_high")) || float(t, row, "actions") < float(t, row, "correct") {
			t.Errorf("%v", row)
		}
		if row["player"] != "bayes-difference" {
			continue
		}
		// The closed forms of a page on the task: .738 without blocks, .805 with them.
		low, high, share := float(t, row, "correct_low"), float(t, row, "correct_high"), float(t, row, "correct_per_trial")
		switch {
		case row["set"] == "session" && row["trial"] == "0" && !(low < .738 && .738 < high):
			t.Errorf("an actor that knows nothing yet: %v", row)
		case row["set"] == "middle" && math.Abs(share-.805) > tolerance:
			t.Errorf("an actor in the middle: %v", row)
		}
	}
	for _, player := range []string{"network", "bayes-difference"} {
		if sets[player+" session"] != trials || sets[player+" block"] != trials || sets[player+" middle"] != 1 {
			t.Errorf("rows of each set: %v", sets)
		}
	}
}

// Under shuffled feedback a network plays as one does that is stepped by hand and
// told drawn outcomes; one that does not hear feedback plays as ever.
func TestPlayShuffled(t *testing.T) {
	w, backend, ctx := fixtureNetwork(t), openCPU(t), context.Background()
	c := task.DefaultConfig()
	c.CorrectFeedback, c.TimeoutFeedback = .5, -2
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: 5, Stream: task.StreamRollout})
	deaf := withFeedback(w, 0)
	loud := withFeedback(w, 3) // so that it matters what is told
	for _, theta := range [][]float64{deaf, loud} {
		own, err := playNetwork(ctx, backend, theta, w.N, &s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := playShuffled(ctx, backend, theta, w.N, &s)
		if err != nil {
			t.Fatal(err)
		}
		system, rule := analysis.SystemOf("network", w.N, theta), s.Rule()
		views := kernels.Views(kernels.Shape{N: w.N}, theta)
		h, next, feedback := make([]float64, w.N), make([]float64, w.N), 0.
		var want []task.Trial
		for n := range s.Trials() {
			trial := task.Trial{Side: s.TrialSide[n], BlockSide: s.BlockSide[n], Strength: s.Strength[n]}
			for ended := false; !ended; trial.RNNSteps++ {
				left, right := s.Observe(n, trial.RNNSteps)
				system.Step(next, h, [3]float64{left, right, feedback})
				h, next = next, h
				d := views.ReadoutBias[1] - views.ReadoutBias[0]
				for i, x := range h {
					d += (views.Readout[w.N+i] - views.Readout[i]) * x
				}
				outcome := rule.Step(trial.RNNSteps, trial.Side, d)
				trial.Observations += map[bool]int{true: 1}[rule.Counted(trial.RNNSteps)]
				ended, trial.Action, feedback = outcome.Ended, outcome.Action, outcome.Feedback
			}
			told := own[shuffled(5, n, len(own))]
			feedback = map[bool]float64{true: .5, false: -1}[told.Correct()]
			if told.Action == 0 {
				feedback = -2
			}
			want = append(want, trial)
		}
		same := func(a, b task.Trial) bool {
			return a.Action == b.Action && a.RNNSteps == b.RNNSteps && a.Observations == b.Observations
		}
		if !slices.EqualFunc(got, want, same) {
			t.Error("not as by hand")
		}
		if alike := slices.EqualFunc(got, own, same); alike != (&theta[0] == &deaf[0]) {
			t.Errorf("as with its own feedback: %v", alike)
		}
	}
	// Outcomes are drawn from all of them alike.
	counts := make([]int, 10)
	for n := range 10_000 {
		counts[shuffled(7, n, 10)]++
	}
	for _, count := range counts {
		if math.Abs(float64(count)-1000) > 4*30 { // four standard deviations
			t.Errorf("draws %v", counts)
		}
	}
}
