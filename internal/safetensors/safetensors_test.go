package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
)

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

// file returns a file with this header and data.
func file(header, data string) []byte {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(raw, header...), data...)
}

func sample(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(&b, map[string]string{"seed": "1", "objective": "cross-entropy", "<&>": "\"\n"},
		New("w", []float32{1, -2.5, 0.1, 4, 5, math.MaxFloat32}, 2, 3),
		New("double", []float64{math.Pi, 5e-324, math.Inf(-1)}, 3),
		New("scalar", []float64{7}),
		New("none", []float32{}, 0, 3),
	)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	raw := sample(t)
	if !bytes.Equal(raw, sample(t)) {
		t.Error("the same tensors gave different bytes")
	}
	f, err := Decode("w.safetensors", raw)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"seed": "1", "objective": "cross-entropy", "<&>": "\"\n"}; !reflect.DeepEqual(f.Metadata, want) {
		t.Errorf("metadata %q", f.Metadata)
	}
	if want := []string{"w", "double", "scalar", "none"}; !slices.Equal(f.Names(), want) {
		t.Errorf("names %q", f.Names())
	}
	if !f.Has("w") || f.Has("v") {
		t.Error("Has does not know what is there")
	}
	tests := []Tensor{
		{"w", F32, []int{2, 3}, []float64{1, -2.5, float64(float32(0.1)), 4, 5, math.MaxFloat32}},
		{"double", F64, []int{3}, []float64{math.Pi, 5e-324, math.Inf(-1)}},
		{"scalar", F64, []int{}, []float64{7}},
		{"none", F32, []int{0, 3}, []float64{}},
	}
	for _, want := range tests {
		got, err := f.Tensor(want.Name)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		if got, err := f.Want(want.Name, want.Shape...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	w, _ := f.Tensor("w")
	if got := Values[float32](w); !slices.Equal(got, []float32{1, -2.5, 0.1, 4, 5, math.MaxFloat32}) {
		t.Errorf("values %v", got)
	}
}

// TestBytes holds a small file against the format's description.
func TestBytes(t *testing.T) {
	var b bytes.Buffer
	err := Write(&b, map[string]string{"b": "2", "a": "1"}, New("x", []float32{1, 2}, 2), New("y", []float64{1}))
	if err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"a":"1","b":"2"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[],"data_offsets":[8,16]}}`
	header += strings.Repeat(" ", -len(header)&7)
	want := file(header, "\x00\x00\x80\x3f\x00\x00\x00\x40"+"\x00\x00\x00\x00\x00\x00\xf0\x3f")
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("got  %q\nwant %q", b.Bytes(), want)
	}
	b.Reset()
	if err := Write(&b, nil); err != nil || !bytes.Equal(b.Bytes(), file("{}      ", "")) {
		t.Errorf("an empty file is %q, %v", b.Bytes(), err)
	}
}

func TestWant(t *testing.T) {
	f, err := Decode("w.safetensors", sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Want("w", -1, 3); err != nil {
		t.Error(err)
	}
	for _, dims := range [][]int{{}, {6}, {3, 2}, {2, 3, 1}} {
		_, err := f.Want("w", dims...)
		wantFault(t, err, "w.safetensors: w: shape (2, 3) (allowed: (")
	}
	_, err = f.Want("w", -1, 50)
	wantFault(t, err, "allowed: (any, 50)")
	_, err = f.Want("v", 2)
	wantFault(t, err, "w.safetensors: v: there is no such tensor (allowed: w, double, scalar, none)")
}

func TestManyNames(t *testing.T) {
	var tensors []Tensor
	for i := range 9 {
		tensors = append(tensors, New(fmt.Sprint(i), []float64{1}))
	}
	var b bytes.Buffer
	if err := Write(&b, nil, tensors...); err != nil {
		t.Fatal(err)
	}
	f, err := Decode("many", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Tensor("x")
	wantFault(t, err, "6, 7, …")
}

func TestCheckFinite(t *testing.T) {
	if err := New("w", []float64{1, 2}, 2).CheckFinite("f"); err != nil {
		t.Error(err)
	}
	wantFault(t, New("w", []float64{1, 2, 3, 4, 5, math.NaN()}, 3, 2).CheckFinite("f"), "f: w: NaN at [2 1]")
	wantFault(t, New("w", []float32{float32(math.Inf(1))}).CheckFinite("f"), "f: w: +Inf at []")
}

func TestOtherDTypes(t *testing.T) {
	f, err := Decode("w", file(`{"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},`+
		`"packed":{"dtype":"F4","shape":[4],"data_offsets":[4,6]},"x":{"dtype":"F32","shape":[],"data_offsets":[6,10]}}`, "1234560000"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor("x"); err != nil {
		t.Error(err)
	}
	for name, dtype := range map[string]string{"h": "BF16", "packed": "F4"} {
		_, err := f.Tensor(name)
		wantFault(t, err, "w: "+name+": dtype", dtype, "F32 or F64")
	}
}

