package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"radd/internal/input"
)

// maxHeader is the format's own limit on the header, in bytes.
const maxHeader = 100_000_000

// sizes holds the bytes of one element of the dtypes that fill whole bytes.
var sizes = map[DType]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
	"U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, F32: 4,
	"U64": 8, "I64": 8, F64: 8, "C64": 8,
}

// File is the content of a file.
type File struct {
	Metadata map[string]string // nil if the file has none

	name    string
	entries []entry // in the order of the header
	data    []byte
}

// ReadFile reads the file at path.
func ReadFile(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
			err = pathError.Err // the message has the path already
		}
		return nil, &input.Error{File: path, Cause: err}
	}
	return Decode(path, raw)
}

// Decode reads the file whose bytes are raw; name stands for it in errors. It
// keeps raw.
func Decode(name string, raw []byte) (*File, error) {
	f, err := decode(raw)
	if err != nil {
		return nil, &input.Error{File: name, Cause: err, Allowed: "a safetensors file",
			Do: "if it was one, it is incomplete or damaged: write it again"}
	}
	f.name = name
	return f, nil
}

func decode(raw []byte) (*File, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("a file of %d bytes", len(raw))
	}
	size, rest := binary.LittleEndian.Uint64(raw), raw[8:]
	if size > maxHeader || size > uint64(len(rest)) {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", size, len(raw))
	}
	metadata, entries, err := parseHeader(rest[:size])
	if err != nil {
		return nil, err
	}
	data := rest[size:]
	if err := checkLayout(entries, len(data)); err != nil {
		return nil, err
	}
	return &File{Metadata: metadata, entries: entries, data: data}, nil
}

// checkLayout sees to it that the tensors fill the data of that many bytes
// without gap or overlap, each as its shape wants it.
func checkLayout(entries []entry, size int) error {
	order := slices.Clone(entries)
	slices.SortStableFunc(order, func(a, b entry) int {
		if a.begin != b.begin {
			return a.begin - b.begin
		}
		return a.end - b.end
	})
	at := 0
	for _, e := range order {
		if e.begin != at || e.end < e.begin || e.end > size {
			return fmt.Errorf("tensor %.80q: offsets [%d, %d] where the next should begin at %d and end within %d",
				e.name, e.begin, e.end, at, size)
		}
		at = e.end
		n, ok := elements(e.shape)
		if !ok {
			return fmt.Errorf("tensor %.80q: shape %v, which no memory holds", e.name, e.shape)
		}
		if width, known := sizes[e.dtype]; known && e.end-e.begin != n*width {
			return fmt.Errorf("tensor %.80q: %d bytes for shape %v of %s", e.name, e.end-e.begin, e.shape, e.dtype)
		}
	}
	if at != size {
		return fmt.Errorf("%d bytes after the last tensor", size-at)
	}
	return nil
}

// Names returns the tensors' names in the order of the header.
func (f *File) Names() []string {
	names := make([]string, len(f.entries))
	for i, e := range f.entries {
		names[i] = e.name
	}
	return names
}

// Has reports whether there is a tensor of that name.
func (f *File) Has(name string) bool { return f.find(name) >= 0 }

func (f *File) find(name string) int {
	return slices.IndexFunc(f.entries, func(e entry) bool { return e.name == name })
}

// Tensor returns the tensor of that name, which must be F32 or F64.
func (f *File) Tensor(name string) (Tensor, error) {
	i := f.find(name)
	if i < 0 {
		return Tensor{}, f.fault(name, "there is no such tensor", f.list())
	}
	e := f.entries[i]
	if e.dtype != F32 && e.dtype != F64 {
		return Tensor{}, f.fault(name, fmt.Sprintf("dtype %.80q", e.dtype), "F32 or F64")
	}
	b := f.data[e.begin:e.end]
	data := make([]float64, len(b)/sizes[e.dtype])
	for i := range data {
		if e.dtype == F32 {
			data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		} else {
			data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return Tensor{Name: name, DType: e.dtype, Shape: slices.Clone(e.shape), Data: data}, nil
}

// Want returns the tensor of that name if its shape is dims, where −1 stands
// for any length, and otherwise an error that names the shape found and the one
// wanted. No dims want a scalar.
func (f *File) Want(name string, dims ...int) (Tensor, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return Tensor{}, err
	}
	if err := input.CheckShape(f.name, name, t.Shape, dims); err != nil {
		return Tensor{}, err
	}
	return t, nil
}

func (f *File) fault(name, found, allowed string) error {
	return &input.Error{File: f.name, Field: name, Found: found, Allowed: allowed}
}

// list returns the names of a file that has few tensors, as ours do, or the
// first of many.
func (f *File) list() string {
	const few = 8
	names, more := f.Names(), ""
	if len(names) > few {
		names, more = names[:few], ", …"
	}
	return strings.Join(names, ", ") + more
}
