package claims

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"radd/analysis"
)

// newTable returns an empty table of measurements, whose numbers have six significant
// digits.
func newTable(columns ...string) *analysis.Table {
	return &analysis.Table{Columns: columns, Digits: 6}
}

// readTable reads a study's table in a folder.
func readTable(dir, name string) (*analysis.Table, error) {
	path := filepath.Join(dir, name+".csv")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := analysis.ReadTable(path, bytes.NewReader(data))
	if err == nil {
		t.Digits = newTable().Digits
	}
	return t, err
}

// differences returns the differences a − b of a figure between the rows of two tables that
// agree in the columns by, such as the seed. A row without a partner is left out.
func differences(a, b *analysis.Table, figure string, by ...string) []float64 {
	keys := func(t *analysis.Table) []string {
		list := make([]string, t.Rows())
		for _, name := range by {
			for i, text := range t.Texts(name) {
				list[i] += fmt.Sprintf("%q ", text)
			}
		}
		return list
	}
	other := map[string]float64{}
	of := keys(b)
	for i, x := range b.Numbers(figure) {
		other[of[i]] = x
	}
	var list []float64
	of = keys(a)
	for i, x := range a.Numbers(figure) {
		if y, has := other[of[i]]; has {
			list = append(list, x-y)
		}
	}
	return list
}
