package distill

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/philox"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// Contestant is somebody who plays against the students of one teacher.
type Contestant struct {
	Name          string   `json:"name"`
	Weights       []string `json:"weights"` // a network's file; of several, the medians count
	GradientSteps int      `json:"gradient_steps,omitempty"`
	Seconds       float64  `json:"seconds,omitempty"` // that each took to obtain
	Reset         bool     `json:"reset,omitempty"`   // its state is reset before every trial
}

// ContestConfig says who plays.
type ContestConfig struct {
	Run            string       // the teacher's
	Seconds        float64      // that it took to train
	Contestants    []Contestant // the teacher not among them
	Blocks         int          // of the session that all play
	Seed           uint64       // of that session: not the rollout's, to which students are fitted
	RandomReadouts int          // students of random projections: the control
	Resamples      int          // of the bootstrap
	Workers        int          // players at once; 0 means one per core
}

// Entry is a row of a contest's table.
type Entry struct {
	Name          string     `json:"name"`
	Players       int        `json:"players"` // of several, figures are medians and intervals their range
	Hidden        int        `json:"hidden,omitempty"`
	Parameters    int        `json:"parameters,omitempty"`
	GradientSteps int        `json:"gradient_steps,omitempty"`
	Seconds       task.Ratio `json:"seconds"` // to obtain one; null for a Bayesian actor
	analysis.Performance
}

// Contest is who played how. Intervals are 95 % bootstrap intervals over pairs
// of blocks.
type Contest struct {
	Teacher string   `json:"teacher"`
	Blocks  int      `json:"blocks"`
	Seed    uint64   `json:"seed"`
	Entries []Entry  `json:"entries"`
	MadeOf  []string `json:"made_of"` // SHA-256 of all weights, the teacher's first
	Version string   `json:"version"`
}

// contestFile is in the folder distill of a run.
const contestFile = "contest.json"

// HoldContest has the teacher, the contestants, the Bayesian actors and students
// of random projections play one session, in closed loop and along the teacher's
// passage through it. The result is kept in the run's distill/contest.json, and
// taken from there if the same networks have played the same session.
//
// Source: SI 7.3 and 7.4, put to the task.
func HoldContest(ctx context.Context, cfg ContestConfig, opt train.Options) (*Contest, error) {
	opt = opt.Filled()
	run, err := train.ReadRunConfig(cfg.Run)
	if err != nil {
		return nil, err
	}
	if run.Dtype == "f32" {
		return holdContest[float32](ctx, cfg, run, opt)
	}
	return holdContest[float64](ctx, cfg, run, opt)
}

func holdContest[F kernels.Float](ctx context.Context, cfg ContestConfig, run train.Config, opt train.Options) (*Contest, error) {
	teacher, err := train.LoadRNN(filepath.Join(cfg.Run, weightsFile))
	if err != nil {
		return nil, err
	}
	rollout, err := train.RolloutMade(ctx, cfg.Run, opt)
	if err != nil {
		return nil, err
	}
	backend, err := train.OpenBackend[F]("cpu", 1, 1, opt.Log) // its callers are the workers
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	// Players of one entry follow one another.
	var players []player[F]
	var entries []Entry
	add := func(e Entry, p ...player[F]) {
		e.Players = len(p)
		entries, players = append(entries, e), append(players, p...)
	}
	c := &Contest{Teacher: cfg.Run, Blocks: cfg.Blocks, Seed: cfg.Seed, Version: opt.Version,
		MadeOf: []string{teacher.SHA256, fmt.Sprintf("%d random projections, %d resamples, rollout of seed %d", cfg.RandomReadouts, cfg.Resamples, rollout.Seed)}}
	network := func(name string, w train.Weights) Entry {
		return Entry{Name: name, Hidden: w.N, Parameters: kernels.Shape{N: w.N}.Size(), Seconds: none}
	}
	trained := network("teacher", teacher)
	trained.GradientSteps = run.GradientSteps
	if cfg.Seconds > 0 {
		trained.Seconds = task.Ratio(cfg.Seconds)
	}
	add(trained, &networkPlayer[F]{backend: backend, theta: as[F](teacher.Theta), n: teacher.N})
	for _, contestant := range cfg.Contestants {
		var list []player[F]
		var e Entry
		for _, path := range contestant.Weights {
			w, err := train.LoadRNN(path)
			if err != nil {
				return nil, err
			}
			c.MadeOf = append(c.MadeOf, fmt.Sprintf("%s %v %s", contestant.Name, contestant.Reset, w.SHA256))
			e = network(contestant.Name, w)
			list = append(list, &networkPlayer[F]{backend: backend, theta: as[F](w.Theta), n: w.N, reset: contestant.Reset})
		}
		e.GradientSteps = contestant.GradientSteps
		if contestant.Seconds > 0 {
			e.Seconds = task.Ratio(contestant.Seconds)
		}
		add(e, list...)
	}
	for _, kind := range task.Kinds() {
		add(Entry{Name: "Bayesian actor " + kind.String(), Seconds: none}, &bayesianPlayer[F]{kind: kind})
	}
	if old, ok := heldAlready(cfg.Run, c); ok {
		return old, nil
	}
	if cfg.RandomReadouts > 0 {
		start := time.Now()
		students, err := randomStudents(filepath.Join(rollout.Out, statesFile), cfg.RandomReadouts, cfg.Workers)
		if err != nil {
			return nil, err
		}
		e := Entry{Name: "control: random projections", Hidden: 2, Parameters: kernels.Shape{N: 2}.Size(),
			Seconds: task.Ratio(time.Since(start).Seconds() / float64(cfg.RandomReadouts))}
		var list []player[F]
		for _, theta := range students {
			list = append(list, &networkPlayer[F]{backend: backend, theta: as[F](theta), n: 2})
		}
		add(e, list...)
	}

	run.Task.Blocks = cfg.Blocks
	judge := newJudge(backend, as[F](teacher.Theta), teacher.N, run.Task, cfg.Seed)
	performances, err := judge.all(ctx, players, cfg)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Players == 1 {
			e.Performance = performances[0]
		} else {
			e.Performance = analysis.Median(performances[:e.Players])
		}
		performances = performances[e.Players:]
		c.Entries = append(c.Entries, e)
	}
	release, err := train.Claim(ctx, cfg.Run)
	if err != nil {
		return nil, err
	}
	defer release()
	return c, atomicfs.WriteJSON(opt.FS, filepath.Join(cfg.Run, "distill", contestFile), c)
}

