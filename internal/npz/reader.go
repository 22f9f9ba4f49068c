package npz

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"radd/internal/input"
)

// maxRatio bounds the bytes that one byte of a deflate stream can stand for:
// 258 from two bits, and block headers on top.
const maxRatio = 1032

// File is an open archive. Arrays are read when they are asked for, and only
// then; nothing is kept. It is safe for concurrent use.
type File struct {
	path    string
	size    int64 // bytes of the archive
	closer  io.Closer
	names   []string
	entries map[string]*zip.File
}

// Open opens the archive at path. The caller closes it.
func Open(path string) (*File, error) {
	osFile, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(path, err)
	}
	info, err := osFile.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err != nil {
		osFile.Close()
		return nil, cannotRead(path, err)
	}
	f, err := Read(osFile, info.Size(), path)
	if err != nil {
		osFile.Close()
		return nil, err
	}
	f.closer = osFile
	return f, nil
}

func cannotRead(path string, err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err // the message has the path already
	}
	return &input.Error{File: path, Cause: err}
}

// Read opens the archive that r holds in its first size bytes; name stands for
// it in errors. Two arrays of one name are refused.
func Read(r io.ReaderAt, size int64, name string) (*File, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is extracted
		return nil, &input.Error{File: name, Cause: err, Allowed: "an .npz archive",
			Do: "if it was one, it is incomplete or damaged: write it again"}
	}
	f := &File{path: name, size: size, entries: map[string]*zip.File{}}
	for _, entry := range archive.File {
		array, isArray := strings.CutSuffix(entry.Name, ".npy")
		if !isArray {
			continue
		}
		if f.Has(array) {
			return nil, &input.Error{File: name, Found: fmt.Sprintf("two arrays of the name %q", array)}
		}
		f.entries[array] = entry
		f.names = append(f.names, array)
	}
	return f, nil
}

// Close closes the file that [Open] opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Names returns the names of all arrays in the archive's order, those whose
// dtype this package does not read included.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Has reports whether there is an array of that name.
func (f *File) Has(name string) bool { return f.entries[name] != nil }

// Shape returns an array's shape, empty for a scalar. It reads the header only.
func (f *File) Shape(name string) ([]int, error) {
	a, err := f.open(name)
	if err != nil {
		return nil, err
	}
	return a.shape, a.Close()
}

// Want returns an array's shape if it is dims, where −1 stands for any length,
// and otherwise an error that names the shape found and the one wanted. No dims
// want a scalar. It reads the header only.
func (f *File) Want(name string, dims ...int) ([]int, error) {
	shape, err := f.Shape(name)
	if err != nil {
		return nil, err
	}
	return shape, input.CheckShape(f.path, name, shape, dims)
}

// Float64 returns an array of float32 or float64, exactly and in row-major
// order, and its shape.
func (f *File) Float64(name string) ([]float64, []int, error) {
	return read(f, name, "float64 or float32", floats)
}

// Int64 returns an array of bool, int8 to int64 or uint8 to uint32, exactly
// and in row-major order, and its shape.
func (f *File) Int64(name string) ([]int64, []int, error) {
	return read(f, name, "int64, a shorter integer or bool", integers)
}

// Bool returns an array of bool in row-major order, and its shape.
func (f *File) Bool(name string) ([]bool, []int, error) {
	return read(f, name, "bool", bools)
}

// decoder assigns to every element of dst what as many stored ones stand for.
type decoder[T any] func(dst []T, stored []byte)

// The decoders by dtype. What NumPy and this program write of states has loops
// of its own: files of them are gone over dozens of times.
var (
	floats = map[string]decoder[float64]{
		"<f8": func(dst []float64, stored []byte) {
			for i := range dst {
				dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(stored[8*i:]))
			}
		},
		"<f4": func(dst []float64, stored []byte) {
			for i := range dst {
				dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(stored[4*i:])))
			}
		},
		">f8": one(8, func(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }),
		">f4": one(4, func(b []byte) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) }),
	}
	integers = map[string]decoder[int64]{
		"|b1": one(1, func(b []byte) int64 { return int64(min(b[0], 1)) }),
		"|i1": one(1, func(b []byte) int64 { return int64(int8(b[0])) }),
		"|u1": one(1, func(b []byte) int64 { return int64(b[0]) }),
		"<i2": one(2, func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) }),
		">i2": one(2, func(b []byte) int64 { return int64(int16(binary.BigEndian.Uint16(b))) }),
		"<u2": one(2, func(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) }),
		">u2": one(2, func(b []byte) int64 { return int64(binary.BigEndian.Uint16(b)) }),
		"<i4": one(4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }),
		">i4": one(4, func(b []byte) int64 { return int64(int32(binary.BigEndian.Uint32(b))) }),
		"<u4": one(4, func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }),
		">u4": one(4, func(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }),
		"<i8": one(8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }),
		">i8": one(8, func(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }),
	}
	bools = map[string]decoder[bool]{
		"|b1": one(1, func(b []byte) bool { return b[0] != 0 }),
	}
)

