package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"radd/internal/input"
)

// Table is a CSV file with a header line, or some of its rows.
type Table struct {
	path   string
	column map[string]int
	rows   [][]string
}

// ReadTable reads the CSV file at path, which has the named columns and perhaps
// others. Errors about what it holds are *input.Error.
func ReadTable(path string, columns ...string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseTable(path, data, columns...)
}

func parseTable(path string, data []byte, columns ...string) (*Table, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = false
	header, err := r.Read()
	if err != nil {
		return nil, &input.Error{File: path, Cause: err, Allowed: "a CSV file with a header line"}
	}
	t := &Table{path: path, column: map[string]int{}}
	for i, name := range header {
		t.column[name] = i
	}
	for _, name := range columns {
		if _, ok := t.column[name]; !ok {
			return nil, &input.Error{File: path, Field: name, Found: "no such column", Do: "run radd analyze again"}
		}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, &input.Error{File: path, Cause: err, Allowed: "a CSV file with as many cells in every row"}
		}
		t.rows = append(t.rows, row)
	}
}

// has reports whether there is a row. A nil table has none.
func (t *Table) has() bool { return t != nil && len(t.rows) > 0 }

// where returns the rows in which the columns have the values: name, value,
// name, value, …
func (t *Table) where(pairs ...string) *Table {
	if t == nil {
		return nil
	}
	some := &Table{path: t.path, column: t.column}
	for _, row := range t.rows {
		if t.matches(row, pairs) {
			some.rows = append(some.rows, row)
		}
	}
	return some
}

func (t *Table) matches(row, pairs []string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if c, ok := t.column[pairs[i]]; !ok || row[c] != pairs[i+1] {
			return false
		}
	}
	return true
}

// upTo returns the rows whose number in the column is not above most.
func (t *Table) upTo(column string, most float64) *Table {
	if t == nil {
		return nil
	}
	some := &Table{path: t.path, column: t.column}
	for i, x := range t.numbers(column) {
		if x <= most {
			some.rows = append(some.rows, t.rows[i])
		}
	}
	return some
}

// with returns the rows that have a number in the column.
func (t *Table) with(column string) *Table {
	if t == nil {
		return nil
	}
	some := &Table{path: t.path, column: t.column}
	for i, x := range t.numbers(column) {
		if finite(x) {
			some.rows = append(some.rows, t.rows[i])
		}
	}
	return some
}

// everySecond returns the rows of every second value of both columns, which are
// a grid's: a finer one is too dense to see.
func (t *Table) everySecond(x, y string) *Table {
	some := &Table{path: t.path, column: t.column}
	xs, ys := t.values(x), t.values(y)
	for _, row := range t.rows {
		if slices.Index(xs, row[t.column[x]])%2 == 0 && slices.Index(ys, row[t.column[y]])%2 == 0 {
			some.rows = append(some.rows, row)
		}
	}
	return some
}

// text returns a column, nil where there is none.
func (t *Table) text(name string) []string {
	if t == nil {
		return nil
	}
	c, ok := t.column[name]
	if !ok {
		return nil
	}
	list := make([]string, len(t.rows))
	for i, row := range t.rows {
		list[i] = row[c]
	}
	return list
}

// numbers returns a column, NaN where a cell holds no number; nil where there is
// no such column.
func (t *Table) numbers(name string) []float64 {
	text := t.text(name)
	if text == nil {
		return nil
	}
	list := make([]float64, len(text))
	for i, cell := range text {
		x, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			x = math.NaN()
		}
		list[i] = x
	}
	return list
}

// values returns the different values of a column, in the order in which they
// appear.
func (t *Table) values(name string) []string {
	var list []string
	for _, cell := range t.text(name) {
		if !slices.Contains(list, cell) {
			list = append(list, cell)
		}
	}
	return list
}

// writeCSV writes rows, the first being the header. Errors are w's.
func writeCSV(w io.Writer, rows [][]string) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("CSV: %w", err)
	}
	return nil
}
