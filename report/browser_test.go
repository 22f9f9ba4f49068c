package report

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshotsVariable names a folder for pictures of the page in every state that
// the browser test goes through.
const screenshotsVariable = "RADD_SCREENSHOTS"

// browser starts Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("NOT RUN: no Chromium here (on Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-default-apps", true), chromedp.Flag("hide-scrollbars", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// witness collects what a page asks for and complains of.
type witness struct {
	mu                 sync.Mutex
	requests, problems []string
}

func (w *witness) watch(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			w.requests = append(w.requests, e.Request.URL)
		case *runtime.EventExceptionThrown:
			w.problems = append(w.problems, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				w.problems = append(w.problems, fmt.Sprintf("console: %v", e.Args))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
				w.problems = append(w.problems, e.Entry.Text)
			}
		}
	})
}

// layout reports, for the page as it is shown, what would look wrong: figures
// without size, labels that lie upon each other or beyond their picture, and a page
// that is wider than the window.
const layout = `(() => {
	const problems = [];
	if (document.documentElement.scrollWidth > innerWidth + 1) problems.push("the page is " + document.documentElement.scrollWidth + " wide");
	for (const figure of document.querySelectorAll("figure[id]")) {
		if (figure.closest("[hidden]")) continue;
		for (const svg of figure.querySelectorAll(".panels svg")) {
			const box = svg.getBoundingClientRect();
			if (box.width < 100 || box.height < 50) problems.push(figure.id + ": a panel of " + box.width + " by " + box.height);
			const labels = [...svg.querySelectorAll("text")].filter(e => !e.closest(".off")).map(e => [e.textContent, e.getBoundingClientRect()]);
			labels.forEach(([a, p], i) => {
				if (p.left < box.left - 2 || p.right > box.right + 2 || p.top < box.top - 2 || p.bottom > box.bottom + 2) problems.push(figure.id + ": " + a + " is cut off");
				for (const [b, q] of labels.slice(i + 1)) {
					const x = Math.min(p.right, q.right) - Math.max(p.left, q.left), y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
					if (x > 1 && y > 3) problems.push(figure.id + ": " + a + " lies upon " + b);
				}
			});
		}
	}
	return problems.join("\n");
})()`

// switches reports how a key's buttons and groups stand: "on", "off" or "mixed".
const switches = `(key => {
	const buttons = [...document.querySelectorAll('button.key[data-k="' + key + '"]')].map(e => e.getAttribute("aria-pressed") === "true");
	const groups = [...document.querySelectorAll('g.s[data-k="' + key + '"]')].map(e => getComputedStyle(e).display !== "none");
	const states = [...buttons, ...groups];
	return !buttons.length || !groups.length ? "absent" : states.every(x => x) ? "on" : states.some(x => x) ? "mixed" : "off";
})("network")`

func TestBrowser(t *testing.T) {
	ctx := browser(t)
	var page bytes.Buffer
	runs := []*Run{sampleRun(t), sampleRun(t)}
	runs[1].Config.Hidden = 25
	some := sampleSweep(t)
	if err := WritePage(&page, runs, []*Sweep{some}, PageOptions{Title: "sample", Version: "radd", Files: "figures"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{400, 1600} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d %s", width, scheme), func(t *testing.T) {
				tab, cancel := chromedp.NewContext(ctx)
				defer cancel()
				var w witness
				w.watch(tab)
				view(t, tab, "file://"+file, width, scheme)
				w.mu.Lock()
				defer w.mu.Unlock()
				for _, url := range w.requests {
					if url != "file://"+file && !strings.HasPrefix(url, "data:") {
						t.Errorf("the page asks for %s", url)
					}
				}
				if len(w.requests) == 0 {
					t.Error("no request seen, not even that for the page")
				}
				for _, p := range w.problems {
					t.Errorf("the console says: %s", p)
				}
			})
		}
	}
}

