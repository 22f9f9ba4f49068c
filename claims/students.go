package claims

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/distill"
	"radd/kernels"
	"radd/report"
	"radd/train"
)

var recovery = Study{
	Name:   "recovery",
	Title:  "Students that are distilled again return their parameters",
	Claim:  "RADD finds the parameters of a network that is itself a system of two dimensions.",
	Source: "SI 7.3: what the method must do if it is to be believed",
	Test: "RADD students (`pca`) of teachers of 50 units, rolled out for 1,000 blocks in float64 and distilled again: with the students’ own units as P every parameter comes back within 1e-6 of the largest; with the readouts that are found anew from the students’ " +
		"behaviour (`full`), other coordinates in which no network of two units is the same exactly, one step ahead R² is at least 0.99 in both rows, and the student’s student plays like the student: ±0.01 correct, ±0.25 RNN steps, ±0.05 block gap. " +
		"Teachers: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 12 tests, 20 students each.",
	Sweeps: []string{"lengths"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		teachers := w.teachers()
		rows := make([][]any, len(teachers))
		err := w.Each(ctx, len(teachers), func(ctx context.Context, i int) (err error) {
			rows[i], err = w.again(ctx, teachers[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		t := newTable("objective", "seed", "deviation", "r2_stimulus", "r2_block", "correct", "rnn_steps", "block_gap", "again_correct", "again_rnn_steps", "again_block_gap")
		for i, row := range rows {
			if row != nil {
				t.Add(append([]any{teachers[i].Config.Objective, teachers[i].Config.Seed}, row...)...)
			}
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			tests = append(tests,
				Mean("deviation of the parameters, "+objective, some.Numbers("deviation"), below, 1e-6),
				Mean("R², stimulus row, "+objective, some.Numbers("r2_stimulus"), .99, above),
				Mean("R², block row, "+objective, some.Numbers("r2_block"), .99, above))
			for _, figure := range behaviour {
				d := some.Numbers("again_" + figure)
				for i, x := range some.Numbers(figure) {
					d[i] -= x
				}
				tests = append(tests, Mean(fmt.Sprintf("%s, %s, student’s student less student", spoke[figure], objective), d, -margins[figure], margins[figure]))
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "recovery", Title: "Students and their students", Wide: true, Columns: 3, Aspect: .9}
		for _, figure := range behaviour {
			p := &report.Panel{X: report.Axis{Label: "student, " + axes[figure].Label, Name: figure}, Y: report.Axis{Label: "student’s student", Name: "again_" + figure},
				Guides: []report.Guide{{Diagonal: true}}}
			for i, objective := range objectives {
				some := t.Where("objective", objective)
				m := report.Mark{Key: objective, Label: objective, Look: report.Dots}.Tinted(2*i, 4, false)
				m.X, m.Y = some.Numbers(figure), some.Numbers("again_"+figure)
				p.Marks = append(p.Marks, m)
			}
			f.Panels = append(f.Panels, p)
		}
		return f
	},
}

// again distils a network's student again: the largest deviation of a parameter with the
// student's own units as P, R² of both rows with readouts found anew, and the behaviour of
// the student and of that student's student; nil where there is no student.
func (w *Work) again(ctx context.Context, n *Network) ([]any, error) {
	path, err := w.student(ctx, n, analysis.PCA)
	if err != nil || path == "" {
		return nil, err
	}
	student, err := train.LoadRNN(path)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "radd-claims-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	cfg := n.session()
	cfg.Dtype = "f64"
	first, err := train.Rollout(ctx, student, filepath.Join(scratch, "rollout"), cfg, w.options())
	if err != nil {
		return nil, err
	}
	f, err := analysis.OpenFile(filepath.Join(scratch, "rollout", "states.npz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	own, err := fit(f.Trajectory, distill.Problem{Projection: mat.NewDense(2, 2, []float64{1, 0, 0, 1}), Scale: distill.Scale{Fixed: []float64{1}}})
	if err != nil {
		return nil, err
	}
	theta, err := own.Network(f.Trajectory)
	if err = withoutCondition(err); err != nil {
		return nil, err
	}
	P, offset, _, err := f.Target(analysis.Full)
	if err != nil {
		return nil, err
	}
	found, err := fit(f.Trajectory, distill.Problem{Projection: P, Offset: offset})
	if err != nil {
		return nil, err
	}
	second, err := found.Network(f.Trajectory)
	if err = withoutCondition(err); err != nil {
		return nil, err
	}
	s, err := train.Play(ctx, train.Weights{Path: path, N: 2, Theta: second, Cell: "rnn"}, cfg, w.options())
	if err != nil {
		return nil, err
	}
	row := []any{away(student.Theta, theta), found.R2[0], found.R2[1]}
	return append(append(row, figures(&first.Figures)[1:4]...), figures(&s.Figures)[1:4]...), nil
}

// fit is distill.Fit, which says of an ill-conditioned answer that it is one.
func fit(t *analysis.Trajectory, p distill.Problem) (*distill.RADD, error) {
	r, err := distill.Fit(t, p)
	return r, withoutCondition(err)
}

func withoutCondition(err error) error {
	if condition := (*distill.ConditionError)(nil); errors.As(err, &condition) {
		return nil
	}
	return err
}

// away returns the largest difference of two networks' dynamics, over the largest
// parameter. Of the two biases the sum counts.
func away(a, b []float64) float64 {
	largest, difference := 0.0, 0.0
	x, y := kernels.Views(kernels.Shape{N: 2}, a), kernels.Views(kernels.Shape{N: 2}, b)
	compare := func(x, y float64) {
		largest, difference = max(largest, math.Abs(x)), max(difference, math.Abs(x-y))
	}
	for i := range x.InputHidden {
		compare(x.InputHidden[i], y.InputHidden[i])
	}
	for i := range x.HiddenHidden {
		compare(x.HiddenHidden[i], y.HiddenHidden[i])
	}
	for i := range x.InputBias {
		compare(x.InputBias[i]+x.HiddenBias[i], y.InputBias[i]+y.HiddenBias[i])
	}
	return difference / largest
}

// freeIterations is enough for the free run's fit to come to rest.
const freeIterations = 40

var forcing = Study{
	Name:   "teacher-forcing",
	Title:  "Teacher forcing equals regression",
	Claim:  "“Another view is that backpropagation through time combined with (projected) teacher forcing is equivalent to linear regression.”",
	Source: "SI 7.3",
	Test: "With teacher forcing each step starts at z, not at ẑ, so there is nothing to propagate back through time: that is the regression, by algebra. The caveat: the formula that is to be minimised runs free, Σ‖z − ẑ‖². The student that minimises it (Levenberg and Marquardt, from the " +
		"regression’s) is compared with the regression’s, both `pca`, κ and P the same: one step ahead, R² differs by no more than ±0.01 (equal fits), and the free run’s R² by no more than ±0.01 (the regression is as good as the formula’s own minimum), in either row. Teachers of 50 units: " +
		"`probability`, 20,000 gradient steps, and cross entropy, 5,000. 8 tests, 20 teachers each.",
	Sweeps: []string{"lengths"},
	Measure: func(ctx context.Context, w *Work) (*analysis.Table, error) {
		teachers := w.teachers()
		rows := make([][]any, len(teachers))
		err := w.Each(ctx, len(teachers), func(ctx context.Context, i int) (err error) {
			rows[i], err = w.free(ctx, teachers[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		columns := []string{"objective", "seed"}
		for _, student := range []string{"regression", "free"} {
			for _, row := range []string{"stimulus", "block"} {
				columns = append(columns, student+"_r2_"+row, student+"_free_run_r2_"+row)
			}
		}
		t := newTable(columns...)
		for i, row := range rows {
			if row != nil {
				t.Add(append([]any{teachers[i].Config.Objective, teachers[i].Config.Seed}, row...)...)
			}
		}
		return t, nil
	},
	Judge: func(t *analysis.Table) (tests []Test) {
		const most = .01
		for _, objective := range objectives {
			some := t.Where("objective", objective)
			for _, row := range []string{"stimulus", "block"} {
				for _, figure := range []struct{ column, words string }{{"_r2_", "one step ahead"}, {"_free_run_r2_", "free run"}} {
					d := some.Numbers("free" + figure.column + row)
					for i, x := range some.Numbers("regression" + figure.column + row) {
						d[i] -= x
					}
					tests = append(tests, Mean(fmt.Sprintf("R² %s, %s row, %s, free fit less regression", figure.words, row, objective), d, -most, most))
				}
			}
		}
		return tests
	},
	Draw: func(t *analysis.Table) *report.Figure {
		f := &report.Figure{Name: "teacher-forcing", Title: "Two fits of the same states", Wide: true, Columns: 2, Aspect: .75}
		for _, row := range []string{"stimulus", "block"} {
			p := &report.Panel{Title: row + " row", X: report.Axis{Label: "R², one step ahead", Name: "r2"}, Y: report.Axis{Label: "R², free run", Name: "free_run_r2"}}
			for i, objective := range objectives {
				for k, student := range []string{"regression", "free"} {
					some := t.Where("objective", objective)
					key := objective + ", " + map[string]string{"regression": "regression", "free": "fit of the free run"}[student]
					m := report.Mark{Key: key, Label: key, Look: report.Dots}.Tinted(2*i+k, 4, false)
					m.X, m.Y = some.Numbers(student+"_r2_"+row), some.Numbers(student+"_free_run_r2_"+row)
					p.Marks = append(p.Marks, m)
				}
			}
			f.Panels = append(f.Panels, p)
		}
		return f
	},
}

// free returns R² one step ahead and in a free run, by rows, of the regression's student
// and of that of the free run's fit; nil where the network has no such readouts.
func (w *Work) free(ctx context.Context, n *Network) ([]any, error) {
	path, err := w.student(ctx, n, analysis.PCA)
	if err != nil || path == "" {
		return nil, err
	}
	folder, err := n.Folder()
	if err != nil {
		return nil, err
	}
	f, err := analysis.OpenFile(filepath.Join(folder, "rollout", "states.npz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	P, offset, _, err := f.Target(analysis.PCA)
	if err != nil {
		return nil, err
	}
	r, err := fit(f.Trajectory, distill.Problem{Projection: P, Offset: offset})
	if err != nil {
		return nil, err
	}
	free, err := r.FitFreeRun(f.Trajectory, freeIterations)
	if err != nil {
		return nil, err
	}
	var row []any
	for _, student := range []*distill.RADD{r, free} {
		e, err := student.Evaluate(f.Trajectory)
		if err != nil {
			return nil, err
		}
		row = append(row, e.R2[0], e.FreeRunR2[0], e.R2[1], e.FreeRunR2[1])
	}
	return row, nil
}
