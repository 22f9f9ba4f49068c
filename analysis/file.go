package analysis

import (
	"fmt"
	"iter"

	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels"
)

// Arrays of a trajectory file. Others are ignored.
//
//	name                dtype     shape     values
//	hidden              float     (T, N)
//	input               float     (T, Q)
//	projection          float     (M, N)    any rows; not needed where the next two are
//	offset              float     (N)       optional, 0; goes with projection
//	block_side          integer   (T)       −1 left, +1 right
//	readout_weight      float     (2, N)    left before right
//	prob                float     (T, 2)    optional; left before right
//	session             integer   (T)       optional; ids that never decrease
//	held_out/hidden     float     (T′, N)   optional, with the next
//	held_out/input      float     (T′, Q)
//	held_out/session    integer   (T′)      optional
const (
	hiddenName        = "hidden"
	inputName         = "input"
	projectionName    = "projection"
	offsetName        = "offset"
	blockSideName     = "block_side"
	readoutWeightName = "readout_weight"
	probabilityName   = "prob"
	sessionName       = "session"
	heldOutFolder     = "held_out/"
)

// File is an open trajectory file. Its trajectories read it chunk by chunk, at
// every pass again.
type File struct {
	*Trajectory
	HeldOut       *Trajectory // nil where none was recorded
	Projection    *mat.Dense  // P (M, N), nil where the file has none
	Offset        []float64   // h̄ (N), nil where the file has none
	ReadoutWeight []float64   // W_out (2, N), nil where the file has none

	archive *npz.File
}

// OpenFile opens the trajectory file at path. The caller closes it.
//
// The error is an *input.Error, npz's where an array is missing or has another
// type or shape. Values of the large arrays are looked at when they are read,
// see [Trajectory.Chunks].
func OpenFile(path string) (*File, error) {
	archive, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := ReadFile(archive, path)
	if err != nil {
		archive.Close()
		return nil, err
	}
	return f, nil
}

