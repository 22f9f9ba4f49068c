package sweep

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"radd/analysis"
	"radd/internal/input"
	"radd/internal/strictyaml"
	"radd/train"
)

// File is a sweep as its YAML file describes it. The sweep's networks are those
// of every item of the list, spanned with the grid.
type File struct {
	Out     string           `yaml:"out"`     // folder, relative to the file's
	Base    train.Config     `yaml:"base"`    // what grid and list do not set
	Grid    map[string]any   `yaml:"grid"`    // values by key
	List    []map[string]any `yaml:"list"`    // grids, one after the other
	Rollout Rollout          `yaml:"rollout"` // of every network
	Distill []string         `yaml:"distill"` // readouts to distil by RADD: full, pca
	Shard   int              `yaml:"shard"`   // networks in a shard; 0 means as many as take about ten minutes, a sixteenth of the sweep at most
	Slurm   Slurm            `yaml:"slurm"`
}

// Rollout is the session that every trained network plays.
type Rollout struct {
	Blocks int    `yaml:"blocks"` // 0 means no rollout
	Seed   uint64 `yaml:"seed"`
}

// Slurm is what a cluster is asked for, for one task of the job array.
type Slurm struct {
	Tasks     int      `yaml:"tasks"`     // at most; 0 means one for every two hours of estimated time, up to 100
	Parallel  int      `yaml:"parallel"`  // tasks at once; 0 means no limit
	Partition string   `yaml:"partition"` // "" is the cluster's default
	Time      string   `yaml:"time"`      // as sbatch takes it
	Cores     int      `yaml:"cores"`
	Memory    string   `yaml:"memory"`
	GPUs      int      `yaml:"gpus"`
	Warning   int      `yaml:"warning"` // seconds before the time limit at which a task stops behind a checkpoint
	Options   []string `yaml:"options"` // further options of sbatch, such as --account=lab
}

// maxNetworks is the most networks of a sweep.
const maxNetworks = 100_000_000

// ReadFile reads and checks a sweep's file. Every fault is an *input.Error.
func ReadFile(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &input.Error{File: path, Cause: err}
	}
	return Parse(path, data)
}

// Parse reads and checks a sweep's text; path is where it stands, for relative
// folders and for errors.
func Parse(path string, data []byte) (*File, error) {
	rollout := train.DefaultRolloutConfig()
	f := &File{Base: train.DefaultConfig(), Rollout: Rollout{rollout.Blocks, rollout.Seed}, Distill: []string{string(analysis.Full)},
		Slurm: Slurm{Time: "24:00:00", Cores: 1, Memory: "2G", Warning: 120}}
	if err := strictyaml.Decode(path, data, f); err != nil {
		return nil, err
	}
	bad := func(field, found, allowed string) error {
		return &input.Error{File: path, Field: field, Found: found, Allowed: allowed}
	}
	switch s := f.Slurm; {
	case f.Out == "":
		return nil, bad("out", "nothing", "the sweep's folder")
	case f.Shard < 0 || f.Shard > 1<<16:
		return nil, bad("shard", fmt.Sprint(f.Shard), "0 to 65536 networks")
	case f.Rollout.Blocks < 0:
		return nil, bad("rollout.blocks", fmt.Sprint(f.Rollout.Blocks), "0 or more")
	case len(f.Distill) > 0 && f.Rollout.Blocks == 0:
		return nil, bad("distill", strings.Join(f.Distill, ", "), "[] without a rollout")
	case s.Tasks < 0 || s.Parallel < 0 || s.GPUs < 0:
		return nil, bad("slurm", "a number below 0", "tasks, parallel and gpus of 0 or more")
	case s.Cores < 1:
		return nil, bad("slurm.cores", fmt.Sprint(s.Cores), "1 or more")
	case s.Warning < 1:
		return nil, bad("slurm.warning", fmt.Sprint(s.Warning), "1 second or more")
	}
	for _, x := range append([]string{f.Slurm.Partition, f.Slurm.Time, f.Slurm.Memory}, f.Slurm.Options...) {
		if strings.ContainsAny(x, "\n\r") {
			return nil, bad("slurm", fmt.Sprintf("%q", x), "one line")
		}
	}
	for i, kind := range f.Distill {
		if kinds := []analysis.Kind{analysis.Full, analysis.PCA}; !slices.Contains(kinds, analysis.Kind(kind)) || slices.Contains(f.Distill[:i], kind) {
			return nil, bad("distill", kind, "full and pca, each once")
		}
	}
	if !filepath.IsAbs(f.Out) {
		f.Out = filepath.Join(filepath.Dir(path), f.Out)
	}
	return f, nil
}

// axis is a key with its values.
type axis struct {
	key    string
	pieces []piece
}

// piece is one value, or whole numbers that follow each other.
type piece struct {
	text         string
	first, count uint64 // of a range; a count of 0 is the text
}

