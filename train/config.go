package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"radd/graph"
	"radd/internal/input"
	"radd/internal/strictyaml"
	"radd/kernels"
	"radd/task"
)

// Config is everything that decides a training run. The YAML names are the
// configuration's keys and the long flags' names.
type Config struct {
	Hidden            int         `yaml:"hidden"`
	GradientSteps     int         `yaml:"gradient-steps"`
	Objective         string      `yaml:"objective"`
	Reduction         string      `yaml:"reduction"`
	Q                 float64     `yaml:"q"`
	Truncate          int         `yaml:"truncate"`
	LearningRate      float64     `yaml:"lr"`
	Momentum          float64     `yaml:"momentum"`
	Sessions          int         `yaml:"sessions"`
	Seed              uint64      `yaml:"seed"`
	InitSeed          uint64      `yaml:"init-seed"`
	Init              string      `yaml:"init"`
	InitSHA256        string      `yaml:"init-sha256"`
	Teacher           string      `yaml:"teacher"`
	TeacherSHA256     string      `yaml:"teacher-sha256"`
	Dtype             string      `yaml:"dtype"`
	Device            string      `yaml:"device"`
	Engine            string      `yaml:"engine"`
	Unroll            int         `yaml:"unroll"`
	Cell              string      `yaml:"cell"`
	Leak              float64     `yaml:"leak"`
	StateNoise        float64     `yaml:"state-noise"`
	InputMask         string      `yaml:"input-mask"`
	RecurrentMask     string      `yaml:"recurrent-mask"`
	ReadoutMask       string      `yaml:"readout-mask"`
	Excitatory        float64     `yaml:"excitatory"`
	Solver            string      `yaml:"solver"`
	Clip              float64     `yaml:"clip"`
	Jobs              int         `yaml:"jobs"`
	MetricsEvery      int         `yaml:"metrics-every"`
	CheckpointEvery   int         `yaml:"checkpoint-every"`
	CheckpointMinutes float64     `yaml:"checkpoint-minutes"`
	Keep              int         `yaml:"keep"`
	Task              task.Config `yaml:"task"`
}

// DefaultConfig returns the paper's run: 50 hidden units, 5,000 gradient steps.
func DefaultConfig() Config {
	paper := task.DefaultConfig()
	paper.StrengthProbabilities = nil // uniform over whatever strengths are set
	return Config{
		Hidden:            50,
		GradientSteps:     5000,
		Objective:         "cross-entropy",
		Reduction:         "mean",
		Q:                 defaultQ,
		LearningRate:      .001,
		Momentum:          .1,
		Sessions:          1,
		Seed:              1,
		Dtype:             "f32",
		Device:            "auto",
		Engine:            "fused",
		Unroll:            graph.DefaultSteps,
		Cell:              "rnn",
		Leak:              .2,
		InputMask:         "none",
		RecurrentMask:     "none",
		ReadoutMask:       "none",
		Solver:            "sgd",
		MetricsEvery:      10,
		CheckpointEvery:   1000,
		CheckpointMinutes: 5,
		Keep:              3,
		Task:              paper,
	}
}

// Key is one key of the configuration: what it means and what it may be.
type Key struct {
	Name     string
	Help     string
	Allowed  string
	Identity bool // two runs that differ in it are two runs

	field func(*Config) any // a pointer to the key's value
	valid func(*Config) bool
}

const maxSteps = math.MaxInt32 // the gradient step is one 32-bit word of the generator's counter

// Keys lists every key of the configuration in the order of the file.
func Keys() []Key { return slices.Clone(allKeys()) }

