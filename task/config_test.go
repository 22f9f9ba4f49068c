package task

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
)

var nan, inf = math.NaN(), math.Inf(1)

// resolved returns the default configuration with changes, which must be valid.
func resolved(t testing.TB, change func(*Config)) Config {
	t.Helper()
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every key at the ends of its range, and at the first values beyond.
func TestResolveLimits(t *testing.T) {
	below, above := math.Nextafter(0, -1), math.Nextafter(1, 2)
	floats := func(set func(*Config, float64), values ...float64) (changes []func(*Config)) {
		for _, v := range values {
			changes = append(changes, func(c *Config) { set(c, v) })
		}
		return changes
	}
	ints := func(set func(*Config, int), values ...int) (changes []func(*Config)) {
		for _, v := range values {
			changes = append(changes, func(c *Config) { set(c, v) })
		}
		return changes
	}
	lists := func(set func(*Config, []float64), values ...[]float64) (changes []func(*Config)) {
		for _, v := range values {
			changes = append(changes, func(c *Config) { set(c, v) })
		}
		return changes
	}
	blocks := func(c *Config, v int) { c.Blocks = v }
	hazard := func(c *Config, v float64) { c.Hazard = v }
	blockMin := func(c *Config, v int) { c.BlockMin, c.BlockMax = v, max(v, c.BlockMax) }
	blockMax := func(c *Config, v int) { c.BlockMax = v }
	bias := func(c *Config, v float64) { c.Bias = v }
	strengths := func(c *Config, v []float64) { c.Strengths, c.StrengthProbabilities = v, nil }
	probabilities := func(c *Config, v []float64) { c.Strengths, c.StrengthProbabilities = []float64{1, 2}, v }
	blankSteps := func(c *Config, v int) { c.BlankSteps = v }
	observations := func(c *Config, v int) { c.MaxObservations = v }
	noise := func(c *Config, v float64) { c.NoiseSD = v }
	threshold := func(c *Config, v float64) { c.ActionThreshold = v }
	waiting := func(c *Config, v float64) { c.WaitingFeedback = v }

	for _, key := range []struct {
		name    string
		allowed []func(*Config)
		refused []func(*Config)
	}{
		{"blocks", ints(blocks, 1, maxBlocks), ints(blocks, 0, -1, maxBlocks+1)},
		{"blocks", // its product with block-max
			[]func(*Config){func(c *Config) { c.Blocks, c.BlockMax = maxTrials/maxBlockLength, maxBlockLength }},
			[]func(*Config){func(c *Config) { c.Blocks, c.BlockMax = maxTrials/maxBlockLength+1, maxBlockLength }}},
		{"hazard", floats(hazard, 0, 1), floats(hazard, below, above, nan, inf)},
		{"block-min", ints(blockMin, 1, maxBlockLength), ints(blockMin, 0, -1, maxBlockLength+1)},
		{"block-max", ints(blockMax, 20, maxBlockLength), ints(blockMax, 19, maxBlockLength+1)},
		{"bias", floats(bias, 0, 1), floats(bias, below, above, nan, -inf)},
		{"strengths", lists(strengths, []float64{0}, []float64{math.MaxFloat64}, make([]float64, maxStrengths)),
			lists(strengths, nil, make([]float64, maxStrengths+1), []float64{1, below}, []float64{nan}, []float64{inf})},
		{"strength-probabilities", lists(probabilities, nil, []float64{0, 1}, []float64{.5, .5 - .9e-6}),
			lists(probabilities, []float64{1}, []float64{.5, .25, .25}, []float64{below, 1}, []float64{0, above}, []float64{nan, 1}, []float64{.5, .5 - 1.1e-6})},
		{"blank-steps", ints(blankSteps, 0, maxPhaseSteps), ints(blankSteps, -1, maxPhaseSteps+1)},
		{"max-observations", ints(observations, 1, maxPhaseSteps), ints(observations, 0, maxPhaseSteps+1)},
		{"noise-sd", floats(noise, math.SmallestNonzeroFloat64, math.MaxFloat64), floats(noise, 0, -1, nan, inf)},
		{"action-threshold", floats(threshold, math.Nextafter(.5, 1), math.Nextafter(1, 0)), floats(threshold, .5, 1, nan)},
		{"waiting-feedback", floats(waiting, -math.MaxFloat64, math.MaxFloat64), floats(waiting, nan, inf, -inf)},
	} {
		t.Run(key.name, func(t *testing.T) {
			for i, change := range key.allowed {
				c := DefaultConfig()
				change(&c)
				if _, err := c.Resolve(); err != nil {
					t.Errorf("allowed value %d: %v", i, err)
				}
			}
			for i, change := range key.refused {
				c := DefaultConfig()
				change(&c)
				_, err := c.Resolve()
				fault := (*input.Error)(nil)
				if !errors.As(err, &fault) || fault.Field != "task."+key.name || fault.Found == "" || fault.Allowed == "" {
					t.Errorf("refused value %d: error %v, want one about task.%s", i, err, key.name)
				}
			}
		})
	}
}

func TestDefaultConfigIsResolved(t *testing.T) {
	c := DefaultConfig()
	if got := resolved(t, nil); !reflect.DeepEqual(got, c) {
		t.Errorf("Resolve changed %+v to %+v", c, got)
	}
	if c.MaxSteps() != 12 {
		t.Errorf("MaxSteps() = %d", c.MaxSteps())
	}
}

func TestResolveFillsInProbabilities(t *testing.T) {
	c := resolved(t, func(c *Config) { c.Strengths, c.StrengthProbabilities = []float64{0, 1, 2, 3}, nil })
	if want := []float64{.25, .25, .25, .25}; !slices.Equal(c.StrengthProbabilities, want) {
		t.Errorf("probabilities %v, want %v", c.StrengthProbabilities, want)
	}
}

// Keys and the fields' YAML names are the same list, in the same order, and
// each key points at its own field.
func TestKeysAreTheFields(t *testing.T) {
	c := DefaultConfig()
	fields := reflect.ValueOf(&c).Elem()
	keys := Keys()
	if len(keys) != fields.NumField() {
		t.Fatalf("%d keys, %d fields", len(keys), fields.NumField())
	}
	for i, k := range keys {
		tag := fields.Type().Field(i).Tag.Get("yaml")
		if name, _, _ := strings.Cut(tag, ","); name != k.Name {
			t.Errorf("key %d is %q, the field's is %q", i, k.Name, name)
		}
		if k.Field(&c) != fields.Field(i).Addr().Interface() {
			t.Errorf("key %s points at another field", k.Name)
		}
	}
}