// one makes a decoder of one for an element of so many bytes.
func one[T any](size int, decode func([]byte) T) decoder[T] {
	return func(dst []T, stored []byte) {
		for i := range dst {
			dst[i] = decode(stored[i*size:])
		}
	}
}

// read returns the data of an array, decoded, and its shape. allowed names the
// dtypes of the decoders.
func read[T any](f *File, name, allowed string, decoders map[string]decoder[T]) ([]T, []int, error) {
	a, err := f.open(name)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	decode, err := decoderOf(a, allowed, decoders)
	if err != nil {
		return nil, nil, err
	}
	data, err := readData(a, decode)
	if err != nil {
		return nil, nil, f.fault(name, err)
	}
	return data, a.shape, nil
}

// decoderOf returns the decoder of the array's dtype, one of those allowed.
func decoderOf[T any](a *array, allowed string, decoders map[string]decoder[T]) (decoder[T], error) {
	if decode := decoders[a.descr]; decode != nil {
		return decode, nil
	}
	return nil, &input.Error{File: a.file.path, Field: a.name, Found: fmt.Sprintf("dtype %q", a.descr),
		Allowed: allowed, Do: "convert it with astype before saving"}
}

// array is an array of which the header has been read and found to agree with
// the archive's sizes.
type array struct {
	*header
	io.ReadCloser
	file   *File
	name   string
	packed int64 // bytes in the archive
}

func (f *File) open(name string) (*array, error) {
	entry := f.entries[name]
	if entry == nil {
		return nil, &input.Error{File: f.path, Field: name, Found: "there is no such array", Allowed: input.Nearest(name, f.names)}
	}
	packed, unpacked := entry.CompressedSize64, entry.UncompressedSize64
	if packed > uint64(f.size) || unpacked > math.MaxInt64 || unpacked/maxRatio > packed {
		return nil, f.fault(name, fmt.Errorf("it claims %d bytes in %d, in an archive of %d", unpacked, packed, f.size))
	}
	body, err := entry.Open()
	if err != nil {
		return nil, f.fault(name, err)
	}
	h, err := readHeader(body)
	if err == nil {
		// No overflow: readHeader has checked the product.
		if data := int64(h.elements()) * int64(h.itemSize()); data != int64(unpacked)-h.size {
			err = fmt.Errorf("its header claims %d bytes of data, shape %s of %q, but there are %d",
				data, input.Shape(h.shape), h.descr, int64(unpacked)-h.size)
		}
	}
	if err != nil {
		body.Close()
		return nil, f.fault(name, err)
	}
	return &array{h, body, f, name, int64(packed)}, nil
}

func (f *File) fault(name string, err error) error {
	return &input.Error{File: f.path, Field: name, Cause: err}
}

// readData decodes all elements, in row-major order, and sees to it that
// nothing follows them; the archive's checksum is compared on the way. Memory is
// taken for as many elements as the packed bytes could hold unpacked, and grows
// from there.
func readData[T any](a *array, decode decoder[T]) ([]T, error) {
	total := a.elements()
	data := make([]T, 0, min(total, int(a.packed)/a.itemSize()))
	buffer := make([]byte, chunk*a.itemSize())
	for len(data) < total {
		from := len(data)
		to := from + min(chunk, total-from)
		data = slices.Grow(data, to-from)[:to]
		if err := decodeNext(a, data[from:], buffer, decode); err != nil {
			return nil, err
		}
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	if a.fortran {
		data = rowMajor(data, a.shape)
	}
	return data, nil
}

// chunk is the elements that are decoded at a time.
const chunk = 4096

// decodeNext assigns the array's next elements, in the order in which they are
// stored, to dst; the buffer holds chunk elements.
func decodeNext[T any](a *array, dst []T, buffer []byte, decode decoder[T]) error {
	size := a.itemSize()
	for len(dst) > 0 {
		n := min(chunk, len(dst))
		b := buffer[:n*size]
		if _, err := io.ReadFull(a, b); err != nil {
			return truncated(err)
		}
		decode(dst[:n], b)
		dst = dst[n:]
	}
	return nil
}

// end returns an error unless all of the array has been read and its checksum
// is right.
func (a *array) end() error {
	var next [1]byte
	switch n, err := io.ReadFull(a, next[:]); {
	case n != 0:
		return errors.New("there are bytes after its data")
	case err != io.EOF:
		return err
	}
	return nil
}

// rowMajor returns column-major data in row-major order.
func rowMajor[T any](data []T, shape []int) []T {
	if len(data) == 0 {
		return data
	}
	out := make([]T, len(data))
	strides := make([]int, len(shape))
	for i, stride := len(shape)-1, 1; i >= 0; i-- {
		strides[i] = stride
		stride *= shape[i]
	}
	index, at := make([]int, len(shape)), 0
	for _, x := range data {
		out[at] = x
		for i := range index { // the first index runs fastest
			index[i]++
			at += strides[i]
			if index[i] < shape[i] {
				break
			}
			at -= shape[i] * strides[i]
			index[i] = 0
		}
	}
	return out
}
