package kernels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/internal/npz"
	"radd/internal/safetensors"
)

// sample returns the parameters of an untrained network.
func sample[F Float](n int) []F {
	theta := make([]F, Shape{N: n}.Size())
	Init(Shape{N: n}, 3, theta)
	return theta
}

func write[F Float](tb testing.TB, n int, theta []F, meta Meta) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteWeights(&b, Shape{N: n}, theta, meta); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// file writes the bytes to a file of the test's own.
func file(tb testing.TB, name string, raw []byte) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, raw, 0o666); err != nil {
		tb.Fatal(err)
	}
	return path
}

// archive returns an .npz archive of the arrays, which may be of float64,
// float32 or int64.
func archive(tb testing.TB, arrays []safetensors.Tensor, whole ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	for _, a := range arrays {
		var err error
		switch {
		case slices.Contains(whole, a.Name):
			err = npz.Add(w, a.Name, make([]int64, len(a.Data)), a.Shape...)
		case a.DType == safetensors.F32:
			err = npz.Add(w, a.Name, safetensors.Values[float32](a), a.Shape...)
		default:
			err = npz.Add(w, a.Name, a.Data, a.Shape...)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// parameters returns θ as tensors, their names after the prefix.
func parameters[F Float](n int, theta []F, prefix string) []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, p := range (Shape{N: n}).Parameters() {
		list = append(list, safetensors.New(prefix+p.Name, theta[p.Start:p.End], p.Shape...))
	}
	return list
}

func testRoundTrip[F Float](t *testing.T) {
	meta := Meta{"format_version": "1", "objective": "cross-entropy", "note": "θ → \"x\"\n"}
	for _, n := range []int{1, 2, 50} {
		theta := sample[F](n)
		theta[0], theta[1] = 0, F(math.Copysign(0, -1))
		raw := write(t, n, theta, meta)
		if !bytes.Equal(raw, write(t, n, theta, maps.Clone(meta))) {
			t.Errorf("N = %d: the same network gave different bytes", n)
		}
		gotN, got, gotMeta, err := ReadWeights(file(t, "w.safetensors", raw))
		if err != nil {
			t.Fatal(err)
		}
		if gotN != n || !maps.Equal(gotMeta, meta) {
			t.Errorf("N = %d, metadata %q; want %d, %q", gotN, gotMeta, n, meta)
		}
		checkExact(t, got, theta)
	}
}

func checkExact[F Float](t *testing.T, got []float64, want []F) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d parameters, want %d", len(got), len(want))
	}
	for i, x := range want {
		if math.Float64bits(got[i]) != math.Float64bits(float64(x)) {
			t.Fatalf("parameter %d is %v, want %v", i, got[i], x)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Run("f32", testRoundTrip[float32])
	t.Run("f64", testRoundTrip[float64])
}

// The file is what PyTorch writes and reads: dtype, names, shapes and order.
func TestWriteWeights(t *testing.T) {
	f, err := safetensors.Decode("w", write(t, 2, sample[float32](2), nil))
	if err != nil {
		t.Fatal(err)
	}
	want := parameters(2, sample[float32](2), "")
	for i, name := range f.Names() {
		if got, err := f.Tensor(name); err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%+v, %v; want %+v", got, err, want[i])
		}
	}
	if len(f.Names()) != len(want) {
		t.Errorf("%d tensors, want %d", len(f.Names()), len(want))
	}
	if err := WriteWeights(broken{}, Shape{N: 2}, sample[float32](2), nil); err != errBroken {
		t.Errorf("%v, want the writer's own error", err)
	}
}

var errBroken = errors.New("no space")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestReadArchive(t *testing.T) {
	t.Run("fixture", func(t *testing.T) {
		path := filepath.Join("..", "testdata", "oracle", "n2_trained_prob.npz")
		n, theta, meta, err := ReadWeights(path)
		if err != nil {
			t.Fatal(err)
		}
		if n != 2 || meta != nil {
			t.Errorf("N = %d, metadata %v", n, meta)
		}
		f, err := npz.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range (Shape{N: n}).Parameters() {
			want, _, err := f.Float64("weight/" + p.Name)
			if err != nil {
				t.Fatal(err)
			}
			checkExact(t, theta[p.Start:p.End], want)
		}
	})
	const n = 3
	theta := sample[float32](n)
	other := make([]float64, len(theta))
	for name, arrays := range map[string][]safetensors.Tensor{
		"bare":                   parameters(n, theta, ""),
		"in weight/":             parameters(n, theta, "weight/"),
		"both: the bare ones":    append(parameters(n, theta, ""), parameters(n, other, "weight/")...),
		"with other names":       append(parameters(n, theta, "weight/"), parameters(n, other, "grad/")...),
		"some bare, some folded": append(parameters(n, theta, "")[:2], parameters(n, theta, "weight/")[2:]...),
	} {
		t.Run(name, func(t *testing.T) {
			// What the file holds decides, not its name.
			gotN, got, meta, err := ReadWeights(file(t, "w.safetensors", archive(t, arrays)))
			if err != nil {
				t.Fatal(err)
			}
			if gotN != n || meta != nil {
				t.Errorf("N = %d, metadata %v", gotN, meta)
			}
			checkExact(t, got, theta)
		})
	}
}

// wantFault wants an *input.Error that names the file and says the parts.
func wantFault(t *testing.T, path string, parts ...string) {
	t.Helper()
	n, theta, meta, err := ReadWeights(path)
	if err == nil {
		t.Fatal("no error")
	}
	if !input.Is(err) {
		t.Errorf("%T is not an *input.Error: %v", err, err)
	}
	for _, part := range append(parts, path) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if n != 0 || theta != nil || meta != nil {
		t.Errorf("N = %d, %d parameters and metadata %v beside the error", n, len(theta), meta)
	}
}

// Every fault of a parameter is found in both formats, and named.
func TestBadParameters(t *testing.T) {
	const n = 3
	for i, p := range (Shape{N: n}).Parameters() {
		for _, bad := range []struct {
			name  string
			spoil func(list []safetensors.Tensor) []safetensors.Tensor
			says  string
		}{
			{"missing", func(list []safetensors.Tensor) []safetensors.Tensor {
				return slices.Delete(list, i, i+1)
			}, "there is no such"},
			{"of another shape", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i].Shape = append([]int{1}, list[i].Shape...)
				return list
			}, "shape"},
			{"of another size", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i] = safetensors.New(p.Name, make([]float64, 7), 7)
				return list
			}, "shape"},
			{"a scalar", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i] = safetensors.New(p.Name, []float64{1})
				return list
			}, "shape"},
			{"empty", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i] = safetensors.New(p.Name, []float64{}, 0, 0)
				return list
			}, "shape"},
			{"not a number", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i].Data[1] = math.NaN()
				return list
			}, "NaN at ["},
			{"infinite", func(list []safetensors.Tensor) []safetensors.Tensor {
				list[i].Data[len(list[i].Data)-1] = math.Inf(-1)
				return list
			}, "-Inf at ["},
		} {
			t.Run(p.Name+" "+bad.name, func(t *testing.T) {
				list := bad.spoil(parameters(n, sample[float64](n), ""))
				var b bytes.Buffer
				if err := safetensors.Write(&b, nil, list...); err != nil {
					t.Fatal(err)
				}
				wantFault(t, file(t, "w.safetensors", b.Bytes()), p.Name, bad.says)
				wantFault(t, file(t, "w.npz", archive(t, list)), p.Name, bad.says)
			})
		}
		t.Run(p.Name+" of another dtype", func(t *testing.T) {
			raw := write(t, n, sample[float32](n), nil)
			other := strings.Replace(string(raw), `"`+p.Name+`":{"dtype":"F32"`, `"`+p.Name+`":{"dtype":"I32"`, 1)
			if other == string(raw) {
				t.Fatal("the header is not as the test thinks")
			}
			wantFault(t, file(t, "w.safetensors", []byte(other)), p.Name, `dtype "I32"`, "F32 or F64")
			wantFault(t, file(t, "w.npz", archive(t, parameters(n, sample[float32](n), ""), p.Name)), p.Name, "dtype", "float64 or float32")
		})
	}
}

