package sweep

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"radd/distill"
	"radd/internal/input"
	"radd/task"
	"radd/train"
)

// Files of a network in a shard, in a folder of its name.
const (
	weightsFile  = "weights.safetensors"
	momentumFile = "momentum.safetensors"
	stateFile    = "state.json"
	metricsFile  = "metrics.csv"
	resultFile   = "result.json"
	timingFile   = "timing.json"
	studentFile  = "student-%s.safetensors" // by readout
)

// States of a network.
const (
	Done    = "done"
	Failed  = "failed"
	begun   = "begun"   // in a checkpoint
	trained = "trained" // in a checkpoint: rollout and distillation are to come
)

// Result is what a network came to. It holds no clock readings.
type Result struct {
	Name       string                     `json:"name"`
	Config     map[string]any             `json:"config"` // by key
	State      string                     `json:"state"`
	Why        string                     `json:"why,omitempty"` // it failed
	Training   Training                   `json:"training"`
	Rollout    *task.Figures              `json:"rollout,omitempty"`
	ByStrength []task.StrengthSteps       `json:"rnn_steps_by_strength,omitempty"`
	Students   map[string]distill.Summary `json:"students,omitempty"` // by readout

	Undistilled []string `json:"undistilled,omitempty"` // readouts that do not exist, and why
}

// Training are the figures of the last 100 gradient steps, and counts of all.
type Training struct {
	GradientSteps int        `json:"gradient_steps"`
	Loss          task.Ratio `json:"loss"`
	GradientNorm  task.Ratio `json:"gradient_norm"`
	train.Figures
	Trials   int64  `json:"trials"`
	RNNSteps int64  `json:"rnn_steps"`
	Device   string `json:"device"`
	ISA      string `json:"isa"`
}

// Timing is how long a network took, in seconds of computing.
type Timing struct {
	Train   float64 `json:"train"`
	Rollout float64 `json:"rollout"` // and distillation
	Host    string  `json:"host"`
}

// entry is one network in a shard or in a shard's checkpoint.
type entry struct {
	config   train.Config
	snapshot train.Snapshot
	result   Result
	timing   Timing
	students map[string][]byte // weights by readout
}

// digest is the comment of a shard's archive: what status needs of it.
type digest struct {
	Networks      int      `json:"networks"`
	Failed        []string `json:"failed,omitempty"` // name: why
	MoreFailed    int      `json:"more_failed,omitempty"`
	GradientSteps int64    `json:"gradient_steps"`
	Seconds       float64  `json:"seconds"`
	Hidden        int      `json:"hidden"`
	Finished      int      `json:"finished"`
}

// maxComment is the most bytes of a zip archive's comment.
const maxComment = 1<<16 - 1

// writeArchive writes networks as a zip archive. Weights hardly compress and are
// stored.
func writeArchive(w io.Writer, entries []*entry) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, deflate)
	d := digest{Networks: len(entries)}
	for _, e := range entries {
		result, err := json.Marshal(e.result)
		if err != nil {
			return err
		}
		timing, err := json.Marshal(e.timing)
		if err != nil {
			return err
		}
		add := func(name string, data []byte, method uint16) {
			if err == nil && data != nil {
				var f io.Writer
				if f, err = z.CreateHeader(&zip.FileHeader{Name: path.Join(e.result.Name, name), Method: method}); err == nil {
					_, err = f.Write(data)
				}
			}
		}
		add(resultFile, result, zip.Store)
		add(timingFile, timing, zip.Store)
		add(weightsFile, e.snapshot.Weights, zip.Store)
		add(momentumFile, e.snapshot.Momentum, zip.Store)
		add(stateFile, e.snapshot.State, zip.Deflate)
		add(metricsFile, e.snapshot.Metrics, zip.Deflate)
		for _, readout := range sortedKeys(e.students) {
			add(fmt.Sprintf(studentFile, readout), e.students[readout], zip.Store)
		}
		if err != nil {
			return err
		}
		d.GradientSteps += int64(e.result.Training.GradientSteps)
		d.Seconds += e.timing.Train + e.timing.Rollout
		d.Hidden = e.config.Hidden
		switch e.result.State {
		case Failed:
			d.Finished++
			why, _, _ := strings.Cut(e.result.Why, "\n")
			if len(d.Failed) < 50 {
				d.Failed = append(d.Failed, fmt.Sprintf("%s: %.200s", e.result.Name, why))
			} else {
				d.MoreFailed++
			}
		case Done:
			d.Finished++
		}
	}
	comment, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := z.SetComment(string(comment)); err != nil {
		return err
	}
	return z.Close()
}

