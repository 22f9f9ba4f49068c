package tfevents

import "io"

// Writer writes events. It is not safe for concurrent use.
type Writer struct {
	w        io.Writer
	wallTime func() float64
}

// NewWriter begins a file: it writes the record with the file version and
// returns a Writer to go on with. wallTime returns seconds since 1970.
func NewWriter(w io.Writer, wallTime func() float64) (*Writer, error) {
	writer := Append(w, wallTime)
	return writer, writer.write(Event{FileVersion: version})
}

// Append returns a Writer that goes on with a file, w being at its end.
func Append(w io.Writer, wallTime func() float64) *Writer {
	return &Writer{w, wallTime}
}

// Scalars writes the values of one gradient step as one event, by one call of
// the writer beneath.
func (w *Writer) Scalars(step int64, values []Scalar) error {
	return w.write(Event{Step: step, Scalars: values})
}

func (w *Writer) write(e Event) error {
	e.WallTime = w.wallTime()
	_, err := w.w.Write(appendRecord(nil, e.encode()))
	return err
}
