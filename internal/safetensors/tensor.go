package safetensors

import (
	"fmt"
	"math"

	"radd/internal/input"
)

// DType is a tensor's element type as the file names it.
type DType string

// The dtypes that can be read and written.
const (
	F32 DType = "F32"
	F64 DType = "F64"
)

// Tensor is a named array.
type Tensor struct {
	Name  string
	DType DType     // F32 or F64, in the file
	Shape []int     // none for a scalar
	Data  []float64 // row-major; exact in float32 where the dtype is F32
}

// New returns data, row-major, as a tensor of the dtype that is T's. It panics
// if the shape is not that of the data.
func New[T float32 | float64](name string, data []T, shape ...int) Tensor {
	t := Tensor{Name: name, DType: F32, Shape: shape, Data: make([]float64, len(data))}
	if _, double := any(data).([]float64); double {
		t.DType = F64
	}
	for i, x := range data {
		t.Data[i] = float64(x)
	}
	t.check()
	return t
}

// Values returns a tensor's data as T; float32 from F64 is rounded to nearest.
func Values[T float32 | float64](t Tensor) []T {
	data := make([]T, len(t.Data))
	for i, x := range t.Data {
		data[i] = T(x)
	}
	return data
}

// CheckFinite returns an *input.Error that names the first element which is
// infinite or not a number, if there is one. file stands for the tensor's
// origin in it.
func (t Tensor) CheckFinite(file string) error {
	for i, x := range t.Data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			index := make([]int, len(t.Shape))
			for d := len(t.Shape) - 1; d >= 0; d-- {
				index[d] = i % t.Shape[d]
				i /= t.Shape[d]
			}
			return &input.Error{File: file, Field: t.Name, Found: fmt.Sprintf("%v at %v", x, index), Allowed: "finite numbers"}
		}
	}
	return nil
}

// check panics if the tensor cannot be written.
func (t Tensor) check() {
	if t.DType != F32 && t.DType != F64 {
		panic("safetensors: a dtype that is neither F32 nor F64")
	}
	n, ok := elements(t.Shape)
	if !ok || n != len(t.Data) {
		panic("safetensors: the shape is not that of the data")
	}
}

// elements returns the product of the shape. It reports false if a dimension
// is negative or if the product, dimensions of 0 left out, is above 2⁶⁰, so
// that a length in bytes cannot overflow.
func elements(shape []int) (n int, ok bool) {
	const most = 1 << 60
	n, bound := 1, 1
	for _, dim := range shape {
		if dim < 0 || dim > 0 && bound > most/dim {
			return 0, false
		}
		n *= dim
		bound *= max(dim, 1)
	}
	return n, true
}
