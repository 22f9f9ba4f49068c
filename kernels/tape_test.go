package kernels

import (
	"math"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/task"
)

// session returns one of two blocks of two trials of up to three RNN steps.
func session(t testing.TB) *task.Session {
	t.Helper()
	c := task.DefaultConfig()
	c.Blocks, c.BlockMin, c.BlockMax, c.BlankSteps, c.MaxObservations = 2, 2, 2, 1, 2
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	s := new(task.Session)
	s.Draw(task.NewSampler(c), task.Origin{Seed: 1, Stream: task.StreamTrain})
	return s
}

func TestTape(t *testing.T) {
	s := session(t)
	p := NewTape[float32](2)
	p.Hidden = []float32{7, 7, 7, 7}
	p.Begin(s)
	if p.Session != s || p.From != 0 || p.To != 4 || p.T != 0 || p.FirstFeedback() != 0 {
		t.Errorf("the whole session is trials %d to %d from step %d, feedback %v", p.From, p.To, p.T, p.FirstFeedback())
	}
	if !slices.Equal(p.Hidden[:2], []float32{0, 0}) {
		t.Errorf("the state at the start is %v", p.Hidden[:2])
	}

	p.BeginStretch(s, 3)
	if p.From != 0 || p.To != 3 {
		t.Errorf("the first stretch is trials %d to %d, want 0 to 3", p.From, p.To)
	}
	p.T = 5
	copy(p.State(4), []float32{.5, -.5})
	p.Feedback[4] = -1
	if !p.Continue(3) || p.From != 3 || p.To != 4 || p.FirstFeedback() != -1 || !slices.Equal(p.Hidden[:2], []float32{.5, -.5}) {
		t.Errorf("the stretch goes on with trials %d to %d, feedback %v, state %v", p.From, p.To, p.FirstFeedback(), p.Hidden[:2])
	}
	if p.Continue(3) {
		t.Error("the session goes on after its end")
	}
	p.Begin(s)
	if p.FirstFeedback() != 0 || !slices.Equal(p.Hidden[:2], []float32{0, 0}) {
		t.Errorf("the next session begins with feedback %v, state %v", p.FirstFeedback(), p.Hidden[:2])
	}
	p.Difference[0] = float32(math.Log(9))
	if got := p.Probability(0); math.Abs(got-.9) > 1e-7 { // of float32
		t.Errorf("probability %v, want 0.9", got)
	}
}

func TestReserve(t *testing.T) {
	p := NewTape[float64](3)
	for _, steps := range []int{1, 1024, 5000} {
		p.Reserve(steps)
		n := p.T + steps
		for what, room := range map[string]int{
			"Trial": len(p.Trial), "Step": len(p.Step), "Target": len(p.Target), "Counted": len(p.Counted),
			"Input": len(p.Input) / Inputs, "Hidden": len(p.Hidden)/p.N - 1, "Difference": len(p.Difference), "Feedback": len(p.Feedback),
		} {
			if room < n {
				t.Errorf("%s has room for %d steps, want %d", what, room, n)
			}
		}
		p.Trial[n-1], p.Input[n*Inputs-1], p.State(n - 1)[2] = int32(n), float64(n), float64(n)
		p.T = n
	}
	at := 0
	for _, steps := range []int{1, 1024, 5000} {
		at += steps
		if p.Trial[at-1] != int32(at) || p.Input[at*Inputs-1] != float64(at) || p.State(at - 1)[2] != float64(at) {
			t.Errorf("step %d was lost when the tape grew", at-1)
		}
	}
	w := p.Workspace(4)
	w[3] = 5
	if w = p.Workspace(900); len(w) != 900 || w[3] != 5 {
		t.Errorf("scratch of %d elements, its fourth %v", len(w), w[3])
	}
	if w = p.Workspace(4); len(w) != 4 || w[3] != 5 {
		t.Errorf("scratch of %d elements, its fourth %v", len(w), w[3])
	}
}

