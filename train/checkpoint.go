package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/kernels"
)

// Files of a run's folder.
const (
	configFile     = "config.yaml"
	manifestFile   = "manifest.json"
	weightsFile    = "weights.safetensors"
	metricsFile    = "metrics.csv"
	timingFile     = "timing.csv"
	eventsFile     = "events.out.tfevents.radd"
	logFile        = "log.jsonl"
	lockFile       = ".lock"
	checkpointsDir = "checkpoints"
	evidenceDir    = "non-finite"
)

// Files of a checkpoint's folder, beside weightsFile.
const (
	momentumFile = "momentum.safetensors"
	stateFile    = "state.json"
	sumsFile     = "SHA256SUMS"
)

const formatVersion = "1"

// state is what a checkpoint holds besides weights and momentum. Randomness is
// counter-based, so the gradient step is all of the generator's state. It holds
// no clock readings: the bytes of a checkpoint depend on the run alone.
type state struct {
	FormatVersion string           `json:"format_version"`
	Identity      string           `json:"identity"` // SHA-256 of what makes the run this run
	Info          kernels.Info     `json:"computed_by"`
	GradientStep  int              `json:"gradient_step"`
	RNNSteps      int64            `json:"rnn_steps"` // over all gradient steps
	Trials        int64            `json:"trials"`
	Recent        []kernels.Record `json:"recent"` // of the last gradient steps, up to recentSteps
}

// recentSteps is the number of gradient steps that running averages go over.
const recentSteps = 100

// add takes in one gradient step.
func (s *state) add(r kernels.Record) {
	s.GradientStep++
	s.RNNSteps += int64(r.RNNSteps)
	s.Trials += int64(r.Trials)
	if len(s.Recent) == recentSteps {
		copy(s.Recent, s.Recent[1:])
		s.Recent = s.Recent[:recentSteps-1]
	}
	s.Recent = append(s.Recent, r)
}

// Identity is the SHA-256, in hexadecimal, of the keys that make the run this
// run: those without its length, device, jobs and display settings.
func (c *Config) Identity() string { return c.identity() }

