package analysis

import (
	"bytes"
	"math"
	"testing"

	"radd/task"
)

// stepsOf returns trials that take so many RNN steps and of which so many are
// correct.
func stepsOf(trials, rnnSteps, correct int) []task.Trial {
	list := make([]task.Trial, trials)
	for i := range list {
		list[i] = task.Trial{Side: 1, RNNSteps: rnnSteps, Observations: rnnSteps - 2, Action: 1}
		if i >= correct {
			list[i].Action = -1
		}
	}
	return list
}

// Positions by a curve of three points, made by hand and read from its table.
func TestPosition(t *testing.T) {
	table, curve := NewFrontierTable(), &FrontierCurve{}
	for _, p := range []struct {
		threshold      float64
		steps, correct int
	}{{.9, 5, 850}, {.7, 3, 800}, {.95, 9, 810}} {
		pace := PaceOf(stepsOf(1000, p.steps, p.correct))
		table.Add("actor", p.threshold, pace)
		curve.Add(p.threshold, pace)
	}
	table.Add("somebody", .9, PaceOf(stepsOf(10, 4, 8)))
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	path := trialsFile(t, "frontier.csv", b.Bytes())
	read, err := ReadFrontierCurve(path, "actor")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*FrontierCurve{"made": curve, "read": read} {
		for _, test := range []struct{ steps, correct, threshold, at, distance float64 }{
			{3, .8, .7, .8, 0},
			{4, .8, .8, .825, -.025},
			{8, .9, .9375, .82, .08},
			{9, .81, .95, .81, 0},
			{2.9, .8, nan, nan, nan},
			{9.1, .8, nan, nan, nan},
		} {
			p := c.Position(test.steps, test.correct)
			for _, x := range [][2]float64{{float64(p.Threshold), test.threshold}, {float64(p.CorrectAtSteps), test.at}, {float64(p.Distance), test.distance}} {
				if !(math.Abs(x[0]-x[1]) < 1e-12) && !(math.IsNaN(x[0]) && math.IsNaN(x[1])) {
					t.Errorf("%s, %v steps: %+v, want %+v", name, test.steps, p, test)
				}
			}
		}
	}
	positions := NewPositionTable()
	curve.AddPosition(positions, "somebody", "actor", PaceOf(stepsOf(1000, 4, 700)))
	row := rowsOf(t, positions)[0]
	if d := number(t, row, "distance"); math.Abs(d+.125) > 1e-9 || math.Abs(number(t, row, "high")-d-.037) > .002 || math.Abs(d-number(t, row, "low")-.037) > .002 {
		t.Errorf("%v", row) // 1.96·√(.7·.3/1000 + .825·.175/1000) = .037
	}
	if s := curve.Stand(PaceOf(stepsOf(1000, 4, 700))); math.Abs(float64(s.Shortfall)-.125) > 1e-12 || math.Abs(float64(s.Threshold)-.8) > 1e-12 || s.NetworkCorrect != .7 {
		t.Errorf("%+v", s)
	}
	_, err = ReadFrontierCurve(path, "somebody")
	wantFault(t, err, "frontier.csv", "1 rows of somebody")
	_, err = ReadFrontierCurve(trialsFile(t, "other.csv", []byte("player,threshold\nactor,1\n")), "actor")
	wantFault(t, err, "rnn_steps_per_trial")
	_, err = ReadFrontierCurve(trialsFile(t, "words.csv", bytes.Replace(b.Bytes(), []byte("0.9,5"), []byte("0.9,many"), 1)), "actor")
	wantFault(t, err, "many")
}
