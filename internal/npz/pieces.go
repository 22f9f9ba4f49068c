package npz

// Pieces reads one array piece by piece, so that it need not fit in memory. It
// is not safe for concurrent use; several may read from one File.
type Pieces[T any] struct {
	array  *array
	decode decoder[T]
	left   int // elements not yet read
	buffer []byte
	whole  []T // what is left of an array in Fortran order
}

// Float64Pieces begins to read what [File.Float64] returns. The caller closes
// the reader. An array in Fortran order is held in memory as a whole: its rows
// are scattered over the file.
func (f *File) Float64Pieces(name string) (*Pieces[float64], error) {
	return pieces(f, name, "float64 or float32", floats)
}

// Int64Pieces begins to read what [File.Int64] returns, as
// [File.Float64Pieces] does.
func (f *File) Int64Pieces(name string) (*Pieces[int64], error) {
	return pieces(f, name, "int64, a shorter integer or bool", integers)
}

func pieces[T any](f *File, name, allowed string, decoders map[string]decoder[T]) (*Pieces[T], error) {
	a, err := f.open(name)
	if err != nil {
		return nil, err
	}
	decode, err := decoderOf(a, allowed, decoders)
	if err != nil {
		a.Close()
		return nil, err
	}
	p := &Pieces[T]{array: a, decode: decode, left: a.elements()}
	if a.fortran && len(a.shape) > 1 {
		if p.whole, err = readData(a, decode); err != nil {
			a.Close()
			return nil, f.fault(name, err)
		}
		return p, nil
	}
	p.buffer = make([]byte, chunk*a.itemSize())
	return p, nil
}

// Shape returns the array's shape.
func (p *Pieces[T]) Shape() []int { return p.array.shape }

// Read assigns the next elements, in row-major order, to all of dst. With the
// last of them it compares the archive's checksum. It panics if dst is longer
// than what is left.
func (p *Pieces[T]) Read(dst []T) error {
	if len(dst) > p.left {
		panic("npz: more elements asked for than the array has")
	}
	p.left -= len(dst)
	if p.whole != nil {
		p.whole = p.whole[copy(dst, p.whole):]
		return nil
	}
	err := decodeNext(p.array, dst, p.buffer, p.decode)
	if err == nil && p.left == 0 {
		err = p.array.end()
	}
	if err != nil {
		return p.array.file.fault(p.array.name, err)
	}
	return nil
}

// Close ends the reading.
func (p *Pieces[T]) Close() error { return p.array.Close() }
