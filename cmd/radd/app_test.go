package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	const text = "loss 0.4651, 12.00 RNN steps/trial, 0.000 correct"
	for columns, want := range map[int]string{
		60: "training  loss 0.4651, 12.00 RNN steps/trial, 0.000 correct",
		59: "training  loss 0.4651, 12.00 RNN steps/trial, 0.000 correct",
		58: "training  loss 0.4651, 12.00 RNN steps/trial",
		40: "training  loss 0.4651",
		20: "training",
		0:  "training",
	} {
		if got := fit("training", text, columns); got != want {
			t.Errorf("in %d columns: %q, want %q", columns, got, want)
		}
	}
	if got := fit("rolling out", "", 80); got != "rolling out" {
		t.Errorf("without a state: %q", got)
	}
}

// TestBar shows that a bar whose total is told late is drawn, beneath messages
// that came before, and goes away.
func TestBar(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out, screen: &screen{out: &out, terminal: true}}
	a.log = slog.New(slog.NewTextHandler(a.screen, nil))
	p := a.progress("rolling out", 0)
	a.log.Info("hello")
	for done := range 10 {
		p.reach(done, 10)
	}
	lines := strings.Split(out.String(), "\r")
	drawn := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "rolling out") && strings.Contains(line, "/10)") {
			drawn++
		}
	}
	if drawn == 0 || !strings.Contains(lines[0], "hello") {
		t.Errorf("no bar: %q", out.String())
	}
	p.end()
	if left := out.String()[strings.LastIndex(strings.TrimSuffix(out.String(), "\r"), "\r"):]; strings.Trim(left, "\r ") != "" {
		t.Errorf("the bar was left there: %q", left)
	}
}

// A line of the bar is no wider than the terminal, whatever is told.
func TestRoom(t *testing.T) {
	for _, total := range []int{5, 25_000, 100_000_000} {
		a := &app{screen: &screen{out: &bytes.Buffer{}}}
		p := a.progress("training", total)
		line := fit("training", "probability: loss -0.4974, 12.00 RNN steps/trial, 0.000 correct", p.room()) +
			fmt.Sprintf(" 100%% |####| (%d/%d) [59m59s:59m59s] ", total, total)
		if len(line) > 80 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}
