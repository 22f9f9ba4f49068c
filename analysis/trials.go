package analysis

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"radd/internal/input"
	"radd/internal/parquet"
	"radd/task"
)

// Columns of a table of trials, as IBL names them and as a rollout does. Others
// are ignored.
var (
	iblColumns = []string{"choice", "contrastLeft", "contrastRight", "probabilityLeft"}
	ourColumns = []string{"action", "trial_side", "block_side", "strength"}
	optional   = []string{"session", "stimOn_times", "response_times", "rnn_steps", "observations", "response_time"}
)

// ReadTrials reads somebody's trials from a table, CSV with a header or Parquet.
// It has IBL's columns, whose signs are converted (a choice of −1 is to the
// right), or a rollout's; a trial of block side 0 has no bias. Blocks end where
// the side changes, and with a session.
//
// The error is an *input.Error that names the column and the row, from 1.
func ReadTrials(path string) (*Played, error) {
	names := slices.Concat(iblColumns, ourColumns, optional)
	columns, err := readTable(path, names)
	if err != nil {
		return nil, err
	}
	t := table{path: path, columns: columns}
	switch {
	case t.has(iblColumns):
		err = t.readIBL()
	case t.has(ourColumns):
		err = t.readOurs()
	default:
		return nil, &input.Error{File: path, Found: "other columns: of those wanted it has " + orNone(t.names()),
			Allowed: strings.Join(iblColumns, ", ") + "; or " + strings.Join(ourColumns, ", ")}
	}
	if err != nil {
		return nil, err
	}
	if len(t.Trials) == 0 {
		return nil, &input.Error{File: path, Found: "no trials"}
	}
	t.block()
	return &t.Played, nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// table is a table of trials and what is made of it.
type table struct {
	path    string
	columns map[string]parquet.Column
	Played
}

func (t *table) has(names []string) bool {
	for _, name := range names {
		if _, ok := t.columns[name]; !ok {
			return false
		}
	}
	return true
}

func (t *table) names() (list []string) {
	for name := range t.columns {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// number returns a column's value in a row, NaN where there is none.
func (t *table) number(name string, row int) float64 {
	if c := t.columns[name]; row < len(c.Numbers) {
		return c.Numbers[row]
	}
	return nan
}

// sign returns a column's value in a row if it is −1, 0 or 1.
func (t *table) sign(name string, row int) (int8, error) {
	x := t.number(name, row)
	if x != -1 && x != 0 && x != 1 {
		return 0, t.fault(name, row, x, "−1, 0, 1")
	}
	return int8(x), nil
}

func (t *table) fault(name string, row int, found any, allowed string) error {
	return &input.Error{File: t.path, Field: fmt.Sprintf("%s, row %d", name, row+1), Found: fmt.Sprint(found), Allowed: allowed}
}

// readIBL assigns the trials of a table in IBL's convention.
func (t *table) readIBL() error {
	for row := range t.columns["choice"].Numbers {
		choice, err := t.sign("choice", row)
		if err != nil {
			return err
		}
		trial := task.Trial{Action: -choice}
		left, right := t.number("contrastLeft", row), t.number("contrastRight", row)
		switch { // the side without stimulus is empty, or 0
		case !(left >= 0) && right >= 0, left == 0 && right > 0:
			trial.Side, trial.Strength = +1, right
		case left >= 0 && !(right >= 0), left > 0 && right == 0:
			trial.Side, trial.Strength = -1, left
		default:
			return t.fault("contrastLeft, contrastRight", row, fmt.Sprintf("%v, %v", left, right), "a contrast on one side, nothing on the other")
		}
		if math.IsInf(trial.Strength, 0) {
			return t.fault("contrastLeft, contrastRight", row, trial.Strength, "a finite number")
		}
		switch p := t.number("probabilityLeft", row); {
		case p == .5:
		case p >= 0 && p < .5:
			trial.BlockSide = +1
		case p > .5 && p <= 1:
			trial.BlockSide = -1
		default:
			return t.fault("probabilityLeft", row, p, "a probability, 0 to 1")
		}
		t.Trials = append(t.Trials, trial)
	}
	if t.has([]string{"stimOn_times", "response_times"}) {
		for row := range t.Trials {
			t.Seconds = append(t.Seconds, t.number("response_times", row)-t.number("stimOn_times", row))
		}
	}
	return nil
}

// readOurs assigns the trials of a table as rollouts write it.
func (t *table) readOurs() error {
	t.Observed = t.has([]string{"rnn_steps", "observations"})
	paper := task.DefaultConfig()
	t.Feedback = feedback(paper.Rule())
	for row := range t.columns["action"].Numbers {
		var trial task.Trial
		var err [3]error
		trial.Action, err[0] = t.sign("action", row)
		trial.Side, err[1] = t.sign("trial_side", row)
		trial.BlockSide, err[2] = t.sign("block_side", row)
		if err := errors.Join(err[:]...); err != nil {
			return err
		}
		trial.Strength = t.number("strength", row)
		if !(trial.Strength >= 0) || math.IsInf(trial.Strength, 0) {
			return t.fault("strength", row, trial.Strength, "a finite number, 0 or above")
		}
		if trial.Side == 0 {
			return t.fault("trial_side", row, 0, "−1, 1")
		}
		if t.Observed {
			steps, observations := t.number("rnn_steps", row), t.number("observations", row)
			if !(steps >= 1 && steps <= maxCount) || !(observations >= 1 && observations <= steps) {
				return t.fault("rnn_steps, observations", row, fmt.Sprintf("%v, %v", steps, observations), "counts from 1, no more observations than steps")
			}
			trial.RNNSteps, trial.Observations = int(steps), int(observations)
		}
		t.Trials = append(t.Trials, trial)
	}
	if t.has([]string{"response_time"}) {
		for row := range t.Trials {
			t.Seconds = append(t.Seconds, t.number("response_time", row))
		}
	}
	return nil
}

// maxCount is beyond any trial's RNN steps.
const maxCount = 100_000

// block divides the trials into sessions and blocks.
func (t *table) block() {
	var lengths []int
	for i, trial := range t.Trials {
		switch {
		case i > 0 && t.session(i) != t.session(i-1):
			t.divide(lengths, false)
			lengths = []int{1}
		case i == 0 || trial.BlockSide != t.Trials[i-1].BlockSide:
			lengths = append(lengths, 1)
		default:
			lengths[len(lengths)-1]++
		}
	}
	t.divide(lengths, false)
}

// session returns what stands for a trial's session.
func (t *table) session(row int) string {
	c := t.columns["session"]
	switch {
	case row < len(c.Texts):
		return c.Texts[row]
	case row < len(c.Numbers):
		return fmt.Sprint(c.Numbers[row])
	}
	return ""
}

// readTable reads those of the named columns that a CSV or a Parquet file has.
func readTable(path string, names []string) (map[string]parquet.Column, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, err := io.ReadFull(f, magic)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, &input.Error{File: path, Cause: err}
	}
	if string(magic[:n]) == "PAR1" {
		return parquet.ReadColumns(path, names...)
	}
	return readCSV(io.MultiReader(bytes.NewReader(magic[:n]), f), path, names)
}

// readCSV reads those of the named columns that a CSV stream has: session as
// texts, all others as numbers.
func readCSV(r io.Reader, path string, names []string) (map[string]parquet.Column, error) {
	lines := csv.NewReader(r)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return nil, &input.Error{File: path, Found: "no header line", Cause: err}
	}
	at := map[string]int{}
	for i, name := range header {
		name = strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")
		if slices.Contains(names, name) {
			at[name] = i
		}
	}
	columns := map[string]parquet.Column{}
	for name := range at {
		columns[name] = parquet.Column{Numbers: []float64{}}
	}
	for row := 1; ; row++ {
		cells, err := lines.Read()
		if err == io.EOF {
			return columns, nil
		}
		if err != nil {
			return nil, &input.Error{File: path, Cause: err}
		}
		for name, i := range at {
			c := columns[name]
			if name == "session" {
				c.Texts = append(c.Texts, cells[i])
				columns[name] = c
				continue
			}
			x, err := parseCell(cells[i])
			if err != nil {
				return nil, &input.Error{File: path, Field: fmt.Sprintf("%s, row %d", name, row), Found: fmt.Sprintf("%q", cells[i]), Allowed: "a number, or nothing"}
			}
			c.Numbers = append(c.Numbers, x)
			columns[name] = c
		}
	}
}

// parseCell returns a cell's number, NaN of an empty one.
func parseCell(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nan, nil
	}
	return strconv.ParseFloat(text, 64)
}
