package input

import (
	"fmt"
	"strings"
)

// CheckShape returns an Error unless the shape of the array that stands in field
// is dims, where −1 stands for any length. No dims want a scalar.
func CheckShape(file, field string, shape, dims []int) error {
	fits := len(shape) == len(dims)
	for i := 0; fits && i < len(dims); i++ {
		fits = dims[i] < 0 || dims[i] == shape[i]
	}
	if fits {
		return nil
	}
	return &Error{File: file, Field: field, Found: "shape " + Shape(shape), Allowed: Shape(dims)}
}

// Shape writes a shape as Python does; −1 stands for any length.
func Shape(dims []int) string {
	text := make([]string, len(dims))
	for i, dim := range dims {
		text[i] = "any"
		if dim >= 0 {
			text[i] = fmt.Sprint(dim)
		}
	}
	return "(" + strings.Join(text, ", ") + ")"
}