// deflaters are writers that compress fast: their tables are large beside the
// files of a small network, and are used again.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic("sweep: a level of compression that flate does not know")
	}
	return w
}}

// deflate returns a compressor as zip.Writer asks for.
func deflate(to io.Writer) (io.WriteCloser, error) {
	w := deflaters.Get().(*flate.Writer)
	w.Reset(to)
	return &deflater{w}, nil
}

// deflater is a compressor that is kept for the next when it is closed.
type deflater struct{ *flate.Writer }

func (d *deflater) Close() error {
	err := d.Writer.Close()
	deflaters.Put(d.Writer)
	return err
}

// unknown is the error of a name that no finished network has.
func unknown(path, name string) error {
	return &input.Error{File: path, Field: name, Found: "no finished network of that name", Do: "see radd sweep collect's table of networks"}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// archive is an open shard.
type archive struct {
	*zip.ReadCloser
	path  string
	files map[string]*zip.File
}

func openArchive(path string) (*archive, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a := &archive{z, path, map[string]*zip.File{}}
	for _, f := range z.File {
		a.files[f.Name] = f
	}
	return a, nil
}

// read returns a file of a network, nil where it has none.
func (a *archive) read(network, name string) ([]byte, error) {
	f := a.files[path.Join(network, name)]
	if f == nil {
		return nil, nil
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r) // zip holds it to its CRC-32
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", a.path, f.Name, err)
	}
	return data, nil
}

// lacks is the error of a network that is not in its shard.
func (a *archive) lacks(network string) error {
	return &input.Error{File: a.path, Field: network, Found: "no such network in its shard: another version of the program named it otherwise",
		Do: "use that version, or begin the sweep again in another out"}
}

// json reads a JSON file of a network.
func (a *archive) json(network, name string, into any) error {
	data, err := a.read(network, name)
	switch {
	case err != nil:
	case data == nil:
		return a.lacks(network)
	default:
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", a.path, network, err)
	}
	return nil
}

// entry returns the network of that configuration, nil where the archive has none.
func (a *archive) entry(c train.Config) (*entry, error) {
	name := Name(&c)
	e := &entry{config: c, students: map[string][]byte{}}
	result, err := a.read(name, resultFile)
	if err != nil || result == nil {
		return nil, err
	}
	timing, err1 := a.read(name, timingFile)
	if err := errors.Join(err1, json.Unmarshal(result, &e.result), json.Unmarshal(timing, &e.timing)); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", a.path, name, err)
	}
	for _, f := range []struct {
		name string
		into *[]byte
	}{{weightsFile, &e.snapshot.Weights}, {momentumFile, &e.snapshot.Momentum}, {stateFile, &e.snapshot.State}, {metricsFile, &e.snapshot.Metrics}} {
		if *f.into, err = a.read(name, f.name); err != nil {
			return nil, err
		}
	}
	e.snapshot.Seconds = e.timing.Train
	for readout := range e.result.Students {
		if e.students[readout], err = a.read(name, fmt.Sprintf(studentFile, readout)); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// digestOf returns the comment of a shard's archive.
func digestOf(path string) (digest, error) {
	var d digest
	data, err := tail(path, maxComment+22)
	if err != nil {
		return d, err
	}
	const end, head = "PK\x05\x06", 22 // of the directory's end, which the comment follows
	if i := bytes.LastIndex(data, []byte(end)); i >= 0 && len(data) >= i+head {
		err = json.Unmarshal(data[i+head:], &d)
	} else {
		err = errors.New("not a shard")
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}
