package analysis

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"radd/task"
)

// Table is the data of a figure: a row an observation. Numbers are written with
// nine significant digits.
type Table struct {
	Name    string // of its file, without the folder: "outcomes.csv"
	Columns []string
	rows    [][]string
}

// NewTable returns an empty table.
func NewTable(name string, columns ...string) *Table { return &Table{Name: name, Columns: columns} }

// Add appends a row of strings, integers, booleans (1, 0) and float64s, of which
// those that are not finite leave their cell empty. It panics where the row has
// not a cell for every column, or something else in one.
func (t *Table) Add(cells ...any) {
	if len(cells) != len(t.Columns) {
		panic("analysis: a row that does not have the table's columns")
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = cell(c)
	}
	t.rows = append(t.rows, row)
}

func cell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int, int8, int32, int64:
		return fmt.Sprint(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case task.Ratio:
		return cell(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v+0, 'g', digits, 64) // + 0: no sign of zero
	}
	panic("analysis: a cell of a type that tables do not have")
}

const digits = 9 // significant

// Append appends the rows of another table of the same columns.
func (t *Table) Append(other *Table) { t.rows = append(t.rows, other.rows...) }

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.rows) }

// Write writes the table as CSV with a header line. Errors are w's.
func (t *Table) Write(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(t.Columns) // WriteAll returns the error
	return c.WriteAll(t.rows)
}

// z95 is the 97.5th percentile of the standard normal distribution.
const z95 = 1.959963984540054

// Wilson returns a 95 % interval of a share of which yes among n were counted;
// NaN of none.
//
// Source: Wilson, "Probable inference, the law of succession, and statistical
// inference", 1927.
func Wilson(yes, n int) (low, high float64) {
	N, p := float64(n), float64(yes)/float64(n)
	centre := p + z95*z95/(2*N)
	half := z95 * math.Sqrt(p*(1-p)/N+z95*z95/(4*N*N))
	scale := 1 + z95*z95/N
	return max(0, (centre-half)/scale), min(1, (centre+half)/scale)
}

// moments sum up numbers.
//
// Source: Welford 1962.
type moments struct {
	n                int
	average, squares float64
}

func (m *moments) add(x float64) {
	m.n++
	d := x - m.average
	m.average += d / float64(m.n)
	m.squares += float64(d * (x - m.average))
}

// mean returns the mean, NaN of none.
func (m *moments) mean() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return m.average
}

// sd returns the standard deviation, with divisor n − 1.
func (m *moments) sd() float64 { return math.Sqrt(m.squares / float64(m.n-1)) }

// interval returns mean ± 1.96 standard errors.
func (m *moments) interval() (low, high float64) {
	half := z95 * m.sd() / math.Sqrt(float64(m.n))
	return m.mean() - half, m.mean() + half
}
