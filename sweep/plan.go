package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/train"
)

// Folders of a sweep.
const (
	plansDir  = "plans"
	shardsDir = "shards"
	workDir   = "work"
	claimsDir = "claims"
)

// plan is a file in plans/: a sweep's file as it was, and the networks of it
// that were added to the folder then, as shards.
type plan struct {
	Sweep  string     `json:"sweep"`
	Shards [][][2]int `json:"shards"` // of each, its networks: from and to (exclusive) in the grid's order

	file *File
	grid *Grid
}

// shard is one shard of a plan.
type shard struct {
	id     string
	plan   *plan
	ranges [][2]int
}

// networks is how many the shard has.
func (s *shard) networks() int {
	n := 0
	for _, r := range s.ranges {
		n += r[1] - r[0]
	}
	return n
}

// indices returns the networks' places in the plan's grid.
func (s *shard) indices() []int {
	var list []int
	for _, r := range s.ranges {
		for i := r[0]; i < r[1]; i++ {
			list = append(list, i)
		}
	}
	return list
}

// configs returns the networks' configurations.
func (s *shard) configs() ([]train.Config, error) {
	var list []train.Config
	for _, i := range s.indices() {
		c, err := s.plan.grid.At(i)
		if err != nil {
			return nil, fmt.Errorf("network %d of plan %s: %w", i, s.id[:4], err)
		}
		list = append(list, c)
	}
	return list, nil
}

// Sweep is a sweep's folder and the file that asks for its networks.
type Sweep struct {
	*File
	Path   string
	text   []byte
	grid   *Grid
	shards []*shard
	plans  []*plan
}

// Open reads a sweep's file and the plans in its folder, and writes nothing.
// Faults of the file are *input.Errors.
func Open(path string) (*Sweep, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	s := &Sweep{Path: path, text: text}
	if s.File, err = Parse(path, text); err != nil {
		return nil, err
	}
	if s.grid, err = s.Span(path); err != nil {
		return nil, err
	}
	return s, s.readPlans()
}

// Networks is how many networks the file asks for.
func (s *Sweep) Networks() int { return s.grid.Len() }

func (s *Sweep) readPlans() error {
	s.plans, s.shards = nil, nil
	for k := 1; ; k++ {
		path := filepath.Join(s.Out, plansDir, fmt.Sprintf("%04d.json", k))
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		p := &plan{}
		if err := json.Unmarshal(data, p); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if p.file, err = Parse(path, []byte(p.Sweep)); err != nil {
			return err
		}
		if p.grid, err = p.file.Span(path); err != nil {
			return err
		}
		if a, b := fmt.Sprint(p.file.Rollout, p.file.Distill), fmt.Sprint(s.File.Rollout, s.File.Distill); a != b {
			return &input.Error{File: s.Path, Field: "rollout, distill", Found: b, Allowed: a + ", as the sweep was started with", Do: "choose another out"}
		}
		s.plans = append(s.plans, p)
		s.shards = append(s.shards, p.list(k)...)
	}
}

// list returns the shards of plan k, from 1.
func (p *plan) list(k int) []*shard {
	var list []*shard
	for i, ranges := range p.Shards {
		list = append(list, &shard{fmt.Sprintf("%04d-%06d", k, i), p, ranges})
	}
	return list
}

// missing returns the networks of the file that no plan has, as ranges.
func (s *Sweep) missing() ([][2]int, error) {
	if len(s.plans) == 0 && len(s.grid.items) == 1 {
		return [][2]int{{0, s.grid.Len()}}, nil
	}
	if len(s.plans) > 0 && s.plans[len(s.plans)-1].Sweep == string(s.text) {
		return nil, nil
	}
	known := map[uint64]bool{}
	for _, sh := range s.shards {
		configs, err := sh.configs()
		if err != nil {
			return nil, err
		}
		for i := range configs {
			known[fingerprint(&configs[i])] = true
		}
	}
	var ranges [][2]int
	for i := range s.grid.Len() {
		c, err := s.grid.At(i)
		if err != nil {
			return nil, train.InFile(s.Path, err)
		}
		if f := fingerprint(&c); known[f] {
			continue
		} else {
			known[f] = true
		}
		if n := len(ranges); n > 0 && ranges[n-1][1] == i {
			ranges[n-1][1]++
		} else {
			ranges = append(ranges, [2]int{i, i + 1})
		}
	}
	return ranges, nil
}