func (p piece) len() int { return int(max(1, p.count)) }

// value returns the text of the piece's value i.
func (p piece) value(i int) string {
	if p.count == 0 {
		return p.text
	}
	return strconv.FormatUint(p.first+uint64(i), 10)
}

func (a *axis) len() int {
	n := 0
	for _, p := range a.pieces {
		n += p.len()
	}
	return n
}

// value returns the text of value i.
func (a *axis) value(i int) string {
	for _, p := range a.pieces {
		if i < p.len() {
			return p.value(i)
		}
		i -= p.len()
	}
	panic("sweep: no such value")
}

// ends returns the places of the pieces' first and last values: what lies
// between two numbers that can be used can be used too.
func (a *axis) ends() []int {
	var list []int
	at := 0
	for _, p := range a.pieces {
		list = append(list, at)
		if at += p.len(); p.len() > 1 {
			list = append(list, at-1)
		}
	}
	return list
}

// twice returns a value that two pieces have, "" where there is none.
func (a *axis) twice(k train.Key, source string) (string, error) {
	seen := map[string]bool{}
	for _, p := range a.pieces {
		for _, i := range []int{0, p.len() - 1}[:min(2, p.len())] {
			c := train.DefaultConfig()
			if err := c.Set(source, a.key, p.value(i)); err != nil {
				return "", err
			}
			is := fmt.Sprint(k.Value(&c))
			if seen[is] {
				return is, nil
			}
			seen[is] = true
			if n, err := strconv.ParseUint(is, 10, 64); err == nil {
				for _, q := range a.pieces {
					if q.count > 0 && q != p && n >= q.first && n < q.first+q.count {
						return is, nil
					}
				}
			}
		}
	}
	return "", nil
}

// Grid is the networks of a sweep's file, in order. Within an item of the list
// the last key of the configuration runs fastest, and hidden, dtype and
// gradient-steps slowest, so that networks of one cost follow each other.
type Grid struct {
	base  train.Config
	items [][]axis
	start []int // of the items; one more: the number of networks
}

// Span spans the file's networks. It checks that every one of the values can be
// used, and some of the networks; At checks them all.
func (f *File) Span(path string) (*Grid, error) {
	g := &Grid{base: f.Base, start: []int{0}}
	list := f.List
	if len(list) == 0 {
		list = []map[string]any{nil}
	}
	for i, item := range list {
		axes, err := spanned(path, "grid", f.Grid)
		if err != nil {
			return nil, err
		}
		more, err := spanned(path, fmt.Sprintf("list.%d", i+1), item)
		if err != nil {
			return nil, err
		}
		for _, a := range more {
			if _, both := f.Grid[a.key]; both {
				return nil, &input.Error{File: path, Field: fmt.Sprintf("list.%d.%s", i+1, a.key), Found: "a key of the grid", Do: "leave it to one of them"}
			}
		}
		axes = append(axes, more...)
		slices.SortFunc(axes, func(a, b axis) int { return rank(a.key) - rank(b.key) })
		n := 1
		for _, a := range axes {
			if n *= a.len(); n > maxNetworks {
				return nil, &input.Error{File: path, Found: "too many networks", Allowed: fmt.Sprintf("up to %d", maxNetworks)}
			}
		}
		g.items = append(g.items, axes)
		g.start = append(g.start, g.start[i]+n)
	}
	for i := range g.items { // every value once, with the first of the others
		for d := range g.items[i] {
			for _, v := range g.items[i][d].ends() {
				if _, err := g.At(g.start[i] + v*g.stride(i, d)); err != nil {
					return nil, train.InFile(path, err)
				}
			}
		}
		if len(g.items[i]) == 0 {
			if _, err := g.At(g.start[i]); err != nil {
				return nil, train.InFile(path, err)
			}
		}
	}
	return g, nil
}

// rank orders keys: size, dtype and length, then those of the configuration, seeds last.
func rank(key string) int {
	for i, first := range []string{"hidden", "dtype", "gradient-steps"} {
		if key == first {
			return i - 3
		}
	}
	keys := train.Keys()
	if key == "seed" {
		return len(keys)
	}
	return slices.IndexFunc(keys, func(k train.Key) bool { return k.Name == key })
}

