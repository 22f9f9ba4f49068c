package sweep

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"radd/internal/input"
	"radd/internal/parquet"
	"radd/internal/philox"
	"radd/task"
	"radd/train"
)

// Collected tells of a sweep's tables.
type Collected struct {
	Out        string       `json:"out"`
	Networks   int          `json:"networks"`
	Missing    int          `json:"missing"`
	Failed     int          `json:"failed"`
	Comparison []Comparison `json:"comparison"`
}

// Comparison is one figure of the networks that differ in their seed alone.
type Comparison struct {
	Keys   map[string]string `json:"keys"` // values of what the sweep varies, but the seed
	Figure string            `json:"figure"`
	Seeds  int               `json:"seeds"` // networks for which the figure exists
	Mean   task.Ratio        `json:"mean"`
	Low    task.Ratio        `json:"low"` // 2.5th and 97.5th percentile over bootstrap samples of the seeds
	High   task.Ratio        `json:"high"`
}

// figures are a network's numbers in the order of the table: NaN where one does
// not exist.
func (r *Result) figures() (names []string, values []float64) {
	add := func(name string, x float64) { names, values = append(names, name), append(values, x) }
	none := math.NaN()
	t := r.Training
	for _, x := range []struct {
		name  string
		value task.Ratio
	}{{"loss", t.Loss}, {"gradient_norm", t.GradientNorm}, {"rnn_steps_per_trial", t.RNNStepsPerTrial}, {"action_rate", t.ActionRate},
		{"correct_per_trial", t.CorrectPerTrial}, {"correct_per_action", t.CorrectPerAction}} {
		if r.State == Failed { // what it was before it failed is not what it came to
			x.value = task.Ratio(none)
		}
		add("training."+x.name, float64(x.value))
	}
	f := task.Figures{RNNStepsPerTrial: task.Ratio(none), ActionRate: task.Ratio(none), CorrectPerTrial: task.Ratio(none), CorrectPerAction: task.Ratio(none),
		CorrectConcordant: task.Ratio(none), CorrectDiscordant: task.Ratio(none), CorrectZeroStrengthConcordant: task.Ratio(none),
		CorrectZeroStrengthDiscordant: task.Ratio(none), CrossEntropyPerObservation: task.Ratio(none)}
	if r.Rollout != nil {
		f = *r.Rollout
	}
	add("rnn_steps_per_trial", float64(f.RNNStepsPerTrial))
	add("action_rate", float64(f.ActionRate))
	add("correct_per_trial", float64(f.CorrectPerTrial))
	add("correct_per_action", float64(f.CorrectPerAction))
	add("correct_concordant", float64(f.CorrectConcordant))
	add("correct_discordant", float64(f.CorrectDiscordant))
	add("correct_zero_strength_concordant", float64(f.CorrectZeroStrengthConcordant))
	add("correct_zero_strength_discordant", float64(f.CorrectZeroStrengthDiscordant))
	add("cross_entropy_per_observation", float64(f.CrossEntropyPerObservation))
	for _, readout := range []string{"full", "pca"} {
		s, has := r.Students[readout]
		at := func(v []task.Ratio, i int) float64 {
			if !has || i >= len(v) {
				return none
			}
			return float64(v[i])
		}
		one := func(x task.Ratio) float64 { return at([]task.Ratio{x}, 0) }
		for i, row := range []string{"stimulus", "block"} {
			add(fmt.Sprintf("radd_%s.%s.r2", readout, row), at(s.R2, i))
			add(fmt.Sprintf("radd_%s.%s.free_run_r2", readout, row), at(s.FreeRunR2, i))
			add(fmt.Sprintf("radd_%s.%s.held_out_r2", readout, row), at(s.HeldOutR2, i))
			add(fmt.Sprintf("radd_%s.%s.held_out_free_run_r2", readout, row), at(s.HeldOutFreeRunR2, i))
			add(fmt.Sprintf("radd_%s.%s.scale", readout, row), at(task.Ratios(s.Scale), i))
		}
		add(fmt.Sprintf("radd_%s.condition", readout), one(s.Condition))
		add(fmt.Sprintf("radd_%s.readout_angle_degrees", readout), one(s.ReadoutAngle))
		add(fmt.Sprintf("radd_%s.block_accuracy", readout), one(s.BlockAccuracy))
	}
	return names, values
}

// each calls do for every finished network that the file asks for, in the
// grid's order, whatever plan and shard it is in. It returns how many are not
// published.
func (s *Sweep) each(do func(a *archive, name string, c train.Config, r Result) error) (missing int, err error) {
	published, err := s.published()
	if err != nil {
		return 0, err
	}
	return s.eachOf(published, do)
}

