package claims

import (
	"bytes"
	"context"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"radd/analysis"
	"radd/internal/input"
	"radd/sweep"
)

var update = flag.Bool("update", false, "write docs/claims.md and its figures anew")

const docs = "../docs"

// docs/claims.md is written from the studies and the tables beside it, and the figures
// are drawn from the tables.
func TestGeneratedPage(t *testing.T) {
	want := map[string][]byte{}
	page, err := Page(filepath.Join(docs, dataDir))
	if err != nil {
		t.Fatal(err)
	}
	want[pageFile] = page
	for _, s := range Studies() {
		table, err := readTable(filepath.Join(docs, dataDir), s.Name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.Draw(table).Write(&b, "svg"); err != nil {
			t.Fatal(err)
		}
		want[filepath.Join(dataDir, s.Name+".svg")] = b.Bytes()
	}
	for name, data := range want {
		path := filepath.Join(docs, name)
		if *update {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, data) {
			t.Errorf("%s is not what the studies and their tables say; run go test ./claims -update", path)
		}
	}
	counted := regexp.MustCompile(`Of \d+ claims [^.]*`).Find(page)
	if readme, err := os.ReadFile("../README.md"); err != nil || !bytes.Contains(readme, counted) {
		t.Errorf("README.md does not say %q (%v)", counted, err)
	}
}

// sharedOut is the folder of all sweeps' networks.
var sharedOut = filepath.Join("sweeps", "networks")

// Every study says what it is, and its sweeps are there.
func TestStudies(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Studies() {
		if !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(s.Name) || seen[s.Name] {
			t.Errorf("%q is no name, or one of two studies", s.Name)
		}
		seen[s.Name] = true
		if s.Title == "" || s.Claim == "" || s.Source == "" || s.Test == "" || len(s.Sweeps) == 0 || s.Measure == nil || s.Judge == nil || s.Draw == nil {
			t.Errorf("%s is not complete", s.Name)
		}
		for _, text := range []string{s.Title, s.Claim, s.Source, s.Test} {
			if strings.Contains(text, "\n") || strings.Contains(text, "|") {
				t.Errorf("%s: %q breaks the page", s.Name, text)
			}
		}
		for _, name := range s.Sweeps {
			path := filepath.Join("sweeps", name+".yaml")
			f, err := sweep.ReadFile(path)
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := f.Span(path); err != nil {
				t.Error(err)
			}
			if f.Out != sharedOut {
				t.Errorf("%s: out %s, want %s: what two sweeps ask for is trained once in one folder", path, f.Out, sharedOut)
			}
			if f.Base.Device != "cpu" {
				t.Errorf("%s: device %s; what auto means depends on the machine", path, f.Base.Device)
			}
		}
	}
	if _, err := Named([]string{"phlogiston"}); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
}

// Every study at small scale: tables, figures and the page come out, and a second
// run trains nothing.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some hundred networks")
	}
	dir := t.TempDir()
	trained := 0
	opt := Options{Quick: true, Report: func(what string, done, total int) { trained++ }}
	findings, err := Run(context.Background(), dir, nil, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != len(Studies()) {
		t.Errorf("%d findings of %d studies", len(findings), len(Studies()))
	}
	for _, f := range findings {
		if f.Tests == 0 || f.Verdict == "" {
			t.Errorf("%+v: no tests", f)
		}
		for _, ending := range []string{".csv", ".svg"} {
			if stat, err := os.Stat(filepath.Join(dir, dataDir, f.Name+ending)); err != nil || stat.Size() < 100 {
				t.Errorf("%s%s: %v", f.Name, ending, err)
			}
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, pageFile))
	if err != nil || bytes.Contains(page, []byte("not yet run")) || bytes.Contains(page, []byte("NaN")) {
		t.Errorf("the page: error %v\n%.3000s", err, page)
	}
	first := trained
	again, err := Run(context.Background(), dir, []string{"convergence"}, opt)
	if err != nil || len(again) != 1 || trained != first {
		t.Errorf("again: %+v, %d networks, error %v", again, trained-first, err)
	}
}

