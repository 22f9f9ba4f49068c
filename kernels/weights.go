package kernels

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"radd/internal/input"
	"radd/internal/npz"
	"radd/internal/safetensors"
)

// Meta is the metadata of a weights file: strings by key. Files of this program
// have
//
//	format_version   of the file
//	objective        cross-entropy or probability
//	reduction        mean or sum
//	seed             of the initialisation and of training's sessions
//	gradient_step    gradient steps done
type Meta map[string]string

// hiddenHidden is the tensor that tells N.
const hiddenHidden = "core.weight_hh_l0"

// WriteWeights writes a network's parameters θ as a safetensors file, dtype F32
// or F64 as F is, named and shaped as in PyTorch, so that load_state_dict takes
// them. Errors are w's.
func WriteWeights[F Float](w io.Writer, s Shape, theta []F, meta Meta) error {
	return WriteParameters(w, s.Parameters(), theta, meta)
}

// WriteParameters writes the parameters that θ holds as a safetensors file,
// dtype F32 or F64 as F is. Errors are w's.
func WriteParameters[F Float](w io.Writer, list []Parameter, theta []F, meta Meta) error {
	if len(theta) != list[len(list)-1].End {
		panic("kernels: θ has the wrong length")
	}
	var tensors []safetensors.Tensor
	for _, p := range list {
		tensors = append(tensors, safetensors.New(p.Name, theta[p.Start:p.End], p.Shape...))
	}
	return safetensors.Write(w, meta, tensors...)
}

// ReadWeights reads a network of n hidden units from a safetensors file, which
// may hold nothing but the six parameters, or from an .npz archive, where they
// are bare or in the folder weight/ and other names are ignored. What the file
// holds decides, not its name. It returns them packed as Shape says, exactly,
// with the metadata, nil for an archive.
//
// The error is an *input.Error that names the file and the tensor which is
// missing, unknown, of another dtype or shape, or not finite.
func ReadWeights(path string) (n int, theta []float64, meta Meta, err error) {
	if isArchive(path) {
		f, err := npz.Open(path)
		if err != nil {
			return 0, nil, nil, err
		}
		defer f.Close()
		n, theta, err = pack(path, arrays{f})
		return n, theta, nil, err
	}
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return 0, nil, nil, err
	}
	n, theta, err = pack(path, tensors{f})
	if err == nil {
		err = onlyParameters(path, f.Names())
	}
	if err != nil {
		return 0, nil, nil, err
	}
	return n, theta, f.Metadata, nil
}

// ReadParameters reads the parameters of a list from a safetensors file, which
// may hold no others, packed as the list says. The error is an *input.Error, as
// for ReadWeights.
func ReadParameters(path string, list []Parameter) (theta []float64, err error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return packed(path, f, list)
}

// DecodeParameters returns the parameters in the bytes of a safetensors file, as
// ReadParameters does; name stands for the file in errors.
func DecodeParameters(name string, data []byte, list []Parameter) (theta []float64, err error) {
	f, err := safetensors.Decode(name, data)
	if err != nil {
		return nil, err
	}
	return packed(name, f, list)
}

// packed returns the parameters of a list, which are all that the file holds.
func packed(path string, f *safetensors.File, list []Parameter) (theta []float64, err error) {
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
		t, err := f.Want(p.Name, p.Shape...)
		if err == nil {
			err = t.CheckFinite(path)
		}
		if err != nil {
			return nil, err
		}
		theta = append(theta, t.Data...)
	}
	return theta, only(path, f.Names(), names)
}

// ReadMeta returns the metadata of a safetensors file, nil for an archive. The
// error is an *input.Error.
func ReadMeta(path string) (Meta, error) {
	if isArchive(path) {
		return nil, nil
	}
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return f.Metadata, nil
}

// isArchive reports whether the file can be read and begins as a zip archive
// does, with its first array or, where it has none, with its directory's end.
func isArchive(path string) bool {
	const magic, empty = "PK\x03\x04", "PK\x05\x06"
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && (string(head) == magic || string(head) == empty)
}

// source is a file of either format.
type source interface {
	// shape returns the shape of a parameter.
	shape(name string) ([]int, error)
	// read returns a parameter if it has that shape.
	read(name string, shape []int) (safetensors.Tensor, error)
}

// pack reads the six parameters; path stands for the file in errors.
func pack(path string, f source) (n int, theta []float64, err error) {
	square, err := f.shape(hiddenHidden)
	if err != nil {
		return 0, nil, err
	}
	if len(square) != 2 || square[0] != square[1] || square[0] < 1 || square[0] > MaxN {
		return 0, nil, &input.Error{File: path, Field: hiddenHidden, Found: fmt.Sprintf("shape %v", square),
			Allowed: fmt.Sprintf("(N, N) with N from 1 to %d", MaxN)}
	}
	s := Shape{N: square[0]}
	theta = make([]float64, 0, s.Size())
	for _, p := range s.Parameters() {
		t, err := f.read(p.Name, p.Shape)
		if err == nil {
			err = t.CheckFinite(path)
		}
		if err != nil {
			return 0, nil, err
		}
		theta = append(theta, t.Data...)
	}
	return s.N, theta, nil
}

// onlyParameters returns an *input.Error for the first name that is not a
// parameter's.
func onlyParameters(path string, names []string) error {
	var known []string
	for _, p := range (Shape{}).Parameters() {
		known = append(known, p.Name)
	}
	return only(path, names, known)
}

// only returns an *input.Error for the first of the names that is not known.
func only(path string, names, known []string) error {
	for _, name := range names {
		if !slices.Contains(known, name) {
			return &input.Error{File: path, Field: name, Found: "a tensor that a network does not have",
				Allowed: fmt.Sprintf("these %d only: %s", len(known), strings.Join(known, ", "))}
		}
	}
	return nil
}

// tensors is a safetensors file as a source.
type tensors struct{ *safetensors.File }

func (f tensors) shape(name string) ([]int, error) {
	t, err := f.Tensor(name)
	return t.Shape, err
}

func (f tensors) read(name string, shape []int) (safetensors.Tensor, error) {
	return f.Want(name, shape...)
}

// arrays is an .npz archive as a source.
type arrays struct{ *npz.File }

// name returns a parameter's full name: bare or, failing that, in weight/.
func (f arrays) name(name string) string {
	if folder := "weight/" + name; !f.Has(name) && f.Has(folder) {
		return folder
	}
	return name
}

func (f arrays) shape(name string) ([]int, error) { return f.Shape(f.name(name)) }

func (f arrays) read(name string, shape []int) (safetensors.Tensor, error) {
	name = f.name(name)
	if _, err := f.Want(name, shape...); err != nil {
		return safetensors.Tensor{}, err
	}
	data, _, err := f.Float64(name)
	return safetensors.Tensor{Name: name, Shape: shape, Data: data}, err
}
