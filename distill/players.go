package distill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"radd/analysis"
	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
	"radd/train"
)

// Player is somebody in an analysis's tables of behaviour.
type Player struct {
	Player     string `json:"player"`
	Group      string `json:"group"` // network, student, bayesian, intervention or mice
	Label      string `json:"label"`
	Hidden     int    `json:"hidden,omitempty"`
	Parameters int    `json:"parameters,omitempty"`
}

// student is a network that was distilled of a run's.
type student struct {
	name    string
	weights train.Weights
	kind    analysis.Kind // of a RADD student's readouts, else ""
	kappa   *[2]float64   // of a RADD student of two units, else nil
}

// studentsOf makes a run's RADD students, if need be, and returns them with the
// run's other students of its present weights.
func studentsOf(ctx context.Context, run string, opt train.Options) ([]student, error) {
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		return nil, err
	}
	var list []student
	for _, kind := range []analysis.Kind{analysis.PCA, analysis.Full} {
		if cfg.Hidden < 2 {
			break // one unit has one readout
		}
		s, err := OfRun(ctx, run, "", kind, opt)
		if input.Is(err) {
			opt.Log.Info("there is no RADD student", "readout", kind, "because", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		st, err := readStudent(s.Out)
		if err != nil {
			return nil, err
		}
		st.kind = kind
		if st.kappa, err = kappaOf(filepath.Join(s.Out, resultFile)); err != nil {
			return nil, err
		}
		list = append(list, st)
	}
	sum, err := train.FileSum(filepath.Join(run, weightsFile))
	if err != nil {
		return nil, err
	}
	folders, err := filepath.Glob(filepath.Join(run, "distill", "*", "config.yaml")) // sorted; students that were trained
	if err != nil {
		return nil, err
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		cfg, err := train.ReadRunConfig(folder)
		if err != nil || cfg.TeacherSHA256 != sum || strings.HasPrefix(filepath.Base(folder), ".") || !exists(folder, weightsFile) {
			continue
		}
		if err := train.Vanilla(folder, cfg.Cell); err != nil {
			opt.Log.Info("a student is left out", "because", err)
			continue
		}
		st, err := readStudent(folder)
		if err != nil {
			return nil, err
		}
		list = append(list, st)
	}
	return list, nil
}

func readStudent(folder string) (student, error) {
	w, err := train.LoadRNN(filepath.Join(folder, weightsFile))
	return student{name: filepath.Base(folder), weights: w}, err
}

// kappaOf returns κ of a RADD result of two rows.
func kappaOf(path string) (*[2]float64, error) {
	f, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scale, _, err := f.Float64("scale")
	if err != nil {
		return nil, err
	}
	return &[2]float64{scale[0], scale[len(scale)-1]}, nil
}

// tablesVersion is that of what an analysis's tables hold.
const tablesVersion = 2

// playersSum returns one sum of what students and mice were read from, and of what
// the tables tell of them.
func playersSum(students []student, mice []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "tables", tablesVersion)
	for _, s := range students {
		fmt.Fprintln(h, s.name, s.weights.SHA256)
	}
	for i, name := range mouseNames(mice) {
		files, err := analysis.TrialFiles(mice[i])
		if err != nil {
			return "", err
		}
		for _, file := range files {
			sum, err := train.FileSum(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(h, name, sum)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// alfSession is how the path of a table ends that lies where IBL puts it: subject,
// date, number of the session on that date.
var alfSession = regexp.MustCompile(`([^/]+)/\d{4}-\d\d-\d\d/\d+/alf/[^/]+$`)

// mouseNames returns the players' names of files and folders of trials: the
// subject, where the path says it as IBL's do; else the first part of the file's
// name, or the folder's name; numbered where several have the same.
func mouseNames(paths []string) []string {
	names := make([]string, len(paths))
	seen := map[string]int{}
	for i, path := range paths {
		name := filepath.Base(path)
		if in := alfSession.FindStringSubmatch(filepath.ToSlash(path)); in != nil {
			name = in[1]
		} else if stem, _, ok := strings.Cut(strings.TrimPrefix(name, "_"), "."); ok && stem != "" {
			name = stem
		}
		names[i] = "mice-" + name
		if seen[name]++; seen[name] > 1 {
			names[i] += fmt.Sprintf("-%d", seen[name])
		}
	}
	return names
}

// contender is a player with what it takes to play.
type contender struct {
	Player
	play     func(ctx context.Context) (*analysis.Played, error)
	sessions func(ctx context.Context) ([][]task.Trial, error) // the first trials of short sessions; nil where they are not told of
}

// contendersOf returns everybody who plays the network's session: itself, its
// interventions, its students, the Bayesian actors, and the mice, who played
// theirs.
func contendersOf[F kernels.Float](backend kernels.Backend[F], w train.Weights, students []student, mice []string, s *task.Session, c *task.Config) []contender {
	network := func(p Player, n int, theta []float64) contender {
		p.Hidden, p.Parameters = n, kernels.Shape{N: n}.Size()
		return contender{Player: p, play: func(ctx context.Context) (*analysis.Played, error) {
			trials, err := playNetwork(ctx, backend, as[F](theta), n, s)
			return analysis.PlayedSession(s, trials), err
		}}
	}
	list := []contender{
		network(Player{Player: "network", Group: "network", Label: fmt.Sprintf("network, %d units", w.N)}, w.N, w.Theta),
	}
	list[0].sessions = func(ctx context.Context) ([][]task.Trial, error) {
		return startsOfNetwork(ctx, backend, as[F](w.Theta), w.N, *c, seedOf(s), transientSessions, transientTrials)
	}
	for _, st := range students {
		list = append(list, network(Player{Player: st.name, Group: "student", Label: studentLabel(st)}, st.weights.N, st.weights.Theta))
	}
	for _, kind := range task.Baselines() {
		name := kind.String()
		actor := contender{Player: Player{Player: "bayes-" + name, Group: "bayesian", Label: "Bayesian actor, " + strings.Replace(name, "markov", "Markov", 1)},
			play: func(ctx context.Context) (*analysis.Played, error) {
				trials, err := playBayes(ctx, kind, s, c)
				return analysis.PlayedSession(s, trials), err
			}}
		if kind == task.Difference {
			actor.sessions = func(ctx context.Context) ([][]task.Trial, error) {
				return startsOfBayes(ctx, kind, *c, seedOf(s), transientSessions, transientTrials)
			}
		}
		list = append(list, actor)
	}
	list = append(list,
		network(Player{Player: "network-feedback-zeroed", Group: "intervention", Label: "network, feedback zeroed"}, w.N, withFeedback(w, 0)),
		network(Player{Player: "network-feedback-inverted", Group: "intervention", Label: "network, feedback inverted"}, w.N, withFeedback(w, -1)),
		contender{Player: Player{Player: "network-feedback-shuffled", Group: "intervention", Label: "network, feedback shuffled", Hidden: w.N, Parameters: kernels.Shape{N: w.N}.Size()},
			play: func(ctx context.Context) (*analysis.Played, error) {
				trials, err := playShuffled(ctx, backend, as[F](w.Theta), w.N, s)
				return analysis.PlayedSession(s, trials), err
			}})
	for i, name := range mouseNames(mice) {
		list = append(list, contender{Player: Player{Player: name, Group: "mice", Label: "mice, " + strings.TrimPrefix(name, "mice-")},
			play: func(context.Context) (*analysis.Played, error) { return analysis.ReadTrials(mice[i]) }})
	}
	return list
}

func studentLabel(st student) string {
	if st.kind != "" {
		return "RADD student, " + string(st.kind)
	}
	return strings.ReplaceAll(st.name, "-", " ") + " student"
}

// withFeedback returns the network's parameters with its feedback input times a
// factor.
func withFeedback(w train.Weights, factor float64) []float64 {
	theta := slices.Clone(w.Theta)
	inputs := kernels.Views(kernels.Shape{N: w.N}, theta).InputHidden
	for i := kernels.Inputs - 1; i < len(inputs); i += kernels.Inputs {
		inputs[i] *= factor
	}
	return theta
}

// playNetwork returns the trials of a session that the network plays in closed
// loop.
func playNetwork[F kernels.Float](ctx context.Context, backend kernels.Backend[F], theta []F, n int, s *task.Session) ([]task.Trial, error) {
	trials := make([]task.Trial, 0, s.Trials())
	tape := kernels.NewTape[F](n)
	tape.BeginStretch(s, stretchTrials)
	for more := true; more; more = tape.Continue(stretchTrials) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		backend.Forward(theta, kernels.CrossEntropySum, []*kernels.Tape[F]{tape})
		for _, trial := range tape.Played() {
			trials = append(trials, trial)
		}
	}
	return trials, nil
}

// playBayes returns the trials of a session that a Bayesian actor plays.
func playBayes(ctx context.Context, kind task.Kind, s *task.Session, c *task.Config) ([]task.Trial, error) {
	actor := task.NewBayes(kind, c)
	trials := make([]task.Trial, s.Trials())
	for n := range trials {
		if n%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		trials[n] = actor.Play(s, n)
	}
	return trials, nil
}

// behaviour is what a session's players did.
type behaviour struct {
	players  []Player
	causal   []Causal
	frontier *analysis.Frontier
	tables   []*analysis.Table
}

// Causal is how a network plays with and without an intervention on its
// feedback input.
type Causal struct {
	Player string `json:"player"`
	analysis.Performance
}

// behave has all contenders play and tables what they did.
func behave(ctx context.Context, contenders []contender, s *task.Session, seed uint64, c *task.Config) (*behaviour, error) {
	paces := make([]*analysis.Pace, len(contenders)) // nil where RNN steps are not known
	curves := make([]*analysis.Curves, len(contenders))
	performances := make([]analysis.Performance, len(contenders))
	transients := make([]*analysis.Table, len(contenders)) // nil where they are not told of
	frontier := make([]frontierRow, 0, 2*len(analysis.Thresholds()))
	for _, kind := range []task.Kind{task.Difference, task.Full} {
		for _, threshold := range analysis.Thresholds() {
			frontier = append(frontier, frontierRow{kind: kind, threshold: threshold})
		}
	}
	err := inParallel(len(contenders)+len(frontier), 0, func(i int) error {
		if i >= len(contenders) {
			return frontier[i-len(contenders)].play(ctx, seed, *c)
		}
		played, err := contenders[i].play(ctx)
		if err != nil {
			return err
		}
		curves[i] = analysis.NewCurves()
		performances[i] = curves[i].Add(contenders[i].Player.Player, played)
		if played.Observed {
			pace := analysis.PaceOf(played.Trials)
			paces[i] = &pace
		}
		if contenders[i].sessions == nil {
			return nil
		}
		starts, err := contenders[i].sessions(ctx)
		if err == nil {
			transients[i] = analysis.NewTransientsTable()
			analysis.AddTransients(transients[i], contenders[i].Player.Player, starts, played)
		}
		return err
	})
	if err != nil {
		return nil, err
	}

	b := &behaviour{}
	table := analysis.NewTable("players.csv", "player", "group", "label", "hidden", "parameters")
	points, positions := analysis.NewFrontierTable(), analysis.NewPositionTable()
	curveOf := map[task.Kind]*analysis.FrontierCurve{task.Difference: {}, task.Full: {}}
	for _, row := range frontier {
		points.Add("bayes-"+row.kind.String(), row.threshold, row.pace)
		curveOf[row.kind].Add(row.threshold, row.pace)
	}
	all, starts := analysis.NewCurves(), analysis.NewTransientsTable()
	for i, p := range contenders {
		b.players = append(b.players, p.Player)
		var hidden, parameters any = "", ""
		if p.Hidden > 0 {
			hidden, parameters = p.Hidden, p.Parameters
		}
		table.Add(p.Player.Player, p.Group, p.Label, hidden, parameters)
		all.Append(curves[i])
		if transients[i] != nil {
			starts.Append(transients[i])
		}
		if p.Group == "network" || p.Group == "intervention" {
			b.causal = append(b.causal, Causal{p.Player.Player, performances[i]})
		}
		if paces[i] != nil && p.Player.Player != "bayes-difference" && p.Player.Player != "bayes-full" {
			points.Add(p.Player.Player, c.ActionThreshold, *paces[i])
			for _, kind := range []task.Kind{task.Difference, task.Full} {
				curveOf[kind].AddPosition(positions, p.Player.Player, "bayes-"+kind.String(), *paces[i])
			}
		}
	}
	b.frontier = curveOf[task.Difference].Stand(*paces[0])
	b.tables = append(append([]*analysis.Table{table}, all.Tables()...), points.Table, positions, starts)
	return b, nil
}

// frontierRow is a Bayesian actor with a threshold of its own.
type frontierRow struct {
	kind      task.Kind
	threshold float64
	pace      analysis.Pace
}

func (r *frontierRow) play(ctx context.Context, seed uint64, c task.Config) error {
	c.ActionThreshold = r.threshold
	var s task.Session
	s.Draw(task.NewSampler(c), task.Origin{Seed: seed, Stream: task.StreamRollout})
	trials, err := playBayes(ctx, r.kind, &s, &c)
	r.pace = analysis.PaceOf(trials)
	return err
}

// FrontierOf returns the curve of RNN steps against correct trials of a Bayesian
// actor of the kind who plays the rollout's session of so many blocks and the seed
// at each of analysis.Thresholds.
func FrontierOf(ctx context.Context, kind task.Kind, c task.Config, blocks int, seed uint64) (*analysis.FrontierCurve, error) {
	c.Blocks = blocks
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	rows := make([]frontierRow, 0, len(analysis.Thresholds()))
	for _, threshold := range analysis.Thresholds() {
		rows = append(rows, frontierRow{kind: kind, threshold: threshold})
	}
	if err := inParallel(len(rows), 0, func(i int) error { return rows[i].play(ctx, seed, c) }); err != nil {
		return nil, err
	}
	curve := &analysis.FrontierCurve{}
	for _, row := range rows {
		curve.Add(row.threshold, row.pace)
	}
	return curve, nil
}

// writeNPZ writes an archive into a folder.
func writeNPZ(folder, name string, opt train.Options, write func(*npz.Writer) error) error {
	return writeTo(folder, name, opt, func(w io.Writer) error {
		z := npz.NewWriter(w)
		return errors.Join(write(z), z.Close())
	})
}
