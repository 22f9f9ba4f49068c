package parquet

import (
	"fmt"
	"io"
	"math"
	"os"

	"github.com/parquet-go/parquet-go"

	"radd/internal/input"
)

// Column is a column of a table that somebody else may have written: numbers and
// booleans (0, 1) as float64, NaN where there is a null, or texts, empty where
// there is one.
type Column struct {
	Numbers []float64
	Texts   []string // nil where the column holds numbers
}

// maxValues is the most values that a file is taken to hold: a table of trials
// has far fewer.
const maxValues = 1 << 28

// ReadColumns reads those of the named columns that the file has. Columns of
// other types, and those within lists or structures, are not there.
//
// The error is an *input.Error.
func ReadColumns(path string, names ...string) (map[string]Column, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	columns, err := readColumns(f, info.Size(), names)
	if err != nil {
		return nil, &input.Error{File: path, Found: "a Parquet file that cannot be read", Cause: err}
	}
	return columns, nil
}

func readColumns(r io.ReaderAt, size int64, names []string) (columns map[string]Column, err error) {
	defer func() { // the library panics on some damaged files
		if fault := recover(); fault != nil {
			columns, err = nil, fmt.Errorf("damaged: %v", fault)
		}
	}()
	file, err := parquet.OpenFile(r, size)
	if err != nil {
		return nil, err
	}
	columns = map[string]Column{}
	for _, name := range names {
		leaf, ok := file.Schema().Lookup(name)
		if !ok || leaf.MaxRepetitionLevel > 0 {
			continue
		}
		c, known, err := readColumn(file, leaf.ColumnIndex, leaf.Node.Type().Kind())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		if known {
			columns[name] = c
		}
	}
	return columns, nil
}

// readColumn reads all values of a column, unless they are of a kind that has no
// place in a Column.
func readColumn(file *parquet.File, index int, kind parquet.Kind) (c Column, known bool, err error) {
	text := kind == parquet.ByteArray
	switch kind {
	case parquet.ByteArray, parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
	default:
		return c, false, nil
	}
	for _, group := range file.RowGroups() {
		chunk := group.ColumnChunks()[index]
		if n := chunk.NumValues(); n < 0 || n > maxValues {
			return c, false, fmt.Errorf("it claims %d values", n)
		}
		if err := readChunk(&c, chunk, text); err != nil {
			return c, false, err
		}
	}
	if text && c.Texts == nil {
		c.Texts = []string{}
	}
	return c, true, nil
}

func readChunk(c *Column, chunk parquet.ColumnChunk, text bool) (err error) {
	pages := chunk.Pages()
	defer pages.Close()
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buffer)
			for _, v := range buffer[:n] {
				if text {
					c.Texts = append(c.Texts, string(v.ByteArray()))
				} else {
					c.Numbers = append(c.Numbers, number(v))
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if n == 0 {
				return io.ErrNoProgress
			}
		}
		parquet.Release(page)
	}
}

func number(v parquet.Value) float64 {
	if v.IsNull() {
		return math.NaN()
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		return float64(v.Int32())
	case parquet.Int64:
		return float64(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	}
	return v.Double()
}
