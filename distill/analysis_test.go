package distill

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/train"
)

// readCSV returns a table's header and rows.
func readCSV(t *testing.T, path string) (header []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return lines[0], lines[1:]
}

// Everything of a run: its tables are those that the page lists, column by
// column, its players are who they are said to be, and it is made again when they
// change.
func TestAnalysisOfRun(t *testing.T) {
	run := trained(t)
	ctx := context.Background()
	a, err := AnalysisOfRun(ctx, run, "", train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "analysis.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{"players.csv": "`player`, `group`, `label`, `hidden`, `parameters`"}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+\\.csv)` \\| (.*)$").FindAllStringSubmatch(string(page), -1) {
		listed[row[1]] = row[2]
	}
	for _, name := range a.Tables {
		header, rows := readCSV(t, filepath.Join(a.Out, name))
		for _, column := range header {
			if column != "player" && !strings.Contains(listed[name], "`"+column+"`") {
				t.Errorf("docs/analysis.md does not list the column %s of %s", column, name)
			}
		}
		if len(rows) == 0 {
			t.Errorf("%s is empty", name)
		}
		delete(listed, name)
	}
	if len(listed) > 0 {
		t.Errorf("docs/analysis.md lists tables that are not there: %v", listed)
	}
	for _, name := range []string{"readouts.npz", "fixed_points-network.npz", "fixed_points-radd-pca.npz", "fixed_points-radd-full.npz"} {
		if !exists(a.Out, name) {
			t.Errorf("no %s", name)
		}
	}

	// The network played the rollout.
	var rollout train.RolloutSummary
	data, err := os.ReadFile(filepath.Join(run, "rollout", "summary.json"))
	if err != nil || json.Unmarshal(data, &rollout) != nil {
		t.Fatal(err)
	}
	if c := a.Causal[0]; c.Player != "network" || c.RNNStepsPerTrial.Value != rollout.RNNStepsPerTrial || c.CorrectPerTrial.Value != rollout.CorrectPerTrial ||
		c.BlockGap.Value != rollout.CorrectConcordant-rollout.CorrectDiscordant {
		t.Errorf("the network %+v, rolled out %+v", c, rollout.Figures)
	}
	var names []string
	for _, p := range a.Players {
		names = append(names, p.Player)
	}
	want := []string{"network", "radd-pca", "radd-full", "bayes-difference", "bayes-full", "bayes-blockless", "bayes-published", "bayes-side-hidden",
		"bayes-feedback-blind", "bayes-semi-markov", "bayes-exponential", "network-feedback-zeroed", "network-feedback-inverted", "network-feedback-shuffled"}
	if !slices.Equal(names, want) {
		t.Errorf("players %v", names)
	}

	before := mustStat(t, a.Out)
	again, err := AnalysisOfRun(ctx, run, "", train.Options{})
	if err != nil || again.Seconds != a.Seconds || len(again.FixedPoints) != len(a.FixedPoints) || mustStat(t, a.Out) != before {
		t.Errorf("made again: %v, %+v", err, again)
	}
	mice := filepath.Join(t.TempDir(), "mouse.one.csv")
	if err := os.WriteFile(mice, []byte("choice,contrastLeft,contrastRight,probabilityLeft\n-1,,1,.2\n1,.5,,.2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	beside, err := AnalysisOfRun(ctx, run, "", train.Options{}, mice)
	if err != nil || beside.Players[len(beside.Players)-1].Player != "mice-mouse" {
		t.Errorf("with mice: %v, %+v", err, beside.Players)
	}
	if len(beside.FixedPoints) != len(a.FixedPoints) {
		t.Errorf("made again, %d rows of fixed points, want %d", len(beside.FixedPoints), len(a.FixedPoints))
	}
	_, rows := readCSV(t, filepath.Join(a.Out, "psychometric.csv"))
	if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == "mice-mouse" && r[2] == "-0.5" && r[3] == "-0.5" && r[7] == "0" }) {
		t.Error("the mouse's leftward choice is not in psychometric.csv")
	}
	before = mustStat(t, a.Out)
	if kept, err := AnalysisOfRun(ctx, run, "", train.Options{}); err != nil || mustStat(t, a.Out) != before || len(kept.Mice) != 1 {
		t.Errorf("the mice are gone: %v, %v", kept.Mice, err)
	}
	if names := mouseNames([]string{"a/_ibl_trials.table.pqt", "b/_ibl_trials.table.pqt", "x", "lab/KS014/2020-01-31/001/alf/_ibl_trials.table.pqt", "mice/KS014"}); !slices.Equal(names, []string{"mice-ibl_trials", "mice-ibl_trials-2", "mice-x", "mice-KS014", "mice-KS014-2"}) {
		t.Errorf("names of mice %v", names)
	}
	if _, err := AnalysisOfRun(ctx, run, "", train.Options{}, filepath.Join(run, "none.csv")); !input.Is(err) {
		t.Errorf("mice that are not there: %v", err)
	}

	// The same bytes, however many cores.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	other := filepath.Join(t.TempDir(), "other")
	if _, err := AnalysisOfRun(ctx, run, other, train.Options{}, mice); err != nil {
		t.Fatal(err)
	}
	for _, name := range a.Tables {
		x, err1 := os.ReadFile(filepath.Join(a.Out, name))
		y, err2 := os.ReadFile(filepath.Join(other, name))
		if err1 != nil || err2 != nil || string(x) != string(y) {
			t.Errorf("%s differs from one made elsewhere", name)
		}
	}
}

