// Package parquet writes tables as Parquet files, and reads columns of tables that
// somebody else may have written. Where it writes, a Go struct is a row and its
// `parquet:"name"` tags name the columns.
//
//	Go                        Parquet                 pandas, polars
//	int64                     INT64                   int64
//	int8                      INT32, INTEGER(8)       int8
//	bool                      BOOLEAN                 bool
//	float64                   DOUBLE                  float64
//
// All columns that it writes are required: there are no nulls. Pages are compressed with
// Snappy, which every reader of the format has.
//
// # Memory and determinism
//
// Rows go to the file in groups of [GroupRows], so memory does not grow with
// the table. The same rows give the same bytes, however they are divided among
// calls of Write: they are handed on in batches of one size.
package parquet

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// GroupRows is the number of rows in every row group but the last.
const GroupRows = 1 << 16

const batchRows = 1 << 10 // divides GroupRows

// Writer writes rows of type R. It is not safe for concurrent use.
type Writer[R any] struct {
	file  *parquet.GenericWriter[R]
	batch []R
}

// NewWriter returns a Writer to w. Close completes the file. It panics if R is
// not a struct of columns.
func NewWriter[R any](w io.Writer) *Writer[R] {
	return &Writer[R]{
		file: parquet.NewGenericWriter[R](w,
			parquet.MaxRowsPerRowGroup(GroupRows),
			parquet.Compression(&parquet.Snappy),
			parquet.CreatedBy("radd", "1", "parquet-go")),
		batch: make([]R, 0, batchRows),
	}
}

// Write appends one row.
func (w *Writer[R]) Write(row R) error {
	w.batch = append(w.batch, row)
	if len(w.batch) < batchRows {
		return nil
	}
	return w.flush()
}

func (w *Writer[R]) flush() error {
	_, err := w.file.Write(w.batch)
	w.batch = w.batch[:0]
	return err
}

// Close completes the file; it does not close the stream beneath.
func (w *Writer[R]) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.file.Close()
}
