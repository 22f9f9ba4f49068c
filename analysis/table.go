package analysis

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"radd/internal/input"
	"radd/task"
)

// Table is tidy data: a row an observation. Cells are texts, as in its CSV file.
type Table struct {
	Name    string // of its file, without the folder: "outcomes.csv"
	Columns []string
	Digits  int // significant, of numbers that are added

	rows [][]string
}

// NewTable returns an empty table whose numbers have nine significant digits.
func NewTable(name string, columns ...string) *Table {
	return &Table{Name: name, Columns: columns, Digits: 9}
}

// Add appends a row of strings, integers, booleans (1, 0) and float64s, of which
// those that are not finite leave their cell empty. It panics where the row has
// not a cell for every column, or something else in one.
func (t *Table) Add(cells ...any) {
	if len(cells) != len(t.Columns) {
		panic("analysis: a row that does not have the table's columns")
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = t.cell(c)
	}
	t.rows = append(t.rows, row)
}

func (t *Table) cell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int, int8, int32, int64, uint64:
		return fmt.Sprint(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case task.Ratio:
		return t.cell(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v+0, 'g', t.Digits, 64) // + 0: no sign of zero
	}
	panic("analysis: a cell of a type that tables do not have")
}

// Append appends the rows of another table of the same columns.
func (t *Table) Append(other *Table) { t.rows = append(t.rows, other.rows...) }

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.rows) }

// column returns a column's place. It panics where there is none of that name.
func (t *Table) column(name string) int {
	i := slices.Index(t.Columns, name)
	if i < 0 {
		panic("analysis: no column " + name + " in " + t.Name)
	}
	return i
}

// Where returns the rows in which the columns have the values, written as Add
// writes them: name, value, name, value, … It panics where there is no such column.
func (t *Table) Where(pairs ...any) *Table {
	some := &Table{Name: t.Name, Columns: t.Columns, Digits: t.Digits}
rows:
	for _, row := range t.rows {
		for i := 0; i < len(pairs); i += 2 {
			if row[t.column(pairs[i].(string))] != t.cell(pairs[i+1]) {
				continue rows
			}
		}
		some.rows = append(some.rows, row)
	}
	return some
}

// Texts returns a column. It panics where there is none of that name.
func (t *Table) Texts(name string) []string {
	c := t.column(name)
	list := make([]string, len(t.rows))
	for i, row := range t.rows {
		list[i] = row[c]
	}
	return list
}

// Numbers returns a column, NaN where a cell holds no number. It panics where
// there is none of that name.
func (t *Table) Numbers(name string) []float64 {
	list := make([]float64, len(t.rows))
	for i, text := range t.Texts(name) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			x = math.NaN()
		}
		list[i] = x
	}
	return list
}

// Values returns the different values of a column in the order in which they
// appear. It panics where there is none of that name.
func (t *Table) Values(name string) []string {
	var list []string
	seen := map[string]bool{}
	for _, text := range t.Texts(name) {
		if !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	return list
}

// Write writes the table as CSV with a header line. Errors are w's.
func (t *Table) Write(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(t.Columns) // WriteAll returns the error
	return c.WriteAll(t.rows)
}

// ReadTable reads what Write wrote; name becomes the table's, and stands for it in
// errors, which are *input.Error.
func ReadTable(name string, r io.Reader) (*Table, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, &input.Error{File: name, Cause: err, Allowed: "a CSV file with a header line"}
	}
	t := NewTable(name, rows[0]...)
	t.rows = rows[1:]
	return t, nil
}