func TestBadFiles(t *testing.T) {
	extra := append(parameters(2, sample[float64](2), ""), safetensors.New("optimizer.state", []float64{1}, 1))
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, extra...); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		raw  []byte
		says []string
	}{
		{"empty", nil, nil},
		{"text", []byte("weights: none\n"), nil},
		{"the start of an archive", []byte("PK\x03\x04"), nil},
		{"an archive without arrays", archive(t, nil), []string{hiddenHidden}},
		{"a file without tensors", append([]byte{8, 7: 0}, "{}      "...), []string{hiddenHidden}},
		{"a tensor too many", b.Bytes(), []string{"optimizer.state", "these 6 only", hiddenHidden}},
	} {
		t.Run(row.name, func(t *testing.T) { wantFault(t, file(t, "w", row.raw), row.says...) })
	}
	t.Run("too many hidden units", func(t *testing.T) {
		if testing.Short() {
			t.Skip("a file of 67 MB")
		}
		huge := safetensors.New(hiddenHidden, make([]float32, (MaxN+1)*(MaxN+1)), MaxN+1, MaxN+1)
		wantFault(t, file(t, "w", archive(t, []safetensors.Tensor{huge})), hiddenHidden, "[4097 4097]", "1 to 4096")
	})
	t.Run("missing", func(t *testing.T) { wantFault(t, filepath.Join(t.TempDir(), "none")) })
	t.Run("a folder", func(t *testing.T) { wantFault(t, t.TempDir()) })
}

