package train

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/tfevents"
	"radd/kernels"
)

const (
	metricsHeader = "gradient_step,loss,gradient_norm,rnn_steps,trials,actions,correct\n"
	timingHeader  = "gradient_step,seconds,us_per_rnn_step\n"
)

// journal is what a run writes down as it goes: metrics.csv, timing.csv and the
// TensorBoard event file. A resumed run cuts all three back to its checkpoint
// and goes on, so that metrics.csv ends up as if it had never been interrupted.
type journal struct {
	metrics, timing, events *appender
	board                   *tfevents.Writer
	rows                    int     // of metrics.csv when it was opened
	seconds                 float64 // computing time up to the last row of timing.csv
}

// openJournal opens the three files in dir for the steps after the given one.
func openJournal(fsys atomicfs.FS, dir string, step int) (*journal, error) {
	var j journal
	metrics, rows, err := openTable(fsys, filepath.Join(dir, metricsFile), metricsHeader, step)
	if err != nil {
		return nil, err
	}
	j.metrics, j.rows = metrics, len(rows)
	if j.timing, rows, err = openTable(fsys, filepath.Join(dir, timingFile), timingHeader, step); err != nil {
		j.Close()
		return nil, err
	}
	if len(rows) > 0 {
		if fields := strings.Split(rows[len(rows)-1], ","); len(fields) == 3 {
			j.seconds, _ = strconv.ParseFloat(fields[1], 64) // a damaged row leaves 0
		}
	}
	if err := j.openEvents(fsys, filepath.Join(dir, eventsFile), step); err != nil {
		j.Close()
		return nil, err
	}
	return &j, nil
}

func (j *journal) openEvents(fsys atomicfs.FS, path string, step int) error {
	old, err := readIfThere(fsys, path)
	if err != nil {
		return err
	}
	var kept bytes.Buffer
	if err := tfevents.Cut(bytes.NewReader(old), &kept, int64(step)); err != nil {
		return err
	}
	if j.events, err = openAppender(fsys, path, old, kept.Bytes()); err != nil {
		return err
	}
	wallTime := func() float64 { return float64(time.Now().UnixNano()) / 1e9 }
	if kept.Len() > 0 {
		j.board = tfevents.Append(j.events, wallTime)
		return nil
	}
	j.board, err = tfevents.NewWriter(j.events, wallTime)
	return err
}

// record writes down one gradient step (from 1).
func (j *journal) record(step int, r kernels.Record) error {
	err := metricsRow(j.metrics, step, r)
	trials := float64(r.Trials)
	return errors.Join(err, j.board.Scalars(int64(step), []tfevents.Scalar{
		{Tag: "loss", Value: float32(r.Loss)},
		{Tag: "gradient_norm", Value: float32(r.GradientNorm)},
		{Tag: "rnn_steps_per_trial", Value: float32(float64(r.RNNSteps) / trials)},
		{Tag: "action_rate", Value: float32(float64(r.Actions) / trials)},
		{Tag: "correct_per_trial", Value: float32(float64(r.Correct) / trials)},
	}))
}

// metricsRow writes the row of metrics.csv of one gradient step (from 1).
func metricsRow(w io.Writer, step int, r kernels.Record) error {
	_, err := fmt.Fprintf(w, "%d,%s,%s,%d,%d,%d,%d\n", step, number(r.Loss), number(r.GradientNorm),
		r.RNNSteps, r.Trials, r.Actions, r.Correct)
	return err
}

// time writes down the computing time so far: seconds since the last call, in
// which rnnSteps were computed.
func (j *journal) time(step int, seconds float64, rnnSteps int64) error {
	j.seconds += seconds
	_, err := fmt.Fprintf(j.timing, "%d,%.6f,%.4f\n", step, j.seconds, seconds/float64(max(rnnSteps, 1))*1e6)
	return err
}

// Sync puts everything that was written down on the disk.
func (j *journal) Sync() error {
	return errors.Join(j.metrics.Sync(), j.timing.Sync(), j.events.Sync())
}

// Close closes the files.
func (j *journal) Close() error {
	var errs []error
	for _, a := range []*appender{j.metrics, j.timing, j.events} {
		if a != nil {
			errs = append(errs, a.Close())
		}
	}
	return errors.Join(errs...)
}

// openTable opens a CSV file whose first column is a gradient step, cut back to
// the given step, and returns the rows that are left.
func openTable(fsys atomicfs.FS, path, header string, step int) (a *appender, rows []string, err error) {
	old, err := readIfThere(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(strings.TrimPrefix(string(old), header)) {
		first, _, _ := strings.Cut(line, ",")
		n, err := strconv.Atoi(first)
		if err != nil || n > step || !strings.HasSuffix(line, "\n") {
			break // a killed run's torn or surplus rows
		}
		rows = append(rows, line)
	}
	a, err = openAppender(fsys, path, old, []byte(header+strings.Join(rows, "")))
	return a, rows, err
}

// appender adds to the end of a file, through a buffer.
type appender struct {
	file   atomicfs.File
	buffer *bufio.Writer
}

// openAppender opens the file at path, whose bytes are old, to go on after the
// bytes kept; where they differ, it first replaces the file atomically.
func openAppender(fsys atomicfs.FS, path string, old, kept []byte) (*appender, error) {
	if old == nil || !bytes.Equal(old, kept) {
		if err := atomicfs.WriteBytes(fsys, path, kept); err != nil {
			return nil, err
		}
	}
	f, err := fsys.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return &appender{f, bufio.NewWriter(f)}, nil
}

func (a *appender) Write(p []byte) (int, error) { return a.buffer.Write(p) }

// Sync puts what was written on the disk.
func (a *appender) Sync() error { return errors.Join(a.buffer.Flush(), a.file.Sync()) }

// Close flushes and closes the file.
func (a *appender) Close() error { return errors.Join(a.buffer.Flush(), a.file.Close()) }

// readIfThere returns the file's bytes, or nil where there is none.
func readIfThere(fsys atomicfs.FS, path string) ([]byte, error) {
	data, err := readBytes(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// number is the shortest text that reads back as the same float64.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
