package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"radd/kernels"
	"radd/train"
)

// Network is a finished network of a sweep.
type Network struct {
	Name   string
	Config train.Config
	Result Result

	archive string
}

// Finished returns the finished networks that the file asks for, in the grid's
// order, and how many are missing.
func (s *Sweep) Finished() (list []Network, missing int, err error) {
	missing, err = s.each(func(a *archive, name string, c train.Config, r Result) error {
		list = append(list, Network{name, c, r, a.path})
		return nil
	})
	return list, missing, err
}

// Folder makes the network's run folder dir, as [Sweep.Extract] does. It may not be
// there before.
func (n *Network) Folder(dir string) error {
	a, err := openArchive(n.archive)
	if err != nil {
		return err
	}
	defer a.Close()
	e, err := a.entry(n.Config)
	if err != nil {
		return err
	}
	if e == nil {
		return a.lacks(n.Name)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return e.snapshot.Folder(dir, n.Config)
}

// Weights returns the network's parameters.
func (n *Network) Weights() (train.Weights, error) {
	w := train.Weights{Path: n.archive + ": " + n.Name, N: n.Config.Hidden, Cell: n.Config.Cell}
	a, err := openArchive(n.archive)
	if err != nil {
		return w, err
	}
	defer a.Close()
	data, err := a.read(n.Name, weightsFile)
	if err == nil && data == nil {
		err = a.lacks(n.Name)
	}
	if err != nil {
		return w, err
	}
	sum := sha256.Sum256(data)
	w.SHA256 = hex.EncodeToString(sum[:])
	w.Theta, err = kernels.DecodeParameters(w.Path, data, kernels.Shape{N: w.N}.Parameters())
	return w, err
}