// A file that was cut anywhere is refused.
func TestTruncated(t *testing.T) {
	for name, raw := range map[string][]byte{
		"safetensors": write(t, 2, sample[float64](2), Meta{"seed": "1"}),
		"npz":         archive(t, parameters(1, sample[float64](1), "weight/")),
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "w", raw)
			if _, _, _, err := ReadWeights(path); err != nil {
				t.Fatal(err)
			}
			for size := len(raw) - 1; size >= 0; size-- {
				if err := os.Truncate(path, int64(size)); err != nil {
					t.Fatal(err)
				}
				if _, _, _, err := ReadWeights(path); !input.Is(err) || !strings.Contains(err.Error(), path) {
					t.Fatalf("%d bytes of %d: %v, want an *input.Error that names the file", size, len(raw), err)
				}
			}
		})
	}
}

// FuzzReadWeights reads whatever is in a file: it is refused with an
// *input.Error, or is a network that can be written and read again.
func FuzzReadWeights(f *testing.F) {
	f.Add(write(f, 1, sample[float32](1), Meta{"seed": "1"}))
	f.Add(write(f, 2, sample[float64](2), nil))
	f.Add(archive(f, parameters(1, sample[float64](1), "weight/")))
	f.Add(archive(f, parameters(1, sample[float32](1), "")))
	f.Add([]byte{})
	f.Add([]byte("PK\x03\x04"))
	f.Add(binary.LittleEndian.AppendUint64(nil, math.MaxUint64))
	path := filepath.Join(f.TempDir(), "w")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		n, theta, meta, err := ReadWeights(path)
		if err != nil {
			if !input.Is(err) || !strings.Contains(err.Error(), path) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		if n < 1 || n > MaxN || len(theta) != (Shape{N: n}).Size() {
			t.Fatalf("N = %d with %d parameters", n, len(theta))
		}
		if err := CheckWeights(theta, 0, Record{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, write(t, n, theta, meta), 0o666); err != nil {
			t.Fatal(err)
		}
		againN, again, againMeta, err := ReadWeights(path)
		if err != nil {
			t.Fatal(err)
		}
		if againN != n || !maps.Equal(againMeta, meta) {
			t.Errorf("N = %d, %q; want %d, %q", againN, againMeta, n, meta)
		}
		checkExact(t, again, theta)
	})
}
