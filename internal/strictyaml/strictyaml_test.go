package strictyaml

import (
	"bytes"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"radd/internal/input"
)

type task struct {
	Blocks    int       `yaml:"blocks"`
	BlockMin  int       `yaml:"block-min"`
	BlockMax  int       `yaml:"block-max"`
	Strengths []float64 `yaml:"strengths"`
	Pair      [2]int    `yaml:"pair"`
}

type shared struct {
	Seed uint64 `yaml:"seed"`
}

type config struct {
	shared   `yaml:"-"`
	Shared   shared         `yaml:",inline"`
	LR       float64        `yaml:"lr"`
	Small    float32        `yaml:"small"`
	Steps    int            `yaml:"steps"`
	Byte     uint8          `yaml:"byte"`
	Objectiv string         `yaml:"objective"`
	Resume   bool           `yaml:"resume"`
	Task     task           `yaml:"task"`
	Counts   map[string]int `yaml:"counts"`
	Maybe    *int           `yaml:"maybe,omitempty"`
	Any      any            `yaml:"any,omitempty"`
	Address  netip.Addr     `yaml:"address,omitempty"`
	Untagged int
	hidden   int
}

func defaults() config {
	return config{LR: 0.25, Steps: 77, Counts: map[string]int{}, Task: task{Blocks: 4}, hidden: 1}
}

