package claims

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"radd/analysis"
	"radd/distill"
	"radd/internal/input"
	"radd/report"
	"radd/train"
)

// teachers are the networks that are distilled: those that the page on distillation shows.
func (w *Work) teachers() []*Network {
	return Which(w.Networks("lengths"), func(c *train.Config) bool {
		return c.Objective == "probability" && w.trained(c, 20_000) || c.Objective == "cross-entropy" && w.trained(c, 5000)
	})
}

func (w *Work) options() train.Options { return train.Options{Version: w.Version} }

// rollout returns the network's recorded rollout, which it makes if need be.
func (w *Work) rollout(ctx context.Context, n *Network) (folder string, s train.RolloutSummary, err error) {
	if folder, err = n.Folder(); err != nil {
		return folder, s, err
	}
	s, err = train.RolloutOfRun(ctx, folder, n.session(), w.options())
	return folder, s, err
}

// student returns the weights' file of the network's RADD student, which it makes if
// need be; "" where the network has no such readouts, as one that has hardly been
// trained may.
func (w *Work) student(ctx context.Context, n *Network, kind analysis.Kind) (string, error) {
	folder, _, err := w.rollout(ctx, n)
	if err != nil {
		return "", err
	}
	s, err := distill.OfRun(ctx, folder, "", kind, w.options())
	if input.Is(err) {
		w.Log.Warn("there is no RADD student", "network", n.Name, "readout", kind, "because", err)
		return "", nil
	}
	return filepath.Join(s.Out, "weights.safetensors"), err
}

// Players of the contest.
const (
	playsTeacher = "teacher"
	playsPCA     = "RADD, pca"
	playsFull    = "RADD, full"
	playsPaper   = "traditional, 10,000 sessions"
	playsEqual   = "traditional, equal data"
	playsReset   = "control, pca reset"
	playsRandom  = "control: random projections" // as the contest calls it
)

var players = []string{playsTeacher, playsPCA, playsFull, playsPaper, playsEqual, playsReset, playsRandom}

const (
	contestSeed    = 4   // of the session that all play: neither the rollout's nor the held-out one
	contestSamples = 500 // of the bootstrap over pairs of blocks
	randomPlayers  = 20  // students of random projections
	sessionBlocks  = 4   // of a gradient step
	paperGradients = 10_000
)

