package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"

	"radd/internal/atomicfs"
	"radd/internal/atomicfs/faultfs"
	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/task"
)

// fixture returns a network of the oracle.
func fixture(t *testing.T, name string) Weights {
	t.Helper()
	w, err := LoadWeights(filepath.Join("..", "testdata", "oracle", name+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// short is a rollout of a few hundred trials.
func short(dtype string) RolloutConfig {
	c := DefaultRolloutConfig()
	c.Blocks, c.Dtype, c.Device = 5, dtype, "cpu"
	return c
}

func mustRollout(t *testing.T, w Weights, out string, c RolloutConfig) RolloutSummary {
	t.Helper()
	s, err := Rollout(context.Background(), w, out, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// arrays is an .npz file; its methods fail the test where it does not hold what
// they are asked for.
type arrays struct {
	*npz.File
	t *testing.T
}

func openArrays(t *testing.T, path string) arrays {
	t.Helper()
	f, err := npz.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return arrays{f, t}
}

func (a arrays) floats(name string, dims ...int) []float64 {
	a.t.Helper()
	if _, err := a.Want(name, dims...); err != nil {
		a.t.Fatal(err)
	}
	v, _, err := a.Float64(name)
	if err != nil {
		a.t.Fatal(err)
	}
	return v
}

func (a arrays) integers(name string, dims ...int) []int64 {
	a.t.Helper()
	if _, err := a.Want(name, dims...); err != nil {
		a.t.Fatal(err)
	}
	v, _, err := a.Int64(name)
	if err != nil {
		a.t.Fatal(err)
	}
	return v
}

func trialRows(t *testing.T, path string) []TrialRow {
	t.Helper()
	rows, err := parquet.ReadFile[TrialRow](path)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func readSummary(t *testing.T, path string) RolloutSummary {
	t.Helper()
	var s RolloutSummary
	if err := json.Unmarshal(read(t, path), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Every file of a rollout's folder against every other, and against the
// network, the session and the observers that they must show.
func TestRolloutFiles(t *testing.T) {
	for _, name := range []string{"n2_trained_prob", "n25_trained_ce", "n50_init"} {
		for _, dtype := range []string{"f32", "f64"} {
			t.Run(name+"/"+dtype, func(t *testing.T) {
				w, out := fixture(t, name), filepath.Join(t.TempDir(), "rollout")
				c := short(dtype)
				checkRollout(t, w, out, c, mustRollout(t, w, out, c))
			})
		}
	}
}

func checkRollout(t *testing.T, w Weights, out string, c RolloutConfig, s RolloutSummary) {
	t.Helper()
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{sessionFile, statesFile, summaryFile, trialsFile}; !slices.Equal(names, want) {
		t.Fatalf("the folder holds %v, want %v", names, want)
	}

	config, err := c.resolve()
	if err != nil {
		t.Fatal(err)
	}
	var drawn task.Session
	drawn.Draw(task.NewSampler(config.Task), task.Origin{Seed: c.Seed, Stream: task.StreamRollout})
	drawn.Record()
	session, err := ReadSession(filepath.Join(out, sessionFile), config.Task)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(session.Observation, drawn.Observation) || !slices.Equal(session.TrialSide, drawn.TrialSide) ||
		!slices.Equal(session.BlockLength, drawn.BlockLength) || !slices.Equal(session.Strength, drawn.Strength) {
		t.Error("session.npz is not the session of the seed")
	}

	rows := trialRows(t, filepath.Join(out, trialsFile))
	n := session.Trials()
	if len(rows) != n {
		t.Fatalf("%d rows of trials, want %d", len(rows), n)
	}
	T := 0
	for _, r := range rows {
		T += int(r.RNNSteps)
	}
	z := openArrays(t, filepath.Join(out, statesFile))
	if want := []string{"trial", "step", "input", "hidden", "prob", "feedback", "block_side", "trial_side", "readout_weight"}; !slices.Equal(z.Names(), want) {
		t.Fatalf("states.npz holds %v, want %v", z.Names(), want)
	}
	trial, step := z.integers("trial", T), z.integers("step", T)
	blockSide, trialSide := z.integers("block_side", T), z.integers("trial_side", T)
	in, hidden := z.floats("input", T, 3), z.floats("hidden", T, w.N)
	prob, feedback := z.floats("prob", T, 2), z.floats("feedback", T)
	readout := z.floats("readout_weight", 2, w.N)
	float := func(x float64) float64 { // as the dtype has it
		if c.Dtype == "f32" {
			return float64(float32(x))
		}
		return x
	}
	for i, x := range kernels.Views(kernels.Shape{N: w.N}, w.Theta).Readout {
		if readout[i] != float(x) {
			t.Fatalf("readout_weight[%d] is %v, want %v", i, readout[i], x)
		}
	}

	bias := kernels.Views(kernels.Shape{N: w.N}, w.Theta).ReadoutBias
	slip := readoutSlip[c.Dtype]

	var observers []*task.Bayes
	for _, kind := range task.Kinds() {
		observers = append(observers, task.NewBayes(kind, &config.Task))
	}
	i, last := 0, 0.0 // RNN step, and the feedback of the one before
	block, blockEnd := 0, session.BlockLength[0]
	var tally task.Tally
	for k, r := range rows {
		if k == blockEnd {
			block++
			blockEnd += session.BlockLength[block]
		}
		want := TrialRow{Trial: int64(k), Block: int64(block), BlockSide: session.BlockSide[k], TrialSide: session.TrialSide[k],
			Strength: session.Strength[k], RNNSteps: r.RNNSteps, Observations: r.RNNSteps - 2}
		watched := task.Trial{Side: want.TrialSide, BlockSide: want.BlockSide, Strength: want.Strength,
			RNNSteps: int(want.RNNSteps), Observations: int(want.Observations)}
		for s := range int(r.RNNSteps) {
			left, right := session.Observe(k, s)
			if trial[i] != int64(k) || step[i] != int64(s) || blockSide[i] != int64(want.BlockSide) || trialSide[i] != int64(want.TrialSide) ||
				in[3*i] != float(left) || in[3*i+1] != float(right) || in[3*i+2] != last {
				t.Fatalf("RNN step %d is not step %d of trial %d", i, s, k)
			}
			correct := prob[2*i]
			if want.TrialSide > 0 {
				correct = prob[2*i+1]
			}
			if s >= 2 {
				watched.Nats -= math.Log(correct)
			}
			d := float(bias[1]) - float(bias[0])
			for j, h := range hidden[i*w.N : (i+1)*w.N] {
				d += (readout[w.N+j] - readout[j]) * h
			}
			if math.Abs(prob[2*i+1]-kernels.Sigmoid(d)) > slip || math.Abs(prob[2*i]-kernels.Sigmoid(-d)) > slip {
				t.Fatalf("RNN step %d: the probabilities %v are not those of the state, %v", i, prob[2*i:2*i+2], kernels.Sigmoid(d))
			}
			last = feedback[i]
			i++
		}
		switch p := prob[2*i-2 : 2*i]; {
		case p[0] > config.Task.ActionThreshold:
			want.Action, want.Feedback = -1, -float64(want.TrialSide)
		case p[1] > config.Task.ActionThreshold:
			want.Action, want.Feedback = +1, float64(want.TrialSide)
		case r.RNNSteps != 12:
			t.Fatalf("trial %d ended after %d RNN steps with the probabilities %v", k, r.RNNSteps, p)
		default:
			want.Feedback = -1
		}
		want.Correct = want.Action == want.TrialSide
		watched.Action = want.Action
		tally.Add(watched)
		if last != want.Feedback {
			t.Fatalf("trial %d: the last feedback is %v, want %v", k, last, want.Feedback)
		}
		var side, prior [4]float64
		for kind, b := range observers {
			prior[kind] = b.Block()
			b.Watch(session, k, int(r.RNNSteps), nil)
			side[kind] = b.Side()
		}
		want.DifferenceSidePosterior, want.FullSidePosterior, want.BlocklessSidePosterior, want.PublishedSidePosterior = side[0], side[1], side[2], side[3]
		want.DifferenceBlockPosterior, want.FullBlockPosterior, want.BlocklessBlockPosterior, want.PublishedBlockPosterior = prior[0], prior[1], prior[2], prior[3]
		if math.Abs(r.CrossEntropy-watched.Nats) > posteriorSlip {
			t.Fatalf("trial %d: %v nats, by prob %v", k, r.CrossEntropy, watched.Nats)
		}
		want.CrossEntropy = r.CrossEntropy
		if r != want {
			t.Fatalf("trial %d is %+v, want %+v", k, r, want)
		}
	}

	f := tally.Figures()
	if d := float64(f.CrossEntropyPerObservation - s.CrossEntropyPerObservation); !(d < posteriorSlip && d > -posteriorSlip) {
		t.Errorf("%v nats an observation, by prob %v", s.CrossEntropyPerObservation, f.CrossEntropyPerObservation)
	}
	f.CrossEntropyPerObservation = s.CrossEntropyPerObservation
	if fmt.Sprint(s.Figures) != fmt.Sprint(f) { // NaN is NaN here
		t.Errorf("figures %+v, by the files %+v", s.Figures, f)
	}
	if s.RNNSteps != T || s.Trials != n || s.Hidden != w.N || s.WeightsSHA256 != sum(read(t, w.Path)) || s.Blocks != len(session.BlockLength) ||
		s.Seed != c.Seed || s.Dtype != c.Dtype || s.Device != "cpu" || s.ISA == "" || s.Out != out || s.Weights != w.Path || !(s.Seconds > 0) || !(s.MicrosPerRNNStep > 0) {
		t.Errorf("summary %+v", s)
	}
	back := readSummary(t, filepath.Join(out, summaryFile))
	if string(mustJSON(t, back)) != string(mustJSON(t, s)) {
		t.Errorf("summary.json holds %+v, returned was %+v", back, s)
	}
}

// readoutSlip covers another order of summing the logits in the dtype.
var readoutSlip = map[string]float64{"f32": 1e-5, "f64": 1e-13}

// posteriorSlip covers the logarithm of a probability in place of that of its
// logits.
const posteriorSlip = 1e-9

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A rollout's session through its weights is the rollout.
func TestRolloutReplayed(t *testing.T) {
	for _, dtype := range []string{"f32", "f64"} {
		t.Run(dtype, func(t *testing.T) {
			w, out := fixture(t, "n25_trained_ce"), filepath.Join(t.TempDir(), "rollout")
			s := mustRollout(t, w, out, short(dtype))
			c := DefaultReplayConfig()
			c.Weights, c.Session, c.Dtype, c.Device = w.Path, filepath.Join(out, sessionFile), dtype, "cpu"
			c.Out = filepath.Join(t.TempDir(), "replay.npz")
			replayed, err := Replay(context.Background(), c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if replayed.Figures != s.Figures {
				t.Errorf("figures %+v, of the rollout %+v", replayed.Figures, s.Figures)
			}
			states, again := openArrays(t, filepath.Join(out, statesFile)), openArrays(t, c.Out)
			for _, name := range []string{"trial", "step"} {
				if !slices.Equal(again.integers(name, -1), states.integers(name, -1)) {
					t.Errorf("%s differs", name)
				}
			}
			for name, dims := range map[string][]int{"input": {-1, 3}, "hidden": {-1, w.N}, "prob": {-1, 2}, "feedback": {-1}} {
				if !slices.Equal(again.floats(name, dims...), states.floats(name, dims...)) {
					t.Errorf("%s differs", name)
				}
			}
		})
	}
}

// sameRollout fails unless both folders hold the same bytes, clock readings and
// paths in the summary apart.
func sameRollout(t *testing.T, got, want string) {
	t.Helper()
	for _, name := range []string{trialsFile, statesFile, sessionFile} {
		if !bytes.Equal(read(t, filepath.Join(got, name)), read(t, filepath.Join(want, name))) {
			t.Errorf("%s differs from that of the other rollout", name)
		}
	}
	a, b := readSummary(t, filepath.Join(got, summaryFile)), readSummary(t, filepath.Join(want, summaryFile))
	a.Seconds, a.MicrosPerRNNStep, a.Out, a.Weights = b.Seconds, b.MicrosPerRNNStep, b.Out, b.Weights
	if string(mustJSON(t, a)) != string(mustJSON(t, b)) {
		t.Errorf("summaries %+v and %+v", a, b)
	}
}

func TestRolloutBytes(t *testing.T) {
	w, whole := fixture(t, "n2_trained_prob"), filepath.Join(t.TempDir(), "rollout")
	c := short("f32")
	c.Blocks = 30
	mustRollout(t, w, whole, c)
	for _, cores := range []int{1, 2} {
		t.Run(fmt.Sprintf("GOMAXPROCS=%d", cores), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			out := filepath.Join(t.TempDir(), "rollout")
			mustRollout(t, w, out, c)
			sameRollout(t, out, whole)
		})
	}
	for _, stretch := range []int{1, 7, 1023, 1 << 20} {
		t.Run(fmt.Sprintf("stretches of %d trials", stretch), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "rollout")
			resolved, err := c.resolve()
			if err != nil {
				t.Fatal(err)
			}
			calls, done := 0, 0
			opt := Options{Progress: func(n, trials int) {
				if n <= done || n > trials {
					t.Errorf("progress from %d to %d of %d trials", done, n, trials)
				}
				calls, done = calls+1, n
			}}
			s, err := record[float32](context.Background(), w, out, resolved, opt.Filled(), stretch, nil)
			if err != nil {
				t.Fatal(err)
			}
			sameRollout(t, out, whole)
			if done != s.Trials || calls != (s.Trials+stretch-1)/stretch {
				t.Errorf("%d calls of Progress, the last with %d of %d trials", calls, done, s.Trials)
			}
		})
	}
}

func TestSuitableStretch(t *testing.T) {
	for _, test := range []struct{ n, maxSteps, want int }{
		{2, 12, 1000}, {50, 12, 1000}, {4096, 12, 85}, {4096, 20_000, 1},
	} {
		if got := suitable(test.n, test.maxSteps); got != test.want {
			t.Errorf("N = %d, %d RNN steps: %d trials, want %d", test.n, test.maxSteps, got, test.want)
		}
	}
}

func TestRolloutOfRun(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	rc := small()
	mustRun(t, run, rc, Options{})
	c := DefaultRolloutConfig()
	c.Blocks, c.Device = 3, "cpu"
	out := filepath.Join(run, rolloutDir)

	// made returns the summary and what was logged about making it.
	roll := func(t *testing.T, c RolloutConfig) (RolloutSummary, string) {
		t.Helper()
		var log bytes.Buffer
		s, err := RolloutOfRun(context.Background(), run, c, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if got := readSummary(t, filepath.Join(out, summaryFile)); string(mustJSON(t, got)) != string(mustJSON(t, s)) {
			t.Errorf("summary.json holds %+v, returned was %+v", got, s)
		}
		return s, log.String()
	}
	first, log := roll(t, c)
	if !strings.Contains(log, "making the run's rollout") {
		t.Errorf("log %q", log)
	}
	if first.Hidden != rc.Hidden || first.Trials < 6 || first.Trials > 15 { // the run's blocks have 2 to 5 trials
		t.Errorf("not of the run's network and task: %+v", first)
	}
	stamp := func() map[string]os.FileInfo {
		m := map[string]os.FileInfo{}
		for _, name := range []string{trialsFile, statesFile, sessionFile, summaryFile} {
			info, err := os.Stat(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			m[name] = info
		}
		return m
	}
	left := func(a, b map[string]os.FileInfo) bool { return maps.EqualFunc(a, b, os.SameFile) }

	before := stamp()
	again, log := roll(t, c)
	if log != "" || !left(before, stamp()) || string(mustJSON(t, again)) != string(mustJSON(t, first)) {
		t.Errorf("a rollout that is up to date was made again: log %q", log)
	}
	other := c
	other.Task.Bias = .6 // the run's is taken
	if _, log := roll(t, other); log != "" || !left(before, stamp()) {
		t.Errorf("made again: log %q", log)
	}

	seeded, wider, typed := c, c, c
	seeded.Seed++
	wider.Blocks++
	typed.Dtype = "f64"
	for _, test := range []struct {
		name   string
		config RolloutConfig
		change func() // of the run's folder
		why    string
	}{
		{"another seed", seeded, nil, "another session"},
		{"other blocks", wider, nil, "another session"},
		{"another dtype", typed, nil, "dtype"},
		{"a file is missing", c, func() { os.Remove(filepath.Join(out, statesFile)) }, statesFile},
		{"the summary is missing", c, func() { os.Remove(filepath.Join(out, summaryFile)) }, summaryFile},
		{"the summary is torn", c, func() { os.WriteFile(filepath.Join(out, summaryFile), []byte(`{"out": "`), 0o644) }, "cannot be read"},
		{"other constants", c, func() {
			s := readSummary(t, filepath.Join(out, summaryFile))
			s.Task["bias"] = .5
			os.WriteFile(filepath.Join(out, summaryFile), mustJSON(t, s), 0o644)
		}, "task constants"},
		{"other weights", c, func() {
			longer := rc
			longer.GradientSteps++
			mustRun(t, run, longer, Options{Resume: true})
		}, "other weights"},
	} {
		t.Run(test.name, func(t *testing.T) {
			roll(t, c)
			if test.change != nil {
				test.change()
			}
			before := readIfPresent(filepath.Join(out, summaryFile))
			s, log := roll(t, test.config)
			if !strings.Contains(log, test.why) || bytes.Equal(before, read(t, filepath.Join(out, summaryFile))) {
				t.Errorf("it was not made again for that reason: log %q", log)
			}
			w, err := LoadWeights(filepath.Join(run, weightsFile))
			if err != nil || s.WeightsSHA256 != w.SHA256 {
				t.Errorf("made from %s, the run's weights are %s (%v)", s.WeightsSHA256, w.SHA256, err)
			}
		})
	}

	t.Run("two at once", func(t *testing.T) {
		os.RemoveAll(out)
		results := make(chan RolloutSummary, 2)
		for range 2 {
			go func() {
				s, err := RolloutOfRun(context.Background(), run, c, Options{})
				if err != nil {
					t.Error(err)
				}
				results <- s
			}()
		}
		if a, b := <-results, <-results; string(mustJSON(t, a)) != string(mustJSON(t, b)) {
			t.Errorf("each made one of its own: %+v, %+v", a, b)
		}
	})
	t.Run("while the run goes on", func(t *testing.T) {
		longer := rc
		longer.GradientSteps += 10
		_, err := Run(context.Background(), run, longer, Options{Resume: true, Report: func(s State) {
			if s.GradientStep == longer.GradientSteps-1 {
				if _, err := RolloutOfRun(context.Background(), run, seeded, Options{}); err != nil {
					t.Error(err)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a run that starts waits", func(t *testing.T) { // it would sweep the unfinished rollout away
		_, err := RolloutOfRun(context.Background(), run, c, Options{Progress: func(int, int) {
			if _, err := Run(context.Background(), run, rc, Options{Resume: true}); !input.Is(err) || !strings.Contains(err.Error(), "another process") {
				t.Errorf("error %v, want one of the folder in use", err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("without weights", func(t *testing.T) {
		run := filepath.Join(t.TempDir(), "run")
		mustRun(t, run, rc, Options{})
		os.Remove(filepath.Join(run, weightsFile))
		if _, err := RolloutOfRun(context.Background(), run, c, Options{}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
	t.Run("no run", func(t *testing.T) {
		if _, err := RolloutOfRun(context.Background(), t.TempDir(), c, Options{}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
}

func readIfPresent(path string) []byte {
	data, _ := os.ReadFile(path)
	return data
}

func TestRolloutRefusals(t *testing.T) {
	w := fixture(t, "n2_init")
	full := t.TempDir()
	notes := filepath.Join(full, "notes.txt")
	if err := os.WriteFile(notes, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	huge := w
	huge.Theta = slices.Clone(w.Theta)
	huge.Theta[3] = 1e300
	for name, v := range map[string]struct {
		weights Weights
		out     string
		change  func(*RolloutConfig)
	}{
		"folder not empty":   {w, full, nil},
		"a file":             {w, notes, nil},
		"beneath a file":     {w, filepath.Join(notes, "rollout"), nil},
		"no blocks":          {w, "", func(c *RolloutConfig) { c.Blocks = 0 }},
		"dtype":              {w, "", func(c *RolloutConfig) { c.Dtype = "f16" }},
		"device":             {w, "", func(c *RolloutConfig) { c.Device = "tpu" }},
		"task":               {w, "", func(c *RolloutConfig) { c.Task.Bias = 2 }},
		"too large for f32":  {huge, "", nil},
		"too many in blocks": {w, "", func(c *RolloutConfig) { c.Blocks, c.Task.BlockMax = 10_000_000, 1_000_000 }},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			out, c := v.out, short("f32")
			if out == "" {
				out = filepath.Join(parent, "rollout")
			}
			if v.change != nil {
				v.change(&c)
			}
			if _, err := Rollout(context.Background(), v.weights, out, c, Options{}); !input.Is(err) {
				t.Errorf("error %v, want one of input", err)
			}
			if entries, _ := os.ReadDir(parent); len(entries) > 0 {
				t.Errorf("%v was left behind", entries)
			}
		})
	}
	t.Run("gpu", func(t *testing.T) {
		c := short("f32")
		c.Device = "gpu"
		var missing *DeviceError
		if _, err := Rollout(context.Background(), w, filepath.Join(t.TempDir(), "rollout"), c, Options{}); !errors.As(err, &missing) {
			t.Errorf("error %v, want a DeviceError", err)
		}
	})
	t.Run("an empty folder will do", func(t *testing.T) {
		mustRollout(t, w, t.TempDir(), short("f32"))
	})
	t.Run("a link to an empty folder", func(t *testing.T) {
		there, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(there, link); err != nil {
			t.Fatal(err)
		}
		mustRollout(t, w, link, short("f32"))
		read(t, filepath.Join(there, summaryFile))
	})
}

func TestRolloutStopped(t *testing.T) {
	w, parent := fixture(t, "n2_init"), t.TempDir()
	c := short("f32")
	c.Blocks = 60 // several stretches
	for _, at := range []string{"before", "between stretches", "at the end"} {
		t.Run(at, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if at == "before" {
				cancel()
			}
			_, err := Rollout(ctx, w, filepath.Join(parent, "rollout"), c, Options{Progress: func(done, trials int) {
				if at == "between stretches" || done == trials {
					cancel()
				}
			}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that of the context", err)
			}
			if entries, _ := os.ReadDir(parent); len(entries) > 0 {
				t.Errorf("%v was left behind", entries)
			}
		})
	}
}

// Every file-system call of a rollout fails once, or it and all after it: the
// folder holds the old rollout whole or the new one whole, and the next makes it
// as if nothing had happened.
func TestRolloutFaults(t *testing.T) {
	run, whole := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "whole")
	rc := small()
	rc.Hidden = 2
	mustRun(t, run, rc, Options{})
	c := DefaultRolloutConfig()
	c.Blocks, c.Device = 2, "cpu"
	old := c
	old.Seed++
	w, err := LoadWeights(filepath.Join(run, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	c.Task = rc.Task
	mustRollout(t, w, whole, c)
	before := filepath.Join(t.TempDir(), "before")
	old.Task = rc.Task
	mustRollout(t, w, before, old)
	out := filepath.Join(run, rolloutDir)
	stride := 1
	if testing.Short() {
		stride = 5
	}
	for _, fault := range []struct {
		name   string
		err    error
		extent faultfs.Extent
	}{
		{"ENOSPC", syscall.ENOSPC, faultfs.Onwards},
		{"EIO", syscall.EIO, faultfs.Once},
	} {
		t.Run(fault.name, func(t *testing.T) {
			for n := 1; ; n += stride {
				if err := os.RemoveAll(out); err != nil {
					t.Fatal(err)
				}
				if err := os.CopyFS(out, os.DirFS(before)); err != nil {
					t.Fatal(err)
				}
				fsys := faultfs.New(atomicfs.OS, n, fault.err, fault.extent)
				_, err := RolloutOfRun(context.Background(), run, c, Options{FS: fsys})
				if !fsys.Failed() {
					if n < 50 {
						t.Fatalf("only %d calls", n)
					}
					return
				}
				if input.Is(err) {
					t.Fatalf("call %d failed and was taken for bad input: %v", n, err)
				}
				if err := atomicfs.Recover(atomicfs.OS, run); err != nil {
					t.Fatal(err)
				}
				if readSummary(t, filepath.Join(out, summaryFile)).Seed == old.Seed {
					sameRollout(t, out, before)
					if err == nil {
						t.Fatalf("call %d failed, the rollout was not made, and there was no error", n)
					}
				} else {
					sameRollout(t, out, whole)
				}
				if _, err := RolloutOfRun(context.Background(), run, c, Options{}); err != nil {
					t.Fatal(err)
				}
				sameRollout(t, out, whole)
			}
		})
	}
}

// What independent networks of the same objectives showed, over one long
// session: the spread between their seeds, and a margin for a short rollout.
func TestRolloutFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("plays 200 blocks")
	}
	type bounds struct{ low, high float64 }
	for name, want := range map[string]struct{ steps, actions, correct bounds }{
		"n50_trained_prob": {bounds{3.3, 4}, bounds{.97, 1}, bounds{.84, .89}},
		"n50_init":         {bounds{11.9, 12}, bounds{0, .02}, bounds{0, .02}},
	} {
		t.Run(name, func(t *testing.T) {
			c := short("f32")
			c.Blocks = 200
			s := mustRollout(t, fixture(t, name), filepath.Join(t.TempDir(), "rollout"), c)
			t.Logf("%+v", s.Figures)
			for what, x := range map[string]struct {
				value task.Ratio
				bounds
			}{
				"RNN steps per trial": {s.RNNStepsPerTrial, want.steps},
				"action rate":         {s.ActionRate, want.actions},
				"correct per trial":   {s.CorrectPerTrial, want.correct},
			} {
				if v := float64(x.value); v < x.low || v > x.high {
					t.Errorf("%s: %.4f, want %v to %v", what, v, x.low, x.high)
				}
			}
		})
	}
}

func TestBaseline(t *testing.T) {
	c := DefaultBaselineConfig()
	c.Blocks = 100
	if testing.Short() {
		c.Blocks = 20
	}
	w, out := fixture(t, "n2_init"), filepath.Join(t.TempDir(), "rollout")
	rc := short("f32")
	rc.Blocks = c.Blocks
	mustRollout(t, w, out, rc)
	config, err := rc.resolve()
	if err != nil {
		t.Fatal(err)
	}
	session, err := ReadSession(filepath.Join(out, sessionFile), config.Task)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range task.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			c := c
			c.Kind = kind
			s, err := Baseline(context.Background(), c)
			if err != nil {
				t.Fatal(err)
			}
			actor, tally := task.NewBayes(kind, &config.Task), task.Tally{}
			for n := range session.Trials() {
				tally.Add(actor.Play(session, n))
			}
			if s.Figures != tally.Figures() || !slices.Equal(s.ByStrength, tally.ByStrength()) || s.Kind != kind.String() || s.Blocks != c.Blocks || s.Seed != 2 {
				t.Errorf("on the session of a rollout %+v, summary %+v", tally.Figures(), s)
			}
		})
	}
	bad := c
	bad.Blocks = -1
	if _, err := Baseline(context.Background(), bad); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Baseline(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestLoadWeights(t *testing.T) {
	for _, name := range kernelstest.Networks {
		f := kernelstest.Load(t, name)
		w := fixture(t, name)
		if w.N != f.N || !slices.Equal(w.Theta, f.Theta) || w.SHA256 != sum(read(t, w.Path)) || w.Meta != nil {
			t.Errorf("%s is not what the fixture holds", name)
		}
	}
	run := filepath.Join(t.TempDir(), "run")
	mustRun(t, run, small(), Options{})
	w, err := LoadWeights(filepath.Join(run, weightsFile))
	if err != nil || w.N != small().Hidden || w.Meta["gradient_step"] != "12" {
		t.Errorf("%+v, %v", w, err)
	}
	none := filepath.Join(run, "none")
	if _, err := LoadWeights(none); !input.Is(err) || strings.Count(err.Error(), none) != 1 {
		t.Errorf("error %v, want one of input", err)
	}
	if _, err := LoadWeights(run); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
}