// spanned returns the keys of a grid with their values as texts.
func spanned(path, where string, grid map[string]any) ([]axis, error) {
	var axes []axis
	for key, value := range grid {
		field := where + "." + key
		i := slices.IndexFunc(train.Keys(), func(k train.Key) bool { return k.Name == key })
		if i < 0 {
			c := train.DefaultConfig()
			return nil, train.InFile(path, c.Set(path, key, ""))
		}
		k := train.Keys()[i]
		pieces, err := piecesOf(value, k.Type() == "list of numbers")
		if err != nil {
			return nil, &input.Error{File: path, Field: field, Found: err.Error(), Allowed: "values of the key in a list, or whole numbers as FIRST..LAST"}
		}
		if !k.Identity && key != "gradient-steps" && key != "teacher" { // a teacher's sum is of the identity
			return nil, &input.Error{File: path, Field: field, Found: "a key that makes no other network", Do: "set it under base"}
		}
		a := axis{key, pieces}
		twice, err := a.twice(k, path)
		if err != nil {
			return nil, err
		}
		if twice != "" {
			return nil, &input.Error{File: path, Field: field, Found: "the value " + twice + " twice"}
		}
		axes = append(axes, a)
	}
	slices.SortFunc(axes, func(a, b axis) int { return strings.Compare(a.key, b.key) })
	return axes, nil
}

// piecesOf returns a key's values: one, a range, or a list of them.
func piecesOf(value any, lists bool) ([]piece, error) {
	items, isList := value.([]any)
	if !isList || lists && !slices.ContainsFunc(items, func(x any) bool { _, is := x.([]any); return is }) {
		items = []any{value}
	}
	var pieces []piece
	for _, x := range items {
		if s, is := x.(string); is {
			if first, last, is := strings.Cut(s, ".."); is {
				a, errA := strconv.ParseUint(first, 10, 63)
				b, errB := strconv.ParseUint(last, 10, 63)
				if errA != nil || errB != nil || b < a || b-a >= maxNetworks {
					return nil, fmt.Errorf("the range %q", s)
				}
				pieces = append(pieces, piece{first: a, count: b - a + 1})
				continue
			}
		}
		t, err := textOf(x)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, piece{text: t})
	}
	if len(pieces) == 0 {
		return nil, fmt.Errorf("no values")
	}
	return pieces, nil
}

func textOf(x any) (string, error) {
	switch x := x.(type) {
	case string:
		return x, nil
	case int, int64, uint64:
		return fmt.Sprint(x), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case []any:
		var parts []string
		for _, y := range x {
			t, err := textOf(y)
			if err != nil {
				return "", err
			}
			parts = append(parts, t)
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	}
	return "", fmt.Errorf("%v, no number or text", x)
}

// Len is the number of networks.
func (g *Grid) Len() int { return g.start[len(g.items)] }

// stride is the distance of two networks of an item that differ by one in the axis.
func (g *Grid) stride(item, axis int) int {
	n := 1
	for _, a := range g.items[item][axis+1:] {
		n *= a.len()
	}
	return n
}

// At returns the configuration of network i, from 0, resolved, or an *input.Error.
func (g *Grid) At(i int) (train.Config, error) {
	c := g.base
	item := 0
	for i >= g.start[item+1] {
		item++
	}
	i -= g.start[item]
	for d, a := range g.items[item] {
		if err := c.Set("", a.key, a.value(i/g.stride(item, d)%a.len())); err != nil {
			return c, err
		}
	}
	c, err := c.Resolve()
	if err == nil && c.Engine != "fused" {
		err = &input.Error{Field: "engine", Found: c.Engine, Allowed: "fused, to train"}
	}
	if err != nil {
		return c, err
	}
	return c.Summed()
}

// block returns the end of the networks from i on that have its size, dtype and
// length.
func (g *Grid) block(i int) int {
	item := 0
	for i >= g.start[item+1] {
		item++
	}
	stride := g.start[item+1] - g.start[item]
	for _, a := range g.items[item] {
		if a.key == "hidden" || a.key == "dtype" || a.key == "gradient-steps" { // the slowest
			stride /= a.len()
		}
	}
	return g.start[item] + ((i-g.start[item])/stride+1)*stride
}

// varied returns the keys that the sweep varies, in the order of the configuration.
func (g *Grid) varied() []string {
	var keys []string
	for _, k := range train.Keys() {
		seen := map[string]bool{}
		for _, item := range g.items {
			text := ""
			for _, a := range item {
				if a.key == k.Name {
					for _, v := range a.ends() {
						seen[a.value(v)] = true
					}
					text = a.key
				}
			}
			if text == "" {
				seen[fmt.Sprint(k.Value(&g.base))] = true
			}
		}
		if len(seen) > 1 {
			keys = append(keys, k.Name)
		}
	}
	return keys
}

// Name returns the name of a network: its size, objective and seed, and twelve
// hexadecimal digits of the SHA-256 of all that decides its training. It does not
// depend on what else a sweep holds.
func Name(c *train.Config) string {
	return fmt.Sprintf("n%d-%s-seed%d-%012x", c.Hidden, c.Objective, c.Seed, fingerprint(c))
}

// fingerprint is the first 48 bits of the SHA-256 of all that decides a network's
// training.
func fingerprint(c *train.Config) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", c.Identity(), c.GradientSteps))
	return binary.BigEndian.Uint64(sum[:]) >> 16
}
