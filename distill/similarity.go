package distill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/philox"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// Subject is a network that is compared with others, in a set of its like.
type Subject struct {
	Name    string
	Set     string
	Weights train.Weights
	Task    task.Config // that it plays
}

// SubjectsOf returns the networks of a set: of runs' folders, or of weights files,
// which play the default task.
func SubjectsOf(set string, paths []string) ([]Subject, error) {
	var list []Subject
	for _, path := range paths {
		s := Subject{Name: path, Set: set, Task: task.DefaultConfig()}
		file := path
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			cfg, err := train.ReadRunConfig(path)
			if err != nil {
				return nil, err
			}
			s.Task, file = cfg.Task, filepath.Join(path, weightsFile)
		}
		var err error
		if s.Weights, err = train.LoadRNN(file); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// UntrainedOf returns a control: networks of the subjects' sizes and tasks with
// first parameters of the seeds from 1 on.
func UntrainedOf(set string, subjects []Subject) []Subject {
	var list []Subject
	for i, of := range subjects {
		w := train.Weights{N: of.Weights.N, Cell: "rnn", Theta: make([]float64, kernels.Shape{N: of.Weights.N}.Size())}
		kernels.Init(kernels.Shape{N: w.N}, uint64(1+i), w.Theta)
		list = append(list, Subject{Name: fmt.Sprintf("%s-seed-%d", set, 1+i), Set: set, Weights: w, Task: of.Task})
	}
	return list
}

// SimilarityConfig says what networks are compared by.
type SimilarityConfig struct {
	Task      task.Config   // of the session whose inputs all networks are given
	Blocks    int           // of that session, in which the Bayesian actor difference acts
	OwnBlocks int           // of the session that each network plays, to be distilled from
	Seed      uint64        // of both sessions
	Readout   analysis.Kind // of the students
	Starts    int           // recorded states from which each network's fixed points are searched for
	Resamples int           // of the bootstrap over networks
}

// DefaultSimilarityConfig returns the default: 4,000 common inputs, students of 100
// blocks in the plane.
func DefaultSimilarityConfig() SimilarityConfig {
	return SimilarityConfig{Task: task.DefaultConfig(), Blocks: 16, OwnBlocks: 100, Seed: 2, Readout: analysis.PCA, Starts: 32, Resamples: 1000}
}

// measures are what pairs of networks are compared by.
var measures = []string{"cka", "procrustes", "student_recurrence", "student_input", "fixed_points"}

// GroupSimilarity is a measure's mean over pairs of networks, of one set or of
// two, with 95 % intervals of a bootstrap over networks. Less is by how much it
// differs from the mean within the first set: networks of both sets are as alike as
// those of the first where that is 0.
type GroupSimilarity struct {
	Measure  string     `json:"measure"`
	A        string     `json:"a"`
	B        string     `json:"b"`
	Pairs    int        `json:"pairs"`
	Mean     task.Ratio `json:"mean"`
	Low      task.Ratio `json:"low"`
	High     task.Ratio `json:"high"`
	Less     task.Ratio `json:"less_within_a"` // mean less the mean within A; null where B is A
	LessLow  task.Ratio `json:"less_low"`
	LessHigh task.Ratio `json:"less_high"`
}

// Similarity is how alike networks are.
type Similarity struct {
	Groups []GroupSimilarity `json:"groups"`

	pairs, structure *analysis.Table
}

// Tables returns the comparison of every pair, the networks' fixed points, and the
// groups.
func (s *Similarity) Tables() []*analysis.Table {
	groups := analysis.NewTable("similarity_groups.csv", "measure", "a", "b", "pairs", "mean", "low", "high", "less_within_a", "less_low", "less_high")
	for _, g := range s.Groups {
		groups.Add(g.Measure, g.A, g.B, g.Pairs, g.Mean, g.Low, g.High, g.Less, g.LessLow, g.LessHigh)
	}
	return []*analysis.Table{s.pairs, s.structure, groups}
}

// Write writes the tables into the folder out, absent or empty, which appears whole
// or not at all.
func (s *Similarity) Write(out string, opt train.Options) error {
	opt = opt.Filled()
	if err := train.Vacant(opt.FS, out); err != nil {
		return err
	}
	if err := opt.FS.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return atomicfs.ReplaceDir(opt.FS, out, func(staging string) error {
		for _, t := range s.Tables() {
			if err := writeTo(staging, t.Name, opt, t.Write); err != nil {
				return err
			}
		}
		return nil
	})
}

// compared is what a network is compared by.
type compared struct {
	*Subject
	representation *analysis.Representation
	student        *RADD // nil where there is none
	structure      []analysis.Structure
}

// Compare compares all pairs of the subjects.
//
// By their states: every network is given the same inputs, those of a Bayesian
// actor's passage through a session, from h = 0. By their students' parameters:
// each network plays a session of its own task, and RADD students of two rows are
// fitted to that. By their fixed points under each constant input: the share of
// inputs under which they have as many, of which as many are stable.
func Compare(ctx context.Context, subjects []Subject, cfg SimilarityConfig, opt train.Options) (*Similarity, error) {
	for _, s := range subjects {
		if err := train.Vanilla(s.Name, s.Weights.Cell); err != nil {
			return nil, err
		}
	}
	opt = opt.Filled()
	cfg.Task.Blocks = cfg.Blocks
	common, err := cfg.Task.Resolve()
	if err != nil {
		return nil, err
	}
	inputs, err := inputsOf(ctx, &common, cfg.Seed)
	if err != nil {
		return nil, err
	}
	conditions := analysis.Conditions(&common)
	backend, err := train.OpenBackend[float64]("cpu", 1, 1, opt.Log) // its callers are the workers
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	list := make([]compared, len(subjects))
	err = inParallel(len(list), 0, func(i int) error {
		c := compared{Subject: &subjects[i]}
		system := analysis.SystemOf(c.Name, c.Weights.N, c.Weights.Theta)
		c.representation = analysis.RepresentationOf(system.Drive(inputs))
		t, err := passage(ctx, backend, c.Subject, cfg.OwnBlocks, cfg.Seed)
		if err != nil {
			return err
		}
		if c.student, err = studentOf(t, c.Weights, cfg.Readout); input.Is(err) {
			opt.Log.Info("there is no RADD student", "network", c.Name, "because", err)
		} else if err != nil {
			return err
		}
		starts, err := statesOf(t, cfg.Starts)
		if err != nil {
			return err
		}
		for _, condition := range conditions {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.structure = append(c.structure, analysis.StructureOf(system.FixedPoints(condition.Input, starts)))
		}
		list[i] = c
		return nil
	})
	if err != nil {
		return nil, err
	}

	s := &Similarity{
		pairs:     analysis.NewTable("similarity.csv", "a", "b", "set_a", "set_b", measures[0], measures[1], measures[2], measures[3], measures[4]),
		structure: analysis.NewTable("similarity_structure.csv", "network", "set", "condition", "fixed", "stable", "slow"),
	}
	n := len(list)
	values := make([][]float64, n*n) // of pair (i, j), i < j, by measure
	err = inParallel(n*n, 0, func(at int) error {
		if i, j := at/n, at%n; i < j {
			values[at] = list[i].with(&list[j])
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		for k, condition := range conditions {
			p := list[i].structure[k]
			s.structure.Add(list[i].Name, list[i].Set, condition.Name, p.Fixed, p.Stable, p.Slow)
		}
		for j := i + 1; j < n; j++ {
			v := values[i*n+j]
			s.pairs.Add(list[i].Name, list[j].Name, list[i].Set, list[j].Set, v[0], v[1], v[2], v[3], v[4])
		}
	}
	s.group(subjects, values, cfg.Resamples)
	return s, nil
}

// with returns the measures of a pair of networks, NaN where there is none.
func (c *compared) with(d *compared) []float64 {
	v := []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), 0}
	v[0], v[1] = c.representation.Similarity(d.representation)
	if c.student != nil && d.student != nil {
		a := Align(c.student, d.student)
		v[2], v[3] = a.Recurrence, a.Input
	}
	for k, s := range c.structure {
		if o := d.structure[k]; s.Fixed == o.Fixed && s.Stable == o.Stable {
			v[4] += 1 / float64(len(c.structure))
		}
	}
	return v
}

// inputsOf returns the inputs (T, 3) of a Bayesian actor's passage through the
// session of the seed.
func inputsOf(ctx context.Context, c *task.Config, seed uint64) ([]float64, error) {
	var s task.Session
	s.Draw(task.NewSampler(*c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	trials, err := playBayes(ctx, task.Difference, &s, c)
	if err != nil {
		return nil, err
	}
	var inputs []float64
	rule, feedback := s.Rule(), 0.
	for n, trial := range trials {
		for step := range trial.RNNSteps {
			left, right := s.Observe(n, step)
			inputs = append(inputs, left, right, feedback)
			feedback = 0
			if rule.Counted(step) {
				feedback = rule.WaitingFeedback
			}
		}
		feedback = rule.Feedback(trial)
	}
	return inputs, nil
}

// passage returns a network's passage through the session of so many blocks of its
// task and the seed, in closed loop, in memory.
func passage(ctx context.Context, backend kernels.Backend[float64], of *Subject, blocks int, seed uint64) (*analysis.Trajectory, error) {
	config := of.Task
	config.Blocks = blocks
	config, err := config.Resolve()
	if err != nil {
		return nil, err
	}
	var s task.Session
	s.Draw(task.NewSampler(config), task.Origin{Seed: seed, Stream: task.StreamRollout})
	tape := kernels.NewTape[float64](of.Weights.N)
	tape.BeginStretch(&s, stretchTrials)
	var c analysis.Chunk
	for more := true; more; more = tape.Continue(stretchTrials) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		backend.Forward(of.Weights.Theta, kernels.CrossEntropySum, []*kernels.Tape[float64]{tape})
		c.T += tape.T
		c.Hidden = append(c.Hidden, tape.Hidden[tape.N:(tape.T+1)*tape.N]...)
		c.Input = append(c.Input, tape.Input[:tape.T*kernels.Inputs]...)
		for t, trial := range tape.Trial[:tape.T] {
			c.Probability = append(c.Probability, kernels.Sigmoid(-tape.Difference[t]), kernels.Sigmoid(tape.Difference[t]))
			c.BlockSide = append(c.BlockSide, s.BlockSide[trial])
		}
	}
	return analysis.Recorded(of.Name, of.Weights.N, kernels.Inputs, c), nil
}

// studentOf returns the RADD student of a network's passage. An *input.Error tells
// why there is none.
func studentOf(t *analysis.Trajectory, w train.Weights, kind analysis.Kind) (*RADD, error) {
	readouts, err := analysis.FindReadouts(t, kernels.Views(kernels.Shape{N: w.N}, w.Theta).Readout, kind)
	var separation *analysis.SeparationError
	if errors.As(err, &separation) {
		return nil, &input.Error{Field: "readout", Found: "no block readout", Cause: err}
	}
	if err != nil {
		return nil, err
	}
	student, err := Fit(t, Problem{Projection: readouts.Projection, Offset: readouts.Offset})
	var condition *ConditionError
	if err != nil && !errors.As(err, &condition) {
		return nil, err
	}
	return student, nil
}

// statesOf returns so many states (n, N) of a trajectory in memory, evenly spread.
func statesOf(t *analysis.Trajectory, n int) ([]float64, error) {
	var states []float64
	at, next := 0, 0
	for c, err := range t.Chunks() {
		if err != nil {
			return nil, err
		}
		for ; next < n && next*t.T/n < at+c.T; next++ {
			i := next*t.T/n - at
			states = append(states, c.Hidden[i*t.N:(i+1)*t.N]...)
		}
		at += c.T
	}
	return states, nil
}

// group fills the groups: every set by itself, and with every other. values are
// those of all pairs of subjects.
func (s *Similarity) group(subjects []Subject, values [][]float64, resamples int) {
	var sets []string
	members := map[string][]int{}
	for i, subject := range subjects {
		if members[subject.Set] == nil {
			sets = append(sets, subject.Set)
		}
		members[subject.Set] = append(members[subject.Set], i)
	}
	n := len(subjects)
	// mean is that of a measure over pairs of two sets, in which networks count so
	// many times; no network is its own pair.
	mean := func(m int, a, b string, times []float64) (mean float64, pairs int) {
		sum, weight := 0., 0.
		for _, i := range members[a] {
			for _, j := range members[b] {
				if i == j || a == b && i > j {
					continue
				}
				v := values[min(i, j)*n+max(i, j)][m]
				if w := times[i] * times[j]; w > 0 && !math.IsNaN(v) {
					sum, weight, pairs = sum+w*v, weight+w, pairs+1
				}
			}
		}
		return sum / weight, pairs
	}
	once := slices.Repeat([]float64{1}, n)
	draws := make([][]float64, resamples)
	for r := range draws {
		draws[r] = drawnTimes(r, sets, members, n)
	}
	for m, measure := range measures {
		for i, a := range sets {
			for _, b := range sets[i:] {
				g := GroupSimilarity{Measure: measure, A: a, B: b, Less: none, LessLow: none, LessHigh: none}
				value, pairs := mean(m, a, b, once)
				within, _ := mean(m, a, a, once)
				var samples, less []float64
				for _, times := range draws {
					if x, _ := mean(m, a, b, times); !math.IsNaN(x) {
						samples = append(samples, x)
						if y, _ := mean(m, a, a, times); a != b && !math.IsNaN(y) {
							less = append(less, x-y)
						}
					}
				}
				g.Mean, g.Pairs = task.Ratio(value), pairs
				g.Low, g.High = percentiles(samples)
				if a != b {
					g.Less = task.Ratio(value - within)
					g.LessLow, g.LessHigh = percentiles(less)
				}
				s.Groups = append(s.Groups, g)
			}
		}
	}
}

// drawnTimes returns how many times each network is drawn in a bootstrap sample of
// networks, each set by itself.
func drawnTimes(sample int, sets []string, members map[string][]int, n int) []float64 {
	times := make([]float64, n)
	at := 0
	var words philox.Words
	for _, set := range sets {
		for range members[set] {
			if at%4 == 0 {
				words = philox.Draw(seed, task.StreamBootstrap.Counter(uint32(at/4), uint32(sample), 0, 0))
			}
			times[members[set][int(uint64(words[at%4])*uint64(len(members[set]))>>32)]]++
			at++
		}
	}
	return times
}

// percentiles returns the 2.5th and the 97.5th, NaN of none.
func percentiles(samples []float64) (low, high task.Ratio) {
	if len(samples) == 0 {
		return none, none
	}
	slices.Sort(samples)
	at := func(p float64) task.Ratio { return task.Ratio(samples[int(p*float64(len(samples)-1)+.5)]) }
	return at(.025), at(.975)
}
