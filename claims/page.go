package claims

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"radd/analysis"
	"strings"
)

// Page returns docs/claims.md: the studies' definitions, and of those whose
// tables are in the folder, what they found.
func Page(dir string) ([]byte, error) {
	var all []*found
	for _, s := range Studies() {
		t, err := readTable(dir, s.Name)
		if errors.Is(err, fs.ErrNotExist) {
			all = append(all, &found{Study: s})
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, &found{s, t, s.judge(t)})
	}
	var b bytes.Buffer
	b.WriteString(preface)
	fmt.Fprintf(&b, "\n| study | claim | verdict |\n| --- | --- | --- |\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", f.Study.Name, f.Study.Name, f.Title, f.verdict())
	}
	fmt.Fprintf(&b, "\n%s%s", tally(all), together(all))
	for _, f := range all {
		f.section(&b)
	}
	return b.Bytes(), nil
}

const preface = `# The paper's claims, put to the test

Every row is a claim that the paper's supplementary information makes in passing, or a question that it leaves open. This page is
generated: definitions from ` + "`claims/`" + `, figures and verdicts from the tables in [claims/](claims/). Claims, tests and bounds stood
here before there were any data.

    radd claims --out DIR                 # all of them; how long it takes stands below
    radd claims NAME --out DIR            # one of them
    radd claims --quick --out DIR         # the same code at small scale
    radd claims --list                    # their names

Networks that several studies use are trained once, in the folder's ` + "`sweeps/`" + `; run again, it does what is missing. The sweeps' files are in
[claims/sweeps](../claims/sweeps): ` + "`radd sweep run`" + ` takes them too. All together took 4.7 core-hours, 2 h 24 min on 2 shared cores of an AMD Zen 4 on which an RNN step at N = 50
takes 0.27 µs, of which the cuts named below take off about 12 min; a Zen 5 (0.14 µs) needs about half. No result depends on a machine's speed. A GPU extends all of it: more seeds, larger
networks, finer grids.

Since the first run two things were cut for the time. Networks that several sweeps ask for are now trained once, which changes no table. The study of hyperparameters had gradient
steps of 1 and 4 sessions, took a sixth of all time and held with a condition: 22 of 56 tests supported it, 34 were undecided. Four became two, its bound stayed as it was, and it was run anew.

**How a verdict comes about.** The units are seeds. Every test holds a figure's mean over seeds (or its standard deviation, SD) against bounds that were fixed
beforehand. It *supports* the claim where the figure lies significantly within the bounds (two one-sided t tests at 5 %; of an SD, χ²), it is *against* it
where the figure lies significantly outside, else it is *undecided*; Holm's correction goes over the study's tests. A claim **holds** where all tests
support it, **holds with a condition** where some do (those are the condition), **does not hold** where none does and some are against it, and **can't be told** otherwise.
Intervals in brackets are 95 % percentile bootstrap intervals over seeds (2,000 samples).

**Figures.** *RNN steps* and *correct* are per trial, over one session of 1,000 blocks (seed 2) that no network was trained on. The *block gap* is the share of
correct answers at zero strength on trials concordant with the block less that on discordant ones: the use that is made of the block
([distillation.md](distillation.md#the-contest)). All networks play the same session: its own luck, of about ±0.003 correct and ±0.02 block gap, is common to all and no part of the intervals. Unless a study says otherwise, differences count as none within **±0.01** correct, **±0.25** RNN steps
and **±0.05** block gap: an eighth, a seventh and a third of what lies between networks of the two objectives after 5,000 gradient steps.
`

// found is a study with what it has found, if it has been run.
type found struct {
	*Study
	table   *analysis.Table
	finding Finding
}

func (f *found) verdict() string {
	if f.table == nil {
		return "not yet run"
	}
	return "**" + string(f.finding.Verdict) + "**"
}

