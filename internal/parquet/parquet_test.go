package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"radd/internal/input"
)

type row struct {
	Trial     int64   `parquet:"trial"`
	Side      int8    `parquet:"side"`
	Correct   bool    `parquet:"correct"`
	Posterior float64 `parquet:"posterior"`
}

func table(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{int64(i), int8(i%3 - 1), i%5 == 0, math.Sin(float64(i))}
	}
	return rows
}

func write(t *testing.T, rows []row) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter[row](&b)
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadBack(t *testing.T) {
	for _, n := range []int{0, 1, batchRows - 1, batchRows, batchRows + 1, GroupRows, GroupRows + batchRows + 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			data, want := write(t, table(n)), table(n)
			f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if got, groups := len(f.RowGroups()), (n+GroupRows-1)/GroupRows; got != groups {
				t.Errorf("%d row groups, want %d", got, groups)
			}
			got, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != n {
				t.Fatalf("%d rows, want %d", len(got), n)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("row %d is %+v, want %+v", i, got[i], want[i])
				}
			}
		})
	}
}

// The types are those that other readers know as int64, int8, bool and float64.
func TestSchema(t *testing.T) {
	data := write(t, table(3))
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	text := f.Schema().String()
	for _, want := range []string{"required int64 trial", "required int32 side (INT(8,true))",
		"required boolean correct", "required double posterior"} {
		if !strings.Contains(text, want) {
			t.Errorf("the schema lacks %q:\n%s", want, text)
		}
	}
	if codec := f.Metadata().RowGroups[0].Columns[0].MetaData.Codec.String(); codec != "SNAPPY" {
		t.Errorf("compressed with %s", codec)
	}
}

func TestSameRowsSameBytes(t *testing.T) {
	rows := table(GroupRows + 100)
	want := write(t, rows)
	for _, cores := range []int{1, 2, 4} {
		before := runtime.GOMAXPROCS(cores)
		got := write(t, rows)
		runtime.GOMAXPROCS(before)
		if !bytes.Equal(got, want) {
			t.Errorf("other bytes with GOMAXPROCS=%d", cores)
		}
	}
}

// full fails every write after the first n bytes.
type full struct{ n int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	f.n -= len(p)
	if f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	size := len(write(t, table(GroupRows+10)))
	for _, room := range []int{0, 100, size / 2, size - 1} {
		w := NewWriter[row](&full{room})
		var err error
		for _, r := range table(GroupRows + 10) {
			if err = w.Write(r); err != nil {
				break
			}
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes of %d: error %v", room, size, err)
		}
	}
}

func readAll(data []byte) ([]row, error) {
	var got []row
	for r, err := range rows[row]("f", bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return got, err
		}
		got = append(got, r)
	}
	return got, nil
}

func TestRows(t *testing.T) {
	for _, n := range []int{0, 1, batchRows, batchRows + 1, GroupRows + 7} {
		want := table(n)
		got, err := readAll(write(t, want))
		if err != nil || len(got) != n {
			t.Fatalf("%d rows: %d, %v", n, len(got), err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("row %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	}
	type other struct {
		Trial float64 `parquet:"trial"`
	}
	data := write(t, table(3))
	for _, err := range rows[other]("f", bytes.NewReader(data), int64(len(data))) {
		if !input.Is(err) {
			t.Errorf("a column of another type: %v", err)
		}
	}
}

// Whatever the bytes are, reading ends with rows or with an *input.Error.
func FuzzRows(f *testing.F) {
	var b bytes.Buffer
	w := NewWriter[row](&b)
	for _, r := range table(5) {
		w.Write(r)
	}
	w.Close()
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readAll(data); err != nil && !input.Is(err) {
			t.Errorf("error %v", err)
		}
	})
}
