package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/train"
)

// leastFigures is how many figures a run's page must have.
const leastFigures = 15

// sample is a run's folder with an analysis in which every table is thinned out.
const sample = "testdata/run"

func sampleRun(t testing.TB) *Run {
	t.Helper()
	r, err := ReadRun(sample)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sampleFigures(t testing.TB) []*Figure {
	var list []*Figure
	for _, s := range sampleRun(t).Figures() {
		list = append(list, s.Figures...)
	}
	list = append(list, sampleRun(t).Overviews()...)
	return append(list, SideBySide([]*Run{sampleRun(t), sampleRun(t)})...)
}

func TestFiguresOfARun(t *testing.T) {
	names := map[string]bool{}
	for _, s := range sampleRun(t).Figures() {
		if len(s.Figures) == 0 {
			t.Errorf("section %s is empty", s.ID)
		}
		for _, f := range s.Figures {
			if names[f.Name] {
				t.Errorf("two figures %s", f.Name)
			}
			names[f.Name] = true
			if f.Title == "" || len(f.Caption) < 40 {
				t.Errorf("%s: title %q, caption %q", f.Name, f.Title, f.Caption)
			}
		}
	}
	if len(names) < leastFigures {
		t.Errorf("%d figures, want %d at least", len(names), leastFigures)
	}
	for _, want := range []string{"plane", "psychometric", "chronometric", "block-posterior", "learning-loss", "within-block", "recovery", "outcomes", "frontier", "causal",
		"variance", "paired", "feedback-effect", "impulse", "gradient-by-lag", "circuit", "field-network-plane", "field-radd-pca-readouts", "field-traditional-units", "eigenvalues", "contest-play"} {
		if !names[want] {
			t.Errorf("no figure %s", want)
		}
	}
	if names["field-traditional-seed-2-units"] {
		t.Error("a repeat of another seed has a figure of its own")
	}
}

// TestFormats writes every figure twice in every format: the bytes are the same,
// and are what they should be.
func TestFormats(t *testing.T) {
	first, second := sampleFigures(t), sampleFigures(t)
	for i, f := range first {
		for _, format := range Formats() {
			if format == "png" && testing.Short() && i%8 != 0 {
				continue // 300 dots an inch take their time under the race detector
			}
			var a, b bytes.Buffer
			if err := f.Write(&a, format); err != nil {
				t.Fatal(err)
			}
			if err := second[i].Write(&b, format); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%s.%s: other bytes the second time", f.Name, format)
			}
			if err := valid(format, a.Bytes()); err != nil {
				t.Errorf("%s.%s: %v", f.Name, format, err)
			}
		}
	}
}