// heldAlready returns the contest that the run's folder holds, if it is this one.
func heldAlready(run string, c *Contest) (*Contest, bool) {
	var old Contest
	data, err := os.ReadFile(filepath.Join(run, "distill", contestFile))
	if err != nil || json.Unmarshal(data, &old) != nil {
		return nil, false
	}
	old.Teacher = c.Teacher
	return &old, old.Blocks == c.Blocks && old.Seed == c.Seed && reflect.DeepEqual(old.MadeOf, c.MadeOf)
}

// randomStudents returns that many RADD students of the trajectory in the file,
// each of two directions drawn uniformly, as networks that play the task; so
// many workers fit them.
func randomStudents(path string, students, workers int) ([][]float64, error) {
	f, err := analysis.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list := make([][]float64, students)
	return list, inParallel(students, workers, func(k int) (err error) {
		list[k], err = randomStudent(f.Trajectory, k)
		return err
	})
}

// randomStudent returns the k-th of them.
func randomStudent(t *analysis.Trajectory, k int) ([]float64, error) {
	projection := mat.NewDense(2, t.N, nil)
	for row := range 2 {
		direction := projection.RawRowView(row)
		for i := range direction {
			w := philox.Draw(seed, task.StreamBootstrap.Counter(uint32(i), uint32(row), uint32(1+k), 0))
			direction[i], _ = philox.Normal2(w[0], w[1])
		}
		floats.Scale(1/floats.Norm(direction, 2), direction)
	}
	student, err := Fit(t, Problem{Projection: projection})
	if err != nil {
		return nil, err
	}
	return student.Network(t)
}

func as[F kernels.Float](theta []float64) []F {
	v := make([]F, len(theta))
	for i, x := range theta {
		v[i] = F(x)
	}
	return v
}

// judge has players play one session and compares them with a teacher's passage
// through it.
type judge[F kernels.Float] struct {
	backend kernels.Backend[F]
	session task.Session
	block   []int // (n) of each trial
	within  []int // (n) trial within its block
	rule    task.Rule
	config  task.Config
	teacher []F
	n       int
}

func newJudge[F kernels.Float](backend kernels.Backend[F], teacher []F, n int, config task.Config, seed uint64) *judge[F] {
	j := &judge[F]{backend: backend, teacher: teacher, n: n, config: config, rule: config.Rule()}
	j.session.Draw(task.NewSampler(config), task.Origin{Seed: seed, Stream: task.StreamRollout})
	for k, length := range j.session.BlockLength {
		for i := range length {
			j.block, j.within = append(j.block, k), append(j.within, i)
		}
	}
	return j
}

// all returns the players' performances.
func (j *judge[F]) all(ctx context.Context, players []player[F], cfg ContestConfig) ([]analysis.Performance, error) {
	performances := make([]analysis.Performance, len(players))
	return performances, inParallel(len(players), cfg.Workers, func(i int) error {
		b, err := j.watch(ctx, players[i])
		if err == nil {
			performances[i] = b.Performance(cfg.Resamples, seed)
		}
		return err
	})
}

// player plays a session by itself, and along a teacher's passage through it,
// stretch by stretch, both in the session's order.
type player[F kernels.Float] interface {
	// begin starts a session.
	begin(s *task.Session, c *task.Config)
	// stretch is the number of trials that the player takes at a time.
	stretch() int
	// play plays the trials from the one up to the other in closed loop.
	play(s *task.Session, from, to int) iter.Seq[task.Trial]
	// follow goes along a stretch as the teacher played it, and returns the log
	// odds of right against left after each RNN step.
	follow(s *task.Session, lead *kernels.Tape[F]) []float64
}

