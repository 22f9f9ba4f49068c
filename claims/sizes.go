package claims

import (
	"context"
	"math"
	"slices"
	"strconv"

	"radd/analysis"
	"radd/distill"
	"radd/report"
	"radd/task"
	"radd/train"
)

// alikeness are the measures by which networks are compared: of the first and the
// last more is more alike, of the others less.
var alikeness = []string{"cka", "student_recurrence", "student_input", "fixed_points"}

// quarter is by how much a distance may exceed that within the networks of 50 units.
const quarter = 1.25

// Sets of networks that are compared. Those of sizes are called by their units.
var controls = []string{"cross-entropy", "other-hazard", "untrained"}

const standard = "50"

var sizes = Study{
	Name:   "sizes",
	Title:  "Networks of different sizes find similar solutions",
	Claim:  "“Here we show that RNNs of different sizes (25, 100, 150, 250) find similar solutions.”",
	Source: "SI 7.5",
	Test: "Networks of 25, 100, 150 and 250 units (`probability`, 5,000 gradient steps) are held against the networks of 50 units of the other seeds, and those against each other: by linear CKA of the states along one session whose inputs all are given; by the distances of the RADD students’ " +
		"recurrent and of their input parameters up to sign and scale; and by the share of constant inputs under which they have as many fixed points, as many of them stable. Similar means: between sizes, on average over seeds, CKA is lower by no more than 0.05 than within 50 units, each distance at most 1.25 times that within, and the share lower by no more than 0.2. " +
		"That the measures can fail is tested too: against networks of 50 units of the cross entropy, of a hazard of 0.1, and untrained ones, CKA is lower by 0.05 and more, and the students’ distances are 1.25 times those within and more. 16 and 9 tests, 20 seeds each.",
	Sweeps: []string{"sizes"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		list := w.Networks("sizes")
		var subjects []distill.Subject
		for _, n := range list {
			weights, err := n.Weights()
			if err != nil {
				return nil, err
			}
			subjects = append(subjects, distill.Subject{Name: n.Name, Set: w.set(&n.Config), Weights: weights, Task: n.Config.Task})
		}
		cfg := distill.DefaultSimilarityConfig()
		cfg.Starts, cfg.Resamples = 8, 1 // intervals over seeds are this package's
		if w.Quick {
			cfg.Blocks, cfg.OwnBlocks, cfg.Starts = 2, 10, 1
		}
		s, err := distill.Compare(ctx, subjects, cfg, w.options())
		if err != nil {
			return nil, err
		}
		pairs := s.Tables()[0]
		t := newTable(append([]string{"set", "seed"}, alikeness...)...)
		for _, n := range list {
			row := []any{w.set(&n.Config), n.Config.Seed}
			for _, measure := range alikeness {
				row = append(row, w.toStandard(n, pairs, measure))
			}
			t.Add(row...)
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		within := t.Where("set", standard)
		less := func(set, measure string, factor float64) []float64 {
			scaled := newTable("seed", measure)
			of := within.Numbers(measure)
			for i, seed := range within.Texts("seed") {
				scaled.Add(seed, factor*of[i])
			}
			return differences(t.Where("set", set), scaled, measure, "seed")
		}
		for _, set := range t.Values("set") {
			if slices.Contains(controls, set) || set == standard {
				continue
			}
			tests = append(tests,
				Mean("CKA, "+set+" units less within 50", less(set, "cka", 1), -.05, above),
				Mean("distance of the students’ recurrence, "+set+" units less 1.25 times that within 50", less(set, "student_recurrence", quarter), below, 0),
				Mean("distance of the students’ inputs, "+set+" units less 1.25 times that within 50", less(set, "student_input", quarter), below, 0),
				Mean("share of inputs with as many fixed points, "+set+" units less within 50", less(set, "fixed_points", 1), -.2, above))
		}
		for _, set := range controls {
			tests = append(tests,
				Mean("control: CKA, "+set+" less within 50", less(set, "cka", 1), below, -.05),
				Mean("control: distance of the students’ recurrence, "+set+" less 1.25 times that within 50", less(set, "student_recurrence", quarter), 0, above),
				Mean("control: distance of the students’ inputs, "+set+" less 1.25 times that within 50", less(set, "student_input", quarter), 0, above))
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "sizes", Title: "How near to networks of 50 units", Wide: true, Columns: 2, Aspect: .6}
		sets := t.Values("set")
		for _, of := range []struct{ measure, label string }{{"cka", "linear CKA"}, {"student_recurrence", "distance of students’ recurrence"},
			{"student_input", "distance of students’ inputs"}, {"fixed_points", "share of inputs with as many fixed points"}} {
			f.Panels = append(f.Panels, strip("", report.Axis{Label: of.label, Name: of.measure}, sets, func(i int) []float64 {
				return t.Where("set", sets[i]).Numbers(of.measure)
			}))
		}
		return f
	},
}

// set names the set that a network of the sweep is in.
func (w *Work) set(c *train.Config) string {
	switch {
	case c.Objective == "cross-entropy":
		return controls[0]
	case c.Task.Hazard != task.DefaultConfig().Hazard:
		return controls[1]
	case c.GradientSteps == 1:
		return controls[2]
	}
	return strconv.Itoa(c.Hidden)
}

// toStandard returns the mean of a measure between a network and those of 50 units of
// other seeds.
func (w *Work) toStandard(n *Network, pairs *analysis.Table, measure string) float64 {
	a, b, setA, setB, value := pairs.Texts("a"), pairs.Texts("b"), pairs.Texts("set_a"), pairs.Texts("set_b"), pairs.Numbers(measure)
	other := map[string]bool{} // networks of 50 units of n's own seed are no others
	for _, m := range w.Networks("sizes") {
		if w.set(&m.Config) == standard && m.Config.Seed == n.Config.Seed {
			other[m.Name] = true
		}
	}
	var list []float64
	for i := range a {
		switch {
		case math.IsNaN(value[i]):
		case a[i] == n.Name && setB[i] == standard && !other[b[i]], b[i] == n.Name && setA[i] == standard && !other[a[i]]:
			list = append(list, value[i])
		}
	}
	return mean(list)
}