// eachOf is each of the shards that are published by their ids.
func (s *Sweep) eachOf(published map[string]bool, do func(a *archive, name string, c train.Config, r Result) error) (missing int, err error) {
	of := map[uint64]*shard{}
	for _, sh := range s.shards {
		if !published[sh.id] {
			continue
		}
		configs, err := sh.configs()
		if err != nil {
			return 0, err
		}
		for i := range configs {
			of[fingerprint(&configs[i])] = sh
		}
	}
	open := map[*shard]*archive{}
	defer func() {
		for _, a := range open {
			a.Close()
		}
	}()
	seen := map[uint64]bool{}
	for i := range s.grid.Len() {
		c, err := s.grid.At(i)
		if err != nil {
			return 0, err
		}
		f := fingerprint(&c)
		if seen[f] {
			continue
		}
		seen[f] = true
		sh := of[f]
		if sh == nil {
			missing++
			continue
		}
		a := open[sh]
		if a == nil {
			const most = 32 // archives open at once
			if len(open) == most {
				for k, old := range open {
					old.Close()
					delete(open, k)
				}
			}
			if a, err = openArchive(s.path(shardsDir, sh, ".zip")); err != nil {
				return 0, err
			}
			open[sh] = a
		}
		name := Name(&c)
		var r Result
		if err := a.json(name, resultFile, &r); err != nil {
			return 0, err
		}
		if err := do(a, name, c, r); err != nil {
			return 0, err
		}
	}
	return missing, nil
}

// cell returns a key's value as a table has it.
func cell(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case uint64, float64, string:
		return v
	}
	return fmt.Sprint(value)
}

// identityKeys are the keys that make a network, in the order of the table.
var identityKeys = sync.OnceValue(func() []train.Key {
	return slices.DeleteFunc(train.Keys(), func(k train.Key) bool { return !k.Identity && k.Name != "gradient-steps" })
})

// Collect writes the sweep's tables into the folder dir, each as Parquet and as
// CSV: networks, timings, curves, and comparison, by what the sweep varies.
func (s *Sweep) Collect(dir string) (Collected, error) {
	published, err := s.published() // once: all tables are of the same networks
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return Collected{}, err
	}
	out := Collected{Out: dir}
	networks := table{columns: []parquet.Field{{Name: "name", Zero: ""}, {Name: "state", Zero: ""}, {Name: "why", Zero: ""}}}
	base := train.DefaultConfig()
	for _, k := range identityKeys() {
		networks.columns = append(networks.columns, parquet.Field{Name: k.Name, Zero: cell(k.Value(&base))})
	}
	for _, name := range []string{"trials", "rnn_steps"} {
		networks.columns = append(networks.columns, parquet.Field{Name: "training." + name, Zero: int64(0)})
	}
	networks.columns = append(networks.columns, parquet.Field{Name: "isa", Zero: ""}, parquet.Field{Name: "device", Zero: ""})
	names, _ := (&Result{}).figures()
	for _, name := range names {
		networks.columns = append(networks.columns, parquet.Field{Name: name, Zero: 0.0})
	}

	groups := newGroups(s.grid.varied())
	first := true
	networks.rows = func(write func([]any) error) error {
		missing, err := s.eachOf(published, func(a *archive, name string, c train.Config, r Result) error {
			why, _, _ := strings.Cut(r.Why, "\n") // the rest of a crash is where it was in memory
			cells := []any{name, r.State, why}
			for _, k := range identityKeys() {
				cells = append(cells, cell(k.Value(&c)))
			}
			cells = append(cells, r.Training.Trials, r.Training.RNNSteps, r.Training.ISA, r.Training.Device)
			_, values := r.figures()
			for _, x := range values {
				cells = append(cells, x)
			}
			if first {
				out.Networks++
				if r.State == Failed {
					out.Failed++
				}
				groups.add(&c, values)
			}
			return write(cells)
		})
		out.Missing = missing
		first = false
		return err
	}
	if err := networks.save(dir, "networks"); err != nil {
		return out, err
	}

	timings := table{columns: []parquet.Field{{Name: "name", Zero: ""}, {Name: "train_seconds", Zero: 0.0}, {Name: "rollout_seconds", Zero: 0.0},
		{Name: "us_per_rnn_step", Zero: 0.0}, {Name: "host", Zero: ""}}}
	timings.rows = func(write func([]any) error) error {
		_, err := s.eachOf(published, func(a *archive, name string, c train.Config, r Result) error {
			var t Timing
			if err := a.json(name, timingFile, &t); err != nil {
				return err
			}
			return write([]any{name, t.Train, t.Rollout, t.Train / float64(max(r.Training.RNNSteps, 1)) * 1e6, t.Host})
		})
		return err
	}
	if err := timings.save(dir, "timings"); err != nil {
		return out, err
	}

	curves := table{columns: []parquet.Field{{Name: "name", Zero: ""}, {Name: "gradient_step", Zero: int64(0)}, {Name: "loss", Zero: 0.0}, {Name: "gradient_norm", Zero: 0.0},
		{Name: "rnn_steps", Zero: int64(0)}, {Name: "trials", Zero: int64(0)}, {Name: "actions", Zero: int64(0)}, {Name: "correct", Zero: int64(0)}}}
	curves.rows = func(write func([]any) error) error {
		_, err := s.eachOf(published, func(a *archive, name string, c train.Config, r Result) error {
			return a.curve(name, curves.columns, write)
		})
		return err
	}
	if err := curves.save(dir, "curves"); err != nil {
		return out, err
	}

	out.Comparison = groups.compare(names)
	comparison := table{columns: []parquet.Field{}}
	for _, key := range groups.keys {
		comparison.columns = append(comparison.columns, parquet.Field{Name: key, Zero: ""})
	}
	comparison.columns = append(comparison.columns, parquet.Field{Name: "figure", Zero: ""}, parquet.Field{Name: "seeds", Zero: int64(0)},
		parquet.Field{Name: "mean", Zero: 0.0}, parquet.Field{Name: "low", Zero: 0.0}, parquet.Field{Name: "high", Zero: 0.0})
	comparison.rows = func(write func([]any) error) error {
		for _, c := range out.Comparison {
			var cells []any
			for _, key := range groups.keys {
				cells = append(cells, c.Keys[key])
			}
			cells = append(cells, c.Figure, int64(c.Seeds), float64(c.Mean), float64(c.Low), float64(c.High))
			if err := write(cells); err != nil {
				return err
			}
		}
		return nil
	}
	return out, comparison.save(dir, "comparison")
}