// stretchTrials is the length of a stretch: what a network's pass takes besides
// its RNN steps, above all to lay out the weights, is nothing among so many.
const stretchTrials = 128

// watch returns what a player does.
func (j *judge[F]) watch(ctx context.Context, p player[F]) (*analysis.Behaviour, error) {
	s := &j.session
	p.begin(s, &j.config)
	lead := kernels.NewTape[F](j.n)
	lead.BeginStretch(s, p.stretch())
	b := new(analysis.Behaviour)
	for more := true; more; more = lead.Continue(p.stretch()) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		j.backend.Forward(j.teacher, kernels.CrossEntropySum, []*kernels.Tape[F]{lead})
		trial := lead.From
		for played := range p.play(s, lead.From, lead.To) {
			b.Add(j.block[trial], j.within[trial], played)
			trial++
		}
		j.compare(b, lead, p.follow(s, lead))
	}
	return b, nil
}

// compare takes in a stretch that the teacher played and somebody followed with
// these log odds.
func (j *judge[F]) compare(b *analysis.Behaviour, lead *kernels.Tape[F], odds []float64) {
	kl := 0.0
	for t, d := range odds {
		teacher := float64(lead.Difference[t])
		kl += kernels.SoftLoss(teacher, d) - kernels.SoftLoss(teacher, teacher)
		if t+1 < lead.T && lead.Step[t+1] > 0 {
			continue
		}
		trial, step := lead.Trial[t], int(lead.Step[t])
		stands := func(d float64) int8 { return j.rule.Step(step, 2*lead.Target[t]-1, d).Action }
		b.Compare(j.block[trial], stands(d) == stands(teacher), step+1, kl)
		kl = 0
	}
}

// networkPlayer is a network of n hidden units.
type networkPlayer[F kernels.Float] struct {
	backend kernels.Backend[F]
	theta   []F
	n       int
	reset   bool // its state, before every trial

	own, behind *kernels.Tape[F]
	odds        []float64
}

func (p *networkPlayer[F]) begin(s *task.Session, _ *task.Config) {
	p.own, p.behind = kernels.NewTape[F](p.n), kernels.NewTape[F](p.n)
	p.own.BeginStretch(s, p.stretch())
	p.behind.BeginStretch(s, p.stretch())
}

func (p *networkPlayer[F]) stretch() int {
	if p.reset {
		return 1 // a state is reset between two stretches
	}
	return stretchTrials
}

func (p *networkPlayer[F]) play(_ *task.Session, from, _ int) iter.Seq[task.Trial] {
	p.next(p.own, from)
	return func(yield func(task.Trial) bool) {
		for _, played := range p.own.Played() {
			if !yield(played) {
				return
			}
		}
	}
}

func (p *networkPlayer[F]) follow(_ *task.Session, lead *kernels.Tape[F]) []float64 {
	p.behind.Teacher = lead
	p.next(p.behind, lead.From)
	p.odds = p.odds[:0]
	for _, d := range p.behind.Difference[:p.behind.T] {
		p.odds = append(p.odds, float64(d))
	}
	return p.odds
}

// next plays the tape's next stretch, which begins with the trial from.
func (p *networkPlayer[F]) next(tape *kernels.Tape[F], from int) {
	if from > 0 {
		tape.Continue(p.stretch())
	}
	if p.reset {
		tape.Reset()
	}
	p.backend.Forward(p.theta, kernels.CrossEntropySum, []*kernels.Tape[F]{tape})
}

// bayesianPlayer is a Bayesian actor, and an observer along the teacher's
// passage.
type bayesianPlayer[F kernels.Float] struct {
	kind            task.Kind
	actor, observer *task.Bayes
	odds            []float64
}

func (p *bayesianPlayer[F]) begin(_ *task.Session, c *task.Config) {
	p.actor, p.observer = task.NewBayes(p.kind, c), task.NewBayes(p.kind, c)
}

func (p *bayesianPlayer[F]) stretch() int { return stretchTrials }

func (p *bayesianPlayer[F]) play(s *task.Session, from, to int) iter.Seq[task.Trial] {
	return func(yield func(task.Trial) bool) {
		for trial := from; trial < to && yield(p.actor.Play(s, trial)); trial++ {
		}
	}
}

func (p *bayesianPlayer[F]) follow(s *task.Session, lead *kernels.Tape[F]) []float64 {
	p.odds = p.odds[:0]
	for t, counted := range lead.Counted[:lead.T] {
		trial, step := int(lead.Trial[t]), int(lead.Step[t])
		if step == 0 {
			p.observer.BeginTrial()
		}
		if counted {
			p.observer.Observe(s.Observe(trial, step))
		}
		p.odds = append(p.odds, p.observer.LogOdds())
		if t+1 == lead.T || lead.Step[t+1] == 0 {
			p.observer.EndTrial(s.TrialSide[trial])
		}
	}
	return p.odds
}
