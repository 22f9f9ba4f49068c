package distill

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/input"
)

// wantFault wants an *input.Error whose text has all parts.
func wantFault(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if !input.Is(err) {
		t.Errorf("%T is not an *input.Error: %v", err, err)
	}
	wantText(t, err, parts...)
}

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// small returns a trajectory of T RNN steps of two units with one input, after
// change.
func small(T int, change func(*analysis.Chunk)) *analysis.Trajectory {
	c := analysis.Chunk{T: T, Hidden: make([]float64, 2*T), Input: make([]float64, T), Session: make([]int64, T), Probability: make([]float64, 2*T)}
	for i := range c.Hidden {
		c.Hidden[i] = .9 * math.Sin(float64(i*i))
		c.Probability[i] = .5
	}
	for i := range c.Input {
		c.Input[i] = math.Cos(float64(i * i))
	}
	if change != nil {
		change(&c)
	}
	return analysis.Recorded("small.npz", 2, 1, c)
}

func TestBadTrajectories(t *testing.T) {
	unscaled := Problem{Projection: eye(2), Scale: Scale{Fixed: []float64{1}}}
	sigmoid := unscaled
	sigmoid.F = Sigmoid()
	failing := small(20, nil)
	broken := errors.New("a broken disk")
	failing.Source = func(yield func(*analysis.Chunk, error) bool) { yield(nil, broken) }
	for _, test := range []struct {
		name       string
		trajectory *analysis.Trajectory
		problem    Problem
		says       []string
	}{
		{"NaN state", small(20, func(c *analysis.Chunk) { c.Hidden[7] = math.NaN() }), unscaled, []string{"small.npz: hidden[3, 1]: NaN", "finite"}},
		{"infinite input", small(20, func(c *analysis.Chunk) { c.Input[7] = math.Inf(-1) }), unscaled, []string{"small.npz: input[7, 0]: -Inf", "finite"}},
		{"as many RNN steps as regressors", small(4, nil), unscaled, []string{"small.npz: hidden: 4 RNN steps, 3 of them", "4 or more"}},
		{"one RNN step", small(1, nil), unscaled, []string{"1 RNN steps"}},
		{"short sessions", small(8, func(c *analysis.Chunk) {
			for i := range c.Session {
				c.Session[i] = int64(i)
			}
		}), unscaled, []string{"8 RNN steps, 0 of them"}},
		{"session ids out of order", small(20, func(c *analysis.Chunk) { c.Session[3], c.Session[4] = 2, 1 }), unscaled, []string{"small.npz: session[4]: 1", "2 or above"}},
		{"outside the domain", small(20, func(c *analysis.Chunk) { c.Hidden[6] = 1 }), unscaled, []string{"small.npz: projected state [3, 0]: 1", "between -1 and 1", "tanh", "scale"}},
		{"outside on the first RNN step", small(20, func(c *analysis.Chunk) { c.Hidden[1] = -1.5 }), unscaled, []string{"projected state [0, 1]: -1.5"}},
		{"negative for a sigmoid", small(20, nil), sigmoid, []string{"between 0 and 1", "sigmoid"}},
		{"scale of 0", small(20, nil), Problem{Projection: eye(2), Scale: Scale{Fixed: []float64{0}}}, []string{"scale: 0", "above 0"}},
		{"three scales for two rows", small(20, nil), Problem{Projection: eye(2), Scale: Scale{Fixed: []float64{1, 1, 1}}}, []string{"3 values", "2 rows"}},
		{"negative factor", small(20, nil), Problem{Projection: eye(2), Scale: Scale{Factor: -1}}, []string{"factor: -1"}},
		{"factor below 1", small(20, nil), Problem{Projection: eye(2), Scale: Scale{Factor: .5}}, []string{"projected state", "between -1 and 1"}},
		{"states that are 0", small(20, func(c *analysis.Chunk) { clear(c.Hidden) }), Problem{Projection: eye(2)}, []string{"0 throughout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Fit(test.trajectory, test.problem)
			wantFault(t, err, test.says...)
			if r != nil {
				t.Error("an answer beside the error")
			}
			if _, err := Distil(test.trajectory, nil, test.problem, 1); !input.Is(err) {
				t.Errorf("the whole report: %v", err)
			}
		})
	}
	for _, p := range []Problem{unscaled, {Projection: eye(2)}} {
		if _, err := Fit(failing, p); !errors.Is(err, broken) {
			t.Errorf("a source's error became %v", err)
		}
	}
	for name, do := range map[string]func(){
		"projection": func() { _, _ = Fit(small(20, nil), Problem{Projection: eye(3)}) },
		"offset":     func() { _, _ = Fit(small(20, nil), Problem{Projection: eye(2), Offset: []float64{1}}) },
		"evaluation": func() { _, _ = mustFit(t, small(20, nil), unscaled).Evaluate(twoUnits().trajectory(10, 10)) },
		"inverse": func() {
			f := softsign()
			f.Inverse = math.Log
			_, _ = Fit(small(20, nil), Problem{Projection: eye(2), F: f})
		},
	} {
		t.Run(name+" panics", func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do()
		})
	}
}

// TestNoNetwork refuses students that do not play the task.
func TestNoNetwork(t *testing.T) {
	s := twoUnits()
	trajectory := s.trajectory(100, 100)
	p := s.problem()
	_, err := mustFit(t, trajectory, p).Network(trajectory)
	wantFault(t, err, "prob", "no such array")
	p.F = Identity()
	_, err = mustFit(t, trajectory, p).Network(trajectory)
	wantFault(t, err, "identity", "tanh")
	one := small(100, nil)
	_, err = mustFit(t, one, Problem{Projection: eye(2)}).Network(one)
	wantFault(t, err, "1 inputs", "3")

	c := analysis.Chunk{T: 100, Hidden: make([]float64, 200), Input: make([]float64, 300), Probability: make([]float64, 200)}
	for i := range c.Hidden {
		c.Hidden[i], c.Probability[i] = .9*math.Sin(float64(i*i)), .5
	}
	for i := range c.Input {
		c.Input[i] = math.Cos(float64(i * i))
	}
	c.Probability[3] = 0
	certain := analysis.Recorded("certain", 2, 3, c)
	_, err = mustFit(t, certain, Problem{Projection: mat.DenseCopyOf(eye(2))}).Network(certain)
	wantFault(t, err, "probability of 0")
}