func valid(format string, data []byte) error {
	switch format {
	case "svg":
		if bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Inf")) || bytes.Contains(data, []byte("var(")) {
			return errors.New("holds a number or a colour that no reader knows")
		}
		d := xml.NewDecoder(bytes.NewReader(data))
		for {
			if _, err := d.Token(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	case "pdf":
		if !bytes.HasPrefix(data, []byte("%PDF-1.")) || !bytes.Contains(data, []byte("(D:20000101")) {
			return errors.New("is no PDF, or tells the time")
		}
	case "png":
		image, err := png.Decode(bytes.NewReader(data))
		if err == nil && image.Bounds().Dx() < 1000 {
			err = errors.New("is narrower than a column at 300 dots an inch")
		}
		return err
	case "csv":
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err == nil && len(rows) < 2 {
			err = errors.New("has no rows")
		}
		return err
	}
	return nil
}

// TestFigureRows holds a figure's data to its table.
func TestFigureRows(t *testing.T) {
	r := sampleRun(t)
	// Beside a mouse, whose contrasts are other strengths, and who has seconds.
	beside := r.chronometric().rows()
	if got := strings.Join(beside[0], ","); got != "panel,key,label,y_is,relative_strength,y,y_low,y_high" {
		t.Errorf("header %s", got)
	}
	for _, want := range [][2]string{{"network", "rnn_steps"}, {"mice-KS014", "response_time"}} {
		if !slices.ContainsFunc(beside, func(row []string) bool { return row[1] == want[0] && row[3] == want[1] && row[4] == "1" }) {
			t.Errorf("no row of %s in %s at the largest strength", want[0], want[1])
		}
	}

	r.Players = slices.DeleteFunc(r.Players, func(p Player) bool { return p.Group == "mice" })
	r.tables["chronometric"] = r.table("chronometric").where("unit", "RNN steps")
	rows := r.chronometric().rows()
	if got := strings.Join(rows[0], ","); got != "key,label,strength,rnn_steps,rnn_steps_low,rnn_steps_high" {
		t.Errorf("header %s", got)
	}
	want := r.table("chronometric").where("player", "network", "strength", "2.5").text("mean")[0]
	found := slices.ContainsFunc(rows, func(row []string) bool { return row[0] == "network" && row[2] == "2.5" && row[3] == want })
	if !found {
		t.Errorf("no row of the network at strength 2.5 with %s RNN steps: %v", want, rows)
	}
}

// TestMice holds an animal's curves to the network's units.
func TestMice(t *testing.T) {
	r := sampleRun(t)
	of := func(f *Figure, panel int, key string) Mark {
		for _, m := range f.Panels[panel].Marks {
			if m.Key == key {
				return m
			}
		}
		t.Fatalf("%s: no %s in panel %d", f.Name, key, panel)
		return Mark{}
	}
	f := r.psychometric()
	if len(f.Panels) != 3 || f.Panels[2].Title != "without bias" {
		t.Errorf("%d panels: IBL's sessions begin without bias", len(f.Panels))
	}
	for _, key := range []string{"network", "mice-KS014"} {
		if m := of(f, 0, key); slices.Min(m.X) != -1 || slices.Max(m.X) != 1 {
			t.Errorf("%s: strengths from %v to %v of the largest", key, slices.Min(m.X), slices.Max(m.X))
		}
	}
	fits := r.table("psychometric_fit").where("by", "block_length")
	for _, test := range []struct {
		panel int
		name  string
		scale float64
	}{{0, "slope", 2.5}, {1, "bias", 1 / 2.5}} {
		for key, scale := range map[string]float64{"network": test.scale, "mice-KS014": 1} {
			got, want := of(r.blockLength(), test.panel, key).Y[0], scale*fits.where("player", key).numbers(test.name)[0]
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("%s of %s: %v, want %v", test.name, key, got, want)
			}
		}
	}
	if f := r.sides(); len(f.Panels) != 2 || !f.Wide {
		t.Errorf("two curves: %d panels", len(f.Panels))
	}
	if f := r.stepsByOutcome(); len(f.Panels) != 8 || f.Panels[4].Y.Label != "response time (s)" {
		t.Errorf("steps by outcome: %d panels", len(f.Panels))
	}
}

func TestPage(t *testing.T) {
	some := sampleSweep(t)
	write := func() string {
		var b bytes.Buffer
		if err := WritePage(&b, []*Run{sampleRun(t), sampleRun(t)}, []*Sweep{some}, PageOptions{Title: "a <b> & c", Version: "radd"}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	page := write()
	if page != write() {
		t.Error("other bytes the second time")
	}
	if strings.Contains(page, "a <b>") || !strings.Contains(page, "a &lt;b&gt; &amp; c") {
		t.Error("the title is not escaped")
	}
	if n := strings.Count(page, "<figcaption>"); n < 2*leastFigures {
		t.Errorf("%d captions", n)
	}
	const namespace = "http://www.w3.org/2000/svg" // a name, which nobody fetches
	for _, outside := range []string{`src=`, `@import`, `url(`, `<link rel="stylesheet"`, `http:`, `https:`} {
		if strings.Contains(strings.ReplaceAll(page, namespace, ""), outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("two elements %q", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ids[link[1]] {
			t.Errorf("a link to %q, which is not there", link[1])
		}
	}
}

// A line of the headline stays where one of its figures is missing.
func TestFacts(t *testing.T) {
	r := sampleRun(t)
	lines := func() map[string]string {
		m := map[string]string{}
		for _, f := range r.facts() {
			m[f.What] = f.Value
		}
		return m
	}
	const gap = "block gap at zero strength: network, RADD student"
	network, _, both := strings.Cut(lines()[gap], ", ")
	if !both {
		t.Fatalf("%q", lines())
	}
	all := r.tables["performance"]
	alone := &Table{path: all.path, column: all.column}
	for i, player := range all.text("player") {
		if player != "radd-pca" {
			alone.rows = append(alone.rows, all.rows[i])
		}
	}
	r.tables["performance"] = alone
	if got := lines()[gap]; got != network+", –" {
		t.Errorf("%q without a student, want the network's %s", got, network)
	}
	delete(r.tables, "performance")
	if got, is := lines()[gap]; is {
		t.Errorf("%q of nobody", got)
	}
}

// What captions say of the training and the task is the run's own.
func TestLearningCaptions(t *testing.T) {
	r := sampleRun(t)
	said := func() (text string) {
		for _, f := range r.learning() {
			text += f.Caption
		}
		return text
	}
	for _, c := range []struct {
		change func(*train.Config)
		says   string
	}{
		{func(*train.Config) {}, "through all RNN steps of a session, nothing truncated or clipped."},
		{func(*train.Config) {}, ": 2 blank steps and at most 10 observations."},
		{func(c *train.Config) { c.Task.BlankSteps, c.Task.MaxObservations = 1, 7 }, ": 1 blank step and at most 7 observations."},
		{func(c *train.Config) { c.Truncate = 3 }, "Norm of the gradient, cut after every 3 trials."},
		{func(c *train.Config) { c.Clip = .5 }, "Norm of the gradient through all RNN steps of a session, before its elements are held within ±0.5."},
		{func(c *train.Config) { c.Truncate, c.Clip = 1, 2 }, "Norm of the gradient, cut after every trial, before its elements are held within ±2."},
	} {
		before := r.Config
		c.change(&r.Config)
		if text := said(); !strings.Contains(text, c.says) {
			t.Errorf("%q is not said:\n%s", c.says, text)
		}
		r.Config = before
	}
}

// TestPartialRun draws what is there of a run that has just begun.
func TestPartialRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "config.yaml", read(t, sample, "config.yaml"))
	figures := func() (n int) {
		r, err := ReadRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Figures() {
			n += len(s.Figures)
		}
		var page bytes.Buffer
		if err := WritePage(&page, []*Run{r}, nil, PageOptions{Title: r.Name}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page.String(), "radd analyze --run &#39;") {
			t.Error("the page does not say what is missing")
		}
		return n
	}
	if n := figures(); n != 0 {
		t.Errorf("%d figures of an empty run", n)
	}
	put(t, dir, "metrics.csv", "gradient_step,loss,gradient_norm,rnn_steps,trials,actions,correct\n1,0.5,0.1,100,10,5,3\n10,0.4,0.1,100,10,")
	if n := figures(); n != 4 {
		t.Errorf("%d figures of a run with a line and a half of metrics, want 4", n)
	}
	r, _ := ReadRun(dir)
	if r.Step() != 1 {
		t.Errorf("gradient step %d, want 1: the last line is half written", r.Step())
	}
}

func TestUnreadable(t *testing.T) {
	for _, test := range []struct{ name, file, text string }{
		{"a table without a column", "analysis/chronometric.csv", "player,strength\nnetwork,0\n"},
		{"a torn table", "analysis/variance.csv", "component,share,cumulative\n1\n"},
		{"an empty table", "analysis/variance.csv", ""},
		{"a summary that is none", "analysis/summary.json", "{"},
		{"metrics without a column", "metrics.csv", "gradient_step\n1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
				t.Fatal(err)
			}
			put(t, dir, test.file, test.text)
			if _, err := ReadRun(dir); !input.Is(err) || !strings.Contains(err.Error(), filepath.Base(test.file)) {
				t.Errorf("error %v", err)
			}
		})
	}
	dir := t.TempDir()
	put(t, dir, "config.yaml", read(t, sample, "config.yaml"))
	if err := os.Mkdir(filepath.Join(dir, "distill"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "distill/contest.json", "{}")
	if r, err := ReadRun(dir); err != nil || len(r.contest()) != 0 {
		t.Errorf("a contest of nobody is drawn, or %v", err)
	}
	if _, err := ReadRun(t.TempDir()); !input.Is(err) {
		t.Errorf("a folder that is no run: %v", err)
	}
}

func TestFind(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"n100", "n25", "n50/b", "n50/a", ".hidden", "n25/distill/inner"} {
		if err := os.MkdirAll(filepath.Join(top, name), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(top, name), "config.yaml", read(t, sample, "config.yaml"))
	}
	got, sweeps, err := Find(top, filepath.Join(top, "n25"))
	if err != nil || len(sweeps) > 0 {
		t.Fatal(sweeps, err)
	}
	for i := range got {
		got[i], _ = filepath.Rel(top, got[i])
	}
	if want := []string{"n25", "n50/a", "n50/b", "n100"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(top, "none")} {
		if _, _, err := Find(dir); !input.Is(err) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestNames(t *testing.T) {
	got := Names([]string{"a", "a", "side-by-side", "a-2"})
	if want := []string{"a", "a-2", "side-by-side-2", "a-2-2"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		ticks     ticks
		low, high float64
		want      string
	}{
		{ticks{most: 5}, 0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{ticks{most: 5}, -2.5, 2.5, "−2 −1 0 1 2"},
		{ticks{most: 5}, 0, 20_000, "0 5000 10000 15000 20000"},
		{ticks{most: 5}, .8575, .8642, "0.858 0.860 0.862 0.864"},
		{ticks{most: 4}, 0, 1, "0.00 0.25 0.50 0.75 1.00"},
		{ticks{most: 5}, 3, 3, "3"},
		{ticks{log: true}, .1, 100, "0.1 1 10 100"},
		{ticks{log: true}, 1, 8, "1 2 5"},
		{ticks{log: true}, 1, 30, "1 2 5 10 20"},
		{ticks{log: true}, 3e-10, 1, "1e−8 1e−6 1e−4 0.01 1"},
		{ticks{most: 5, whole: true}, 1, 12, "5 10"},
		{ticks{most: 5, whole: true}, 1, 3, "1 2 3"},
		{ticks{most: 5, whole: true}, 0, 60, "0 20 40 60"},
	} {
		var labels []string
		for _, tick := range test.ticks.Ticks(test.low, test.high) {
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("%v from %g to %g: %s, want %s", test.ticks, test.low, test.high, got, test.want)
		}
	}
}

// TestContrast holds the palette to what can be read: lines and text on both pages,
// by WCAG's contrast of luminances.
func TestContrast(t *testing.T) {
	block := regexp.MustCompile(`(?s):root(?:\[data-theme=dark\])?\{(--page.*?)\}`)
	themes := block.FindAllStringSubmatch(pageCSS, -1)
	if len(themes) < 2 {
		t.Fatalf("%d themes in the style sheet", len(themes))
	}
	value := regexp.MustCompile(`--([a-z0-9]+):(#[0-9a-f]{6})`)
	light := map[string]string{}
	for i, theme := range themes[:2] {
		colors := map[string]string{}
		for _, m := range value.FindAllStringSubmatch(theme[1], -1) {
			colors[m[1]] = m[2]
		}
		for name, color := range colors {
			least := 3. // lines and marks
			switch name {
			case "ink", "muted":
				least = 4.5 // text
			case "page", "surface", "faint", "rule", "press":
				continue
			case "ramp5", "ramp6":
				least = 2.2 // a ramp ends in its bright colours
			}
			if got := contrast(color, colors["page"]); got < least {
				t.Errorf("theme %d: %s %s on %s has contrast %.2f, want %.1f", i, name, color, colors["page"], got, least)
			}
		}
		if i == 0 {
			light = colors
		}
	}
	for _, x := range append([]ink{inkText, inkMuted, inkFaint, inkBlue, inkRed, inkGreen, inkAmber, inkPink, inkSky, inkPurple, inkBrown, inkTeal}, ramp...) {
		if light[x.name] != x.hex() {
			t.Errorf("%s is %s in files and %q on the page", x.name, x.hex(), light[x.name])
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(hex string) float64 {
	var sum float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		var v int
		for _, c := range hex[1+2*i : 3+2*i] {
			v = v*16 + strings.IndexRune("0123456789abcdef", c)
		}
		c := float64(v) / 255
		if c <= .03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("player,strength,mean\nnetwork,0,4.5\n"), "mean")
	f.Add([]byte("a,a\n\"x\n"), "a")
	f.Add([]byte("\xff,\n,\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, column string) {
		table, err := parseTable("t.csv", data, column)
		if err != nil {
			if !input.Is(err) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if n := len(table.numbers(column)); n != len(table.rows) {
			t.Fatalf("%d numbers in %d rows", n, len(table.rows))
		}
		if len(table.with(column).rows) > len(table.rows) || len(table.where(column, "x").rows) > len(table.rows) {
			t.Fatal("some rows are more than all")
		}
	})
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
