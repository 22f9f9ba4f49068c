// Package npz reads and writes NumPy's .npz archives: zip files of .npy arrays.
//
// # Layout
//
// All data is row-major (C order) on both sides of this package: an array that
// NumPy stored in Fortran order is transposed while it is read. A shape () is a
// scalar, one element. Names are those that NumPy shows, without ".npy"; they
// may contain slashes.
//
//	NumPy dtype                Reader                    Writer
//	float64                    Float64, exact            Add[float64]
//	float32                    Float64, exact            Add[float32]
//	int8 … int64               Int64, exact              Add[int64], Add[int], as int64
//	uint8, uint16, uint32      Int64, exact              –
//	bool                       Bool, and Int64 as 0, 1   Add[bool]
//	complex128                 –                         Add[complex128]
//
// Everything else (uint64, float16, complex, text, structures) is refused when
// it is asked for, and ignored when it is not. Objects are pickled Python
// programs and are never loaded.
//
// # Safety
//
// The reader trusts nothing: sizes are checked against one another and against
// the size of the file before memory is taken, and memory grows with the data
// that is really there. A fault is an *input.Error that names the file and the
// array.
//
// # Determinism
//
// The same calls on a Writer give the same bytes (for compressed arrays, with
// the same release of Go): the archive holds no clock readings.
//
// Source: NEP 1, "A simple file format for NumPy arrays", and
// numpy.lib.format, versions 1.0, 2.0 and 3.0.
package npz
