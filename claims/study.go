package claims

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"radd/analysis"
	"radd/internal/input"
	"radd/report"
)

// Study is one claim with its test.
type Study struct {
	Name   string // safe in a shell
	Title  string
	Claim  string // the paper's sentence, or a question
	Source string // where it stands
	Test   string // in words, with bounds, statistic and units, written before there were data
	Sweeps []string

	Measure func(ctx context.Context, w *Work) (*analysis.Table, error) // of finished networks
	Judge   func(t *analysis.Table) []Test                              // reads the table alone
	Remark  func(t *analysis.Table) string                              // what else the table shows
	Draw    func(t *analysis.Table) *report.Figure
}

// Studies returns all studies, in the order of the page.
func Studies() []*Study {
	return []*Study{
		&counts, &transients, &convergence, &gradients, &hyperparameters, &seeds, &feedback, &waiting, &sizes, &forcing, &contest, &recovery,
		&twoUnits, &loss, &reward, &inferenceLaw, &frontier,
	}
}

// Named returns the studies of those names, all where there are none. The error
// is an *input.Error.
func Named(names []string) ([]*Study, error) {
	all := Studies()
	if len(names) == 0 {
		return all, nil
	}
	var list []*Study
	for _, name := range names {
		i := slices.IndexFunc(all, func(s *Study) bool { return s.Name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.Name)
			}
			return nil, &input.Error{Field: "study", Found: fmt.Sprintf("%q", name), Allowed: strings.Join(known, ", ")}
		}
		if !slices.Contains(list, all[i]) {
			list = append(list, all[i])
		}
	}
	return list, nil
}

// Finding is what a study has found.
type Finding struct {
	Name    string  `json:"study"`
	Verdict Verdict `json:"verdict"`
	Tests   int     `json:"tests"`
	Support int     `json:"supporting"`
	Against int     `json:"against"`
	Remark  string  `json:"remark,omitempty"`

	tests []Test
}

// judge returns what the study finds in a table.
func (s *Study) judge(t *analysis.Table) Finding {
	f := Finding{Name: s.Name, tests: s.Judge(t)}
	settle(f.tests)
	f.Verdict, f.Tests = verdict(f.tests), len(f.tests)
	for _, test := range f.tests {
		switch test.Outcome {
		case Supports:
			f.Support++
		case Against:
			f.Against++
		}
	}
	if s.Remark != nil {
		f.Remark = s.Remark(t)
	}
	return f
}