func TestDecode(t *testing.T) {
	seven := 7
	tests := []struct {
		name, text string
		want       func(c *config)
	}{
		{"empty", "", func(*config) {}},
		{"comment", "# nothing\n", func(*config) {}},
		{"start", "---\n", func(*config) {}},
		{"float", "lr: 0.5", func(c *config) { c.LR = 0.5 }},
		{"float as exponent", "lr: 1e-3", func(c *config) { c.LR = 1e-3 }},
		{"float as whole number", "lr: 2", func(c *config) { c.LR = 2 }},
		{"infinity", "lr: -.inf", func(c *config) { c.LR = math.Inf(-1) }},
		{"float32", "small: 0.1", func(c *config) { c.Small = 0.1 }},
		{"int", "steps: -12", func(c *config) { c.Steps = -12 }},
		{"zero", "steps: 0", func(c *config) { c.Steps = 0 }},
		{"hexadecimal", "steps: 0x1F", func(c *config) { c.Steps = 31 }},
		{"uint64", "seed: 18446744073709551615", func(c *config) { c.Shared.Seed = math.MaxUint64 }},
		{"text", "objective: cross-entropy", func(c *config) { c.Objectiv = "cross-entropy" }},
		{"quoted text", `objective: "3"`, func(c *config) { c.Objectiv = "3" }},
		{"literal text", "objective: |\n  a\n  b\n", func(c *config) { c.Objectiv = "a\nb\n" }},
		{"bool", "resume: true", func(c *config) { c.Resume = true }},
		{"nested", "task:\n  block-min: 3\n  strengths: [0, .5, 1e2]\n  pair: [1, 2]\n", func(c *config) {
			c.Task.BlockMin, c.Task.Strengths, c.Task.Pair = 3, []float64{0, .5, 100}, [2]int{1, 2}
		}},
		{"flow", "{lr: 0.5, task: {blocks: 5}}", func(c *config) { c.LR, c.Task.Blocks = 0.5, 5 }},
		{"map", "counts:\n  a: 1\n", func(c *config) { c.Counts = map[string]int{"a": 1} }},
		{"pointer", "maybe: 7", func(c *config) { c.Maybe = &seven }},
		{"any", "any: text", func(c *config) { c.Any = "text" }},
		{"unmarshals itself", "address: 127.0.0.1", func(c *config) { c.Address = netip.MustParseAddr("127.0.0.1") }},
		{"untagged", "untagged: 3", func(c *config) { c.Untagged = 3 }},
		{"quoted key", `"lr": 3`, func(c *config) { c.LR = 3 }},
		{"byte order mark", "\ufefflr: 3", func(c *config) { c.LR = 3 }},
		{"carriage returns", "lr: 3\r\nsteps: 4\r\n", func(c *config) { c.LR, c.Steps = 3, 4 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, want := defaults(), defaults()
			test.want(&want)
			if err := Decode("c.yaml", []byte(test.text), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := []struct{ name, text, says string }{
		{"unknown key", "lr: 1\nstep: 3", "c.yaml: line 2: step: unknown key (allowed: steps, "},
		{"unknown key within", "task:\n  block-mim: 3", "c.yaml: line 2: task.block-mim: unknown key (allowed: block-min, block-max, blocks, "},
		{"unknown key of few", "seeds: 3", "seed"},
		{"case", "LR: 3", "c.yaml: line 1: LR: unknown key"},
		{"hidden field", "hidden: 3", "c.yaml: line 1: hidden: unknown key"},
		{"duplicate key", "lr: 1\nlr: 2", `c.yaml: line 2: mapping key "lr" already defined`},
		{"duplicate key within", "task: {blocks: 1, blocks: 2}", `line 1: mapping key "blocks" already defined`},
		{"duplicate key in a map", "counts: {a: 1, a: 2}", `mapping key "a" already defined`},
		{"duplicate key in any", "any: {a: 1, a: 2}", `mapping key "a" already defined`},
		{"number as key", "1: 2", `line 1: the key "1" (allowed: text as a key)`},
		{"null as key", "lr: 1\nnull: 2", `line 2: the key "null"`},
		{"number as key in a map", "counts: {1: 2}", `line 1: counts: the key "1"`},
		{"int from fraction", "steps: 1.5", "line 1: steps: 1.5 (allowed: a whole number within the range of int)"},
		{"int from exponent", "steps: 1e3", `line 1: steps: the text "1e3"`},
		{"int from text", "steps: abc", `line 1: steps: the text "abc"`},
		{"int from quotes", `steps: "4"`, `line 1: steps: the text "4"`},
		{"int from bool", "steps: true", "line 1: steps: true"},
		{"int from nothing", "steps:", "line 1: steps: no value"},
		{"int from null", "steps: null", "line 1: steps: no value"},
		{"int from a list", "steps: [1]", "line 1: steps: a list"},
		{"int from keys", "steps: {a: 1}", "line 1: steps: keys with values"},
		{"octal", "steps: 010", "line 1: steps: 010"},
		{"too large", "steps: 9223372036854775808", "line 1: steps: 9223372036854775808 (allowed: a whole number within the range of int)"},
		{"far too large", "steps: 99999999999999999999", "line 1: steps: "},
		{"too large for uint8", "byte: 256", "range of uint8"},
		{"negative uint8", "byte: -1", "range of uint8"},
		{"float from text", "lr: abc", `line 1: lr: the text "abc" (allowed: a number within the range of float64)`},
		{"float from literal", "lr: |\n  1\n", `lr: the text "1\n"`},
		{"float from quotes", `lr: "0.5"`, `line 1: lr: the text "0.5"`},
		{"float from octal", "lr: 010", "line 1: lr: 010"},
		{"float too large", "lr: 1e999", "line 1: lr: "},
		{"float from text with digits", "lr: 1e", `lr: the text "1e"`},
		{"float from quoted exponent", "lr: '1e3'", `lr: the text "1e3"`},
		{"float32 with fraction too large", "small: 1.5e300", "small: 1.5e300 (allowed: a number within the range of float32)"},
		{"float32 too large", "small: 1e300", `line 1: small: the text "1e300" (allowed: a number within the range of float32)`},
		{"bool from word", "resume: yes", `line 1: resume: the text "yes" (allowed: true or false)`},
		{"bool from number", "resume: 1", "line 1: resume: 1"},
		{"text from number", "objective: 3", "line 1: objective: 3 (allowed: text"},
		{"text from bool", "objective: true", "line 1: objective: true"},
		{"text from nothing", "objective:", "line 1: objective: no value"},
		{"struct from number", "task: 3", "line 1: task: 3 (allowed: keys with values)"},
		{"struct from nothing", "task:", "line 1: task: no value"},
		{"list from number", "task:\n  strengths: 3", "line 2: task.strengths: 3 (allowed: a list)"},
		{"list element", "task:\n  strengths: [1, a]", `line 2: task.strengths[1]: the text "a"`},
		{"empty list element", "task:\n  strengths:\n  - 1\n  -\n", "line 4: task.strengths[1]: no value"},
		{"array too short", "task: {pair: [1]}", "line 1: task.pair: 1 values (allowed: 2 values)"},
		{"map element", "counts: {a: b}", `line 1: counts.a: the text "b"`},
		{"pointer from null", "maybe: null", "line 1: maybe: no value"},
		{"unmarshals itself", "address: here", "c.yaml: "},
		{"list at the root", "[1]", "c.yaml: line 1: a list (allowed: keys with values)"},
		{"number at the root", "3", "c.yaml: line 1: 3 (allowed: keys with values)"},
		{"second document", "lr: 1\n---\nlr: 2", "c.yaml: line 2: a second document (allowed: one document)"},
		{"second document, empty", "lr: 1\n---\n", "line 2: a second document"},
		{"after the end", "lr: 1\n...\nfoo", "c.yaml: line 3: "},
		{"anchor", "lr: &x 1", `c.yaml: line 1: "&" (allowed: no anchors`},
		{"alias", "lr: *x", `c.yaml: line 1: "*" (allowed: no anchors`},
		{"merge key", "<<: {lr: 1}", `c.yaml: line 1: "<<"`},
		{"tag", "lr: !!float 1", `c.yaml: line 1: "!!float"`},
		{"directive", "%YAML 1.1\n---\nlr: 1", `c.yaml: line 1: "%"`},
		{"open list", "task:\n  strengths: [1,", "c.yaml: line 2: "},
		{"tab", "lr: 1\n\tsteps: 2", "c.yaml: line 2: "},
		{"too large a file", "#" + strings.Repeat(" ", maxSize), "c.yaml: 65537 bytes (allowed: up to 65536 bytes)"},
		{"deep", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "c.yaml: line 1: a list"},
		{"deep within any", "any: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "c.yaml: "},
		{"wide and open", "any: [" + strings.Repeat("1,", 30_000), "c.yaml: line 1: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := defaults()
			err := Decode("c.yaml", []byte(test.text), &c)
			if err == nil {
				t.Fatalf("no error, and %+v", c)
			}
			if !input.Is(err) {
				t.Errorf("%T is not an *input.Error", err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %.300q does not say %q", err, test.says)
			}
		})
	}
}

func TestUnreadableType(t *testing.T) {
	var into struct{ C chan int }
	if err := Decode("c.yaml", []byte("c: 3"), &into); err == nil || !strings.Contains(err.Error(), "line 1: c: 3 (allowed: nothing") {
		t.Errorf("error %v", err)
	}
}

// TestBomb doubles a list with every line, by aliases.
func TestBomb(t *testing.T) {
	text := "a0: &a0 [1]\n"
	for i := range 9 {
		text += strings.ReplaceAll(strings.ReplaceAll("aN: &aN [*aM, *aM]\n", "N", string(rune('1'+i))), "M", string(rune('0'+i)))
	}
	var into any
	if err := Decode("bomb.yaml", []byte(text), &into); err == nil || into != nil {
		t.Errorf("%v, %v", into, err)
	}
}

func TestEncode(t *testing.T) {
	c := defaults()
	c.Counts = map[string]int{"c": 3, "a": 1, "b": 2}
	c.Task.Strengths = []float64{0, 1, 1e-9, math.MaxFloat64, 5e-324, math.Pi, 123456789012, 1e21}
	c.Shared.Seed = math.MaxUint64
	c.Small = 0.1
	c.Objectiv = "no"
	text, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // maps have another order each time
		if again, err := Encode(c); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("the same value gave %q and %q, %v", text, again, err)
		}
	}
	got := defaults()
	if err := Decode("c.yaml", text, &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("got  %+v\nwant %+v", got, c)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", "lr: 1e-3\nsteps: 5\nobjective: probability\n", "task:\n  strengths: [0, .5]\n  pair: [1, 2]\n",
		"counts: {a: 1, b: 2}\nmaybe: 3\nany: [1, {a: b}]\n", "lr: &a 1\nsteps: *a", "lr: 1\n---\nlr: 2", "steps: |\n  3", "task: [", "? a\n: b",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := defaults()
		if err := Decode("fuzz.yaml", text, &c); err != nil && !input.Is(err) {
			t.Errorf("%T: %v", err, err)
		}
	})
}

// FuzzRoundTrip writes values and reads them back.
func FuzzRoundTrip(f *testing.F) {
	f.Add(0.1, 3, uint64(1), "cross-entropy", true)
	f.Add(math.Inf(1), math.MinInt, uint64(math.MaxUint64), "1e3", false)
	f.Add(-5e-324, 0, uint64(0), "yes", false)
	f.Add(0.5, 1, uint64(0), "?  `", false)
	f.Add(0.5, 1, uint64(0), "a\"\\\n\t\u00e9 # : \u2028\x00<", false)
	f.Add(0.5, 1, uint64(0), "", false)
	f.Add(1e21, 1, uint64(0), "null", false)
	f.Fuzz(func(t *testing.T, x float64, n int, u uint64, s string, b bool) {
		if math.IsNaN(x) || !utf8.ValidString(s) {
			t.Skip()
		}
		type values struct {
			X float64
			N int
			U uint64
			S string
			B bool
		}
		want := values{x, n, u, s, b}
		text, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got values
		if err := Decode("fuzz.yaml", text, &got); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v, from\n%s", got, err, want, text)
		}
	})
}