// curve writes the rows of a network's metrics.
func (a *archive) curve(name string, columns []parquet.Field, write func([]any) error) error {
	data, err := a.read(name, metricsFile)
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %s: %w", a.path, name, err)
	}
	for _, row := range rows[min(1, len(rows)):] {
		cells := []any{name}
		for i, text := range row {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", a.path, name, err)
			}
			if _, whole := columns[i+1].Zero.(int64); whole {
				cells = append(cells, int64(x))
			} else {
				cells = append(cells, x)
			}
		}
		if err := write(cells); err != nil {
			return err
		}
	}
	return nil
}

// groups gathers figures of networks that differ in their seed alone.
type groups struct {
	keys   []string
	order  []string // of the groups, as they came
	values map[string]map[string]string
	seeds  map[string][][]float64 // figures by seed
}

func newGroups(varied []string) *groups {
	g := &groups{values: map[string]map[string]string{}, seeds: map[string][][]float64{}}
	for _, key := range varied {
		if key != "seed" {
			g.keys = append(g.keys, key)
		}
	}
	return g
}

func (g *groups) add(c *train.Config, figures []float64) {
	values := map[string]string{}
	for _, k := range train.Keys() {
		if slices.Contains(g.keys, k.Name) {
			values[k.Name] = fmt.Sprint(k.Value(c))
		}
	}
	id := fmt.Sprint(values) // maps print in the order of their keys
	if g.values[id] == nil {
		g.order = append(g.order, id)
		g.values[id] = values
	}
	g.seeds[id] = append(g.seeds[id], figures)
}

// seedResamples gives the ends of an interval to about 3 % of its width.
const seedResamples = 2000

func (g *groups) compare(names []string) []Comparison {
	var list []Comparison
	for _, id := range g.order {
		for f, name := range names {
			var values []float64
			for _, figures := range g.seeds[id] {
				if !math.IsNaN(figures[f]) {
					values = append(values, figures[f])
				}
			}
			if len(values) == 0 {
				continue
			}
			mean, low, high := meanInterval(values)
			list = append(list, Comparison{g.values[id], name, len(values), task.Ratio(mean), task.Ratio(low), task.Ratio(high)})
		}
	}
	return list
}

// meanInterval returns the mean and its percentile bootstrap interval.
func meanInterval(values []float64) (mean, low, high float64) {
	samples := make([]float64, seedResamples)
	n := uint64(len(values))
	for r := range samples {
		var words philox.Words
		for i := range values {
			if i%4 == 0 {
				words = philox.Draw(1, task.StreamBootstrap.Counter(uint32(i/4), uint32(r), 0, 0))
			}
			samples[r] += values[uint64(words[i%4])*n>>32] / float64(n)
		}
	}
	for _, x := range values {
		mean += x / float64(n)
	}
	slices.Sort(samples)
	return mean, percentile(samples, .025), percentile(samples, .975)
}

// percentile returns a share's place in sorted samples.
func percentile(sorted []float64, p float64) float64 {
	return sorted[int(p*float64(len(sorted)-1)+.5)]
}

// Extract makes the runs' folders of finished networks in the folder out, each by
// its name: folders as radd train leaves them, which every command takes and --resume
// goes on with. It returns an *input.Error, before anything is written, where there
// is no such network or something has its folder's name already.
func (s *Sweep) Extract(out string, names ...string) error {
	list, _, err := s.Finished()
	if err != nil {
		return err
	}
	var wanted []Network
	for _, name := range names {
		i := slices.IndexFunc(list, func(n Network) bool { return n.Name == name })
		if i < 0 {
			return unknown(s.Path, name)
		}
		if dir := filepath.Join(out, name); exists(dir) {
			return &input.Error{File: dir, Found: "it is there already", Allowed: "a name that is free", Do: "choose another --out"}
		}
		wanted = append(wanted, list[i])
	}
	for _, n := range wanted {
		if err := n.Folder(filepath.Join(out, n.Name)); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
