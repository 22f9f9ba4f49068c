package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"radd/distill"
	"radd/internal/input"
	"radd/task"
	"radd/train"
)

// Run is what a run's folder holds, as far as it is there.
type Run struct {
	Dir        string
	Name       string // of its folder
	Config     train.Config
	ConfigText string
	Manifest   train.Manifest
	Metrics    *Table                // nil before the first line
	Rollout    *train.RolloutSummary // nil where there is none, as all that follows
	Students   []distill.Summary     // RADD's
	Contest    *distill.Contest      // of its students
	Analysis   *Analysis             // summary of its numbers
	Players    []Player              // of its behavioural tables
	tables     map[string]*Table
}

// Player is a row of players.csv.
type Player struct {
	Key, Group, Label string
}

// Analysis is what the page tells of an analysis's summary.json.
type Analysis struct {
	Hidden        int          `json:"hidden"`
	TwoComponents task.Ratio   `json:"two_components"`
	Explained     []task.Ratio `json:"explained_variance"`
	Readouts      []struct {
		Kind         string        `json:"readout"`
		Angle        task.Ratio    `json:"angle"`
		HalvesAngles [2]task.Ratio `json:"halves_angles"`
	} `json:"readouts"`
	Effects  map[string]task.Ratio `json:"effects"`
	Frontier struct {
		Actor     task.Ratio `json:"correct_at_network_steps"`
		Network   task.Ratio `json:"network_correct"`
		Shortfall task.Ratio `json:"shortfall"`
	} `json:"frontier"`
	Blocks  int    `json:"blocks"`
	Seed    uint64 `json:"seed"`
	Weights string `json:"weights_sha256"`
}

// files of a run's folder.
const (
	configFile   = "config.yaml"
	metricsFile  = "metrics.csv"
	manifestFile = "manifest.json"
	analysisDir  = "analysis"
)

// tables are those of an analysis that figures are drawn from, with the columns that
// they use.
var tables = map[string][]string{
	"players":           {"player", "group", "label"},
	"performance":       {"player", "figure", "value", "low", "high"},
	"within_block":      {"player", "strengths", "concordance", "trial", "trials", "correct", "share", "low", "high"},
	"recovery":          {"player", "strengths", "trial", "share", "low", "high"},
	"psychometric":      {"player", "block_side", "signed_strength", "share", "low", "high"},
	"psychometric_fit":  {"player", "by", "from", "to", "slope", "slope_low", "slope_high", "bias", "bias_low", "bias_high"},
	"chronometric":      {"player", "strength", "mean", "low", "high", "unit"},
	"steps_by_outcome":  {"player", "strength", "correct", "concordant", "mean", "low", "high", "unit"},
	"outcomes":          {"player", "strength", "outcome", "share"},
	"by_observations":   {"player", "observations", "share", "low", "high", "reward_rate"},
	"frontier":          {"player", "threshold", "rnn_steps_per_trial", "rnn_steps_low", "rnn_steps_high", "correct_per_trial", "correct_low", "correct_high"},
	"variance":          {"component", "share", "cumulative"},
	"readouts":          {"kind", "readout", "pc1", "pc2", "angle"},
	"block_trajectory":  {"block_side", "trial", "pc1", "pc2", "block", "block_low", "block_high", "block_posterior"},
	"trial_trajectory":  {"block_side", "trial_side", "strength", "step", "trials", "pc1", "pc2", "stimulus", "block"},
	"paired_trajectory": {"sequence", "block_side", "step", "stimulus", "block", "probability_right"},
	"example": {"rnn_step", "block_number", "trial", "step", "block_side", "trial_side", "strength", "left", "right", "feedback", "action",
		"pc1", "pc2", "stimulus", "block", "probability_right", "stimulus_posterior", "block_posterior"},
	"posterior":          {"readout", "observer", "posterior", "activity", "activity_sd", "fit"},
	"posterior_fit":      {"kind", "readout", "observer", "r2"},
	"observation_effect": {"evidence", "stimulus_effect", "block_effect"},
	"feedback_effect":    {"action", "outcome", "lag", "stimulus_effect", "stimulus_effect_sd", "block_effect", "block_effect_sd"},
	"impulse":            {"input", "lag", "stimulus", "stimulus_sd", "block", "block_sd"},
	"circuit":            {"kind", "source", "matrix", "to", "from", "value"},
	"vector_field":       {"system", "coordinates", "condition", "x", "y", "dx", "dy", "speed", "basin"},
	"fixed_points":       {"system", "condition", "point", "kind", "stable", "pc1", "pc2", "stimulus", "block", "unit1", "unit2", "time_constant"},
	"eigenvalues":        {"system", "condition", "point", "index", "real", "imaginary", "modulus"},
	"gradient_by_lag":    {"of", "lag", "q05", "median", "q95"},
}

