package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"radd/internal/input"
	"radd/train"
)

// IsFolder reports whether a sweep has been begun in the folder.
func IsFolder(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, plansDir, "0001.json"))
	return err == nil
}

// OpenFolder opens a sweep by its folder, wherever that lies now, and writes
// nothing: the file that asks for its networks is the one with which networks
// were added last.
func OpenFolder(dir string) (*Sweep, error) {
	var newest plan
	s := &Sweep{}
	for k := 1; ; k++ {
		path := filepath.Join(dir, plansDir, fmt.Sprintf("%04d.json", k))
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && k > 1 {
			break
		}
		if err == nil {
			s.Path, newest = path, plan{}
			err = json.Unmarshal(data, &newest)
		}
		if err != nil {
			return nil, &input.Error{File: path, Cause: err}
		}
	}
	s.text = []byte(newest.Sweep)
	var err error
	if s.File, err = Parse(s.Path, s.text); err != nil {
		return nil, err
	}
	s.Out = dir
	if s.grid, err = s.Span(s.Path); err != nil {
		return nil, err
	}
	return s, s.readPlans()
}

// Sampled is what there is of one network so far.
type Sampled struct {
	Result
	Of      string // what the sweep varies, but the seed: "hidden 50, objective probability"
	Metrics []byte // metrics.csv, up to the newest checkpoint of what is not finished
}

// Sample returns at most so many of the networks that are finished or in a
// checkpoint, spread evenly over them, in the order of the plans.
func (s *Sweep) Sample(most int) ([]Sampled, error) {
	published, err := s.published()
	if err != nil {
		return nil, err
	}
	begun, err := s.listed(workDir, ".zip")
	if err != nil {
		return nil, err
	}
	there := 0
	for _, sh := range s.shards {
		if published[sh.id] || begun[sh.id] {
			there += sh.networks()
		}
	}
	most = min(most, there)
	before := func(k int) int { return (k*most + there - 1) / there } // how many of the first k are wanted
	at := 0
	keys := s.variedKeys()
	var list []Sampled
	for _, sh := range s.shards {
		dir := shardsDir
		if !published[sh.id] {
			if dir = workDir; !begun[sh.id] {
				continue
			}
		}
		if before(at) == before(at+sh.networks()) {
			at += sh.networks()
			continue
		}
		a, err := openArchive(s.path(dir, sh, ".zip"))
		if errors.Is(err, fs.ErrNotExist) { // it was published just now
			a, err = openArchive(s.path(shardsDir, sh, ".zip"))
		}
		if err != nil {
			return nil, err
		}
		for _, i := range sh.indices() {
			if at++; before(at) == before(at-1) {
				continue
			}
			c, err := sh.plan.grid.At(i)
			if err == nil {
				list, err = a.sample(list, &c, keys)
			}
			if err != nil {
				a.Close()
				return nil, err
			}
		}
		a.Close()
	}
	return list, nil
}

// sample appends the network, if the archive has it.
func (a *archive) sample(list []Sampled, c *train.Config, keys []train.Key) ([]Sampled, error) {
	n := Sampled{}
	name := Name(c)
	result, err := a.read(name, resultFile)
	if err != nil || result == nil {
		return list, err
	}
	if n.Metrics, err = a.read(name, metricsFile); err != nil {
		return list, err
	}
	var of []string
	for _, k := range keys {
		of = append(of, fmt.Sprint(k.Name, " ", k.Value(c)))
	}
	n.Of = strings.Join(of, ", ")
	if err := json.Unmarshal(result, &n.Result); err != nil {
		return list, fmt.Errorf("%s: %s: %w", a.path, name, err)
	}
	return append(list, n), nil
}

// variedKeys returns the keys that the sweep varies, but the seed.
func (s *Sweep) variedKeys() (list []train.Key) {
	varied := map[string]bool{}
	for _, name := range s.grid.varied() {
		varied[name] = name != "seed"
	}
	for _, k := range train.Keys() {
		if varied[k.Name] {
			list = append(list, k)
		}
	}
	return list
}