// narrow leaves the shards that have a network which the file asks for.
func (s *Sweep) narrow() error {
	asked := map[uint64]bool{}
	for i := range s.grid.Len() {
		c, err := s.grid.At(i)
		if err != nil {
			return train.InFile(s.Path, err)
		}
		asked[fingerprint(&c)] = true
	}
	var some []*shard
	for _, sh := range s.shards {
		configs, err := sh.configs()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(configs, func(c train.Config) bool { return asked[fingerprint(&c)] }) {
			some = append(some, sh)
		}
	}
	s.shards = some
	return nil
}

// Extent is how large a sweep is, of the networks that are not planned yet or of
// all.
type Extent struct {
	Networks      int     `json:"networks"`
	GradientSteps int64   `json:"gradient_steps"`
	Bytes         int64   `json:"bytes"`        // of the shards
	CoreSeconds   float64 `json:"core_seconds"` // of training and rollouts, estimated
}

// blocks calls do for every run of networks of the ranges that are alike in size, dtype
// and length, with one of their configurations.
func (g *Grid) blocks(ranges [][2]int, do func(from, to int, c train.Config) error) error {
	for _, r := range ranges {
		for from := r[0]; from < r[1]; {
			to := min(r[1], g.block(from))
			c, err := g.At(from)
			if err != nil {
				return err
			}
			if err := do(from, to, c); err != nil {
				return err
			}
			from = to
		}
	}
	return nil
}

// Extent returns the size of the whole sweep, with the time by timing each size
// of network here.
func (s *Sweep) Extent(ctx context.Context) (Extent, error) {
	var e Extent
	speeds := speeds{}
	err := s.grid.blocks([][2]int{{0, s.grid.Len()}}, func(from, to int, c train.Config) error {
		seconds, err := s.cost(ctx, c, speeds)
		n := to - from
		e.Networks += n
		e.GradientSteps += int64(n) * int64(c.GradientSteps)
		e.Bytes += int64(n) * size(&c)
		e.CoreSeconds += float64(n) * seconds
		return err
	})
	return e, err
}

// size is the bytes that a network takes in a shard, about: weights and momentum,
// a row of metrics after compression, and the rest.
func size(c *train.Config) int64 {
	n, width := int64(c.Hidden), int64(4)
	if c.Dtype == "f64" {
		width = 8
	}
	const row, rest = 30, 8000
	return 2*width*(n*n+7*n+2) + row*int64(c.GradientSteps/c.MetricsEvery+1) + rest
}

// speeds are the seconds per RNN step by size and dtype.
type speeds map[string]float64

// trainedSteps is the RNN steps of a trial that networks come down to soon: the
// paper's take between 3 and 5.
const trainedSteps = 5

// timedSteps are the gradient steps whose median a size's speed is, fewer where
// they take longer than timedFor.
const (
	timedSteps = 15
	timedFor   = 300 * time.Millisecond
)