// ReadFile does as [OpenFile] for an archive that is open and that stays open
// as long as the trajectory is read; name stands for it in errors. Close closes
// the archive.
func ReadFile(archive *npz.File, name string) (*File, error) {
	shape, err := archive.Want(hiddenName, -1, -1)
	if err != nil {
		return nil, err
	}
	T, N := shape[0], shape[1]
	if T < 1 || N < 1 {
		return nil, &input.Error{File: name, Field: hiddenName, Found: fmt.Sprintf("shape (%d, %d)", T, N),
			Allowed: "1 or more rows, one an RNN step, and 1 or more columns, one a unit"}
	}
	if shape, err = archive.Want(inputName, T, -1); err != nil {
		return nil, err
	}
	f := &File{archive: archive, Trajectory: &Trajectory{Name: name, N: N, Q: shape[1], T: T}}
	f.Source = f.source("", f.Trajectory)
	for array, dims := range map[string][]int{
		blockSideName: {T}, probabilityName: {T, 2}, sessionName: {T},
	} {
		if err := f.want(array, dims...); err != nil {
			return nil, err
		}
	}
	if err := f.readSmall(); err != nil {
		return nil, err
	}
	if err := f.readHeldOut(); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the archive.
func (f *File) Close() error { return f.archive.Close() }

// HasBlocks reports whether the file tells the block side of every RNN step.
func (f *File) HasBlocks() bool { return f.archive.Has(blockSideName) }

// HasProbability reports whether the file holds the actions' probabilities.
func (f *File) HasProbability() bool { return f.archive.Has(probabilityName) }

// want returns an error if there is an array of that name with another shape.
func (f *File) want(array string, dims ...int) error {
	if !f.archive.Has(array) {
		return nil
	}
	_, err := f.archive.Want(array, dims...)
	return err
}

// readSmall reads the arrays that do not grow with T.
func (f *File) readSmall() error {
	if f.archive.Has(projectionName) {
		shape, err := f.archive.Want(projectionName, -1, f.N)
		if err != nil {
			return err
		}
		if shape[0] < 1 {
			return &input.Error{File: f.Name, Field: projectionName, Found: "no rows", Allowed: "1 or more, of unit length by custom"}
		}
		P, err := f.floats(projectionName, shape...)
		if err != nil {
			return err
		}
		f.Projection = mat.NewDense(shape[0], f.N, P)
	}
	var err error
	if f.archive.Has(offsetName) {
		if f.Offset, err = f.floats(offsetName, f.N); err != nil {
			return err
		}
	}
	if f.archive.Has(readoutWeightName) {
		if f.ReadoutWeight, err = f.floats(readoutWeightName, kernels.Actions, f.N); err != nil {
			return err
		}
	}
	if f.Projection == nil {
		return f.needReadout()
	}
	return nil
}

// needReadout returns an error unless the file has what readouts are found
// from.
func (f *File) needReadout() error {
	for _, array := range []string{blockSideName, readoutWeightName} {
		if !f.archive.Has(array) {
			return &input.Error{File: f.Name, Field: array, Found: "there is no such array",
				Allowed: projectionName + ", or " + blockSideName + " with " + readoutWeightName,
				Do:      "add it, or the directions to project the states on as " + projectionName}
		}
	}
	return nil
}

// floats reads an array of finite numbers that has the dims.
func (f *File) floats(array string, dims ...int) ([]float64, error) {
	if _, err := f.archive.Want(array, dims...); err != nil {
		return nil, err
	}
	data, _, err := f.archive.Float64(array)
	if err != nil {
		return nil, err
	}
	if i := notFinite(data); i >= 0 {
		index := fmt.Sprintf("[%d]", i)
		if len(dims) == 2 {
			index = fmt.Sprintf("[%d, %d]", i/dims[1], i%dims[1])
		}
		return nil, &input.Error{File: f.Name, Field: array + index, Found: fmt.Sprint(data[i]), Allowed: "a finite number"}
	}
	return data, nil
}

func (f *File) readHeldOut() error {
	hidden, inputs := heldOutFolder+hiddenName, heldOutFolder+inputName
	if !f.archive.Has(hidden) && !f.archive.Has(inputs) {
		return nil
	}
	shape, err := f.archive.Want(hidden, -1, f.N)
	if err != nil {
		return err
	}
	T := shape[0]
	if T < 1 {
		return &input.Error{File: f.Name, Field: hidden, Found: "no rows", Allowed: "1 or more, one an RNN step"}
	}
	if _, err := f.archive.Want(inputs, T, f.Q); err != nil {
		return err
	}
	for array, dims := range map[string][]int{
		blockSideName: {T}, probabilityName: {T, 2}, sessionName: {T},
	} {
		if err := f.want(heldOutFolder+array, dims...); err != nil {
			return err
		}
	}
	f.HeldOut = &Trajectory{Name: f.Name, N: f.N, Q: f.Q, T: T, folder: heldOutFolder}
	f.HeldOut.Source = f.source(heldOutFolder, f.HeldOut)
	return nil
}

// source returns the chunks of the arrays in a folder of the archive.
func (f *File) source(folder string, t *Trajectory) iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		r := &rowReader{archive: f.archive, folder: folder}
		defer r.close()
		rows := min(chunkRows(t.N+t.Q), t.T)
		hidden := floatRows(r, hiddenName, t.N)
		inputs := floatRows(r, inputName, t.Q)
		probability := floatRows(r, probabilityName, 2)
		blockSide := integerRows(r, blockSideName)
		session := integerRows(r, sessionName)
		var sides []int8
		for at := 0; at < t.T && r.err == nil; at += rows {
			n := min(rows, t.T-at)
			c := &Chunk{T: n}
			c.Hidden = hidden(n)
			c.Input = inputs(n)
			c.Probability = probability(n)
			c.Session = session(n)
			if wide := blockSide(n); wide != nil {
				sides = sides[:0]
				for _, side := range wide {
					sides = append(sides, int8(max(-2, min(side, 2)))) // what is no side stays none
				}
				c.BlockSide = sides
			}
			if r.err == nil && !yield(c, nil) {
				return
			}
		}
		if r.err != nil {
			yield(nil, r.err)
		}
	}
}

// rowReader reads several arrays of an archive row by row; after the first
// fault, err, it reads nothing.
type rowReader struct {
	archive *npz.File
	folder  string
	closers []func() error
	err     error
}

func (r *rowReader) close() {
	for _, c := range r.closers {
		_ = c() // what was read was checked as it was read
	}
}

// floatRows returns a function that reads the next n rows of an array into
// memory of its own, which the next call takes again. Where there is no such
// array it returns nil.
func floatRows(r *rowReader, array string, width int) func(n int) []float64 {
	return nextRows(r, array, width, r.archive.Float64Pieces)
}

func integerRows(r *rowReader, array string) func(n int) []int64 {
	return nextRows(r, array, 1, r.archive.Int64Pieces)
}

func nextRows[T any](r *rowReader, array string, width int, open func(string) (*npz.Pieces[T], error)) func(n int) []T {
	none := func(int) []T { return nil }
	if array = r.folder + array; r.err != nil || !r.archive.Has(array) {
		return none
	}
	pieces, err := open(array)
	if err != nil {
		r.err = err
		return none
	}
	r.closers = append(r.closers, pieces.Close)
	var buffer []T
	return func(n int) []T {
		if r.err != nil {
			return nil
		}
		if len(buffer) < n*width {
			buffer = make([]T, n*width)
		}
		rows := buffer[:n*width]
		r.err = pieces.Read(rows)
		return rows
	}
}
