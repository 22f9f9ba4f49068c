package distill

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"radd/analysis"
	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
	"radd/task"
	"radd/train"
)

func contest(t *testing.T, run string, workers int) *Contest {
	t.Helper()
	student, err := OfRun(context.Background(), run, "", analysis.PCA, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(student.Out, weightsFile)
	c, err := HoldContest(context.Background(), ContestConfig{
		Run: run, Seconds: 7, Blocks: 60, Seed: 3, RandomReadouts: 4, Resamples: 100, Workers: workers,
		Contestants: []Contestant{
			{Name: "RADD", Weights: []string{weights}, Seconds: 1},
			{Name: "control: reset", Weights: []string{weights}, Reset: true},
			{Name: "twice", Weights: []string{weights, filepath.Join(run, weightsFile)}, GradientSteps: 30},
		},
	}, train.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContest(t *testing.T) {
	run := trained(t)
	c := contest(t, run, 2)
	var names []string
	for _, e := range c.Entries {
		names = append(names, e.Name)
	}
	want := []string{"teacher", "RADD", "control: reset", "twice", "Bayesian actor difference", "Bayesian actor full",
		"Bayesian actor blockless", "Bayesian actor published", "control: random projections"}
	if !slices.Equal(names, want) {
		t.Fatalf("entries %v", names)
	}
	teacher, twice := c.Entries[0], c.Entries[3]
	if teacher.Agreement.Value != 1 || math.Abs(float64(teacher.KL.Value)) > 1e-12 || teacher.Parameters != (kernels.Shape{N: 6}).Size() || teacher.GradientSteps != 30 {
		t.Errorf("the teacher beside itself: %+v", teacher)
	}
	if twice.Players != 2 || twice.RNNStepsPerTrial.Low > twice.RNNStepsPerTrial.Value {
		t.Errorf("two players: %+v", twice)
	}
	if random := c.Entries[8]; random.Players != 4 {
		t.Errorf("random projections: %+v", random)
	}

	// The closed loop is a rollout's.
	run2 := train.DefaultRolloutConfig()
	run2.Blocks, run2.Seed = 60, 3
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		t.Fatal(err)
	}
	run2.Task = cfg.Task
	w, err := train.LoadWeights(filepath.Join(run, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	rollout, err := train.Rollout(context.Background(), w, filepath.Join(t.TempDir(), "rollout"), run2, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rollout.RNNStepsPerTrial != teacher.RNNStepsPerTrial.Value || rollout.CorrectPerTrial != teacher.CorrectPerTrial.Value ||
		rollout.CorrectConcordant-rollout.CorrectDiscordant != teacher.BlockGap.Value {
		t.Errorf("the teacher in its contest %+v, rolled out %+v", teacher.Performance, rollout.Figures)
	}

	again := contest(t, run, 1)
	for i := range c.Entries {
		if a, b := c.Entries[i].Performance, again.Entries[i].Performance; a.CorrectPerTrial != b.CorrectPerTrial || a.KL != b.KL {
			t.Errorf("%s: %+v, with one worker %+v", names[i], a, b)
		}
	}
}

// On the fixture's network: observers along its session are the fixture's, and
// a student that is reset before every trial has no use for blocks.
func TestContestOnTheOracle(t *testing.T) {
	f := kernelstest.Load(t, "n50_trained_prob")
	config := task.DefaultConfig()
	config.Blocks = 100
	backend := cpu.New[float64](cpu.Generic, 1)
	defer backend.Close()
	j := newJudge(backend, f.Theta, f.N, config, 3)
	watch := func(p player[float64]) analysis.Performance {
		b, err := j.watch(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		return b.Performance(50, 1)
	}
	teacher := watch(&networkPlayer[float64]{backend: backend, theta: f.Theta, n: f.N})
	reset := watch(&networkPlayer[float64]{backend: backend, theta: f.Theta, n: f.N, reset: true})
	actor := watch(&bayesianPlayer[float64]{kind: task.Difference})
	if teacher.ZeroBlockGap.Value < .3 || !(teacher.TrialsToRecover.Value > .5) {
		t.Errorf("the network's use of blocks: %+v", teacher)
	}
	if math.Abs(float64(reset.BlockGap.Value)) > .06 || math.Abs(float64(reset.ZeroBlockGap.Value)) > .15 {
		t.Errorf("reset before every trial, it uses blocks: %+v", reset)
	}
	if reset.Agreement.Value >= teacher.Agreement.Value || !(reset.KL.Value > .001) {
		t.Errorf("reset before every trial, it agrees with itself: %+v", reset)
	}
	if !(actor.KL.Value > 0) || math.Abs(float64(actor.CorrectPerTrial.Value)-.805) > .02 || actor.Agreement.Value < .5 {
		t.Errorf("the Bayesian actor: %+v", actor)
	}
}
