package sweep

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"radd/internal/atomicfs"
	"radd/internal/parquet"
)

// table is one table of columns, written as Parquet and as CSV side by side.
type table struct {
	columns []parquet.Field
	rows    func(write func(cells []any) error) error
}

// save writes name.parquet and name.csv into the folder.
func (t *table) save(dir, name string) error {
	err := atomicfs.WriteFile(atomicfs.OS, filepath.Join(dir, name+".parquet"), func(w io.Writer) error {
		p := parquet.NewTable(w, t.columns)
		return errors.Join(t.rows(p.Write), p.Close())
	})
	if err != nil {
		return err
	}
	return atomicfs.WriteFile(atomicfs.OS, filepath.Join(dir, name+".csv"), func(w io.Writer) error {
		c := csv.NewWriter(w)
		line := make([]string, len(t.columns))
		for i, column := range t.columns {
			line[i] = column.Name
		}
		err := c.Write(line)
		err = errors.Join(err, t.rows(func(cells []any) error {
			for i, cell := range cells {
				line[i] = cellText(cell)
			}
			return c.Write(line)
		}))
		c.Flush()
		return errors.Join(err, c.Error())
	})
}

// cellText is a cell as CSV has it: a float as the shortest text that reads back
// as the same, nothing for one that does not exist.
func cellText(cell any) string {
	x, is := cell.(float64)
	switch {
	case is && math.IsNaN(x):
		return ""
	case is:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprint(cell)
}
