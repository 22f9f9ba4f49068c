package train

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"radd/graph"
	"radd/internal/input"
	"radd/kernels"
)

// Weights are a network as a file holds it.
type Weights struct {
	Path   string
	N      int       // hidden units
	Theta  []float64 // packed as kernels.Shape says
	SHA256 string    // of the file, in hexadecimal
	Cell   string    // rnn, or another of graph.Cells
	Leak   float64   // of the cell leaky

	StateNoise float64      // likewise
	Meta       kernels.Meta // nil for an .npz archive
}

// LoadWeights reads a network from a safetensors file, whose metadata name its
// cell, or from an .npz archive, as kernels.ReadWeights does. The error is an
// *input.Error.
func LoadWeights(path string) (Weights, error) {
	for {
		before, err := FileSum(path)
		if err != nil {
			return Weights{}, err
		}
		w, err := readWeights(path)
		if err != nil {
			return Weights{}, err
		}
		after, err := FileSum(path)
		if err != nil {
			return Weights{}, err
		}
		if before == after { // else a training run has just replaced the file
			w.SHA256 = after
			return w, nil
		}
	}
}

func readWeights(path string) (Weights, error) {
	meta, err := kernels.ReadMeta(path)
	if err != nil {
		return Weights{}, err
	}
	w := Weights{Path: path, Cell: "rnn", Meta: meta}
	if meta["cell"] == "" {
		w.N, w.Theta, w.Meta, err = kernels.ReadWeights(path)
		return w, err
	}
	w.Cell = meta["cell"]
	n, err := strconv.Atoi(meta["hidden"])
	if err != nil || n < 1 || n > kernels.MaxN {
		return w, &input.Error{File: path, Field: "hidden", Found: strconv.Quote(meta["hidden"]), Allowed: fmt.Sprintf("1 to %d", kernels.MaxN)}
	}
	if w.Leak, err = strconv.ParseFloat(meta["leak"], 64); err != nil {
		return w, &input.Error{File: path, Field: "leak", Found: strconv.Quote(meta["leak"]), Allowed: "a number"}
	}
	if w.StateNoise, err = strconv.ParseFloat(meta["state_noise"], 64); err != nil {
		return w, &input.Error{File: path, Field: "state_noise", Found: strconv.Quote(meta["state_noise"]), Allowed: "a number"}
	}
	cell, err := graph.CellNamed(w.Cell, w.Leak, w.StateNoise)
	if err != nil {
		return w, &input.Error{File: path, Field: "cell", Found: w.Cell, Allowed: strings.Join(graph.Cells, ", ")}
	}
	w.N = n
	w.Theta, err = kernels.ReadParameters(path, graph.Layout(cell, n))
	return w, err
}

// LoadRNN is LoadWeights for what takes vanilla networks only.
func LoadRNN(path string) (Weights, error) {
	w, err := LoadWeights(path)
	if err == nil {
		err = Vanilla(path, w.Cell)
	}
	return w, err
}

// Vanilla returns an *input.Error unless the cell of what is at path is rnn.
func Vanilla(path, cell string) error {
	if cell == "rnn" {
		return nil
	}
	return &input.Error{File: path, Field: "cell", Found: cell, Allowed: "rnn: this is for vanilla networks"}
}

// FileSum returns the SHA-256 of a file, in hexadecimal, or an *input.Error.
func FileSum(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // a device or a pipe may never end, and is not read twice
		err = errors.New("not a file")
	}
	if err != nil {
		return "", unreadable(path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", unreadable(path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// unreadable returns the *input.Error of a file that cannot be read.
func unreadable(path string, err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // the message has the path already
	}
	return &input.Error{File: path, Cause: err}
}

// thetaAs returns the parameters in the type to compute in, or an *input.Error
// where one is too large for it.
func thetaAs[F kernels.Float](w Weights) ([]F, error) {
	theta := convert[F](w.Theta)
	for i, x := range theta {
		if math.IsInf(float64(x), 0) {
			return nil, &input.Error{File: w.Path, Found: fmt.Sprintf("the weight %v, too large for %s", w.Theta[i], kernels.Dtype[F]()),
				Do: "compute with --dtype f64"}
		}
	}
	return theta, nil
}
