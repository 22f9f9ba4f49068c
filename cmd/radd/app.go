package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"radd/train"
)

// app is where a command's output goes.
type app struct {
	args        []string // of the command line
	json, quiet bool
	stdout      io.Writer
	screen      *screen
	log         *slog.Logger
}

func newApp(args []string, asJSON, quiet bool) *app {
	a := &app{args: args, json: asJSON, quiet: quiet, stdout: os.Stdout,
		screen: &screen{out: os.Stderr, terminal: term.IsTerminal(int(os.Stderr.Fd()))}}
	level := slog.LevelInfo
	if quiet {
		level = slog.LevelError + 1 // errors are printed where the command ends
	}
	a.log = slog.New(slog.NewTextHandler(a.screen, &slog.HandlerOptions{Level: level, ReplaceAttr: plain(a.screen.terminal)}))
	return a
}

// plain leaves the clock and the ordinary level out of lines that a person
// reads as they appear.
func plain(terminal bool) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, attr slog.Attr) slog.Attr {
		if terminal && attr.Key == slog.TimeKey || attr.Key == slog.LevelKey && attr.Value.Any() == slog.LevelInfo {
			return slog.Attr{}
		}
		return attr
	}
}

// finish prints the summary as JSON, where it was asked for. It is the last
// thing that a command prints.
func (a *app) finish(summary any) error {
	if !a.json {
		return nil
	}
	line, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", line)
	return err
}

// table prints rows of cells, the first being the header, in aligned columns.
func (a *app) table(rows [][]string) error {
	if a.quiet {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return w.Flush()
}

// screen is standard error: messages, and on a terminal a progress bar beneath
// them, with a line over it that tells what runs now, if anything does. It is safe
// for concurrent use.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	now      string // the line over the bar
}

// Write prints a message above the bar.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hide()
	n, err := s.out.Write(p)
	s.show()
	return n, err
}

// hide takes the bar and the line over it off the screen, show puts them there.
func (s *screen) hide() {
	if s.bar == nil {
		return
	}
	s.bar.Clear()
	if s.now != "" {
		const upAndErase = "\x1b[1A\x1b[2K\r"
		io.WriteString(s.out, upAndErase)
	}
}

func (s *screen) show() {
	if s.bar == nil {
		return
	}
	if s.now != "" {
		io.WriteString(s.out, s.now+"\n")
	}
	s.bar.RenderBlank()
}

// clear takes the bar away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hide()
	s.bar, s.now = nil, ""
}

// tell puts the line over the bar, cut to the terminal's width.
func (s *screen) tell(now string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar == nil {
		return
	}
	s.hide()
	s.now = now
	if runes, most := []rune(now), s.columns()-1; len(runes) > most {
		s.now = string(runes[:most-1]) + "…"
	}
	s.show()
}

// columns returns the width of the terminal.
func (s *screen) columns() int {
	if f, ok := s.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// fit returns the description of a bar: what is done and, up to a comma, as much
// of what is told of its state as fits into so many columns.
func fit(what, text string, columns int) string {
	if text == "" {
		return what
	}
	for {
		line := what + "  " + text
		if utf8.RuneCountInString(line) <= columns {
			return line
		}
		comma := strings.LastIndex(text, ",")
		if comma < 0 {
			return what
		}
		text = text[:comma]
	}
}

// progressEvery is the time between two lines of progress where there is no
// terminal.
const progressEvery = 10 * time.Second

// progress shows how far a long work has come: a bar on a terminal, a line now
// and then elsewhere, nothing if quiet. It is safe for concurrent use.
type progress struct {
	app   *app
	what  string
	total int

	mu     sync.Mutex
	done   int
	since  int // done when the work was taken up
	start  time.Time
	spoken time.Time
	told   time.Time
}

// progress begins a work of the given number of parts; 0 where reach will tell.
func (a *app) progress(what string, total int) *progress {
	p := &progress{app: a, what: what, start: time.Now(), spoken: time.Now()}
	p.of(total)
	return p
}

// of sets the number of parts and, the first time, puts up the bar: one without
// parts would be finished before it begins.
func (p *progress) of(total int) {
	s := p.app.screen
	begins := p.total == 0 && total > 0
	p.total = total
	if !begins || !s.terminal || p.app.quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(s.out),
		progressbar.OptionSetDescription(p.what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true))
}

// room is the columns that the bar leaves for its description: a line that is
// too long for the terminal could not be drawn over. The bar itself shrinks.
func (p *progress) room() int {
	const around = len(" 100% |####| (/) [59m59s:59m59s] ")
	return p.app.screen.columns() - around - 2*len(fmt.Sprint(p.total))
}

// resume says that so many parts were done before the work was taken up.
func (p *progress) resume(done int) { p.done, p.since = done, done }

// add counts further parts as done; text tells of the work's state.
func (p *progress) add(parts int, text func() string) {
	if p.app.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += parts
	if s := p.app.screen; s.terminal {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bar != nil {
			if time.Since(p.spoken) > progressEvery/100 {
				s.bar.Describe(fit(p.what, text(), p.room()))
				p.spoken = time.Now()
			}
			s.bar.Set(p.done)
		}
		return
	}
	if time.Since(p.spoken) < progressEvery {
		return
	}
	p.spoken = time.Now()
	left := "unknown" // before a part is done
	if parts := p.done - p.since; parts > 0 {
		left = time.Duration(float64(time.Since(p.start)) * float64(p.total-p.done) / float64(parts)).Round(time.Second).String()
	}
	p.app.log.Info(p.what, "done", fmt.Sprintf("%d of %d", p.done, p.total), "left", left, "now", text())
}

// tell puts what runs now on a line of its own, on a terminal.
func (p *progress) tell(now string) {
	if p.app.quiet || !p.app.screen.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.told) < progressEvery/100 {
		return
	}
	p.told = time.Now()
	p.app.screen.tell(now)
}

// training returns what reports a training run's state to the progress; who is
// put before it.
func (p *progress) training(who string) func(train.State) {
	begun := false
	return func(s train.State) {
		if !begun {
			begun = true
			p.resume(s.GradientStep - 1)
		}
		p.add(s.GradientStep-p.done, func() string { return who + describe(s) })
	}
}

// reach says that so many parts of so many are done.
func (p *progress) reach(done, total int) {
	p.mu.Lock()
	p.of(total)
	parts := done - p.done
	p.mu.Unlock()
	p.add(parts, func() string { return "" })
}

// end takes the bar away.
func (p *progress) end() { p.app.screen.clear() }