// cost estimates the seconds of one core that a network takes.
func (s *Sweep) cost(ctx context.Context, c train.Config, known speeds) (float64, error) {
	key := fmt.Sprint(c.Hidden, c.Dtype)
	perStep, ok := known[key]
	if !ok {
		c := c
		c.GradientSteps, c.Device, c.Teacher, c.Init, c.Task.Blocks = 1+timedSteps, "cpu", "", "", 1
		if c.Objective == "soft-cross-entropy" {
			c.Objective = "cross-entropy"
		}
		f, err := train.OpenFleet([]train.Config{c}, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		f.Advance(ctx, []int{0}, 1) // the first is slower
		var took []float64
		for begun := time.Now(); len(took) < timedSteps && (len(took) < 3 || time.Since(begun) < timedFor); {
			before := f.State(0)
			f.Advance(ctx, []int{0}, 1)
			after := f.State(0)
			took = append(took, (after.Seconds-before.Seconds)/float64(max(after.RNNSteps-before.RNNSteps, 1)))
		}
		slices.Sort(took)
		perStep = took[len(took)/2]
		known[key] = perStep
	}
	t := &c.Task
	length := 0.0 // of a block, cut off at its maximum
	for k := t.BlockMin; k < t.BlockMax && k < t.BlockMin+100_000; k++ {
		length += math.Pow(1-t.Hazard, float64(k-t.BlockMin))
	}
	block := (float64(t.BlockMin) + length) * float64(min(trainedSteps, t.MaxSteps()))
	steps := float64(c.GradientSteps) * float64(c.Sessions) * float64(t.Blocks) * block
	rollouts := float64(s.Rollout.Blocks) * block
	if len(s.Distill) > 0 {
		rollouts *= 1 + float64(len(s.Distill)) // each has a held-out session
	}
	const rolloutStep = 5e-6 // seconds an RNN step of recording and regression, besides the network's
	return steps*perStep + rollouts*(perStep/3+rolloutStep), nil
}

// draft returns a plan of the networks that no plan has, nil where there are none.
func (s *Sweep) draft(ctx context.Context) (*plan, error) {
	ranges, err := s.missing()
	if err != nil || len(ranges) == 0 {
		return nil, err
	}
	p := &plan{Sweep: string(s.text), file: s.File, grid: s.grid}
	speeds := speeds{}
	total := 0
	for _, r := range ranges {
		total += r[1] - r[0]
	}
	var open [][2]int // the shard that is being filled
	room, alike := 0, ""
	err = s.grid.blocks(ranges, func(from, to int, c train.Config) error {
		most := s.Shard
		if most == 0 {
			seconds, err := s.cost(ctx, c, speeds)
			if err != nil {
				return err
			}
			const worth, limit, programs = 600, 1024, 16 // seconds; networks; that can share the work
			most = int(max(1, min(limit, worth/seconds, float64(total)/programs)))
		}
		if kind := fmt.Sprint(c.Hidden, c.Dtype); kind != alike {
			if len(open) > 0 {
				p.Shards = append(p.Shards, open)
			}
			open, room, alike = nil, most, kind
		}
		for from < to {
			n := min(room, to-from)
			open = append(open, [2]int{from, from + n})
			from, room = from+n, room-n
			if room == 0 {
				p.Shards = append(p.Shards, open)
				open, room = nil, most
			}
		}
		return nil
	})
	if len(open) > 0 {
		p.Shards = append(p.Shards, open)
	}
	return p, err
}

// Plan adds the networks that no plan has to the folder, if there are any.
func (s *Sweep) Plan(ctx context.Context) error {
	for {
		p, err := s.draft(ctx)
		if err != nil || p == nil {
			return err
		}
		data, err := json.Marshal(p)
		if err != nil {
			return err
		}
		for _, dir := range []string{plansDir, shardsDir, workDir, claimsDir} {
			if err := os.MkdirAll(filepath.Join(s.Out, dir), 0o755); err != nil {
				return err
			}
		}
		won, err := commit(filepath.Join(s.Out, plansDir, fmt.Sprintf("%04d.json", len(s.plans)+1)), func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(data))
			return err
		})
		if err != nil {
			return err
		}
		if err := s.readPlans(); err != nil || won {
			return err
		}
	}
}

// commit makes the file at path, unless another program has done so: then won is
// false, and what was written is dropped. The temporary lies in the sweep's
// folder work/.
func commit(path string, write func(io.Writer) error) (won bool, err error) {
	temp := filepath.Join(filepath.Dir(filepath.Dir(path)), workDir, fmt.Sprintf(".commit-%016x", rand.Uint64()))
	if err := atomicfs.WriteFile(atomicfs.OS, temp, write); err != nil {
		return false, err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil {
		// NFS may have done it and lost the answer: then the file has two names.
		if stat, statErr := os.Stat(temp); statErr != nil || links(stat) != 2 {
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
			return false, err
		}
	}
	return true, atomicfs.OS.SyncDir(filepath.Dir(path))
}

func links(stat fs.FileInfo) uint64 {
	if s, ok := stat.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 0
}

// published returns the ids of the shards that are finished.
func (s *Sweep) published() (map[string]bool, error) { return s.listed(shardsDir, ".zip") }

// listed returns the names in one of the sweep's folders, without their ending.
func (s *Sweep) listed(dir, ending string) (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(s.Out, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := map[string]bool{}
	for _, e := range entries {
		if name, is := strings.CutSuffix(e.Name(), ending); is && !strings.HasPrefix(name, ".") {
			names[name] = true
		}
	}
	return names, nil
}

func (s *Sweep) path(dir string, sh *shard, ending string) string {
	return filepath.Join(s.Out, dir, sh.id+ending)
}