// tally counts the verdicts.
func tally(all []*found) string {
	count := map[Verdict]int{}
	for _, f := range all {
		count[f.finding.Verdict]++
	}
	var parts []string
	for _, v := range []struct {
		verdict Verdict
		text    string
	}{{Holds, "hold"}, {HoldsOnCondition, "hold with a condition"}, {DoesNotHold, "do not hold"}, {CannotBeTold, "can’t be told"}} {
		if n := count[v.verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.text))
		}
	}
	return fmt.Sprintf("Of %d claims %s.", len(all), strings.Join(parts, ", "))
}

// together tells what Holm's correction over the whole page would change.
func together(all []*found) string {
	var tests []Test
	for _, f := range all {
		tests = append(tests, f.finding.tests...)
	}
	if len(tests) == 0 {
		return "\n"
	}
	settle(tests)
	var changed []string
	n := len(tests)
	for _, f := range all {
		if f.table == nil {
			continue
		}
		k := len(f.finding.tests)
		if v := verdict(tests[:k]); v != f.finding.Verdict {
			changed = append(changed, fmt.Sprintf("%s: %s", f.Study.Name, v))
		}
		tests = tests[k:]
	}
	if len(changed) == 0 {
		return fmt.Sprintf(" With Holm's correction over all %d tests of the page every verdict is the same.\n", n)
	}
	return fmt.Sprintf(" With Holm's correction over all %d tests of the page these verdicts would be others: %s.\n", n, strings.Join(changed, "; "))
}

// section writes the study's part of the page.
func (f *found) section(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n> %s\n>\n> — %s\n\n**Test.** %s\n\n", f.Study.Name, f.Title+".", f.Claim, f.Source, f.Test)
	var sweeps []string
	for _, name := range f.Sweeps {
		sweeps = append(sweeps, fmt.Sprintf("[%s](../claims/sweeps/%s.yaml)", name, name))
	}
	fmt.Fprintf(b, "**Networks.** %s. **Again.** `radd claims %s --out DIR`\n", strings.Join(sweeps, ", "), f.Study.Name)
	if f.table == nil {
		fmt.Fprintf(b, "\n**Verdict: not yet run.**\n")
		return
	}
	fmt.Fprintf(b, "\n**Verdict: %s.** %s", f.finding.Verdict, outcomes(f.finding.tests))
	if f.finding.Remark != "" {
		fmt.Fprintf(b, " %s", f.finding.Remark)
	}
	fmt.Fprintf(b, "\n\n![%s](claims/%s.svg)\n\nData: [claims/%s.csv](claims/%s.csv)\n", f.Title, f.Study.Name, f.Study.Name, f.Study.Name)
	fmt.Fprintf(b, "\n| test | seeds | figure | bounds | p, within | p, outside | |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, t := range f.finding.tests {
		fmt.Fprintf(b, "| %s | %d | %s [%s, %s] | %s | %s | %s | %s |\n", t.Name, t.Units, short(t.Value), short(t.Low), short(t.High),
			t.bounds(), probability(t.Within), probability(t.Beyond), t.Outcome)
	}
}

// outcomes tells how many tests say what, and, where some support the claim and some do
// not, which: those that are fewer, if they are few.
func outcomes(tests []Test) string {
	names := map[Outcome][]string{}
	for _, t := range tests {
		names[t.Outcome] = append(names[t.Outcome], t.Name)
	}
	var parts []string
	for _, o := range []struct {
		outcome Outcome
		text    string
	}{{Supports, "support it"}, {Against, "are against it"}, {Undecided, "are undecided"}} {
		if n := len(names[o.outcome]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.text))
		}
	}
	text := fmt.Sprintf("Of %d tests %s.", len(tests), strings.Join(parts, ", "))
	const few = 8
	support, others := names[Supports], append(names[Against], names[Undecided]...)
	switch {
	case len(support) == 0 || len(others) == 0 || min(len(support), len(others)) > few:
	case len(support) <= len(others):
		text += " It holds for " + strings.Join(support, "; ") + "."
	default:
		text += " It holds but for " + strings.Join(others, "; ") + "."
	}
	return text
}

// probability writes a p value.
func probability(p float64) string {
	if p < .001 {
		return "< .001"
	}
	return strings.TrimPrefix(fmt.Sprintf("%.3f", p), "0")
}