var contest = Study{
	Name:   "contest",
	Title:  "RADD beats traditional distillation",
	Claim:  "“For comparison with RADD, we created a traditionally distilled RNN … We trained for 10,000 gradient steps (twice as many gradient steps as … the original task-trained RNN took to converge).”",
	Source: "SI 7.4",
	Test: "On a session of 1,000 blocks that no student saw, the RADD student (`pca`) agrees with its teacher in more trials than the traditional student of the same teacher, has the lower KL divergence from it, and its block gap is nearer to the teacher’s: on average over " +
		"teachers (differences above, below and below 0). Traditional students are trained on the paper’s 10,000 sessions, and on as many as RADD’s 1,000 blocks are, 250: equal data, and as both go through the teacher’s passage once, about equal time. " +
		"The figures can tell: teacher and `pca` student reset before each trial differ by at least 0.05 in block gap. Teachers of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 14 tests, 20 teachers each.",
	Sweeps: []string{"lengths"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		teachers := w.teachers()
		contests := make([]*distill.Contest, len(teachers))
		err := w.Each(ctx, len(teachers), func(ctx context.Context, i int) (err error) {
			contests[i], err = w.contest(ctx, teachers[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		t := newTable("objective", "seed", "player", "figure", "value", "low", "high")
		for i, c := range contests {
			if c == nil {
				continue
			}
			for _, player := range players {
				for _, e := range c.Entries {
					if e.Name != player {
						continue
					}
					for _, f := range []struct {
						name string
						analysis.Figure
					}{{"correct", e.CorrectPerTrial}, {"rnn_steps", e.RNNStepsPerTrial}, {"block_gap", e.ZeroBlockGap}, {"agreement", e.Agreement}, {"kl", e.KL}} {
						t.Add(teachers[i].Config.Objective, teachers[i].Config.Seed, player, f.name, f.Value, f.Low, f.High)
					}
				}
			}
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			teacher := some.Where("player", playsTeacher, "figure", "block_gap")
			for _, rival := range []string{playsPaper, playsEqual} {
				less := func(figure string) []float64 {
					return differences(some.Where("player", playsPCA, "figure", figure), some.Where("player", rival, "figure", figure), "value", "seed")
				}
				off := func(player string) []float64 {
					return differences(some.Where("player", player, "figure", "block_gap"), teacher, "value", "seed")
				}
				nearer := make([]float64, 0)
				ours, theirs := off(playsPCA), off(rival)
				for i := range min(len(ours), len(theirs)) {
					nearer = append(nearer, math.Abs(ours[i])-math.Abs(theirs[i]))
				}
				of := objective + ", RADD less " + rival
				tests = append(tests,
					Mean("agreement, "+of, less("agreement"), 0, above),
					Mean("KL, "+of, less("kl"), below, 0),
					Mean("distance from the teacher’s block gap, "+of, nearer, below, 0))
			}
			tests = append(tests, Mean("block gap, "+objective+", teacher less reset control",
				differences(teacher, some.Where("player", playsReset, "figure", "block_gap"), "value", "seed"), .05, above))
		}
		return tests
	},
	Remark: func(t *analysis.Table) string {
		var parts []string
		for _, objective := range objectives {
			some := t.Where("objective", objective, "figure", "block_gap")
			teacher, reset := some.Where("player", playsTeacher).Numbers("low"), some.Where("player", playsReset).Numbers("high")
			apart := 0
			for i := range min(len(teacher), len(reset)) {
				if teacher[i] > reset[i] {
					apart++
				}
			}
			parts = append(parts, fmt.Sprintf("with %s the intervals (over pairs of blocks) of teacher and reset control do not overlap for %d of %d teachers; over teachers the median of 20 random P’s has a block gap of %s and an agreement of %s, the `pca` student %s and %s",
				objective, apart, len(teacher), spoken(some.Where("player", playsRandom).Numbers("value")), spoken(t.Where("objective", objective, "figure", "agreement", "player", playsRandom).Numbers("value")),
				spoken(some.Where("player", playsPCA).Numbers("value")), spoken(t.Where("objective", objective, "figure", "agreement", "player", playsPCA).Numbers("value"))))
		}
		return capital(strings.Join(parts, "; ")) + ". In the data low and high are the bootstrap interval over pairs of blocks, of the random P’s the range."
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "contest", Title: "Players beside their teachers", Wide: true, Columns: 3, Aspect: .95}
		for _, objective := range objectives {
			for _, figure := range []struct{ name, label string }{{"block_gap", "block gap, zero strength"}, {"agreement", "agreement"}, {"kl", "KL (nats per RNN step)"}} {
				f.Panels = append(f.Panels, strip(objective, report.Axis{Label: figure.label, Name: figure.name}, players, func(i int) []float64 {
					return t.Where("objective", objective, "player", players[i], "figure", figure.name).Numbers("value")
				}))
			}
		}
		return f
	},
}

// contest has a teacher's students play. It returns nil where the teacher has no RADD
// students.
func (w *Work) contest(ctx context.Context, n *Network) (*distill.Contest, error) {
	folder, rollout, err := w.rollout(ctx, n)
	if err != nil {
		return nil, err
	}
	var list []distill.Contestant
	add := func(name, path string, reset bool) {
		list = append(list, distill.Contestant{Name: name, Weights: []string{path}, Reset: reset})
	}
	for _, of := range []struct {
		player string
		kind   analysis.Kind
	}{{playsPCA, analysis.PCA}, {playsFull, analysis.Full}} {
		path, err := w.student(ctx, n, of.kind)
		if err != nil || path == "" {
			return nil, err
		}
		add(of.player, path, false)
	}
	add(playsReset, list[0].Weights[0], true)
	steps := paperGradients
	if w.Quick {
		steps /= fewer
	}
	for _, of := range []struct {
		player, folder string
		gradientSteps  int
	}{{playsPaper, "traditional", steps}, {playsEqual, "traditional-equal-data", max(1, rollout.Blocks/sessionBlocks)}} {
		cfg := distill.TraditionalConfig()
		cfg.GradientSteps, cfg.Seed, cfg.Device, cfg.Jobs, cfg.Dtype, cfg.Task = of.gradientSteps, n.Config.Seed, "cpu", 1, n.Config.Dtype, n.Config.Task
		s, err := distill.TraditionalOfRun(ctx, folder, of.folder, cfg, w.options())
		if err != nil {
			return nil, err
		}
		add(of.player, filepath.Join(s.Out, "weights.safetensors"), false)
	}
	return distill.HoldContest(ctx, distill.ContestConfig{Run: folder, Contestants: list, Blocks: rollout.Blocks, Seed: contestSeed,
		RandomReadouts: randomPlayers, Resamples: contestSamples, Workers: 1}, w.options())
}

// capital returns a text with a capital at its start.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
