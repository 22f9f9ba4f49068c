package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/parquet"
	"radd/train"
)

const (
	trialsFile = "trials.parquet"        // of a rollout
	alfTable   = "_ibl_trials.table.pqt" // of an ALF session
	alfDate    = "2000-01-01"            // an ALF path has a date; a rollout has none
	alfNumber  = "001"                   // of the session on that date
)

// alfColumns are the columns of IBL's table of trials. Times are in seconds
// where an RNN step is one.
var alfColumns = []parquet.Field{
	{Name: "intervals_0", Zero: 0.0}, {Name: "intervals_1", Zero: 0.0}, {Name: "stimOn_times", Zero: 0.0}, {Name: "goCue_times", Zero: 0.0},
	{Name: "firstMovement_times", Zero: 0.0}, {Name: "response_times", Zero: 0.0}, {Name: "feedback_times", Zero: 0.0},
	{Name: "choice", Zero: 0.0}, {Name: "feedbackType", Zero: 0.0}, {Name: "rewardVolume", Zero: 0.0},
	{Name: "contrastLeft", Zero: 0.0}, {Name: "contrastRight", Zero: 0.0}, {Name: "probabilityLeft", Zero: 0.0},
}

// Exported tells of a run's exported trials.
type Exported struct {
	Run    string `json:"run"`
	Out    string `json:"out"` // the file
	Trials int    `json:"trials"`
}

// Export writes the trials of the runs' rollouts, which it makes if need be, for
// other tools into the folder out: as "csv", <run>.csv with the columns of
// trials.parquet; as "alf", IBL's table of trials in the run's session folder
// <run>/2000-01-01/001/alf. Before anything is written it returns an *input.Error
// where two runs would have one name there.
//
// The conventions of ALF: choice is −1 for an action to the right, +1 to the left
// and 0 for none; feedbackType is +1 or −1, a time-out's too; the contrast of the
// side without stimulus is NaN, strength stands for contrast; what the task does
// not have (first movement, reward volume) is NaN.
//
// Source: IBL, "Data architecture", the ALF convention and the trials table of ONE.
func Export(ctx context.Context, runs []string, format, out string, opt train.Options) ([]Exported, error) {
	if format != "alf" && format != "csv" {
		return nil, &input.Error{File: "--format", Found: fmt.Sprintf("%q", format), Allowed: "alf, csv"}
	}
	of := map[string]string{} // runs by name
	for _, run := range runs {
		name, err := subjectOf(run)
		if err != nil {
			return nil, err
		}
		if other, taken := of[name]; taken {
			return nil, &input.Error{File: run, Found: fmt.Sprintf("it would be written over %s, as %s", other, name), Do: "export it into another folder"}
		}
		of[name] = run
	}
	var list []Exported
	for _, run := range runs {
		e, err := exported(ctx, run, format, out, opt)
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

// subjectOf returns the name of a run's exported trials.
func subjectOf(run string) (string, error) {
	path, err := filepath.Abs(run)
	return alfWord.ReplaceAllString(filepath.Base(path), "-"), err
}

func exported(ctx context.Context, run, format, out string, opt train.Options) (Exported, error) {
	e := Exported{Run: run}
	cfg, err := train.ReadRunConfig(run)
	if err != nil {
		return e, err
	}
	rollout, err := train.RolloutMade(ctx, run, opt)
	if err != nil {
		return e, err
	}
	subject, err := subjectOf(run)
	if err != nil {
		return e, err
	}
	trials := filepath.Join(rollout.Out, trialsFile)
	fsys := opt.Filled().FS
	if format == "csv" {
		e.Out = filepath.Join(out, subject+".csv")
		if err := fsys.MkdirAll(out, 0o755); err != nil {
			return e, err
		}
		return e, atomicfs.WriteFile(fsys, e.Out, func(w io.Writer) error { return e.csv(w, trials) })
	}
	folder := filepath.Join(out, subject, alfDate, alfNumber, "alf")
	e.Out = filepath.Join(folder, alfTable)
	if err := fsys.MkdirAll(folder, 0o755); err != nil {
		return e, err
	}
	metadata, err := json.Marshal(map[string]any{
		"date_created": alfDate, "origin": "radd", "min_api_version": "1.5.0",
		"subject": subject, "weights_sha256": rollout.WeightsSHA256, "seed": rollout.Seed,
		"seconds_per_rnn_step": 1, "contrast": "stimulus strength",
	})
	if err != nil {
		return e, err
	}
	return e, atomicfs.WriteFile(fsys, e.Out, func(w io.Writer) error {
		t := parquet.NewTable(w, alfColumns, [2]string{"one_metadata", string(metadata)})
		return errors.Join(e.alf(t, trials, &cfg), t.Close())
	})
}

// alfWord is what an ALF path's part may not hold.
var alfWord = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

func (e *Exported) alf(t *parquet.Table, trials string, cfg *train.Config) error {
	none := math.NaN()
	at := 0.0 // seconds: RNN steps
	for r, err := range parquet.Read[train.TrialRow](trials) {
		if err != nil {
			return err
		}
		begin, end := at, at+float64(r.RNNSteps)
		at = end
		stimulus := begin + float64(r.RNNSteps-r.Observations)
		kind, left, right, probability := -1.0, none, none, cfg.Task.Bias
		if r.Correct {
			kind = 1
		}
		if r.TrialSide < 0 {
			left = r.Strength
		} else {
			right = r.Strength
		}
		if r.BlockSide > 0 {
			probability = 1 - probability
		}
		if err := t.Write([]any{begin, end, stimulus, stimulus, none, end, end, float64(-r.Action), kind, none, left, right, probability}); err != nil {
			return err
		}
		e.Trials++
	}
	return nil
}

func (e *Exported) csv(w io.Writer, trials string) error {
	var names []string
	fields := reflect.TypeFor[train.TrialRow]()
	for i := range fields.NumField() {
		names = append(names, fields.Field(i).Tag.Get("parquet"))
	}
	if _, err := fmt.Fprintln(w, strings.Join(names, ",")); err != nil {
		return err
	}
	line := make([]string, len(names))
	for r, err := range parquet.Read[train.TrialRow](trials) {
		if err != nil {
			return err
		}
		row := reflect.ValueOf(r)
		for i := range line {
			line[i] = cellText(row.Field(i).Interface())
		}
		if _, err := fmt.Fprintln(w, strings.Join(line, ",")); err != nil {
			return err
		}
		e.Trials++
	}
	return nil
}
