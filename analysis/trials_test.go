package analysis

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/internal/parquet"
	"radd/task"
)

// trialsFile writes a file of trials and returns its path.
func trialsFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const iblCSV = `choice,contrastLeft,contrastRight,probabilityLeft,stimOn_times,response_times,session
-1,,1,0.5,1,1.5,a
1,0.25,NaN,0.8,2,2.25,a
-1,0.25,,0.8,3,3.5,a
0,,0,0.2,4,,a
1,0.5,,0.2,1,2,b
`

// wantIBL is what the table says in our signs: a choice of −1 is to the right.
var wantIBL = []task.Trial{
	{Side: +1, BlockSide: 0, Strength: 1, Action: +1},
	{Side: -1, BlockSide: -1, Strength: .25, Action: -1},
	{Side: -1, BlockSide: -1, Strength: .25, Action: +1},
	{Side: +1, BlockSide: +1, Strength: 0, Action: 0},
	{Side: -1, BlockSide: +1, Strength: .5, Action: -1},
}

// iblRow is a row of IBL's table: pandas leaves columns optional.
type iblRow struct {
	Choice   int64    `parquet:"choice"`
	Left     *float64 `parquet:"contrastLeft,optional"`
	Right    *float64 `parquet:"contrastRight,optional"`
	PLeft    float64  `parquet:"probabilityLeft"`
	On       float64  `parquet:"stimOn_times"`
	Response *float64 `parquet:"response_times,optional"`
	Session  string   `parquet:"session"`
	Goal     []byte   `parquet:"goal"`
}