var allKeys = sync.OnceValue(func() []Key {
	always := func(*Config) bool { return true }
	oneOf := func(field func(*Config) any, values ...string) func(*Config) bool {
		return func(c *Config) bool {
			v := *field(c).(*string)
			for _, w := range values {
				if v == w {
					return true
				}
			}
			return false
		}
	}
	between := func(field func(*Config) any, low, high int) func(*Config) bool {
		return func(c *Config) bool {
			v := *field(c).(*int)
			return v >= low && v <= high
		}
	}
	device := func(c *Config) any { return &c.Device }
	dtype := func(c *Config) any { return &c.Dtype }
	engine := func(c *Config) any { return &c.Engine }
	unroll := func(c *Config) any { return &c.Unroll }
	cell := func(c *Config) any { return &c.Cell }
	solver := func(c *Config) any { return &c.Solver }
	masks := func(field func(*Config) any) func(*Config) bool {
		return func(c *Config) bool {
			m := *field(c).(*string)
			return slices.Contains(graph.Masks, m) && (m == "none" || c.Engine == "unrolled")
		}
	}
	inputMask := func(c *Config) any { return &c.InputMask }
	recurrentMask := func(c *Config) any { return &c.RecurrentMask }
	readoutMask := func(c *Config) any { return &c.ReadoutMask }
	const patterns = "none; diagonal, block-diagonal or first with the engine unrolled"
	objective := func(c *Config) any { return &c.Objective }
	hidden := func(c *Config) any { return &c.Hidden }
	truncate := func(c *Config) any { return &c.Truncate }
	steps := func(c *Config) any { return &c.GradientSteps }
	sessions := func(c *Config) any { return &c.Sessions }
	jobs := func(c *Config) any { return &c.Jobs }
	metrics := func(c *Config) any { return &c.MetricsEvery }
	checkpoint := func(c *Config) any { return &c.CheckpointEvery }
	keep := func(c *Config) any { return &c.Keep }
	keys := []Key{
		{"hidden", "hidden units N", fmt.Sprintf("1 to %d", kernels.MaxN), true, hidden, between(hidden, 1, kernels.MaxN)},
		{"gradient-steps", "gradient steps, one whole session each", fmt.Sprintf("1 to %d", maxSteps), false, steps, between(steps, 1, maxSteps)},
		{"objective", "loss to minimise", "cross-entropy, probability or q-log; soft-cross-entropy with a teacher", true, objective,
			func(c *Config) bool {
				return slices.Contains([]string{"cross-entropy", "probability", qLog, softCrossEntropy}, c.Objective)
			}},
		{"reduction", "sum over a session's observation steps, or that sum divided by all its RNN steps (mean)",
			"mean; sum with cross-entropy only", true, func(c *Config) any { return &c.Reduction },
			func(c *Config) bool {
				_, err := kernels.ParseObjective(c.Objective, c.Reduction, 0) // q is looked at next
				return err == nil || c.Objective == softCrossEntropy && c.Reduction == "mean"
			}},
		{"q", "of the objective q-log, −(a^q − 1)/q of the right action's probability a: 0 is the cross entropy, 1 the probability but for a constant",
			"0 to 1, with the objective q-log", true, func(c *Config) any { return &c.Q },
			func(c *Config) bool { return c.Q == defaultQ || c.Q >= 0 && c.Q <= 1 && c.Objective == qLog }},
		{"truncate", "trials after which backpropagation through time is cut, again and again; 0 means never", "0 or more; 0 with the engine unrolled", true, truncate,
			func(c *Config) bool {
				return c.Truncate == 0 || between(truncate, 0, maxSteps)(c) && c.Engine == "fused"
			}},
		{"lr", "learning rate of SGD", "a finite number above 0", true, func(c *Config) any { return &c.LearningRate },
			func(c *Config) bool { return c.LearningRate > 0 && c.LearningRate <= math.MaxFloat32 }},
		{"momentum", "momentum of SGD", "0 to below 1", true, func(c *Config) any { return &c.Momentum },
			func(c *Config) bool { return c.Momentum >= 0 && c.Momentum < 1 }},
		{"sessions", "sessions of a gradient step; its loss is the mean of theirs", fmt.Sprintf("1 to %d", 1<<16), true, sessions, between(sessions, 1, 1<<16)},
		{"seed", "seed of parameters and sessions", "0 to 18446744073709551615", true, func(c *Config) any { return &c.Seed }, always},
		{"init-seed", "seed of the parameters alone; 0 means that of seed", "0 to 18446744073709551615; 0 with init", true,
			func(c *Config) any { return &c.InitSeed }, func(c *Config) bool { return c.InitSeed == 0 || c.Init == "" }},
		{"init", "weights to start from (.safetensors or .npz) in place of fresh ones", "a file with N = hidden", true, func(c *Config) any { return &c.Init }, always},
		{"init-sha256", "SHA-256 of the weights to start from; filled in when the run starts", "that of the file", true,
			func(c *Config) any { return &c.InitSHA256 }, always},
		{"teacher", "weights (.safetensors or .npz) of a network to learn from by traditional distillation; empty means none",
			"a file, with the objective soft-cross-entropy", false, func(c *Config) any { return &c.Teacher },
			func(c *Config) bool { return (c.Teacher != "") == (c.Objective == softCrossEntropy) }},
		{"teacher-sha256", "SHA-256 of the teacher's weights; filled in when the run starts", "that of the file", true,
			func(c *Config) any { return &c.TeacherSHA256 }, always},
		{"dtype", "floating-point type", "f32 or f64", true, dtype, oneOf(dtype, "f32", "f64")},
		{"device", "what computes", "auto, cpu, gpu or gpu:K", false, device, func(c *Config) bool { return validDevice(c.Device) }},
		{"engine", "fused session op, or the graph unrolled step by step in gorgonia's primitive ops", "fused or unrolled", true, engine, oneOf(engine, "fused", "unrolled")},
		{"unroll", "RNN steps of the unrolled graph; a longer session goes through it again", fmt.Sprintf("1 to %d", graph.MaxSteps), true, unroll, between(unroll, 1, graph.MaxSteps)},
		{"cell", "recurrent cell", "rnn; leaky, gru or lstm with the engine unrolled", true, cell,
			func(c *Config) bool {
				return slices.Contains(graph.Cells, c.Cell) && (c.Cell == "rnn" || c.Engine == "unrolled")
			}},
		{"leak", "of the cell leaky: what an RNN step takes from the present, 1 being all", "above 0, up to 1", true,
			func(c *Config) any { return &c.Leak }, func(c *Config) bool { return c.Leak > 0 && c.Leak <= 1 }},
		{"state-noise", "of the cell leaky: standard deviation of the noise that every unit adds to its input at every RNN step", "0; more with the cell leaky", true,
			func(c *Config) any { return &c.StateNoise }, func(c *Config) bool {
				return c.StateNoise == 0 || c.StateNoise > 0 && c.StateNoise <= math.MaxFloat32 && c.Cell == "leaky"
			}},
		{"input-mask", "connections that the input weights are held to", patterns, true, inputMask, masks(inputMask)},
		{"recurrent-mask", "connections that the recurrent weights are held to", patterns, true, recurrentMask, masks(recurrentMask)},
		{"readout-mask", "connections that the readout's weights are held to", patterns, true, readoutMask, masks(readoutMask)},
		{"excitatory", "fraction of units, the first ones, that excite, the others inhibiting (Dale's principle); 0 leaves signs free",
			"0; up to 1 with the engine unrolled", true, func(c *Config) any { return &c.Excitatory },
			func(c *Config) bool {
				return c.Excitatory == 0 || c.Excitatory > 0 && c.Excitatory <= 1 && c.Engine == "unrolled"
			}},
		{"solver", "what makes an update of a gradient; momentum is of sgd alone", "sgd, adam or rmsprop", true, solver, oneOf(solver, graph.Solvers...)},
		{"clip", "bound of every element of the gradient; 0 means none", "a finite number, 0 or more", true,
			func(c *Config) any { return &c.Clip }, func(c *Config) bool { return c.Clip >= 0 && c.Clip <= math.MaxFloat32 }},
		{"jobs", "sessions computed at once; 0 means one per core", "0 to 4096", false, jobs, between(jobs, 0, 4096)},
		{"metrics-every", "gradient steps between rows of metrics.csv", "1 or more", true, metrics, between(metrics, 1, maxSteps)},
		{"checkpoint-every", "gradient steps between checkpoints", "1 or more", false, checkpoint, between(checkpoint, 1, maxSteps)},
		{"checkpoint-minutes", "minutes after which a checkpoint is due in any case; 0 means never", "0 or more", false,
			func(c *Config) any { return &c.CheckpointMinutes },
			func(c *Config) bool { return c.CheckpointMinutes >= 0 && !math.IsInf(c.CheckpointMinutes, 0) }},
		{"keep", "newest checkpoints that are kept", "1 or more", false, keep, between(keep, 1, maxSteps)},
	}
	for _, k := range task.Keys() {
		keys = append(keys, Key{"task." + k.Name, k.Help, k.Allowed, true,
			func(c *Config) any { return k.Field(&c.Task) }, always}) // task.Config.Resolve checks these
	}
	return keys
})