// view opens the page in a tab and uses all that it offers.
func view(t *testing.T, ctx context.Context, url string, width int64, scheme string) {
	do := func(what string, actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	is := func(what, script, want string) {
		t.Helper()
		var got string
		do(what, chromedp.Evaluate(script, &got))
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	press := func(selector string) {
		t.Helper()
		do("pressing "+selector, pressing(selector))
	}
	focus := func(selector string) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).focus({ preventScroll: true }); 0`, selector), nil)
	}
	do("opening", network.Enable(), log.Enable(),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.EmulateViewport(width, 1000), chromedp.Navigate(url), chromedp.WaitReady("footer"))

	var figures int
	do("counting", chromedp.Evaluate(`[...document.querySelectorAll("#main figure")].filter(e => !e.closest("[hidden]") && e.querySelector("svg").getBoundingClientRect().width > 0).length`, &figures))
	want := 1 + len(sampleSweep(t).Figures()) + len(SideBySide([]*Run{sampleRun(t), sampleRun(t)})) // the scrubber's
	for _, s := range sampleRun(t).Figures() {
		want += len(s.Figures)
	}
	if figures != want || figures < leastFigures {
		t.Errorf("%d figures to be seen, want %d", figures, want)
	}
	is("layout", layout, "")
	dark := `String((c => (+c[0] + +c[1] + +c[2]) / 3 < 100)(getComputedStyle(document.body).backgroundColor.match(/\d+/g)))`
	is("colours of the system", dark, fmt.Sprint(scheme == "dark"))
	shoot(t, ctx, fmt.Sprintf("%d-%s", width, scheme))

	is("the network at first", switches, "on")
	press(`.keys.all button.key[data-k="network"]`)
	is("the network switched off", switches, "off")
	do("the keyboard on a key", focus(`.keys.all button.key[data-k="network"]`), chromedp.KeyEvent(" "))
	is("the network switched on again", switches, "on")

	for _, other := range []string{"light", "dark", "auto"} {
		press("#theme")
		is("the theme's button", `document.querySelector("#theme").textContent`, other)
		is("colours, "+other, dark, fmt.Sprint(other == "dark" || other == "auto" && scheme == "dark"))
	}

	// The scrubber: its range, its buttons, and what they show.
	told := `document.querySelector(".scrubber dl").textContent + document.querySelector(".scrubber .panels circle:last-of-type").getAttribute("cx")`
	seen := map[string]bool{}
	look := func(what string) {
		t.Helper()
		var text string
		do(what, chromedp.Evaluate(told, &text))
		if seen[text] || !strings.Contains(text, "probability of right") {
			t.Errorf("%s: the scrubber shows %q", what, text)
		}
		seen[text] = true
	}
	look("at first")
	press(`.scrubber [data-do="on"]`)
	look("after the next trial's button")
	do("the keyboard", focus(`.scrubber input`), chromedp.KeyEvent("\u0303")) // arrow right
	look("after an arrow key")
	do("dragging", chromedp.Evaluate(`(e => { e.value = 200; e.dispatchEvent(new Event("input")); })(document.querySelector(".scrubber input")); 0`, nil))
	look("after dragging")
	is("bars of the trial", `String(document.querySelectorAll(".scrubber .strip rect").length > 0)`, "true")

	// Values: by the pointer and by the keyboard.
	var at []float64
	do("scrolling", chromedp.Evaluate(`document.querySelector("#run-0-chronometric .panels svg").scrollIntoView({ block: "center", behavior: "instant" }); 0`, nil),
		chromedp.Evaluate(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
		chromedp.Evaluate(`(svg => {
			const [x, y] = svg.querySelector('g.s[data-k="network"][data-v]').dataset.v.split(",").map(Number);
			const box = svg.getBoundingClientRect(), k = box.width / svg.viewBox.baseVal.width;
			return [box.left + x * k, box.top + y * k];
		})(document.querySelector("#run-0-chronometric .panels svg"))`, &at))
	do("the pointer", chromedp.MouseEvent(input.MouseMoved, at[0]+1, at[1]-1))
	tip := `(e => e.hidden ? "" : e.textContent.split("\n").slice(0, 2).join(" | "))(document.querySelector("#tip"))`
	is("the value under the pointer", tip, "network, 50 units | stimulus strength (of the largest): 0")
	do("the keyboard on a figure", focus("#run-0-chronometric .panels svg"),
		chromedp.KeyEvent("\u0303"), chromedp.KeyEvent("\u0303"))
	is("the value after two arrow keys", tip, "network, 50 units | stimulus strength (of the largest): 0.2")
	do("Escape", chromedp.KeyEvent("\u001b"))
	is("no value after Escape", tip, "")

	// Another run.
	do("choosing a run", chromedp.Evaluate(`(e => { e.value = "run-1"; e.dispatchEvent(new Event("change")); })(document.querySelector("#runs")); 0`, nil))
	is("the run that is shown", `[...document.querySelectorAll("article")].filter(e => !e.hidden).map(e => e.dataset.run).join()`, "run-1")
	is("the sections' names", `document.querySelector("#behaviour").closest("article").dataset.run`, "run-1")
	is("layout of the other run", layout, "")
}

// pressing clicks with the mouse on the middle of an element.
func pressing(selector string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var at []float64
		err := chromedp.Evaluate(fmt.Sprintf(`(e => {
			e.scrollIntoView({ block: "center", behavior: "instant" });
			const box = e.getBoundingClientRect();
			return [box.left + box.width / 2, box.top + box.height / 2];
		})(document.querySelector(%q))`, selector), &at).Do(ctx)
		if err != nil {
			return err
		}
		return chromedp.MouseClickXY(at[0], at[1]).Do(ctx)
	})
}

// shoot keeps a picture of the whole page, where it is wanted.
func shoot(t *testing.T, ctx context.Context, name string) {
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	var data []byte
	if err := chromedp.Run(ctx, chromedp.FullScreenshot(&data, 100)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBrowserLive opens a served page and sees a figure grow as the run does.
func TestBrowserLive(t *testing.T) {
	ctx := browser(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	defer stop()
	address := make(chan string, 1)
	live := &Live{Dirs: []string{dir}, PageOptions: PageOptions{Title: "live"}}
	go live.Serve(serving, 0, func(a string) { address <- a })
	var w witness
	w.watch(ctx)
	page := <-address
	var off bool
	err := chromedp.Run(ctx, network.Enable(), log.Enable(), chromedp.Navigate(page), chromedp.WaitReady("footer"),
		pressing(`.keys.all button.key[data-k="network"]`),
		chromedp.Poll(`document.querySelector("#live").textContent === "live"`, nil))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, metricsFile, read(t, sample, metricsFile)+"40000,-0.3,0.1,700,200,200,170\n")
	err = chromedp.Run(ctx,
		chromedp.Poll(`document.querySelector("article > .lead").textContent.includes("40,000") && document.querySelector("#run-0-learning-loss").textContent.includes("40000")`, nil, chromedp.WithPollingTimeout(30*time.Second)),
		chromedp.Evaluate(`document.querySelector('#run-0-learning-loss g.s[data-k="network"]').classList.contains("off")`, &off))
	if err != nil {
		t.Fatal(err)
	}
	if !off {
		t.Error("what was switched off is on after the page has followed the run")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, url := range w.requests {
		if !strings.HasPrefix(url, page) && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks for %s", url)
		}
	}
	for _, p := range w.problems {
		t.Errorf("the console says: %s", p)
	}
}