// ReadRun reads what is drawn of the run in dir. What is not there yet is left
// out. Errors about what is there are *input.Error.
func ReadRun(dir string) (*Run, error) {
	cfg, err := train.ReadRunConfig(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: dir, Name: nameOf(dir), Config: cfg, tables: map[string]*Table{}}
	text, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		return nil, err
	}
	r.ConfigText = string(text)
	if _, err := r.object(&r.Manifest, manifestFile); err != nil {
		return nil, err
	}
	if err := r.metrics(); err != nil {
		return nil, err
	}
	var rollout train.RolloutSummary
	if there, err := r.object(&rollout, "rollout", "summary.json"); err != nil {
		return nil, err
	} else if there {
		r.Rollout = &rollout
	}
	for _, kind := range []string{"pca", "full"} {
		var s distill.Summary
		if there, err := r.object(&s, "distill", "radd-"+kind, "summary.json"); err != nil {
			return nil, err
		} else if there {
			r.Students = append(r.Students, s)
		}
	}
	var contest distill.Contest
	if there, err := r.object(&contest, "distill", "contest.json"); err != nil {
		return nil, err
	} else if there {
		r.Contest = &contest
	}
	return r, r.analysis()
}

// nameOf returns the name of a folder, of "." too.
func nameOf(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return filepath.Base(dir)
}

// object reads a JSON file of the run, if it is there.
func (r *Run) object(v any, name ...string) (there bool, err error) {
	path := filepath.Join(append([]string{r.Dir}, name...)...)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		if err = json.Unmarshal(data, v); err != nil {
			err = &input.Error{File: path, Cause: err, Allowed: "what this program writes there"}
		}
	}
	return err == nil, err
}

// metrics reads the whole lines of metrics.csv: the last may be half written.
func (r *Run) metrics() error {
	path := filepath.Join(r.Dir, metricsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	if len(data) == 0 {
		return nil
	}
	r.Metrics, err = parseTable(path, data, "gradient_step", "loss", "gradient_norm", "rnn_steps", "trials", "actions", "correct")
	return err
}

// analysis reads the run's tables.
func (r *Run) analysis() error {
	var a Analysis
	there, err := r.object(&a, analysisDir, "summary.json")
	if err != nil || !there {
		return err
	}
	r.Analysis = &a
	for name, columns := range tables {
		t, err := ReadTable(filepath.Join(r.Dir, analysisDir, name+".csv"), columns...)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.tables[name] = t
	}
	players := r.table("players")
	for i, key := range players.text("player") {
		r.Players = append(r.Players, Player{key, players.text("group")[i], players.text("label")[i]})
	}
	return nil
}

// table returns a table of the analysis, nil where there is none.
func (r *Run) table(name string) *Table { return r.tables[name] }

// Label tells the run from others.
func (r *Run) Label() string {
	return fmt.Sprintf("%d units, %s, %s", r.Config.Hidden, r.objective(), steps(r.Step()))
}

func (r *Run) objective() string {
	if r.Config.Objective == "cross-entropy" && r.Config.Reduction == "sum" {
		return "cross-entropy (sum)"
	}
	return r.Config.Objective
}

// Step is the last gradient step of which there are metrics.
func (r *Run) Step() int {
	if v := r.Metrics.numbers("gradient_step"); len(v) > 0 {
		return int(v[len(v)-1])
	}
	return 0
}

func steps(n int) string { return thousands(n) + " gradient steps" }

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// FindRuns returns the folders of the runs that are named, or lie in or below
// folders that are, but not in other runs: in the order given, those of one
// folder by name, numbers within names by value. A folder without a run is an
// *input.Error.
func FindRuns(dirs ...string) ([]string, error) {
	var list []string
	for _, dir := range dirs {
		var found []string
		if err := findRuns(dir, 4, &found); err != nil {
			return nil, &input.Error{File: dir, Cause: err, Allowed: "a run's folder, or a folder of runs"}
		}
		if len(found) == 0 {
			return nil, &input.Error{File: dir, Found: "no run", Allowed: "a run's folder, or a folder of runs"}
		}
		for _, run := range found {
			if !slices.Contains(list, run) {
				list = append(list, run)
			}
		}
	}
	return list, nil
}

func findRuns(dir string, depth int, list *[]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if train.IsRun(dir) {
		*list = append(*list, dir)
		return nil
	}
	if depth == 0 {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, byNumber)
	for _, name := range names {
		if err := findRuns(filepath.Join(dir, name), depth-1, list); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Names returns names for the runs' folders that differ from one another and from
// side-by-side: the runs' own, with a number where two have the same.
func Names(runs []*Run) []string {
	names := []string{"side-by-side"}
	for _, r := range runs {
		name := r.Name
		for k := 2; slices.Contains(names, name); k++ {
			name = fmt.Sprintf("%s-%d", r.Name, k)
		}
		names = append(names, name)
	}
	return names[1:]
}

// byNumber compares names; digits in them count as whole numbers.
func byNumber(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if len(m) != len(n) {
				return len(m) - len(n)
			}
			if c := strings.Compare(m, n); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits returns how many digits a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }
