package claims

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

// Table is tidy data: a row an observation. Cells are texts.
type Table struct {
	Columns []string
	rows    [][]string
}

// NewTable returns an empty table.
func NewTable(columns ...string) *Table { return &Table{Columns: columns} }

// digits is the significant digits of a measured number.
const digits = 6

// Add appends a row of texts, whole numbers, booleans (1, 0) and numbers, of which
// those that are not finite leave their cell empty. It panics where the row has
// not a cell for every column.
func (t *Table) Add(cells ...any) {
	if len(cells) != len(t.Columns) {
		panic("claims: a row that does not have the table's columns")
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = cell(c)
	}
	t.rows = append(t.rows, row)
}

func cell(v any) string {
	switch v := v.(type) {
	case task.Ratio:
		return cell(float64(v))
	case bool:
		if v {
			return "1"
		}
		return "0"
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v+0, 'g', digits, 64) // + 0: no sign of zero
	}
	return fmt.Sprint(v)
}

// Rows is the number of rows.
func (t *Table) Rows() int { return len(t.rows) }

// column returns a column's place. It panics where there is none of that name:
// a study asks for its own columns.
func (t *Table) column(name string) int {
	i := slices.Index(t.Columns, name)
	if i < 0 {
		panic("claims: no column " + name)
	}
	return i
}

// Where returns the rows in which the columns have the values: name, value, name,
// value, …
func (t *Table) Where(pairs ...any) *Table {
	some := &Table{Columns: t.Columns}
rows:
	for _, row := range t.rows {
		for i := 0; i < len(pairs); i += 2 {
			if row[t.column(pairs[i].(string))] != cell(pairs[i+1]) {
				continue rows
			}
		}
		some.rows = append(some.rows, row)
	}
	return some
}

// Texts returns a column.
func (t *Table) Texts(name string) []string {
	c := t.column(name)
	list := make([]string, len(t.rows))
	for i, row := range t.rows {
		list[i] = row[c]
	}
	return list
}

// Numbers returns a column, NaN where a cell holds no number.
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
// appear.
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

// Less returns the differences a − b of a figure between the rows of two tables that
// agree in the columns by, such as the seed. A row without a partner is left out.
func Less(a, b *Table, figure string, by ...string) []float64 {
	key := func(t *Table, row []string) string {
		var parts []string
		for _, name := range by {
			parts = append(parts, row[t.column(name)])
		}
		return fmt.Sprint(parts)
	}
	other := map[string]float64{}
	for i, x := range b.Numbers(figure) {
		other[key(b, b.rows[i])] = x
	}
	var list []float64
	for i, x := range a.Numbers(figure) {
		if y, has := other[key(a, a.rows[i])]; has {
			list = append(list, x-y)
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

// ReadTable reads what Write wrote; path stands for it in errors.
func ReadTable(path string, r io.Reader) (*Table, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, &input.Error{File: path, Cause: err, Allowed: "a CSV file with a header line"}
	}
	return &Table{rows[0], rows[1:]}, nil
}
