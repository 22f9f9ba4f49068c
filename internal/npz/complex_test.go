package npz

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
)

// Complex numbers are written as NumPy's complex128: real part, imaginary part.
func TestComplex(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	if err := Add(w, "z", []complex128{1 - 2i, 3.5}, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := archive.Open("z.npy")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	header, data := text[:len(text)-32], text[len(text)-32:]
	if !strings.Contains(string(header), "'descr': '<c16'") || !strings.Contains(string(header), "'shape': (2,)") {
		t.Errorf("header %q", header)
	}
	for i, want := range []float64{1, -2, 3.5, 0} {
		if got := math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])); got != want {
			t.Errorf("number %d is %v, want %v", i, got, want)
		}
	}
}
