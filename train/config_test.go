package train

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/input"
)

var update = flag.Bool("update", false, "write generated pages and goldens anew")

func TestDefaultsAreTheOnesPrinted(t *testing.T) {
	c, err := DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back := Config{}
	if err := back.Read("config.yaml", text); err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		if got, want := fmt.Sprint(k.Value(&back)), fmt.Sprint(k.Value(&c)); got != want {
			t.Errorf("%s read back as %s, written %s", k.Name, got, want)
		}
	}
}

func TestEveryFieldHasAKey(t *testing.T) {
	text, err := DefaultConfig().YAML()
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, ":") && !strings.HasPrefix(line, "task:") {
			fields++
		}
	}
	if keys := len(Keys()); fields != keys {
		t.Errorf("%d fields in the file, %d keys:\n%s", fields, keys, text)
	}
}

func TestBounds(t *testing.T) {
	for _, v := range []struct {
		key       string
		good, bad []string
	}{
		{"hidden", []string{"1", "250", "4096"}, []string{"0", "-1", "4097", "1.5", "many", ""}},
		{"gradient-steps", []string{"1", "100000"}, []string{"0", "-5", "3000000000"}},
		{"objective", []string{"cross-entropy", "probability"}, []string{"Cross-Entropy", "mse", ""}},
		{"reduction", []string{"mean", "sum"}, []string{"max", ""}},
		{"lr", []string{"1e-3", "2"}, []string{"0", "-1", ".nan", ".inf", "1e39", "fast"}},
		{"momentum", []string{"0", "0.99"}, []string{"1", "-0.1", ".nan"}},
		{"sessions", []string{"1", "65536"}, []string{"0", "65537"}},
		{"seed", []string{"0", "18446744073709551615"}, []string{"-1", "18446744073709551616", "x"}},
		{"dtype", []string{"f32", "f64"}, []string{"f16", "float32"}},
		{"device", []string{"auto", "cpu", "gpu", "gpu:0", "gpu:12"}, []string{"cuda", "gpu:", "gpu:x", "gpu:-1"}},
		{"engine", []string{"fused", "unrolled"}, []string{"slow"}},
		{"unroll", []string{"1", "1000"}, []string{"0", "1001"}},
		{"cell", []string{"rnn"}, []string{"gru", "RNN", ""}}, // others need the engine unrolled
		{"leak", []string{"1", "0.01"}, []string{"0", "1.5", ".nan"}},
		{"state-noise", []string{"0"}, []string{"0.1", "-1", ".nan"}}, // the cell is not leaky
		{"input-mask", []string{"none"}, []string{"first", "", "some"}},
		{"recurrent-mask", []string{"none"}, []string{"diagonal"}},
		{"readout-mask", []string{"none"}, []string{"block-diagonal"}},
		{"excitatory", []string{"0"}, []string{"0.8", "-0.1", "2", ".nan"}},
		{"solver", []string{"sgd", "adam", "rmsprop"}, []string{"lbfgs"}},
		{"clip", []string{"0", "1.5"}, []string{"-1", ".inf", ".nan"}},
		{"jobs", []string{"0", "8"}, []string{"-1", "5000"}},
		{"metrics-every", []string{"1"}, []string{"0"}},
		{"checkpoint-every", []string{"1"}, []string{"0"}},
		{"checkpoint-minutes", []string{"0", "0.5"}, []string{"-1", ".nan", ".inf"}},
		{"keep", []string{"1"}, []string{"0"}},
		{"task.blocks", []string{"1", "1000"}, []string{"0"}},
		{"task.block-min", []string{"1", "100"}, []string{"0"}},
		{"task.block-max", []string{"20", "1000"}, []string{"19", "0"}},
		{"task.strengths", []string{"0,1", "[0, 1.5]", "3"}, []string{"0,,1", "[a]", "-1", ""}},
		{"task.bias", []string{"0", "1"}, []string{"1.1", "-0.1", ".nan"}},
		{"task.action-threshold", []string{"0.51", "0.999"}, []string{"0.5", "1", ".nan"}},
		{"task.strength-probabilities", []string{"", "[]", "[1, 0, 0, 0, 0, 0]"}, []string{"[1]", "[2, -1, 0, 0, 0, 0]", "[.1, .1, .1, .1, .1, .1]"}},
	} {
		try := func(text string) error {
			c := DefaultConfig()
			if err := c.Set("--"+v.key, v.key, text); err != nil {
				return err
			}
			_, err := c.Resolve()
			return err
		}
		for _, text := range v.good {
			if err := try(text); err != nil {
				t.Errorf("%s = %s: %v", v.key, text, err)
			}
		}
		for _, text := range v.bad {
			err := try(text)
			if !input.Is(err) || !strings.Contains(err.Error(), v.key) {
				t.Errorf("%s = %q: error %v, want one of input that names the key", v.key, text, err)
			}
		}
	}
}

