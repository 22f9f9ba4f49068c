package tfevents

import (
	"errors"
	"fmt"
	"io"

	"radd/internal/input"
)

// Reader reads a file event by event. It reads in small pieces: give it a
// buffered reader.
type Reader struct {
	r     io.Reader
	name  string
	count int // records begun
}

// NewReader returns a Reader of the file in r; name stands for it in errors.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{r: r, name: name}
}

// Next returns the next event. At the end of the file it returns io.EOF. A
// record that is torn or malformed gives an *input.Error, and what follows it
// cannot be read; a record may have up to 64 MiB.
func (r *Reader) Next() (Event, error) {
	r.count++
	raw, data, err := readRecord(r.r)
	e := Event{Raw: raw}
	if err == nil {
		err = e.decode(data)
	}
	if errors.Is(err, errMalformed) {
		err = &input.Error{File: r.name, Field: fmt.Sprintf("record %d", r.count), Cause: err}
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// Cut copies the events from r to w, byte by byte, up to the first whose step
// is above lastStep or which is torn or malformed; there the file ends. What is
// returned is an error of r or of w. A file without a whole first record gives
// an empty one, which NewWriter has to begin.
func Cut(r io.Reader, w io.Writer, lastStep int64) error {
	events := NewReader(r, "")
	for {
		e, err := events.Next()
		switch {
		case err == io.EOF || input.Is(err):
			return nil
		case err != nil:
			return err
		case e.Step > lastStep && e.FileVersion == "":
			return nil
		}
		if _, err := w.Write(e.Raw); err != nil {
			return err
		}
	}
}