// Value returns the key's value in c.
func (k Key) Value(c *Config) any { return pointee(k.field(c)) }

// pointee returns the value that a key's pointer points to.
func pointee(p any) any {
	switch p := p.(type) {
	case *int:
		return *p
	case *uint64:
		return *p
	case *float64:
		return *p
	case *string:
		return *p
	case *[]float64:
		return *p
	}
	panic("train: a key of unknown type")
}

// Type names the key's type.
func (k Key) Type() string {
	switch k.field(new(Config)).(type) {
	case *int, *uint64:
		return "integer"
	case *float64:
		return "number"
	case *string:
		return "text"
	}
	return "list of numbers"
}

// Set assigns a key from its text, as on a command line: source names the flag
// or file in errors.
func (c *Config) Set(source, name, text string) error {
	for _, k := range allKeys() {
		if k.Name != name {
			continue
		}
		if err := parse(text, k.field(c)); err != nil {
			return &input.Error{File: source, Field: name, Found: fmt.Sprintf("%q is no %s", text, k.Type()), Allowed: k.Allowed}
		}
		switch name { // another file: the sum that a configuration came with is not its
		case "init":
			c.InitSHA256 = ""
		case "teacher":
			c.TeacherSHA256 = ""
		}
		return nil
	}
	return &input.Error{File: source, Field: name, Found: "no such key" + didYouMean(name), Do: "see radd train --help or docs/configuration.md"}
}