// identity is the SHA-256 of the keys that make the run this run. Those at their
// defaults do not enter, so that a key that a later version adds makes no other
// run of one that does without.
func (c *Config) identity() string {
	h := sha256.New()
	usual := usualValues()
	for i, k := range allKeys() {
		if !k.Identity {
			continue
		}
		if is := fmt.Sprint(k.Value(c)); is != usual[i] {
			fmt.Fprintf(h, "%s: %s\n", k.Name, is)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// usualValues are the defaults of all keys, resolved, as texts.
var usualValues = sync.OnceValue(func() []string {
	c, err := DefaultConfig().Resolve()
	if err != nil {
		panic("train: defaults that cannot be used")
	}
	var texts []string
	for _, k := range allKeys() {
		texts = append(texts, fmt.Sprint(k.Value(&c)))
	}
	return texts
})

func checkpointName(step int) string { return fmt.Sprintf("step-%09d", step) }

// checkpointStep is the inverse of checkpointName.
func checkpointStep(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "step-")
	step, err := strconv.Atoi(digits)
	return step, ok && err == nil && name == checkpointName(step)
}

// checkpointSteps returns the steps of the checkpoints in the run's folder,
// newest first.
func checkpointSteps(fsys atomicfs.FS, dir string) ([]int, error) {
	entries, err := fsys.ReadDir(filepath.Join(dir, checkpointsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var steps []int
	for _, e := range entries {
		if step, ok := checkpointStep(e.Name()); ok {
			steps = append(steps, step)
		}
	}
	slices.SortFunc(steps, func(a, b int) int { return b - a })
	return steps, err
}

// file is a file of a checkpoint.
type file struct {
	name string
	data []byte
}

// checkpointFiles returns the files of a checkpoint of the network: weights,
// momentum, state and sums.
func checkpointFiles[F kernels.Float](cfg *Config, layout []kernels.Parameter, net *kernels.Network[F], s *state) ([]file, error) {
	var weights, momentum bytes.Buffer
	if err := kernels.WriteParameters(&weights, layout, net.Theta, weightsMeta(cfg, net.Step)); err != nil {
		return nil, err
	}
	if err := kernels.WriteParameters(&momentum, momentLayout(layout, net), net.Velocity, weightsMeta(cfg, net.Step)); err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return summed(file{weightsFile, weights.Bytes()}, file{momentumFile, momentum.Bytes()}, file{stateFile, append(text, '\n')}), nil
}

// summed returns the files with the one of their sums.
func summed(files ...file) []file {
	var sums strings.Builder
	for _, f := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.data), f.name)
	}
	return append(files, file{sumsFile, []byte(sums.String())})
}

// save publishes a checkpoint of the network: a folder that appears whole or
// not at all. It returns the bytes of its weights' file.
func save[F kernels.Float](fsys atomicfs.FS, dir string, cfg *Config, layout []kernels.Parameter, net *kernels.Network[F], s *state) ([]byte, error) {
	files, err := checkpointFiles(cfg, layout, net, s)
	if err != nil {
		return nil, err
	}
	return files[0].data, publish(fsys, dir, net.Step, files)
}

// publish puts a checkpoint's files into their folder in the run's.
func publish(fsys atomicfs.FS, dir string, step int, files []file) error {
	parent := filepath.Join(dir, checkpointsDir)
	if err := fsys.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	return atomicfs.ReplaceDir(fsys, filepath.Join(parent, checkpointName(step)), func(staging string) error {
		for _, f := range files {
			if err := atomicfs.WriteBytes(fsys, filepath.Join(staging, f.name), f.data); err != nil {
				return err
			}
		}
		return nil
	})
}

// prune removes the checkpoints before the newest intact ones. Those beyond the
// newest step, which load has passed over, are no reason to remove one.
func prune(fsys atomicfs.FS, dir string, newest, keep int) error {
	steps, err := checkpointSteps(fsys, dir)
	for _, step := range steps {
		path := filepath.Join(dir, checkpointsDir, checkpointName(step))
		if keep == 0 {
			err = errors.Join(err, fsys.RemoveAll(path))
		} else if _, broken := verified(fsys, path); step <= newest && broken == nil {
			keep--
		}
	}
	return err
}

// load assigns the newest intact checkpoint to the network and returns its
// state and the bytes of its weights' file, or nil where there is no checkpoint
// at all. Checkpoints that are not intact are passed over with a warning; where
// none is intact, that is an error.
func load[F kernels.Float](fsys atomicfs.FS, dir string, cfg *Config, layout []kernels.Parameter, net *kernels.Network[F], log *slog.Logger) (*state, []byte, error) {
	if err := atomicfs.Recover(fsys, filepath.Join(dir, checkpointsDir)); err != nil {
		return nil, nil, err
	}
	steps, err := checkpointSteps(fsys, dir)
	if err != nil || len(steps) == 0 {
		return nil, nil, err
	}
	for _, step := range steps {
		path := filepath.Join(dir, checkpointsDir, checkpointName(step))
		s, weights, err := loadOne(fsys, path, cfg.identity(), layout, net)
		if errors.Is(err, errForeign) {
			return nil, nil, &input.Error{File: path, Found: errForeign.Error(),
				Do: "put the run's own " + configFile + " and checkpoints back, or train into another folder"}
		}
		if err != nil {
			log.Warn("passing over a checkpoint that is not intact", "checkpoint", path, "error", err)
			continue
		}
		return s, weights, nil
	}
	return nil, nil, &input.Error{File: filepath.Join(dir, checkpointsDir),
		Found: fmt.Sprintf("%d checkpoints, none of them intact", len(steps)),
		Do:    "restore one from a backup, or remove them all to train from the start"}
}

var errForeign = errors.New("a checkpoint of another configuration")

// loadOne reads one checkpoint and assigns it to the network. The error is
// errForeign where it is intact and not of this identity.
func loadOne[F kernels.Float](fsys atomicfs.FS, path, identity string, layout []kernels.Parameter, net *kernels.Network[F]) (*state, []byte, error) {
	files, err := verified(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	var s state
	if err := json.Unmarshal(files[stateFile], &s); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", stateFile, err)
	}
	if s.FormatVersion != formatVersion {
		return nil, nil, fmt.Errorf("%s: format version %q, where this program reads %s", stateFile, s.FormatVersion, formatVersion)
	}
	if s.Identity != identity { // before its shape, which may be another's too
		return nil, nil, errForeign
	}
	theta, err := kernels.ReadParameters(filepath.Join(path, weightsFile), layout)
	if err != nil {
		return nil, nil, err
	}
	velocity, err := kernels.ReadParameters(filepath.Join(path, momentumFile), momentLayout(layout, net))
	if err != nil {
		return nil, nil, err
	}
	copy(net.Theta, convert[F](theta))
	copy(net.Velocity, convert[F](velocity))
	net.Step = s.GradientStep
	return &s, files[weightsFile], nil
}

// verified reads a checkpoint's files and holds them to their sums.
func verified(fsys atomicfs.FS, path string) (map[string][]byte, error) {
	sums, err := readBytes(fsys, filepath.Join(path, sumsFile))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for line := range strings.Lines(string(sums)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || name != filepath.Base(name) {
			return nil, fmt.Errorf("%s: not a line of sums: %q", sumsFile, line)
		}
		data, err := readBytes(fsys, filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != sum {
			return nil, fmt.Errorf("%s: SHA-256 is %s where %s says %s", name, got, sumsFile, sum)
		}
		files[name] = data
	}
	for _, name := range []string{weightsFile, momentumFile, stateFile} {
		if files[name] == nil {
			return nil, fmt.Errorf("%s: %s is not listed", sumsFile, name)
		}
	}
	return files, nil
}

// momentLayout names the solver's moments: the first as the parameters, a second
// with square/ before it.
func momentLayout[F kernels.Float](layout []kernels.Parameter, net *kernels.Network[F]) []kernels.Parameter {
	size := len(net.Theta)
	if len(net.Velocity) == size {
		return layout
	}
	both := slices.Clone(layout)
	for _, p := range layout {
		both = append(both, kernels.Parameter{Name: "square/" + p.Name, Shape: p.Shape, Start: size + p.Start, End: size + p.End})
	}
	return both
}

func convert[F, G kernels.Float](v []G) []F {
	w := make([]F, len(v))
	for i, x := range v {
		w[i] = F(x)
	}
	return w
}

func readBytes(fsys atomicfs.FS, path string) ([]byte, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
