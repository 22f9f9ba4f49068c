package parquet

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go"

	"radd/internal/input"
)

// Read returns the rows of a file that was written with rows of type R, batch by
// batch. Every fault is an *input.Error, which ends the rows.
func Read[R any](path string) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		f, err := os.Open(path)
		if err != nil {
			yield(none, &input.Error{File: path, Cause: err})
			return
		}
		defer f.Close()
		stat, err := f.Stat()
		if err == nil && !stat.Mode().IsRegular() {
			err = errors.New("not a file")
		}
		if err != nil {
			yield(none, &input.Error{File: path, Cause: err})
			return
		}
		for r, err := range rows[R](path, f, stat.Size()) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// rows returns the rows in the bytes of a file.
func rows[R any](path string, data io.ReaderAt, size int64) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		reader, err := open[R](path, data, size)
		if err != nil {
			yield(none, err)
			return
		}
		batch := make([]R, batchRows)
		for {
			n, err := next(path, reader, batch)
			for _, r := range batch[:n] {
				if !yield(r, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(none, err)
				return
			}
		}
	}
}

// open checks the file's columns: they are those of R, with their types.
func open[R any](path string, data io.ReaderAt, size int64) (r *parquet.GenericReader[R], err error) {
	defer damaged(path, &err)
	f, err := parquet.OpenFile(data, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &input.Error{File: path, Found: "no Parquet file that can be read", Cause: err}
	}
	want := parquet.SchemaOf(new(R))
	for _, column := range want.Columns() {
		is, has := f.Schema().Lookup(column...)
		should, _ := want.Lookup(column...)
		if !has || is.Node.Type().String() != should.Node.Type().String() || !is.Node.Required() {
			return nil, &input.Error{File: path, Field: fmt.Sprint(column), Found: "no such column", Allowed: should.Node.Type().String()}
		}
	}
	if f.NumRows() < 0 || f.NumRows() > size*maxRowsPerByte {
		return nil, &input.Error{File: path, Found: fmt.Sprintf("%d rows in %d bytes", f.NumRows(), size)}
	}
	return parquet.NewGenericReader[R](f), nil
}

// maxRowsPerByte is more rows than a byte can hold after compression.
const maxRowsPerByte = 1 << 10

// next reads rows into the batch.
func next[R any](path string, r *parquet.GenericReader[R], batch []R) (n int, err error) {
	defer damaged(path, &err)
	n, err = r.Read(batch)
	if err != nil && err != io.EOF {
		err = &input.Error{File: path, Found: "a row that cannot be read", Cause: err}
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// damaged makes the library's panic over a damaged file an error.
func damaged(path string, err *error) {
	if fault := recover(); fault != nil {
		*err = &input.Error{File: path, Found: "a damaged Parquet file", Cause: fmt.Errorf("%v", fault)}
	}
}