func TestMalformed(t *testing.T) {
	x := func(fields string) []byte { return file(`{"x":{`+fields+`}}`, "12345678") }
	tests := []struct {
		name string
		raw  []byte
		says string
	}{
		{"empty", nil, "0 bytes"},
		{"header longer than the file", []byte("\x03\x00\x00\x00\x00\x00\x00\x00{}"), "header of 3"},
		{"header above the limit", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "header of 18446744073709551615"},
		{"no header", file("", ""), "{"},
		{"blank first", file(" {}", ""), "{"},
		{"array", file("[]", ""), "{"},
		{"open object", file("{", ""), "EOF"},
		{"cut key", file(`{"a`, ""), "EOF"},
		{"cut entry", file(`{"a":{`, ""), "EOF"},
		{"cut shape", file(`{"a":{"shape":[1`, ""), "EOF"},
		{"cut number", file(`{"a":{"shape":[1,`, ""), "EOF"},
		{"cut text", file(`{"a":{"dtype":`, ""), "EOF"},
		{"not UTF-8", file("{\"\xff\":1}", ""), "UTF-8"},
		{"text follows", file("{} {}", ""), "goes on"},
		{"tensor twice", file(`{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}`, "12345678"), `"x" twice`},
		{"key twice by escape", file(`{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\u0078":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}`, "12345678"), `"x" twice`},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, ""), "twice"},
		{"metadata key twice", file(`{"__metadata__":{"a":"1","a":"1"}}`, ""), `"a" twice`},
		{"metadata number", file(`{"__metadata__":{"a":1}}`, ""), "string"},
		{"metadata text", file(`{"__metadata__":"a"}`, ""), "should be"},
		{"entry is a number", file(`{"x":1}`, ""), "should be"},
		{"field twice", x(`"dtype":"F64","dtype":"F64","shape":[1],"data_offsets":[0,8]`), `"dtype" twice`},
		{"field missing", x(`"dtype":"F64","shape":[1]`), "missing"},
		{"unknown field", x(`"dtype":"F64","shape":[1],"data_offsets":[0,8],"strides":[1]`), "strides"},
		{"dtype a number", x(`"dtype":64,"shape":[1],"data_offsets":[0,8]`), "string"},
		{"shape a number", x(`"dtype":"F64","shape":1,"data_offsets":[0,8]`), "should be"},
		{"negative dimension", x(`"dtype":"F64","shape":[-1],"data_offsets":[0,8]`), "-1"},
		{"fraction", x(`"dtype":"F64","shape":[1.0],"data_offsets":[0,8]`), "1.0"},
		{"exponent", x(`"dtype":"F64","shape":[1e0],"data_offsets":[0,8]`), "1e0"},
		{"text dimension", x(`"dtype":"F64","shape":["1"],"data_offsets":[0,8]`), "whole number"},
		{"nested dimension", x(`"dtype":"F64","shape":[[1]],"data_offsets":[0,8]`), "whole number"},
		{"null dimension", x(`"dtype":"F64","shape":[null],"data_offsets":[0,8]`), "whole number"},
		{"huge dimension", x(`"dtype":"F64","shape":[18446744073709551617],"data_offsets":[0,8]`), "18446744073709551617"},
		{"product overflows", x(`"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]`), "memory"},
		{"product overflows behind 0", x(`"dtype":"F64","shape":[0,4294967296,4294967296],"data_offsets":[0,8]`), "memory"},
		{"dimensions", x(`"dtype":"F64","shape":[` + strings.Repeat("1,", 64) + `1],"data_offsets":[0,8]`), "64 numbers"},
		{"one offset", x(`"dtype":"F64","shape":[1],"data_offsets":[8]`), "1 data_offsets"},
		{"three offsets", x(`"dtype":"F64","shape":[1],"data_offsets":[0,8,8]`), "3 data_offsets"},
		{"backwards", x(`"dtype":"F64","shape":[1],"data_offsets":[8,0]`), "offsets [8, 0]"},
		{"gap before", x(`"dtype":"F32","shape":[1],"data_offsets":[4,8]`), "offsets [4, 8]"},
		{"beyond the end", x(`"dtype":"F64","shape":[2],"data_offsets":[0,16]`), "end within 8"},
		{"bytes after", x(`"dtype":"F32","shape":[1],"data_offsets":[0,4]`), "4 bytes after"},
		{"too long for its shape", x(`"dtype":"F32","shape":[1],"data_offsets":[0,8]`), "8 bytes for shape [1] of F32"},
		{"too short for its shape", x(`"dtype":"F64","shape":[2],"data_offsets":[0,8]`), "8 bytes for shape [2] of F64"},
		{"no tensors, but data", file("{}", "1"), "1 bytes after"},
		{"overlap", file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), "begin at 4"},
		{"hole", file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, "123456789012"), "begin at 4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode("bad.safetensors", test.raw)
			wantFault(t, err, "bad.safetensors: ", test.says)
		})
	}
}

