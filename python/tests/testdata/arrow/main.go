// Command arrow prints a Parquet file as JSON, as Apache Arrow's reader sees it,
// which shares no code with the writer of radd's files. It is a module of its own,
// so that radd does not depend on it.
//
//	{"columns": {NAME: [VALUE, …], …}, "metadata": {KEY: VALUE, …}}
//
// A floating-point number is the text of its bits, so that NaN and every last
// digit survive.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer r.Close()
	columns, metadata := map[string][]any{}, map[string]string{}
	schema := r.MetaData().Schema
	for i := range schema.NumColumns() {
		name := schema.Column(i).Name()
		columns[name] = []any{}
		for group := range r.NumRowGroups() {
			chunk, err := r.RowGroup(group).Column(i)
			if err != nil {
				return err
			}
			values, err := read(chunk)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			columns[name] = append(columns[name], values...)
		}
	}
	pairs := r.MetaData().KeyValueMetadata()
	for _, key := range pairs.Keys() {
		metadata[key] = *pairs.FindValue(key)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"columns": columns, "metadata": metadata})
}

func read(chunk file.ColumnChunkReader) ([]any, error) {
	switch c := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		return all(c.HasNext, c.ReadBatch, func(x bool) any { return x })
	case *file.Int32ColumnChunkReader:
		return all(c.HasNext, c.ReadBatch, func(x int32) any { return x })
	case *file.Int64ColumnChunkReader:
		return all(c.HasNext, c.ReadBatch, func(x int64) any { return x })
	case *file.Float64ColumnChunkReader:
		return all(c.HasNext, c.ReadBatch, func(x float64) any { return fmt.Sprintf("%016x", math.Float64bits(x)) })
	case *file.ByteArrayColumnChunkReader:
		return all(c.HasNext, c.ReadBatch, func(x parquet.ByteArray) any { return string(x) })
	}
	return nil, fmt.Errorf("a column of %T", chunk)
}

// all reads a chunk whose column is required: it has no levels.
func all[E any](more func() bool, batch func(int64, []E, []int16, []int16) (int64, int, error), value func(E) any) ([]any, error) {
	var list []any
	buffer := make([]E, 4096)
	for more() {
		_, n, err := batch(int64(len(buffer)), buffer, nil, nil)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fmt.Errorf("a null among the values")
		}
		for _, x := range buffer[:n] {
			list = append(list, value(x))
		}
	}
	return list, nil
}
