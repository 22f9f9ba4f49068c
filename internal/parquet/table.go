package parquet

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// Field is a column of a Table: a name, and a value of the type of its cells,
// int64, uint64, float64, bool or string.
type Field struct {
	Name string
	Zero any
}

// Table writes rows whose columns are known when the program runs. It keeps to
// what holds for Writer.
type Table struct {
	file *parquet.GenericWriter[any]
	row  reflect.Type
}

// NewTable returns a Table to w, whose file carries the metadata: keys with values. Close completes the file. It panics where a
// column's type is none of those.
func NewTable(w io.Writer, columns []Field, metadata ...[2]string) *Table {
	var fields []reflect.StructField
	for i, c := range columns {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("C%d", i), Type: reflect.TypeOf(c.Zero),
			Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", c.Name+",plain"))})
	}
	row := reflect.StructOf(fields)
	options := []parquet.WriterOption{
		parquet.SchemaOf(reflect.New(row).Interface()),
		parquet.MaxRowsPerRowGroup(GroupRows),
		parquet.Compression(&parquet.Snappy),
		parquet.CreatedBy("radd", "1", "parquet-go"),
	}
	for _, m := range metadata {
		options = append(options, parquet.KeyValueMetadata(m[0], m[1]))
	}
	return &Table{row: row, file: parquet.NewGenericWriter[any](w, options...)}
}

// Write appends a row of cells. It panics where a cell is not of its column's type.
func (t *Table) Write(cells []any) error {
	row := reflect.New(t.row)
	for i, c := range cells {
		row.Elem().Field(i).Set(reflect.ValueOf(c))
	}
	_, err := t.file.Write([]any{row.Interface()})
	return err
}

// Close completes the file; it does not close the stream beneath.
func (t *Table) Close() error { return t.file.Close() }