func TestReadTrialsIBL(t *testing.T) {
	num := func(x float64) *float64 { return &x }
	var b bytes.Buffer
	w := parquet.NewWriter[iblRow](&b)
	for _, row := range []iblRow{
		{-1, nil, num(1), .5, 1, num(1.5), "a", nil}, {1, num(.25), num(nan), .8, 2, num(2.25), "a", nil}, {-1, num(.25), nil, .8, 3, num(3.5), "a", nil},
		{0, nil, num(0), .2, 4, nil, "a", nil}, {1, num(.5), nil, .2, 1, num(2), "b", nil},
	} {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"CSV": trialsFile(t, "trials.csv", []byte(iblCSV)), "Parquet": trialsFile(t, "_ibl_trials.table.pqt", b.Bytes()),
		"CSV, 0 for no stimulus": trialsFile(t, "zeros.csv", []byte(strings.NewReplacer("-1,,1,", "-1,0,1,", "0.25,NaN", "0.25,0").Replace(iblCSV))),
	} {
		p, err := ReadTrials(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(p.Trials, wantIBL) || p.Observed {
			t.Errorf("%s: %+v, want %+v", name, p.Trials, wantIBL)
		}
		if !slices.Equal(p.Seconds[:3], []float64{.5, .25, .5}) || !math.IsNaN(p.Seconds[3]) || p.Seconds[4] != 1 {
			t.Errorf("%s: response times %v", name, p.Seconds)
		}
		want := []blockOf{
			{block: 0, within: 0, length: 1, next: 1, whole: true},
			{block: 1, within: 0, length: 2, previous: 1, next: 2, whole: true},
			{block: 1, within: 1, length: 2, previous: 1, next: 1, whole: true},
			{block: 2, within: 0, length: 1, previous: 2},
			{block: 3, within: 0, length: 1},
		}
		if !slices.Equal(p.blocks, want) {
			t.Errorf("%s: blocks %+v, want %+v", name, p.blocks, want)
		}
		c := NewCurves()
		c.Add("mice", p)
		for _, row := range rowsOf(t, c.psychometric) {
			if row["block_side"] == "-1" && row["signed_strength"] == "-0.25" && (row["actions"] != "2" || row["right"] != "1") {
				t.Errorf("%s: %v", name, row)
			}
		}
		if c.byObservations.Rows() != 0 || c.chronometric.Rows() != 4 {
			t.Errorf("%s: %d rows by observations, %d by strength", name, c.byObservations.Rows(), c.chronometric.Rows())
		}
	}
}

// A folder of sessions, as IBL lays them out, is one player; other tables that lie
// there are not read, unless there is none of trials.
func TestReadTrialsOfFolder(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadTrials(dir); !input.Is(err) {
		t.Errorf("an empty folder: %v", err)
	}
	const header = "choice,contrastLeft,contrastRight,probabilityLeft"
	put("KS014/2020-01-01/001/alf/other.csv", "a,b\n1,2\n")
	put("KS014/2020-01-02/001/alf/_ibl_trials.table.csv", header+"\n-1,,1,.2\n1,,1,.2\n")
	put("KS014/2020-01-01/001/alf/_ibl_trials.table.csv", header+",stimOn_times,response_times\n1,1,,.8,1,1.5\n-1,,0,.2,2,2.25\n")
	p, err := ReadTrials(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []blockOf{{block: 0, length: 1, next: 1, whole: true}, {block: 1, length: 1, previous: 1},
		{block: 2, within: 0, length: 2}, {block: 2, within: 1, length: 2}}
	if !slices.Equal(p.blocks, want) || len(p.Trials) != 4 || p.Trials[0].Action != -1 || p.Trials[2].Action != 1 {
		t.Errorf("trials %+v, blocks %+v", p.Trials, p.blocks)
	}
	if len(p.Seconds) != 4 || p.Seconds[0] != .5 || p.Seconds[1] != .25 || !math.IsNaN(p.Seconds[2]) {
		t.Errorf("response times %v", p.Seconds)
	}
	put("KS014/2020-01-02/001/alf/_ibl_trials.table.csv", header+"\n7,,1,.2\n")
	if _, err := ReadTrials(dir); !input.Is(err) || !strings.Contains(err.Error(), "2020-01-02") {
		t.Errorf("a fault in the second session: %v", err)
	}
}

// A response time is that of a trial with an action; IBL's time-outs have one too.
func TestResponseTimes(t *testing.T) {
	text := "choice,contrastLeft,contrastRight,probabilityLeft,stimOn_times,response_times\n0,,1,.2,0,60\n"
	for k := range 21 {
		text += fmt.Sprintf("-1,,1,.2,0,%d\n", (k*8)%21) // 0 … 20 in some order
	}
	p, err := ReadTrials(trialsFile(t, "trials.csv", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCurves()
	c.Add("mice", p)
	for _, row := range rowsOf(t, c.chronometric) {
		// Of 21 values 6 to 15 are below the median in 97 % of all samples.
		if row["trials"] != "21" || row["mean"] != "10" || row["median"] != "10" || row["median_low"] != "5" || row["median_high"] != "15" || row["unit"] != "s" {
			t.Errorf("%v", row)
		}
	}
}

func TestReadTrialsOurs(t *testing.T) {
	p, err := ReadTrials(trialsFile(t, "trials.csv", []byte("trial_side,block_side,strength,action,rnn_steps,observations,response_time\n1,-1,0.5,-1,4,2,\n-1,-1,2,0,12,10,0.3\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := []task.Trial{{Side: 1, BlockSide: -1, Strength: .5, Action: -1, RNNSteps: 4, Observations: 2}, {Side: -1, BlockSide: -1, Strength: 2, RNNSteps: 12, Observations: 10}}
	if !slices.Equal(p.Trials, want) || !p.Observed || p.Seconds[1] != .3 || math.Abs(p.Feedback(want[0])+1.05) > 1e-12 {
		t.Errorf("%+v", p)
	}
}

func TestReadTrialsFaults(t *testing.T) {
	for name, test := range map[string]struct{ content, says string }{
		"nothing":           {"", "no header"},
		"other columns":     {"a,b\n1,2\n", "other columns"},
		"some columns":      {"choice,contrastLeft\n1,2\n", "choice, contrastLeft"},
		"no rows":           {"choice,contrastLeft,contrastRight,probabilityLeft\n", "no trials"},
		"choice":            {"choice,contrastLeft,contrastRight,probabilityLeft\n1,1,,.5\n2,1,,.5\n", "choice, row 2"},
		"a word":            {"choice,contrastLeft,contrastRight,probabilityLeft\nleft,1,,.5\n", `"left"`},
		"two contrasts":     {"choice,contrastLeft,contrastRight,probabilityLeft\n1,1,1,.5\n", "contrastLeft, contrastRight"},
		"an infinite one":   {"choice,contrastLeft,contrastRight,probabilityLeft\n1,Inf,,.5\n", "finite"},
		"probability":       {"choice,contrastLeft,contrastRight,probabilityLeft\n1,1,,80\n", "probabilityLeft, row 1"},
		"ragged":            {"choice,contrastLeft,contrastRight,probabilityLeft\n1,1\n", "number of fields"},
		"side":              {"trial_side,block_side,strength,action\n0,1,1,1\n", "trial_side"},
		"strength":          {"trial_side,block_side,strength,action\n1,1,-1,1\n", "strength"},
		"action":            {"trial_side,block_side,strength,action\n1,1,1,7\n", "action"},
		"steps":             {"trial_side,block_side,strength,action,rnn_steps,observations\n1,1,1,1,2,3\n", "rnn_steps"},
		"a damaged Parquet": {"PAR1PAR1PAR1", "Parquet"},
	} {
		_, err := ReadTrials(trialsFile(t, "trials", []byte(test.content)))
		if !input.Is(err) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, which does not say %q", name, err, test.says)
		}
	}
	if _, err := ReadTrials(filepath.Join(t.TempDir(), "none.csv")); !input.Is(err) {
		t.Errorf("no file: %v", err)
	}
}

// Whatever a file holds, it is read or refused.
func FuzzReadTrials(f *testing.F) {
	f.Add([]byte(iblCSV))
	f.Add([]byte("trial_side,block_side,strength,action,rnn_steps,observations\n1,1,1,1,3,1\n"))
	var b bytes.Buffer
	w := parquet.NewWriter[iblRow](&b)
	_ = w.Write(iblRow{Choice: 1, Left: new(float64), PLeft: .8})
	_ = w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := ReadTrials(trialsFile(t, "trials", content))
		if err != nil {
			if !input.Is(err) {
				t.Fatal(err)
			}
			return
		}
		if len(p.blocks) != len(p.Trials) || len(p.Trials) == 0 {
			t.Fatalf("%d trials in blocks, of %d", len(p.blocks), len(p.Trials))
		}
		NewCurves().Add("mice", p)
	})
}
