package sweep

import (
	"os"
	"path/filepath"

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

// Folder makes the network's run folder dir, as [Sweep.Extract] does.
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
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return e.snapshot.Folder(dir, n.Config)
}
