package npz

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
)

// archiveOf returns a zip of the entries, whose names get ".npy".
func archiveOf(t testing.TB, method uint16, entries ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		body, err := w.CreateHeader(&zip.FileHeader{Name: e[0] + ".npy", Method: method})
		if err == nil {
			_, err = io.WriteString(body, e[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// npy returns an .npy file with this dictionary.
func npy(version byte, dict, data string) string {
	length := []byte{byte(len(dict)), byte(len(dict) >> 8)}
	if version > 1 {
		length = append(length, 0, 0)
	}
	return magic + string([]byte{version, 0}) + string(length) + dict + data
}

func dict(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
}

func open(t testing.TB, archive []byte) *File {
	t.Helper()
	f, err := Read(bytes.NewReader(archive), int64(len(archive)), "test.npz")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantFault(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if !input.Is(err) {
		t.Errorf("%T is not an *input.Error: %v", err, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func sample(t testing.TB, deflate bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	if deflate {
		w.Deflate()
	}
	err := errors.Join(
		Add(w, "f8", []float64{1, -2.5, math.Inf(1), 5e-324, math.Pi, math.Copysign(0, -1)}, 2, 3),
		Add(w, "f4", []float32{1, math.MaxFloat32, 1e-45}, 3),
		Add(w, "session/i8", []int64{math.MinInt64, math.MaxInt64}, 2, 1),
		Add(w, "int", []int{-7}),
		Add(w, "bool", []bool{true, false, true}, 3),
		Add(w, "none", []float64{}, 0, 3),
		w.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		archive := sample(t, deflate)
		if again := sample(t, deflate); !bytes.Equal(archive, again) {
			t.Error("the same arrays gave different bytes")
		}
		f := open(t, archive)
		if got, want := f.Names(), []string{"f8", "f4", "session/i8", "int", "bool", "none"}; !slices.Equal(got, want) {
			t.Errorf("names %q, want %q", got, want)
		}
		checkFloats(t, f, "f8", []float64{1, -2.5, math.Inf(1), 5e-324, math.Pi, math.Copysign(0, -1)}, []int{2, 3})
		checkFloats(t, f, "f4", []float64{1, math.MaxFloat32, float64(math.SmallestNonzeroFloat32)}, []int{3})
		checkFloats(t, f, "none", nil, []int{0, 3})
		checkInts(t, f, "session/i8", []int64{math.MinInt64, math.MaxInt64}, []int{2, 1})
		checkInts(t, f, "int", []int64{-7}, nil)
		checkInts(t, f, "bool", []int64{1, 0, 1}, []int{3})
		if got, shape, err := f.Bool("bool"); err != nil || !slices.Equal(got, []bool{true, false, true}) || !slices.Equal(shape, []int{3}) {
			t.Errorf("bool: %v %v %v", got, shape, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func checkFloats(t *testing.T, f *File, name string, want []float64, dims []int) {
	t.Helper()
	got, shape, err := f.Float64(name)
	same := slices.EqualFunc(got, want, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	if err != nil || !same || !slices.Equal(shape, dims) {
		t.Errorf("%s: %v %v %v, want %v %v", name, got, shape, err, want, dims)
	}
}

func checkInts(t *testing.T, f *File, name string, want []int64, dims []int) {
	t.Helper()
	got, shape, err := f.Int64(name)
	if err != nil || !slices.Equal(got, want) || !slices.Equal(shape, dims) {
		t.Errorf("%s: %v %v %v, want %v %v", name, got, shape, err, want, dims)
	}
}

func TestStream(t *testing.T) {
	data := make([]float64, 10_000)
	for i := range data {
		data[i] = float64(i)
	}
	var whole, pieces bytes.Buffer
	w := NewWriter(&whole)
	if err := errors.Join(Add(w, "x", data, 5000, 2), w.Close()); err != nil {
		t.Fatal(err)
	}
	w = NewWriter(&pieces)
	s, err := NewStream[float64](w, "x", 5000, 2)
	for part := range slices.Chunk(data, 777) {
		err = errors.Join(err, s.Write(part))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
		t.Error("a streamed array differs from an added one")
	}
}

func TestStreamIncomplete(t *testing.T) {
	w := NewWriter(io.Discard)
	s, err := NewStream[bool](w, "x", 2)
	if err := errors.Join(err, s.Write([]bool{true})); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStream[bool](w, "y", 2); err == nil {
		t.Error("a second array was begun before the first had its data")
	}
	if w.Close() == nil {
		t.Error("an archive was completed with an array that lacks data")
	}
}

// fullWriter fails after some bytes.
type fullWriter int

func (w *fullWriter) Write(p []byte) (int, error) {
	if *w -= fullWriter(len(p)); *w < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestWriterError(t *testing.T) {
	for _, room := range []fullWriter{0, 5000, 40_000} {
		w := NewWriter(&room)
		err := Add(w, "x", make([]float64, 6000), 6000)
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			t.Error("no error from a full disk")
		}
	}
}

func TestWriterPanics(t *testing.T) {
	for name, do := range map[string]func(w *Writer){
		"shape":     func(w *Writer) { _ = Add(w, "x", []int{1, 2}, 3) },
		"scalar":    func(w *Writer) { _ = Add(w, "x", []int{1, 2}) },
		"negative":  func(w *Writer) { _ = Add(w, "x", []int{1}, -1, -1) },
		"overflow":  func(w *Writer) { _ = Add(w, "x", []int{}, math.MaxInt, math.MaxInt) },
		"duplicate": func(w *Writer) { _ = Add(w, "x", []int{1}); _ = Add(w, "x", []int{1}) },
		"too much":  func(w *Writer) { s, _ := NewStream[int](w, "x", 1); _ = s.Write([]int{1, 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do(NewWriter(io.Discard))
		})
	}
}

// TestHeaderBytes holds the header against the bytes of numpy.save.
func TestHeaderBytes(t *testing.T) {
	want := "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }" + strings.Repeat(" ", 58) + "\n"
	if got := formatHeader("<f8", []int{3, 4}); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, shape := range [][]int{{}, {5}, {0}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}} {
		raw := formatHeader("|b1", shape)
		h, err := readHeader(bytes.NewReader(raw))
		if err != nil || !slices.Equal(h.shape, shape) || h.descr != "|b1" || h.fortran || int(h.size) != len(raw) || len(raw)%64 != 0 {
			t.Errorf("shape %v: %+v, %v", shape, h, err)
		}
	}
}

func TestReadDTypes(t *testing.T) {
	tests := []struct {
		descr, data string
		want        int64
	}{
		{"|b1", "\x02", 1}, {"|i1", "\xfe", -2}, {"|u1", "\xfe", 254},
		{"<i2", "\xfe\xff", -2}, {">i2", "\xff\xfe", -2}, {"<u2", "\xfe\xff", 65534}, {">u2", "\xff\xfe", 65534},
		{"<i4", "\xfe\xff\xff\xff", -2}, {">i4", "\xff\xff\xff\xfe", -2},
		{"<u4", "\xfe\xff\xff\xff", 1<<32 - 2}, {">u4", "\xff\xff\xff\xfe", 1<<32 - 2},
		{"<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", -2}, {">i8", "\xff\xff\xff\xff\xff\xff\xff\xfe", -2},
		{"<f4", "\x00\x00\x20\xc0", -2.5 * 2}, {">f4", "\xc0\x20\x00\x00", -2.5 * 2},
		{"<f8", "\x00\x00\x00\x00\x00\x00\x04\xc0", -2.5 * 2}, {">f8", "\xc0\x04\x00\x00\x00\x00\x00\x00", -2.5 * 2},
	}
	for _, test := range tests {
		for version := byte(1); version <= 3; version++ {
			f := open(t, archiveOf(t, zip.Deflate, [2]string{"x", npy(version, dict("'"+test.descr+"'", "False", "()"), test.data)}))
			if test.descr[1] == 'f' {
				checkFloats(t, f, "x", []float64{float64(test.want) / 2}, nil)
				_, _, err := f.Int64("x")
				wantFault(t, err, "test.npz: x: dtype", test.descr, "int64")
				_, _, err = f.Bool("x")
				wantFault(t, err, "test.npz: x: dtype", test.descr, "bool")
			} else {
				checkInts(t, f, "x", []int64{test.want}, nil)
				_, _, err := f.Float64("x")
				wantFault(t, err, "test.npz: x: dtype", test.descr, "float64")
			}
		}
	}
}

func TestFortranOrder(t *testing.T) {
	// The array a[i][j][k] = 100 i + 10 j + k of shape (2, 3, 2), first index fastest.
	columns := "\x00\x64\x0a\x6e\x14\x78\x01\x65\x0b\x6f\x15\x79"
	rows := []int64{0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121}
	f := open(t, archiveOf(t, zip.Store,
		[2]string{"x", npy(1, dict("'|i1'", "True", "(2, 3, 2)"), columns)},
		[2]string{"vector", npy(1, dict("'|i1'", "True", "(3,)"), "abc")},
		[2]string{"scalar", npy(1, dict("'|i1'", "True", "()"), "a")},
		[2]string{"none", npy(1, dict("'|i1'", "True", "(2, 0)"), "")}))
	checkInts(t, f, "x", rows, []int{2, 3, 2})
	checkInts(t, f, "vector", []int64{'a', 'b', 'c'}, []int{3})
	checkInts(t, f, "scalar", []int64{'a'}, nil)
	checkInts(t, f, "none", nil, []int{2, 0})
}

func TestHeaderDialects(t *testing.T) {
	for _, header := range []string{
		"{'descr': '|i1', 'fortran_order': False, 'shape': (2, 1)}",
		`{"shape":(2,1,),"fortran_order":False,"descr":"|i1",}   ` + "\n",
		"  { 'shape' : ( 2 , 1 , ) , 'descr' : '|i1' , 'fortran_order' : False }\n",
	} {
		checkInts(t, open(t, archiveOf(t, zip.Store, [2]string{"x", npy(1, header, "ab")})), "x", []int64{'a', 'b'}, []int{2, 1})
	}
}

func TestMalformedArrays(t *testing.T) {
	const ok, f8 = "False", "'<f8'"
	tests := []struct{ name, file, says string }{
		{"empty", "", "too soon"},
		{"no magic", "hello, world", "NUMPY"},
		{"version", npy(4, dict(f8, ok, "()"), "12345678"), "version 4.0"},
		{"header cut", npy(1, dict(f8, ok, "()"), "")[:30], "too soon"},
		{"length cut", npy(2, dict(f8, ok, "()"), "")[:10], "too soon"},
		{"long header", magic + "\x02\x00\xff\xff\xff\xff{}", "4294967295"},
		{"objects", npy(1, dict("'|O'", ok, "(2,)"), "1234567812345678"), "never loaded"},
		{"structure", npy(1, dict("[('a', '<f8')]", ok, "(2,)"), "1234567812345678"), "structured"},
		{"text", npy(1, dict("'<U2'", ok, "()"), "12345678"), "<U2"},
		{"uint64", npy(1, dict("'<u8'", ok, "()"), "12345678"), "<u8"},
		{"no byte order", npy(1, dict("'|f8'", ok, "()"), "12345678"), "|f8"},
		{"useless byte order", npy(1, dict("'<b1'", ok, "()"), "1"), "<b1"},
		{"native order", npy(1, dict("'=f8'", ok, "()"), "12345678"), "=f8"},
		{"64 GiB over 16 bytes", npy(1, dict(f8, ok, "(8589934592,)"), "1234567812345678"), "68719476736 bytes"},
		{"product overflows", npy(1, dict(f8, ok, "(4294967296, 4294967296)"), "12345678"), "memory"},
		{"product overflows behind 0", npy(1, dict(f8, ok, "(0, 4294967296, 4294967296)"), ""), "memory"},
		{"bytes overflow", npy(1, dict(f8, ok, "(1152921504606846977,)"), "12345678"), "memory"},
		{"dimension overflows", npy(1, dict(f8, ok, "(99999999999999999999,)"), "12345678"), "dimension"},
		{"negative dimension", npy(1, dict(f8, ok, "(-1,)"), ""), "dimension"},
		{"octal", npy(1, dict(f8, ok, "(01,)"), "12345678"), "dimension"},
		{"no number", npy(1, dict(f8, ok, "(,)"), "12345678"), "dimension"},
		{"not a tuple", npy(1, dict(f8, ok, "(1)"), "12345678"), "tuple"},
		{"a number", npy(1, dict(f8, ok, "1"), "12345678"), "malformed"},
		{"two commas", npy(1, dict(f8, ok, "(1,,)"), "12345678"), "dimension"},
		{"open tuple", npy(1, dict(f8, ok, "(1, 1 1)"), "12345678"), "malformed"},
		{"dimensions", npy(1, dict(f8, ok, "("+strings.Repeat("1,", 65)+")"), "12345678"), "64 dimensions"},
		{"too short", npy(1, dict(f8, ok, "(2,)"), "12345678"), "16 bytes"},
		{"too long", npy(1, dict(f8, ok, "(1,)"), "123456789"), "8 bytes"},
		{"neither order", npy(1, dict(f8, "None", "()"), "12345678"), "False"},
		{"key twice", npy(1, "{'shape': (), 'shape': (), 'descr': '<f8', 'fortran_order': False}", "12345678"), "twice"},
		{"key missing", npy(1, "{'shape': (), 'descr': '<f8'}", "12345678"), "missing"},
		{"unknown key", npy(1, "{'shape': (), 'x': 1}", "12345678"), "unknown key"},
		{"no comma", npy(1, "{'shape': () 'descr': '<f8', 'fortran_order': False}", "12345678"), "malformed"},
		{"no colon", npy(1, "{'shape' ()}", "12345678"), "malformed"},
		{"number as key", npy(1, "{1: ()}", "12345678"), "string"},
		{"open string", npy(1, "{'shape", "12345678"), "plain string"},
		{"escape", npy(1, `{'sh\x61pe': ()}`, "12345678"), "plain string"},
		{"open dictionary", npy(1, "{'shape': (), ", "12345678"), "string"},
		{"trailing text", npy(1, dict(f8, ok, "()")+"; import os", "12345678"), "after the dictionary"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := open(t, archiveOf(t, zip.Store, [2]string{"x", test.file}))
			_, _, err := f.Float64("x")
			wantFault(t, err, "test.npz: x: ", test.says)
			_, err = f.Shape("x")
			wantFault(t, err, "test.npz: x: ", test.says)
			_, err = f.Want("x")
			wantFault(t, err, "test.npz: x: ", test.says)
		})
	}
}

// TestLyingSizes changes the sizes that the archive's directory claims.
func TestLyingSizes(t *testing.T) {
	content := npy(1, dict("'|i1'", "False", "(100000,)"), strings.Repeat("\x00", 100000))
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		whole := archiveOf(t, method, [2]string{"x", content})
		entry := bytes.LastIndex(whole, []byte("PK\x01\x02"))
		for _, field := range []int{20, 24} { // the compressed and the uncompressed size
			for _, size := range []uint32{0, 50, 99_999, 101_000, 1 << 30} {
				archive := bytes.Clone(whole)
				for i := range 4 {
					archive[entry+field+i] = byte(size >> (8 * i))
				}
				f, err := Read(bytes.NewReader(archive), int64(len(archive)), "test.npz")
				if err == nil {
					_, _, err = f.Int64("x")
				}
				wantFault(t, err, "test.npz: ")
			}
		}
	}
}

func TestOtherThanDeclared(t *testing.T) {
	content := npy(1, dict("'|i1'", "False", "(10,)"), "0123456789")
	claim := func(size uint64, method uint16, data string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		body, err := w.CreateRaw(&zip.FileHeader{Name: "x.npy", Method: method, CompressedSize64: uint64(len(data)), UncompressedSize64: size})
		if err == nil {
			_, err = io.WriteString(body, data)
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, archive := range map[string][]byte{
		"bytes follow":   claim(uint64(len(content)), zip.Store, content+"!"),
		"bytes lack":     claim(uint64(len(content)), zip.Store, content[:len(content)-1]),
		"unknown method": claim(uint64(len(content)), 99, content),
		"no deflate":     claim(uint64(len(content)), zip.Deflate, content),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := open(t, archive).Int64("x")
			wantFault(t, err, "test.npz: x: ")
		})
	}
}

func TestTruncation(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		whole := sample(t, deflate)
		for n := range whole {
			_, err := Read(bytes.NewReader(whole[:n]), int64(n), "cut.npz")
			wantFault(t, err, "cut.npz: ", "npz archive")
		}
	}
}

// TestCorruption flips every byte of an array's data: the checksum notices.
func TestCorruption(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	if err := errors.Join(Add(w, "x", []float64{1, 2, 3}, 3), w.Close()); err != nil {
		t.Fatal(err)
	}
	start := bytes.Index(b.Bytes(), []byte(magic))
	for i := start; i < start+128+24; i++ {
		archive := bytes.Clone(b.Bytes())
		archive[i] ^= 0x10
		_, _, err := open(t, archive).Float64("x")
		wantFault(t, err, "test.npz: x: ")
	}
}

func TestDuplicates(t *testing.T) {
	x := npy(1, dict("'|i1'", "False", "()"), "a")
	archive := archiveOf(t, zip.Store, [2]string{"x", x}, [2]string{"x", x})
	_, err := Read(bytes.NewReader(archive), int64(len(archive)), "two.npz")
	wantFault(t, err, "two.npz: ", `"x"`)
}

func TestOtherEntries(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"folder/", "notes.txt"} {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if names := open(t, b.Bytes()).Names(); len(names) != 0 {
		t.Errorf("names %q of an archive without arrays", names)
	}
}

func TestWant(t *testing.T) {
	f := open(t, sample(t, false))
	for _, dims := range [][]int{{2, 3}, {-1, 3}, {-1, -1}} {
		if shape, err := f.Want("f8", dims...); err != nil || !slices.Equal(shape, []int{2, 3}) {
			t.Errorf("%v: %v, %v", dims, shape, err)
		}
	}
	if _, err := f.Want("int"); err != nil {
		t.Error(err)
	}
	for _, dims := range [][]int{{}, {6}, {3, 2}, {2, 3, 1}} {
		_, err := f.Want("f8", dims...)
		wantFault(t, err, "test.npz: f8: shape (2, 3) (allowed: (")
	}
	_, err := f.Want("f8", -1, 50)
	wantFault(t, err, "allowed: (any, 50)")
}

func TestMissing(t *testing.T) {
	f := open(t, sample(t, false))
	if f.Has("i8") || !f.Has("session/i8") {
		t.Error("Has does not know what is there")
	}
	_, _, err := f.Int64("i8")
	wantFault(t, err, "test.npz: i8: there is no such array (allowed: f8, ")
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npz")
	if err := os.WriteFile(path, sample(t, false), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	checkInts(t, f, "int", []int64{-7}, nil)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Int64("int"); err == nil {
		t.Error("a closed file was read")
	}

	missing := filepath.Join(dir, "none.npz")
	_, err = Open(missing)
	wantFault(t, err, missing+": no such file")
	_, err = Open(dir)
	wantFault(t, err, dir+": not a file")
	if err := os.WriteFile(path, []byte("PK"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	wantFault(t, err, path+": ", "npz archive")
}

// TestFixtures reads every array of archives that numpy.savez_compressed wrote,
// some of them in Fortran order.
func TestFixtures(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/oracle/*.npz")
	if err != nil || len(paths) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, path := range paths {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range f.Names() {
			_, _, floats := f.Float64(name)
			_, _, ints := f.Int64(name)
			if (floats == nil) == (ints == nil) {
				t.Errorf("%s: %s: as floats: %v; as integers: %v", path, name, floats, ints)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFortranFixture holds an array that NumPy stored in Fortran order to the
// elements that NumPy prints.
func TestFortranFixture(t *testing.T) {
	const tolerance = 1e-8 // half of the last digit printed, and more
	f, err := Open("../../testdata/oracle/radd_n50.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Want("B", 2, 3); err != nil {
		t.Fatal(err)
	}
	data, _, err := f.Float64("B")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{-0.19402079, 0.19065922, -0.01986677, -0.00149931} {
		if math.Abs(data[i]-want) > tolerance {
			t.Errorf("element %d is %v, want %v", i, data[i], want)
		}
	}
	_, err = f.Want("hidden", -1, 25)
	wantFault(t, err, "radd_n50.npz: hidden: shape (", "allowed: (any, 25)")
}

func FuzzRead(f *testing.F) {
	x := npy(1, dict("'<f8'", "True", "(2, 1)"), "1234567812345678")
	f.Add(sample(f, false))
	f.Add(sample(f, true))
	f.Add(archiveOf(f, zip.Deflate, [2]string{"x", x}, [2]string{"y", x}))
	f.Add(archiveOf(f, zip.Store, [2]string{"x", x}, [2]string{"x", x}))
	f.Add(archiveOf(f, zip.Store, [2]string{"x", npy(1, dict("'<f8'", "False", "(8589934592,)"), "1234567812345678")}))
	f.Add(sample(f, false)[:300])
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		file, err := Read(bytes.NewReader(archive), int64(len(archive)), "fuzz.npz")
		if err != nil {
			if !input.Is(err) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		for _, name := range file.Names() {
			a, shapeA, errA := file.Float64(name)
			b, shapeB, errB := file.Int64(name)
			c, shapeC, errC := file.Bool(name)
			for _, err := range []error{errA, errB, errC} {
				if err != nil && !input.Is(err) {
					t.Errorf("%T: %v", err, err)
				}
			}
			checkPieces(t, file, name, a, errA)
			checkProduct(t, len(a), shapeA, errA)
			checkProduct(t, len(b), shapeB, errB)
			checkProduct(t, len(c), shapeC, errC)
		}
	})
}

// FuzzHeader reads headers outside archives, where no checksum is in the way.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(npy(1, dict("'<f8'", "False", "(2, 3)"), "")))
	f.Add([]byte(npy(3, dict("'|b1'", "True", "()"), "")))
	f.Add([]byte(npy(1, dict("[('a', '<f8')]", "True", "(1)"), "")))
	f.Add([]byte(npy(1, `{"shape":(00,`, "")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := readHeader(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := readHeader(bytes.NewReader(formatHeader(h.descr, h.shape)))
		if err != nil || again.descr != h.descr || !slices.Equal(again.shape, h.shape) {
			t.Errorf("%+v written and read: %+v, %v", h, again, err)
		}
		if n := h.elements(); n < 0 || n > math.MaxInt/h.itemSize() {
			t.Errorf("%d elements of %q", n, h.descr)
		}
	})
}

// checkPieces holds an array that is read piece by piece to the whole one.
func checkPieces(t *testing.T, f *File, name string, whole []float64, wholeErr error) {
	t.Helper()
	got, err := readPieces(f, name, 7)
	if (err == nil) != (wholeErr == nil) || err != nil && err.Error() != wholeErr.Error() {
		t.Errorf("%s: in pieces: %v; whole: %v", name, err, wholeErr)
	}
	same := slices.EqualFunc(got, whole, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	if err == nil && !same {
		t.Errorf("%s: in pieces %v, whole %v", name, got, whole)
	}
}

func readPieces(f *File, name string, size int) ([]float64, error) {
	p, err := f.Float64Pieces(name)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	total := 1
	for _, dim := range p.Shape() {
		total *= dim
	}
	var data []float64
	for {
		piece := make([]float64, min(size, total-len(data)))
		if err := p.Read(piece); err != nil {
			return nil, err
		}
		if data = append(data, piece...); len(data) == total {
			return data, nil
		}
	}
}

func TestPieces(t *testing.T) {
	for _, name := range []string{"hidden", "B", "scale"} { // in C order, in Fortran order, a scalar
		f, err := Open("../../testdata/oracle/radd_n50.npz")
		if err != nil {
			t.Fatal(err)
		}
		whole, _, err := f.Float64(name)
		for _, size := range []int{1, 50, chunk, chunk + 1, len(whole)} {
			got, piecesErr := readPieces(f, name, size)
			if err != nil || piecesErr != nil || !slices.Equal(got, whole) {
				t.Errorf("%s in pieces of %d differs from the whole: %v, %v", name, size, err, piecesErr)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPiecesFaults(t *testing.T) {
	x := npy(1, dict("'<f8'", "False", "(2,)"), "1234567812345678")
	damaged := archiveOf(t, zip.Store, [2]string{"x", x})
	damaged[bytes.LastIndex(damaged, []byte("12345678"))] ^= 1
	f := open(t, damaged)
	_, err := readPieces(f, "x", 1)
	wantFault(t, err, "test.npz: x: ", "checksum")
	_, err = readPieces(f, "y", 1)
	wantFault(t, err, "test.npz: y: there is no such array")
	_, err = f.Int64Pieces("x")
	wantFault(t, err, "test.npz: x: dtype", "<f8")

	p, err := f.Float64Pieces("x")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	defer func() {
		if recover() == nil {
			t.Error("no panic where more is asked for than there is")
		}
	}()
	_ = p.Read(make([]float64, 3))
}

func checkProduct(t *testing.T, n int, shape []int, err error) {
	t.Helper()
	for _, dim := range shape {
		if dim == 0 {
			return
		}
		n /= dim
	}
	if err == nil && n != 1 {
		t.Errorf("%d times the elements of shape %v", n, shape)
	}
}