// The p values are those of the closed forms for four degrees of freedom.
func TestP(t *testing.T) {
	const tolerance = 1e-6 // of the digits below
	values := []float64{1, 2, 3, 4, 5.5}
	for _, test := range []struct {
		name          string
		got           Test
		within, other float64
	}{
		{"mean", Mean("", values, 2, 5), 0.1158929, 0.8841071},
		{"mean, upper bound", Mean("", values, below, 5), 0.0358857, 0.9641143},
		{"one value", Mean("", values[:1], 0, 2), 1, 1},
		{"no value", Mean("", []float64{math.NaN()}, 0, 2), 1, 1},
		{"no variance, within", Mean("", []float64{1, 1, 1}, 0, 2), 0, 1},
		{"no variance, beyond", Mean("", []float64{3, 3, 3}, 0, 2), 1, 0},
		{"no variance, at the bound", Mean("", []float64{2, 2, 2}, 0, 2), 1, 1},
		{"spread", Spread("", values, 2), 0.4505068, 0.5494932},
	} {
		if math.Abs(test.got.Within-test.within) > tolerance || math.Abs(test.got.Beyond-test.other) > tolerance {
			t.Errorf("%s: p %.7f and %.7f, want %v and %v", test.name, test.got.Within, test.got.Beyond, test.within, test.other)
		}
	}
}

// Holm's procedure stops at the first p that is too large; verdicts follow from what
// is decided.
func TestVerdicts(t *testing.T) {
	yes, no, unclear := Test{Within: .001, Beyond: 1}, Test{Within: 1, Beyond: .001}, Test{Within: .5, Beyond: .5}
	for name, test := range map[string]struct {
		tests []Test
		want  Verdict
	}{
		"all":                {[]Test{yes, yes}, Holds},
		"some":               {[]Test{yes, no, unclear}, HoldsOnCondition},
		"none":               {[]Test{no, unclear}, DoesNotHold},
		"unclear":            {[]Test{unclear}, CannotBeTold},
		"no tests":           {nil, CannotBeTold},
		"one of many, by p":  {[]Test{{Within: .03, Beyond: 1}, unclear, unclear}, CannotBeTold},
		"step by step":       {[]Test{{Within: .02, Beyond: 1}, {Within: .04, Beyond: 1}}, Holds},
		"stops at the first": {[]Test{{Within: .03, Beyond: 1}, {Within: .04, Beyond: 1}}, CannotBeTold},
	} {
		if settle(test.tests); verdict(test.tests) != test.want {
			t.Errorf("%s: %s, want %s", name, verdict(test.tests), test.want)
		}
	}
}

// Variance components of a table that is made of known effects come back.
func TestComponents(t *testing.T) {
	table := newTable("init_seed", "seed", "correct")
	rows, columns := []float64{-1, 0, 1}, []float64{-.1, .1}
	for i, a := range rows {
		for k, b := range columns {
			table.Add(i, k, a+b)
		}
	}
	init, data, rest := components(table, "correct")
	const tolerance = 1e-12 // rounding
	if math.Abs(init-1) > tolerance || math.Abs(data-.02) > tolerance || math.Abs(rest) > tolerance {
		t.Errorf("components %v, %v, %v, want 1, 0.02, 0", init, data, rest)
	}
}

// Tables come back from CSV, select and pair.
func TestTable(t *testing.T) {
	table := newTable("seed", "kind", "x")
	table.Add(1, "a", 1.5)
	table.Add(2, "a", math.NaN())
	table.Add(2, "b", 4.)
	table.Add(1, "b", 2.)
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	read, err := analysis.ReadTable("x", &b)
	if err != nil {
		t.Fatal(err)
	}
	d := differences(read.Where("kind", "b"), read.Where("kind", "a"), "x", "seed")
	if len(d) != 2 || !math.IsNaN(d[0]) || d[1] != .5 || len(read.Values("seed")) != 2 {
		t.Errorf("differences %v", d)
	}
	if _, err := analysis.ReadTable("x", strings.NewReader("")); !input.Is(err) {
		t.Errorf("error %v, want one of input", err)
	}
}