func mustStat(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().UnixNano()
}

// The fixtures' trained network: feedback has no influence on it, its dynamics
// are bistable while it waits, and a Bayesian actor who is as fast is as good.
func TestAnalysisOfWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("plays 50,000 trials by a dozen players")
	}
	path := filepath.Join("..", "testdata", "oracle", "n50_trained_prob.npz")
	out := filepath.Join(t.TempDir(), "out")
	a, err := AnalysisOfWeights(context.Background(), path, out, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("two components %.3f, %+v, frontier %+v, %.1f s", a.TwoComponents, *a.Effects, *a.Frontier, a.Seconds)
	if pca := a.Readouts[1]; !(pca.Angle > 40 && pca.Angle < 80) || a.TwoComponents < .8 {
		t.Errorf("angle %v, two components %v", pca.Angle, a.TwoComponents)
	}
	for _, c := range a.Causal[1:] {
		t.Logf("%s: %.4f, network %.4f", c.Player, c.CorrectPerTrial.Value, a.Causal[0].CorrectPerTrial.Value)
	}
	if exists(out, "rollout") || !exists(out, "summary.json") {
		t.Error("the rollout is kept, or the summary is not")
	}
	// The blockless actor in the table is the closed form's: no use of blocks.
	_, rows := readCSV(t, filepath.Join(out, "performance.csv"))
	for _, row := range rows {
		if row[0] == "bayes-blockless" && row[1] == "block_gap" {
			low, _ := strconv.ParseFloat(row[3], 64)
			high, _ := strconv.ParseFloat(row[4], 64)
			if low > 0 || high < 0 {
				t.Errorf("the blockless actor uses blocks: %v", row)
			}
		}
	}
}

// An intervention on the feedback input is one on the closed loop: with the
// feedback zeroed, the network does what it does where feedback is always 0.
func TestWithFeedback(t *testing.T) {
	f := kernelstest.Load(t, "n50_trained_prob")
	w := train.Weights{N: f.N, Theta: f.Theta}
	for _, factor := range []float64{0, -1} {
		changed := kernels.Views(kernels.Shape{N: f.N}, withFeedback(w, factor))
		was := kernels.Views(kernels.Shape{N: f.N}, f.Theta)
		for i, x := range changed.InputHidden {
			want := was.InputHidden[i]
			if i%kernels.Inputs == 2 {
				want *= factor
			}
			if x != want {
				t.Fatalf("W_ih[%d] is %v, want %v", i, x, want)
			}
		}
		if math.Abs(changed.HiddenHidden[7]-was.HiddenHidden[7]) > 0 || &changed.HiddenHidden[0] == &was.HiddenHidden[0] {
			t.Error("other weights changed, or are shared")
		}
	}
}

// Everything for one network of 50 units that plays 1,000 blocks.
func BenchmarkAnalysis(b *testing.B) {
	path := filepath.Join("..", "testdata", "oracle", "n50_trained_prob.npz")
	for i := range b.N {
		if _, err := AnalysisOfWeights(context.Background(), path, filepath.Join(b.TempDir(), strconv.Itoa(i)), train.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
