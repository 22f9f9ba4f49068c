package npz

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"
)

// Element is a Go type whose arrays can be written. An int becomes an int64.
type Element interface {
	bool | int | int64 | float32 | float64 | complex128
}

// Writer writes an archive to a stream. Arrays are stored uncompressed unless
// [Writer.Deflate] has been called. It is not safe for concurrent use.
type Writer struct {
	archive *zip.Writer
	method  uint16
	names   map[string]bool
	missing int // elements that the open array still lacks
	err     error
}

// NewWriter returns a Writer to w. Close completes the archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{archive: zip.NewWriter(w), method: zip.Store, names: map[string]bool{}}
}

// Deflate compresses the arrays that are added from here on.
func (w *Writer) Deflate() { w.method = zip.Deflate }

// Add writes data, row-major, as the array of that name and shape; no
// dimensions make a scalar. It panics if the shape is not that of the data or
// the name has been used.
func Add[T Element](w *Writer, name string, data []T, shape ...int) error {
	s, err := NewStream[T](w, name, shape...)
	if err != nil {
		return err
	}
	if len(data) != w.missing {
		panic("npz: the shape is not that of the data")
	}
	return s.Write(data)
}

// Stream writes one array piece by piece.
type Stream[T Element] struct {
	w    *Writer
	body io.Writer
}

// NewStream begins the array of that name and shape. The stream must be given
// all of its elements before the next array or Close. It panics if a dimension
// is negative or the name has been used.
func NewStream[T Element](w *Writer, name string, shape ...int) (*Stream[T], error) {
	if w.names[name] {
		panic("npz: two arrays of one name")
	}
	w.names[name] = true
	elements := 1
	for _, dim := range shape {
		if dim < 0 || dim > 0 && elements > math.MaxInt/dim {
			panic("npz: a dimension is negative or too large")
		}
		elements *= dim
	}
	if err := w.complete(); err != nil {
		return nil, err
	}
	body, err := w.archive.CreateHeader(&zip.FileHeader{
		Name:     name + ".npy",
		Method:   w.method,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // the earliest that zip knows
	})
	if err == nil {
		_, err = body.Write(formatHeader(descr[T](), shape))
	}
	w.missing, w.err = elements, err
	if err != nil {
		return nil, err
	}
	return &Stream[T]{w, body}, nil
}

// Write appends elements in row-major order. It panics if they are more than
// the shape has.
func (s *Stream[T]) Write(data []T) error {
	if len(data) > s.w.missing {
		panic("npz: more data than the shape has")
	}
	const chunk = 4096 // elements
	var buffer []byte
	for len(data) > 0 && s.w.err == nil {
		n := min(chunk, len(data))
		buffer = appendElements(buffer[:0], data[:n])
		_, s.w.err = s.body.Write(buffer)
		s.w.missing -= n
		data = data[n:]
	}
	return s.w.err
}

// complete returns an earlier error, or one that says that the last array
// lacks data.
func (w *Writer) complete() error {
	if w.err == nil && w.missing > 0 {
		w.err = errors.New("npz: an array was left incomplete")
	}
	return w.err
}

// Close completes the archive; it does not close the stream beneath. It returns
// the first error of all calls, and then the archive is not to be used.
func (w *Writer) Close() error {
	if err := w.complete(); err != nil {
		return err
	}
	return w.archive.Close()
}

func descr[T Element]() string {
	switch any(*new(T)).(type) {
	case bool:
		return "|b1"
	case float32:
		return "<f4"
	case float64:
		return "<f8"
	case complex128:
		return "<c16"
	default:
		return "<i8"
	}
}

func appendElements[T Element](b []byte, data []T) []byte {
	switch data := any(data).(type) {
	case []bool:
		for _, x := range data {
			bit := byte(0)
			if x {
				bit = 1
			}
			b = append(b, bit)
		}
	case []int:
		for _, x := range data {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
	case []int64:
		for _, x := range data {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
	case []float32:
		for _, x := range data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	case []float64:
		for _, x := range data {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	case []complex128:
		for _, x := range data {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(real(x)))
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(imag(x)))
		}
	}
	return b
}