func TestTruncation(t *testing.T) {
	whole := sample(t)
	for n := range whole {
		_, err := Decode("cut", whole[:n])
		wantFault(t, err, "cut: ")
	}
	_, err := Decode("long", append(whole, 0))
	wantFault(t, err, "long: 1 bytes after")
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.safetensors")
	_, err := ReadFile(path)
	wantFault(t, err, path+": no such file")
	_, err = ReadFile(dir)
	wantFault(t, err, dir+": is a directory")
	if err := os.WriteFile(path, sample(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadFile(path); err != nil || !f.Has("w") {
		t.Error(err)
	}
}

// fullWriter fails after some writes.
type fullWriter int

func (w *fullWriter) Write(p []byte) (int, error) {
	if *w--; *w < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	for room := range fullWriter(2) {
		if err := Write(&room, nil, New("x", []float64{1})); err == nil {
			t.Error("no error from a full disk")
		}
	}
}

func TestPanics(t *testing.T) {
	for name, do := range map[string]func(){
		"shape":     func() { New("x", []float64{1, 2}, 3) },
		"scalar":    func() { New("x", []float32{}) },
		"negative":  func() { New("x", []float64{1}, -1, -1) },
		"dtype":     func() { _ = Write(io.Discard, nil, Tensor{Name: "x", DType: "F16", Data: []float64{1}}) },
		"duplicate": func() { _ = Write(io.Discard, nil, New("x", []float64{1}), New("x", []float64{1})) },
		"reserved":  func() { _ = Write(io.Discard, nil, New("__metadata__", []float64{1})) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do()
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(f))
	f.Add(file("{}", ""))
	f.Add(file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"))
	f.Add(file(`{"x":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, "12345678"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := Decode("fuzz", raw)
		if err != nil {
			if !input.Is(err) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		var tensors []Tensor
		for _, name := range file.Names() {
			tensor, err := file.Tensor(name)
			switch {
			case err == nil:
				tensors = append(tensors, tensor)
			case !input.Is(err):
				t.Errorf("%T: %v", err, err)
			}
		}
		// What can be read can be written, and is the same when read again.
		var b, again bytes.Buffer
		if err := Write(&b, file.Metadata, tensors...); err != nil {
			t.Fatal(err)
		}
		file, err = Decode("again", b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i := range tensors {
			if tensors[i], err = file.Tensor(tensors[i].Name); err != nil {
				t.Fatal(err)
			}
		}
		if err := Write(&again, file.Metadata, tensors...); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("written twice, %q and %q, %v", b.Bytes(), again.Bytes(), err)
		}
	})
}