// parse assigns to the value that p points to from its text. A list is numbers
// between commas, in brackets or without.
func parse(text string, p any) (err error) {
	switch p := p.(type) {
	case *string:
		*p = text
	case *int:
		*p, err = strconv.Atoi(text)
	case *uint64:
		*p, err = strconv.ParseUint(text, 10, 64)
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
	case *[]float64:
		var list []float64
		inner := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		for item := range strings.SplitSeq(inner, ",") {
			if strings.TrimSpace(inner) == "" {
				break
			}
			x, err := strconv.ParseFloat(strings.TrimSpace(item), 64)
			if err != nil {
				return err
			}
			list = append(list, x)
		}
		*p = list
	}
	return err
}

// Read assigns the keys of a YAML document; those that it does not name stay
// as they are.
func (c *Config) Read(source string, data []byte) error {
	return strictyaml.Decode(source, data, c)
}

// Resolve returns the configuration with implied values filled in, or an
// *input.Error that names the first key whose value cannot be used.
func (c Config) Resolve() (Config, error) {
	for _, k := range allKeys() {
		if !k.valid(&c) {
			return c, &input.Error{Field: k.Name, Found: fmt.Sprint(k.Value(&c)), Allowed: k.Allowed}
		}
	}
	var err error
	c.Task, err = c.Task.Resolve()
	return c, err
}

// YAML returns the configuration as a file.
func (c Config) YAML() ([]byte, error) { return strictyaml.Encode(c) }

// Differs returns an *input.Error that names the first key in which another
// configuration would be another run.
func (c *Config) Differs(other *Config) error {
	for _, k := range allKeys() {
		is, would := fmt.Sprint(k.Value(c)), fmt.Sprint(k.Value(other))
		if k.Identity && is != would {
			return &input.Error{Field: k.Name, Found: cmp.Or(would, "none"), Allowed: cmp.Or(is, "none") + ", as the run was started with",
				Do: "train another run into another folder"}
		}
	}
	return nil
}

const (
	softCrossEntropy = "soft-cross-entropy" // the objective of a network that has a teacher
	qLog             = "q-log"              // the objective that takes q
	defaultQ         = .5
)

// loss returns the loss that objective and reduction name.
func (c *Config) loss() (kernels.Objective, error) {
	if c.Objective == softCrossEntropy && c.Reduction == "mean" {
		return kernels.SoftCrossEntropyMean, nil
	}
	return kernels.ParseObjective(c.Objective, c.Reduction, c.Q)
}

// objective returns the loss of a resolved configuration.
func (c *Config) objective() kernels.Objective {
	o, err := c.loss()
	if err != nil {
		panic("train: an unresolved configuration")
	}
	return o
}

func validDevice(d string) bool {
	switch d {
	case "auto", "cpu", "gpu":
		return true
	}
	index, ok := strings.CutPrefix(d, "gpu:")
	return ok && index != "" && len(index) <= 3 && strings.Trim(index, "0123456789") == ""
}

// didYouMean names the known key nearest to a misspelt one.
func didYouMean(name string) string {
	best, distance := "", min(4, len(name))
	for _, k := range allKeys() {
		if d := editDistance(name, k.Name); d < distance {
			best, distance = k.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