// play returns decisions that end the session's trials after these RNN steps.
func play(steps ...int) *Decisions {
	d := new(Decisions)
	for trial, n := range steps {
		for step := range n {
			d.Trial = append(d.Trial, int64(trial))
			d.Step = append(d.Step, int64(step))
			d.Feedback = append(d.Feedback, .5)
		}
	}
	return d
}

func TestDecisionsCheck(t *testing.T) {
	s := session(t) // of 4 trials of 1 to 3 steps
	for _, row := range []struct {
		name  string
		d     *Decisions
		spoil func(d *Decisions)
		says  string // empty: no fault
	}{
		{"full trials", play(3, 3, 3, 3), nil, ""},
		{"trials of any length", play(1, 3, 2, 1), nil, ""},
		{"none", play(), nil, "end before"},
		{"a trial missing at the end", play(3, 3, 3), nil, "end before"},
		{"a trial missing at the start", play(3, 3, 3, 3), func(d *Decisions) { d.Trial, d.Step, d.Feedback = d.Trial[3:], d.Step[3:], d.Feedback[3:] }, "trial[0]: 1"},
		{"a trial skipped", play(3, 0, 3, 3), nil, "trial[3]: 2"},
		{"a trial too many", play(3, 3, 3, 3, 1), nil, "trial[12]: 4"},
		{"a trial too long", play(3, 4, 3, 3), nil, "step[6]: 3"},
		{"backward", play(3, 3, 3, 3), func(d *Decisions) { d.Trial[4] = 0 }, "trial[4]: 0"},
		{"negative", play(3, 3, 3, 3), func(d *Decisions) { d.Trial[0] = -1 }, "trial[0]: -1"},
		{"a step skipped", play(3, 3, 3, 3), func(d *Decisions) { d.Step[1] = 2 }, "step[1]: 2"},
		{"a trial that begins late", play(3, 3, 3, 3), func(d *Decisions) { d.Step[3] = 1 }, "step[3]: 1"},
		{"a step twice", play(3, 3, 3, 3), func(d *Decisions) { d.Step[2] = 1 }, "step[2]: 1"},
		{"a huge trial", play(3, 3, 3, 3), func(d *Decisions) { d.Trial[11] = math.MaxInt64 }, "trial[11]"},
		{"NaN", play(3, 3, 3, 3), func(d *Decisions) { d.Feedback[5] = math.NaN() }, "feedback[5]: NaN"},
		{"infinite", play(3, 3, 3, 3), func(d *Decisions) { d.Feedback[0] = math.Inf(-1) }, "feedback[0]: -Inf"},
		{"fewer steps", play(3, 3, 3, 3), func(d *Decisions) { d.Step = d.Step[1:] }, "12, 11 and 12 values"},
		{"more feedback", play(3, 3, 3, 3), func(d *Decisions) { d.Feedback = append(d.Feedback, 1) }, "12, 12 and 13 values"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.spoil != nil {
				row.spoil(row.d)
			}
			err := row.d.Check(s)
			switch {
			case row.says == "" && err != nil:
				t.Error(err)
			case row.says != "" && (!input.Is(err) || !strings.Contains(err.Error(), row.says)):
				t.Errorf("%v, want an *input.Error that says %q", err, row.says)
			}
		})
	}
}

func TestOutcome(t *testing.T) {
	d := play(2, 1)
	d.Feedback = []float64{0, 1, -1}
	for i, want := range []task.Outcome{{Feedback: 0, Action: 1}, {Feedback: 1, Ended: true, Action: 1}, {Feedback: -1, Ended: true, Action: 1}} {
		if got := d.Outcome(i, 1); got != want {
			t.Errorf("step %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestBehaviour(t *testing.T) {
	var b Behaviour
	for _, end := range [][2]int8{{1, 1}, {1, -1}, {-1, -1}, {-1, 0}, {1, 0}} { // side, action
		b.Count(end[0], end[1])
	}
	if want := (Behaviour{Actions: 3, Correct: 2}); b != want {
		t.Errorf("%+v, want %+v", b, want)
	}
	b.Trials = 5
	r := Record{RNNSteps: 1}
	r.Tally(10, b)
	r.Tally(20, b)
	if want := (Record{RNNSteps: 31, Behaviour: Behaviour{10, 6, 4}}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
}