// Of an objective and a reduction that do not go together the reduction is named.
func TestReductionIsAtFault(t *testing.T) {
	for _, objective := range []string{"probability", qLog, softCrossEntropy} {
		c := DefaultConfig()
		c.Objective, c.Reduction = objective, "sum"
		if objective == softCrossEntropy {
			c.Teacher = "teacher.npz"
		}
		var fault *input.Error
		if _, err := c.Resolve(); !errors.As(err, &fault) || fault.Field != "reduction" || fault.Found != "sum" {
			t.Errorf("%s: %v", objective, err)
		}
	}
}

// A configuration that another run left knows the sums of that run's files.
func TestSetForgetsSums(t *testing.T) {
	c := DefaultConfig()
	c.Init, c.InitSHA256, c.Teacher, c.TeacherSHA256 = "a", "of a", "b", "of b"
	if err := c.Set("--init", "init", "c"); err != nil || c.InitSHA256 != "" || c.TeacherSHA256 == "" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := c.Set("--teacher", "teacher", "d"); err != nil || c.TeacherSHA256 != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestUnknownKey(t *testing.T) {
	for name, want := range map[string]string{"hiden": "did you mean hidden?", "foo": "no such key; see", "x": "no such key; see"} {
		c := DefaultConfig()
		if err := c.Set("--set", name, "1"); !input.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
}

func TestConfigFile(t *testing.T) {
	c := DefaultConfig()
	if err := c.Read("f.yaml", []byte("hidden: 25\ntask:\n  bias: 0.9\n")); err != nil {
		t.Fatal(err)
	}
	if c.Hidden != 25 || c.Task.Bias != .9 || c.Task.Hazard != .02 || c.GradientSteps != 5000 {
		t.Errorf("read %+v", c)
	}
	for name, text := range map[string]string{
		"unknown key":      "hiden: 25\n",
		"unknown task key": "task:\n  biass: 0.9\n",
		"duplicate key":    "hidden: 25\nhidden: 50\n",
		"wrong type":       "hidden: many\n",
		"not a mapping":    "- 1\n",
	} {
		c := DefaultConfig()
		if err := c.Read("f.yaml", []byte(text)); !input.Is(err) || !strings.Contains(err.Error(), "f.yaml") {
			t.Errorf("%s: error %v, want one of input that names the file", name, err)
		}
	}
}

func TestSetSuggests(t *testing.T) {
	c := DefaultConfig()
	err := c.Set("--set", "gradient-step", "5")
	if !input.Is(err) || !strings.Contains(err.Error(), "gradient-steps") {
		t.Errorf("error %v, want one that suggests gradient-steps", err)
	}
}

// docs/configuration.md is written from the keys.
func TestGeneratedConfigurationPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Configuration

Every key can stand in a file (` + "`--config F.yaml`" + `, keys of the task under ` + "`task:`" + `), after
` + "`--set key=value`" + `, or, but for the task's and the two sums, as a flag ` + "`--key value`" + `. What comes later in this list wins:
defaults, ` + "`--config`, `--set`" + `, flag. Unknown and duplicate keys are errors.

A run can be resumed with other values of the keys marked *free*; with another value of any other key it
would be another run, and that is refused.

| key | type | default | allowed | meaning | |
| --- | --- | --- | --- | --- | --- |
`)
	c, err := DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		value := fmt.Sprint(k.Value(&c))
		if list, ok := k.Value(&c).([]float64); ok {
			var short []string
			for _, x := range list {
				short = append(short, fmt.Sprint(math.Round(x*1e4)/1e4))
			}
			value = "[" + strings.Join(short, ", ") + "]"
		}
		free := ""
		if !k.Identity {
			free = "*free*"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, k.Type(), value, k.Allowed, k.Help, free)
	}
	path := filepath.Join("..", "docs", "configuration.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the keys say; run go test ./train -update", path)
	}
}
