package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/parquet"
	"radd/kernels/cpu"
	"radd/task"
	"radd/train"
)

// tiny is the base of sweeps whose networks take a few milliseconds.
const tiny = `
out: out
base:
  hidden: 4
  gradient-steps: 20
  device: cpu
  metrics-every: 1
  task: {blocks: 1, block-min: 2, block-max: 5}
`

// bare leaves rollouts away.
const bare = "rollout: {blocks: 0}\ndistill: []\n"

func open(t *testing.T, dir, text string) *Sweep {
	t.Helper()
	path := filepath.Join(dir, "sweep.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Sweep) Summary {
	t.Helper()
	sum, err := s.Run(context.Background(), Options{Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// tables returns the sweep's tables but the timings, by name.
func tables(t *testing.T, s *Sweep) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := s.Collect(dir); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range []string{"networks", "curves", "comparison"} {
		for _, ending := range []string{".csv", ".parquet"} {
			data, err := os.ReadFile(filepath.Join(dir, name+ending))
			if err != nil {
				t.Fatal(err)
			}
			all[name+ending] = string(data)
		}
	}
	return all
}

func sameTables(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs:\n%.2000s\nwant\n%.2000s", name, got[name], want[name])
		}
	}
}

func TestFaultsOfTheFile(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no folder":         {"grid: {seed: 1..3}", "out"},
		"unknown key":       {"out: x\ngrid: {hiden: [1]}", "hiden"},
		"unknown section":   {"out: x\ngird: {hidden: [1]}", "gird"},
		"bad value":         {"out: x\ngrid: {hidden: [1, many]}", "hidden"},
		"value not allowed": {"out: x\ngrid: {hidden: [4, 0]}", "hidden"},
		"task value":        {"out: x\ngrid: {task.bias: [0.5, 2]}", "task.bias"},
		"backward range":    {"out: x\ngrid: {seed: 5..1}", "seed"},
		"twice":             {"out: x\ngrid: {lr: [0.001, 1e-3]}", "twice"},
		"no values":         {"out: x\ngrid: {lr: []}", "lr"},
		"grid and list":     {"out: x\ngrid: {seed: 1..2}\nlist: [{seed: 3}]", "list.1.seed"},
		"no network's key":  {"out: x\ngrid: {jobs: [1, 2]}", "jobs"},
		"too many":          {"out: x\ngrid: {seed: 1..100000000, hidden: [1, 2]}", "too many"},
		"readout":           {"out: x\ndistill: [half]", "distill"},
		"no rollout":        {"out: x\nrollout: {blocks: 0}", "distill"},
		"a list of texts":   {"out: x\ngrid: {task.strengths: [[a]]}", "task.strengths"},
		"slurm":             {"out: x\nslurm: {cores: 0}", "slurm.cores"},
		"engine":            {"out: x\nbase: {engine: unrolled}", "engine"},
	} {
		f, err := Parse("f.yaml", []byte(test.text))
		if err == nil {
			_, err = f.Span("f.yaml")
		}
		if !input.Is(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one of input with %q", name, err, test.want)
		}
	}
}

func TestGrid(t *testing.T) {
	f, err := Parse("f.yaml", []byte("out: x\ngrid: {seed: 1..3, dtype: [f32, f64]}\nlist:\n"+
		"  - {hidden: [25, 50], task.strengths: [[0, 1], [0, 2]]}\n  - {hidden: 7, lr: [0.1, 0.2]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.Span("f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if g.Len() != 3*2*(4+2) {
		t.Fatalf("%d networks", g.Len())
	}
	names, alike := map[string]bool{}, 0
	for i := range g.Len() {
		c, err := g.At(i)
		if err != nil {
			t.Fatal(err)
		}
		names[Name(&c)] = true
		last, _ := g.At(g.block(i) - 1)
		if last.Hidden != c.Hidden || last.Dtype != c.Dtype {
			t.Errorf("network %d: its block ends with hidden %d, %s", i, last.Hidden, last.Dtype)
		}
		if i == g.block(i)-1 {
			alike++
		}
	}
	if len(names) != g.Len() || alike != 6 {
		t.Errorf("%d names of %d networks, in %d blocks", len(names), g.Len(), alike)
	}
	if got := fmt.Sprint(g.varied()); got != "[hidden lr seed dtype task.strengths]" {
		t.Errorf("varied: %s", got)
	}
}

// A network of a sweep, extracted, is the run that radd train makes.
func TestExtractedIsTrained(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, tiny+bare+"grid: {seed: 1..2, objective: [cross-entropy, probability], dtype: [f32, f64]}\n")
	run(t, s)
	for i := range s.grid.Len() {
		c, err := s.grid.At(i)
		if err != nil {
			t.Fatal(err)
		}
		got, want := filepath.Join(dir, "got", Name(&c)), filepath.Join(dir, "want", Name(&c))
		if err := s.Extract(filepath.Dir(got), Name(&c)); err != nil {
			t.Fatal(err)
		}
		if _, err := train.Run(context.Background(), want, c, train.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"weights.safetensors", "metrics.csv", "config.yaml", "checkpoints/step-000000020/SHA256SUMS"} {
			a, err1 := os.ReadFile(filepath.Join(got, name))
			b, err2 := os.ReadFile(filepath.Join(want, name))
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%s of %s differs: %v, %v", name, Name(&c), err1, err2)
			}
		}
	}
	if err := s.Extract(filepath.Join(dir, "none"), "n1"); !input.Is(err) {
		t.Errorf("an unknown name: %v", err)
	}
}

// Extended, a sweep trains what is missing, and ends with the tables of one that
// was that large from the start; made smaller, it keeps what it has.
func TestExtended(t *testing.T) {
	parts := []string{"grid: {seed: 1..3}\n", "grid: {seed: 1..5, objective: [cross-entropy, probability]}\nshard: 4\n",
		"list: [{seed: 2..4, hidden: [3, 4]}, {seed: 4..6, hidden: [4]}]\n"}
	fresh := []int{3, 7, 4}
	dir := t.TempDir()
	for i, part := range parts {
		s := open(t, dir, tiny+bare+part)
		if sum := run(t, s); sum.Trained != fresh[i] {
			t.Errorf("%d: trained %d networks, want %d", i, sum.Trained, fresh[i])
		}
		if sum := run(t, s); sum.Trained != 0 {
			t.Errorf("%d: trained %d networks again", i, sum.Trained)
		}
		other := open(t, t.TempDir(), tiny+bare+part)
		run(t, other)
		sameTables(t, tables(t, s), tables(t, other))
	}
	path := filepath.Join(dir, "sweep.yaml")
	if err := os.WriteFile(path, []byte(tiny+"rollout: {blocks: 7}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !input.Is(err) {
		t.Errorf("another rollout in the same folder: %v", err)
	}
}

// Files that name one folder share its networks; a run for one of them leaves what
// only others ask for alone, checkpoints too.
func TestAsked(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, tiny+bare+"grid: {seed: 1..4}\nshard: 1\n")
	ctx, stop := context.WithCancel(context.Background())
	_, err := first.Run(ctx, Options{Jobs: 1, Report: func(p Progress) {
		if p.Finished == 1 {
			stop()
		}
	}})
	if !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	checkpoint := first.path(workDir, first.shards[3], ".zip")
	if err := os.WriteFile(checkpoint, nil, 0o644); err != nil { // another program's
		t.Fatal(err)
	}
	second := open(t, dir, tiny+bare+"grid: {seed: [1, 3, 7]}\nshard: 1\n")
	var last Progress
	sum, err := second.Run(context.Background(), Options{Jobs: 1, Asked: true, Report: func(p Progress) { last = p }})
	if err != nil || sum.Networks != 3 || sum.Finished != 3 || sum.Trained != 2 || last.Networks != 3 {
		t.Errorf("%+v, %+v, error %v, want 3 networks, 2 of them trained now", sum, last, err)
	}
	if _, err := os.Stat(checkpoint); err != nil {
		t.Errorf("a checkpoint of what was not asked for: %v", err)
	}
	again := open(t, dir, tiny+bare+"grid: {seed: 1..4}\nshard: 1\n")
	if sum := run(t, again); sum.Trained != 2 || sum.Networks != 5 {
		t.Errorf("%+v, want the other two trained, of 5", sum)
	}
}

// A network that diverges fails alone, with its evidence, and the sweep ends
// with an error.
func TestDivergence(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..2, lr: [0.001, 1e38], reduction: [sum], gradient-steps: [100]}\n")
	_, err := s.Run(context.Background(), Options{})
	var failures *FailuresError
	if !errors.As(err, &failures) || failures.Failed != 2 || failures.Networks != 4 {
		t.Fatalf("error %v", err)
	}
	st, err := s.Status(0)
	if err != nil || st.Done != 2 || st.Failed != 2 || len(st.Reasons) != 2 || !strings.Contains(st.Reasons[0], "gradient step") {
		t.Errorf("status %+v, %v", st, err)
	}
	s.each(func(a *archive, name string, c train.Config, r Result) error {
		e, err := a.entry(c)
		if err != nil || len(e.snapshot.Weights) == 0 || (r.State == Failed) != (c.LearningRate > 1) {
			t.Errorf("%s: %s, %v", name, r.State, err)
		}
		return nil
	})
}

// Failed networks are trained again where that is asked for, and no others.
func TestReopen(t *testing.T) {
	const grid = "grid: {seed: 1..3, lr: [0.001, 1e38], reduction: [sum], gradient-steps: [100]}\nshard: 4\n"
	s := open(t, t.TempDir(), tiny+bare+grid)
	var failures *FailuresError
	if _, err := s.Run(context.Background(), Options{}); !errors.As(err, &failures) || failures.Failed != 3 {
		t.Fatalf("error %v", err)
	}
	want := tables(t, s)
	for _, failed := range []int{3, 0} {
		if n, err := s.Reopen(0); n != failed || err != nil {
			t.Fatalf("%d reopened, error %v", n, err)
		}
	}
	st, err := s.Status(0)
	if err != nil || st.Failed != 0 || st.Done != 3 || st.Waiting != 3 {
		t.Errorf("%+v, %v", st, err)
	}
	sum, err := s.Run(context.Background(), Options{})
	if !errors.As(err, &failures) || sum.Trained != 3 || sum.Failed != 3 {
		t.Errorf("%+v, %v", sum, err)
	}
	sameTables(t, tables(t, s), want)
}

// A folder whose networks another version named is told from a damaged one.
func TestOtherNames(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare)
	run(t, s)
	a, err := openArchive(s.path(shardsDir, s.shards[0], ".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var r Result
	list, _, err := s.Finished()
	if err != nil {
		t.Fatal(err)
	}
	renamed := list[0]
	renamed.Name, renamed.Config.Seed = "n4-of-old", 99
	_, weights := renamed.Weights()
	for _, err := range []error{a.json("n4-of-old", resultFile, &r), renamed.Folder(filepath.Join(t.TempDir(), "run")), weights} {
		if !input.Is(err) || !strings.Contains(err.Error(), "version") {
			t.Errorf("error %v", err)
		}
	}
}

// Traditional distillation: several teachers, each with several students.
func TestTeachers(t *testing.T) {
	dir := t.TempDir()
	c := train.DefaultConfig()
	c.Hidden, c.GradientSteps, c.Device, c.Task.Blocks = 5, 10, "cpu", 1
	var teachers []string
	for seed := range uint64(2) {
		c.Seed = seed
		run := filepath.Join(dir, fmt.Sprint("teacher", seed))
		if _, err := train.Run(context.Background(), run, c, train.Options{}); err != nil {
			t.Fatal(err)
		}
		teachers = append(teachers, filepath.Join(run, weightsFile))
	}
	s := open(t, dir, fmt.Sprintf("out: out\nbase: {hidden: 2, gradient-steps: 20, device: cpu, objective: soft-cross-entropy, teacher: %s, task: {blocks: 1}}\n"+
		"grid: {seed: 1..2, teacher: [%s]}\nrollout: {blocks: 6}\n", teachers[0], strings.Join(teachers, ", ")))
	if sum := run(t, s); sum.Trained != 4 {
		t.Errorf("%+v", sum)
	}
	sums := map[any]bool{}
	s.each(func(a *archive, name string, c train.Config, r Result) error {
		sums[r.Config["teacher-sha256"]] = true
		if r.State != Done || r.Rollout == nil {
			t.Errorf("%s: %+v", name, r)
		}
		return nil
	})
	if len(sums) != 2 {
		t.Errorf("teachers %v", sums)
	}
}

// Rollouts and students are those of the commands on the extracted run.
func TestAfter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "out: out\nbase: {hidden: 4, gradient-steps: 3, device: cpu}\nrollout: {blocks: 20, seed: 5}\ndistill: [full, pca]\n")
	run(t, s)
	s.each(func(a *archive, name string, c train.Config, r Result) error {
		folder := filepath.Join(dir, "runs", name)
		if err := s.Extract(filepath.Dir(folder), name); err != nil {
			t.Fatal(err)
		}
		cfg := train.DefaultRolloutConfig()
		cfg.Blocks, cfg.Seed = 20, 5
		want, err := train.RolloutOfRun(context.Background(), folder, cfg, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x, _ := json.Marshal(r.Rollout)
		y, _ := json.Marshal(want.Figures)
		if !bytes.Equal(x, y) {
			t.Errorf("rollout %s, want %s", x, y)
		}
		if len(r.Students)+len(r.Undistilled) != 2 {
			t.Errorf("students %v, undistilled %v", r.Students, r.Undistilled)
		}
		return nil
	})
}

// Several programs share a sweep: every network is trained once.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, tiny+bare+"grid: {seed: 1..40}\nshard: 2\n")
	var mu sync.Mutex
	var programs sync.WaitGroup
	trained := 0
	for k := range 4 {
		programs.Go(func() {
			s, err := Open(s.Path)
			if err != nil {
				t.Error(err)
				return
			}
			sum, err := s.Run(context.Background(), Options{Jobs: 1, Wait: true, First: 5 * k})
			if err != nil || sum.Finished != 40 {
				t.Errorf("%+v, %v", sum, err)
			}
			mu.Lock()
			trained += sum.Trained
			mu.Unlock()
		})
	}
	programs.Wait()
	if trained != 40 {
		t.Errorf("%d networks trained, want 40", trained)
	}
	unfinished := filepath.Join(s.Out, workDir, ".tmp-another's")
	checkpoint := filepath.Join(s.Out, workDir, "stale.zip")
	for _, path := range []string{unfinished, checkpoint} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.sweepUp(DefaultLease)
	if _, err := os.Stat(unfinished); err != nil {
		t.Errorf("the unfinished file of a living program: %v", err)
	}
	if _, err := os.Stat(checkpoint); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stale checkpoint: %v", err)
	}
	hour := time.Now().Add(-time.Hour)
	os.Chtimes(unfinished, hour, hour)
	s.sweepUp(DefaultLease)
	left, _ := filepath.Glob(filepath.Join(s.Out, "*", ".*"))
	claims, _ := os.ReadDir(filepath.Join(s.Out, claimsDir))
	if len(left)+len(claims) > 0 {
		t.Errorf("left over: %v %v", left, claims)
	}
}

// Claims: of the living they hold; of a dead process of this host, of an earlier
// boot, and of another host after the lease they are replaced.
func TestClaims(t *testing.T) {
	here := self()
	dead, rebooted, away := here, here, here
	dead.PID, dead.Started = 1<<22, "1"
	rebooted.Boot = "another"
	away.Host = "another"
	if runtime.GOOS != "linux" {
		rebooted = dead
	}
	hour := time.Now().Add(-time.Hour)
	for name, test := range map[string]struct {
		owner process
		aged  bool
		taken bool
	}{
		"living": {here, false, false}, "dead": {dead, false, true}, "rebooted": {rebooted, false, true},
		"away": {away, false, false}, "away and silent": {away, true, true},
	} {
		s := open(t, t.TempDir(), tiny+bare)
		if err := s.Plan(context.Background()); err != nil {
			t.Fatal(err)
		}
		sh := s.shards[0]
		old, err := s.take(sh, test.owner, 1, DefaultLease)
		if err != nil || old == nil {
			t.Fatal(old, err)
		}
		if test.aged {
			os.Chtimes(old.path, hour, hour)
		}
		c, err := s.take(sh, here, 1, DefaultLease)
		if err != nil || (c != nil) != test.taken {
			t.Errorf("%s: taken %v, %v", name, c, err)
		}
		if c == nil {
			continue
		}
		if c.Deaths != 1 || old.beat() || !c.beat() {
			t.Errorf("%s: %d deaths; beats %v, %v", name, c.Deaths, old.beat(), c.beat())
		}
		if err := old.release(); err != nil {
			t.Error(err)
		}
		if again, err := s.take(sh, here, 1, DefaultLease); err != nil || again != nil {
			t.Errorf("%s: the old owner's release freed the claim", name)
		}
		// One who judged the old claim, and acts late, leaves the next owner's alone.
		if err := s.unseat(old); err != nil {
			t.Error(err)
		}
		if is, err := readClaim(c.path); err != nil || is.Nonce != c.Nonce {
			t.Errorf("%s: unseated the wrong one: %v", name, err)
		}
	}
}

// Two owners of one shard, as after a partition: the second's result is dropped.
func TestLatecomer(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..2}\nshard: 2\n")
	run(t, s)
	path := s.path(shardsDir, s.shards[0], ".zip")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	won, err := commit(path, func(w io.Writer) error {
		_, err := w.Write([]byte("late"))
		return err
	})
	after, _ := os.ReadFile(path)
	if won || err != nil || !bytes.Equal(before, after) {
		t.Errorf("won %v, %v", won, err)
	}
}

// A claim that cannot be read is named.
func TestDamagedClaim(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare)
	if err := s.Plan(context.Background()); err != nil {
		t.Fatal(err)
	}
	path := s.path(claimsDir, s.shards[0], ".json")
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, taken := s.take(s.shards[0], self(), 1, DefaultLease)
	_, status := s.Status(0)
	for _, err := range []error{taken, status} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names %s", err, path)
		}
	}
}

// The scratch folder of a program in another space of process numbers, which may be
// alive, stays.
func TestScratchOfOthers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	here := self()
	if here.Space == "" || here.Started == "" {
		t.Skip("processes are told apart on Linux")
	}
	there, dead := here, here
	there.PID, there.Started, there.Space = 1<<22, "1", "pid:[1]"
	dead.PID, dead.Started = 1<<22, "1"
	for of, stays := range map[process]bool{there: true, dead: false, here: true} {
		folder, err := of.scratch()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := scratchFolder(); err != nil {
			t.Fatal(err)
		}
		if exists(folder) != stays {
			t.Errorf("%+v: its scratch folder is there: %v", of, !stays)
		}
	}
}

// Where a shard cannot be opened, its claim is given up.
func TestClaimGivenUp(t *testing.T) {
	dir := t.TempDir()
	c := train.DefaultConfig()
	c.Hidden, c.GradientSteps, c.Device, c.Task.Blocks = 4, 1, "cpu", 1
	var files []string
	for i := range 2 {
		run := filepath.Join(dir, fmt.Sprint("run", i))
		if _, err := train.Run(context.Background(), run, c, train.Options{}); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(run, weightsFile))
	}
	s := open(t, dir, tiny+bare+fmt.Sprintf("grid: {init: [%s, %s]}\nshard: 2\n", files[0], files[1]))
	if err := s.Plan(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background(), Options{}); !input.Is(err) || !strings.Contains(err.Error(), files[1]) {
		t.Errorf("error %v, want one of input that names the file", err)
	}
	if claims, err := s.listed(claimsDir, ".json"); err != nil || len(claims) != 0 {
		t.Errorf("claims %v are left, error %v", claims, err)
	}
}

// What kills its program again and again is found, and fails alone.
func TestKiller(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..4}\nshard: 4\n")
	if err := s.Plan(context.Background()); err != nil {
		t.Fatal(err)
	}
	ghost := self()
	ghost.PID, ghost.Started = 1<<22, "1"
	for range failAfter {
		if c, err := s.take(s.shards[0], ghost, 1, DefaultLease); err != nil || c == nil {
			t.Fatal(c, err)
		}
	}
	_, err := s.Run(context.Background(), Options{Wait: true})
	var failures *FailuresError
	if !errors.As(err, &failures) || failures.Failed != 1 {
		t.Fatal(err)
	}
	if st, _ := s.Status(0); st.Done != 3 || !strings.Contains(fmt.Sprint(st.Reasons), "seed1") || !strings.Contains(fmt.Sprint(st.Reasons), "killed") {
		t.Errorf("%+v", st)
	}
}

// Stopped again and again, a sweep ends with the same tables.
func TestStopped(t *testing.T) {
	const text = tiny + bare + "grid: {seed: 1..6, gradient-steps: [2000]}\nshard: 3\n"
	s := open(t, t.TempDir(), text)
	stops := 0
	for k := 0; ; k++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(5+20*k)*time.Millisecond)
		_, err := s.Run(ctx, Options{Wait: true})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrStopped) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		stops++
	}
	other := open(t, t.TempDir(), text)
	run(t, other)
	sameTables(t, tables(t, s), tables(t, other))
	if stops == 0 {
		t.Error("it was never stopped")
	}
}

// What of a shard's checkpoint can be read is gone on with.
func TestDamagedCheckpoint(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..3, gradient-steps: [50000]}\nshard: 3\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := s.Run(ctx, Options{Jobs: 3, Report: func(p Progress) {
		if now := strings.Join(p.Now, " "); len(p.Now) == 3 && strings.Count(now, " 0 of ") == 0 {
			cancel()
		}
	}})
	if !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	sh := s.shards[0]
	path := s.path(workDir, sh, ".zip")
	configs, err := sh.configs()
	if err != nil {
		t.Fatal(err)
	}
	a, err := openArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	at, err := a.files[Name(&configs[0])+"/"+weightsFile].DataOffset()
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at+20] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := s.take(sh, self(), 1, DefaultLease)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	var messages bytes.Buffer
	r := &runner{Sweep: s, Options: Options{Log: slog.New(slog.NewTextHandler(&messages, nil))}, open: map[string]*openShard{}}
	w, err := r.enter(ctx, sh, c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.fleet.Close()
	for i := range configs {
		if steps := w.fleet.State(i).GradientSteps; (steps == 0) != (i == 0) {
			t.Errorf("network %d begins at %d steps", i, steps)
		}
	}
	if !strings.Contains(messages.String(), Name(&configs[0])) || strings.Contains(messages.String(), Name(&configs[1])) {
		t.Errorf("it was said:\n%s", messages.String())
	}
}

// A checkpoint of another instruction set is not gone on with, which is said.
func TestStoppedElsewhere(t *testing.T) {
	if cpu.Supported()[0] == cpu.Generic {
		t.Skip("there is one instruction set only")
	}
	s := open(t, t.TempDir(), tiny+bare+"grid: {gradient-steps: [2000]}\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := s.Run(ctx, Options{Report: func(p Progress) {
		if now := strings.Join(p.Now, ""); strings.Contains(now, " 50 of 2000") {
			cancel()
		}
	}})
	if !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	t.Setenv(cpu.Variable, string(cpu.Generic))
	var messages bytes.Buffer
	sum, err := s.Run(context.Background(), Options{Log: slog.New(slog.NewTextHandler(&messages, nil))})
	if err != nil || sum.Trained != 1 || sum.Continued != 0 || !strings.Contains(messages.String(), "begin again") {
		t.Errorf("%+v, %v:\n%s", sum, err, messages.String())
	}
	if list, _, err := s.Finished(); err != nil || list[0].Result.Training.ISA != string(cpu.Generic) {
		t.Errorf("%+v, %v", list, err)
	}
}

// The estimate of the mean's interval is that of the normal theory.
func TestMeanInterval(t *testing.T) {
	var values []float64
	for i := range 200 {
		values = append(values, math.Sin(float64(i*i)))
	}
	mean, low, high := meanInterval(values)
	variance := 0.0
	for _, x := range values {
		variance += (x - mean) * (x - mean) / float64(len(values)-1)
	}
	// Percentiles of 2,000 samples scatter by about 5 % of the half-width.
	const tolerance = .15
	half := 1.96 * math.Sqrt(variance/float64(len(values)))
	if math.Abs((high-low)/2/half-1) > tolerance || mean < low || mean > high {
		t.Errorf("%v [%v, %v], want a half-width of %v", mean, low, high, half)
	}
}

// Memory does not grow with the number of networks: what is open is a shard or two.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("trains 2,200 networks")
	}
	live := func(networks int) uint64 {
		s := open(t, t.TempDir(), strings.Replace(tiny, "gradient-steps: 20", "gradient-steps: 1", 1)+bare+
			fmt.Sprintf("grid: {seed: 1..%d}\nshard: 20\n", networks))
		var most uint64
		finished := 0
		_, err := s.Run(context.Background(), Options{Report: func(Progress) {
			if finished++; finished%50 != 0 {
				return
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}})
		if err != nil {
			t.Fatal(err)
		}
		return most
	}
	few, many := live(200), live(2000)
	const slack = 2 << 20 // bytes: the garbage of a moment
	if many > few+slack {
		t.Errorf("%d bytes with 200 networks, %d with 2,000", few, many)
	}
}

// Blocks that do not follow one another are refused.
func TestPlayedBlocks(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	c := train.DefaultConfig()
	c.Hidden, c.GradientSteps, c.Device, c.Task.Blocks = 2, 1, "cpu", 1
	if _, err := train.Run(context.Background(), run, c, train.Options{}); err != nil {
		t.Fatal(err)
	}
	cfg := train.DefaultRolloutConfig()
	cfg.Blocks, cfg.Device = 2, "cpu"
	s, err := train.RolloutOfRun(context.Background(), run, cfg, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, blocks := range [][]int64{{1}, {0, 2}, {0, 1, 0}, {-1}} {
		err := atomicfs.WriteFile(atomicfs.OS, filepath.Join(s.Out, trialsFile), func(w io.Writer) error {
			rows := parquet.NewWriter[train.TrialRow](w)
			for _, block := range blocks {
				if err := rows.Write(train.TrialRow{Block: block}); err != nil {
					return err
				}
			}
			return rows.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readPlayed(context.Background(), run, train.Options{}); !input.Is(err) {
			t.Errorf("blocks %v: error %v, want one of input", blocks, err)
		}
	}
}

// Tables that are collected while shards are published are of the same networks.
func TestCollectedAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), tiny+bare+"grid: {seed: 1..4}\nshard: 2\n")
	run(t, s)
	late, aside, dir := s.path(shardsDir, s.shards[1], ".zip"), filepath.Join(t.TempDir(), "late.zip"), filepath.Join(t.TempDir(), "tables")
	if err := os.Rename(late, aside); err != nil {
		t.Fatal(err)
	}
	var published sync.WaitGroup
	published.Go(func() {
		for !exists(filepath.Join(dir, "networks.parquet")) {
			runtime.Gosched()
		}
		os.Rename(aside, late)
	})
	c, err := s.Collect(dir)
	published.Wait()
	if err != nil || c.Networks != 2 || c.Missing != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, name := range []string{"networks", "timings"} {
		data, err := os.ReadFile(filepath.Join(dir, name+".csv"))
		if rows := strings.Count(string(data), "\n") - 1; err != nil || rows != c.Networks {
			t.Errorf("%s has %d networks, want %d: %v", name, rows, c.Networks, err)
		}
	}
}

// Two sets of the same runs do not differ; a set of runs that cannot play
// differs from one that can, by the difference of its means.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	var runs []string
	for i, lr := range []float64{.01, .01, 1e-6, 1e-6} {
		c := train.DefaultConfig()
		c.Hidden, c.GradientSteps, c.LearningRate, c.Seed, c.Device, c.Task.Blocks = 8, 1200, lr, uint64(i), "cpu", 1
		run := filepath.Join(dir, fmt.Sprint(i))
		if _, err := train.Run(context.Background(), run, c, train.Options{}); err != nil {
			t.Fatal(err)
		}
		cfg := train.DefaultRolloutConfig()
		cfg.Blocks, cfg.Device = 20, "cpu"
		if _, err := train.RolloutOfRun(context.Background(), run, cfg, train.Options{}); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	compare := func(a, b []string) map[string]Difference {
		list, err := Compare(context.Background(), a, b, .05, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]Difference{}
		for _, d := range list {
			all[d.Measure] = d
		}
		return all
	}
	same := compare(runs[:2], runs[:2])
	for name, d := range same {
		if d.Different || float64(d.Difference) > 1e-12 {
			t.Errorf("the same runs differ in %s: %+v", name, d)
		}
	}
	apart := compare(runs[:2], runs[2:])
	for i, want := range []float64{1, -1} {
		name := []string{"action_rate", "rnn_steps_per_trial"}[i]
		if d := apart[name]; !d.Different || d.Equivalent || float64(d.Difference)*want <= 0 || d.Difference < d.Low || d.Difference > d.High {
			t.Errorf("%s: %+v", name, d)
		}
	}
	// The figures are the rollout's own.
	s, err := train.RolloutMade(context.Background(), runs[0], train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one := compare(runs[:1], runs[1:2])
	for name, want := range map[string]task.Ratio{"rnn_steps_per_trial": s.RNNStepsPerTrial, "action_rate": s.ActionRate, "correct_per_trial": s.CorrectPerTrial,
		"correct_per_action": s.CorrectPerAction, "correct_concordant": s.CorrectConcordant, "correct_discordant": s.CorrectDiscordant,
		"correct_zero_strength_concordant": s.CorrectZeroStrengthConcordant, "correct_zero_strength_discordant": s.CorrectZeroStrengthDiscordant,
		"cross_entropy_per_observation": s.CrossEntropyPerObservation} {
		if math.Abs(float64(one[name].A-want)) > 1e-12 {
			t.Errorf("%s is %v, the rollout's %v", name, one[name].A, want)
		}
	}
	if _, err := Compare(context.Background(), runs[:1], nil, .05, train.Options{}); !input.Is(err) {
		t.Errorf("an empty set: %v", err)
	}

	// Exported, the trials read back as they are, by the conventions of ALF.
	if _, err := Export(context.Background(), runs[:1], "alf", filepath.Join(dir, "alf"), train.Options{}); err != nil {
		t.Fatal(err)
	}
	e, err := Export(context.Background(), runs[:1], "csv", filepath.Join(dir, "csv"), train.Options{})
	if err != nil || len(e) != 1 || e[0].Trials != s.Trials {
		t.Fatalf("%+v, %v", e, err)
	}
	type alf struct {
		Choice        float64 `parquet:"choice"`
		FeedbackType  float64 `parquet:"feedbackType"`
		ContrastLeft  float64 `parquet:"contrastLeft"`
		ContrastRight float64 `parquet:"contrastRight"`
		Probability   float64 `parquet:"probabilityLeft"`
		Begin         float64 `parquet:"intervals_0"`
		End           float64 `parquet:"intervals_1"`
	}
	next, stop := iter.Pull2(parquet.Read[alf](filepath.Join(dir, "alf", "0", alfDate, alfNumber, "alf", alfTable)))
	defer stop()
	for r := range parquet.Read[train.TrialRow](filepath.Join(runs[0], "rollout", trialsFile)) {
		x, err, ok := next()
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		left := r.TrialSide < 0
		if x.Choice != -float64(r.Action) || (x.FeedbackType == 1) != r.Correct || math.IsNaN(x.ContrastLeft) == left || math.IsNaN(x.ContrastRight) != left ||
			(x.Probability > .5) != (r.BlockSide < 0) || x.End-x.Begin != float64(r.RNNSteps) {
			t.Fatalf("%+v of %+v", x, r)
		}
	}
	if _, err := Export(context.Background(), runs[:1], "nwb", dir, train.Options{}); !input.Is(err) {
		t.Errorf("an unknown format: %v", err)
	}
}

// Networks that differ in their length alone share their training: the longer go
// on where the shorter end, and are what they would be by themselves.
func TestLengths(t *testing.T) {
	const seeds = "grid: {seed: 1..3, objective: [cross-entropy, probability]}\n"
	const rest = "rollout: {blocks: 4}\ndistill: []\nshard: 4\n"
	s := open(t, t.TempDir(), tiny+strings.Replace(seeds, "{", "{gradient-steps: [5, 20, 12], ", 1)+rest)
	if e, err := s.Extent(context.Background()); err != nil || e.Networks != 18 || e.GradientSteps != 6*(5+20+12) {
		t.Errorf("extent %+v, error %v", e, err)
	}
	if sum := run(t, s); sum.Continued == 0 {
		t.Errorf("%+v: no network went on from a shorter one", sum)
	}
	together := tables(t, s)
	var alone []string
	for _, steps := range []string{"5", "20", "12"} {
		one := open(t, t.TempDir(), strings.Replace(tiny, "gradient-steps: 20", "gradient-steps: "+steps, 1)+seeds+rest)
		if sum := run(t, one); sum.Continued != 0 {
			t.Errorf("%+v: a sweep of one length", sum)
		}
		for _, name := range []string{"networks.csv", "curves.csv"} {
			for line := range strings.Lines(tables(t, one)[name]) {
				if !strings.Contains(together[name], line) {
					t.Errorf("%s: %s steps: %q is not there", name, steps, line)
				}
			}
		}
		alone = append(alone, steps)
	}
	if list, missing, err := s.Finished(); err != nil || missing != 0 || len(list) != 6*len(alone) {
		t.Errorf("%d networks, %d missing, error %v", len(list), missing, err)
	}
}

// A longer network goes on from the longest that was trained on its own instruction
// set, and only then counts as one that went on.
func TestLengthsElsewhere(t *testing.T) {
	if cpu.Supported()[0] == cpu.Generic {
		t.Skip("there is one instruction set only")
	}
	dir := t.TempDir()
	on := func(isa cpu.ISA, steps string, trained, continued int) *Sweep {
		t.Setenv(cpu.Variable, string(isa))
		s := open(t, dir, tiny+bare+"grid: {seed: 1..2, gradient-steps: "+steps+"}\nshard: 2\n")
		sum, err := s.Run(context.Background(), Options{Jobs: 1}) // one after the other, shorter ones first
		if err != nil || sum.Trained != trained || sum.Continued != continued || sum.Kernels <= 0 {
			t.Errorf("%s steps on %s: %+v, %v, want %d trained, %d of them continued", steps, isa, sum, err, trained, continued)
		}
		return s
	}
	fastest := cpu.Supported()[0]
	on(fastest, "[5, 6]", 4, 2)
	on(cpu.Generic, "[5, 6, 7]", 2, 0)
	got := tables(t, on(fastest, "[5, 6, 7, 9]", 2, 2))
	alone := open(t, t.TempDir(), strings.Replace(tiny, "gradient-steps: 20", "gradient-steps: 9", 1)+bare+"grid: {seed: 1..2}\n")
	run(t, alone)
	for line := range strings.Lines(tables(t, alone)["networks.csv"]) {
		if !strings.Contains(got["networks.csv"], line) {
			t.Errorf("%q is not there", line)
		}
	}
}

// Figures without a recording are those of a rollout.
func TestFiguresAlone(t *testing.T) {
	const grid = "grid: {seed: 1..2}\n"
	alone, distilled := open(t, t.TempDir(), tiny+grid+"distill: []\nrollout: {blocks: 20}\n"), open(t, t.TempDir(), tiny+grid+"rollout: {blocks: 20}\n")
	run(t, alone)
	run(t, distilled)
	got, _, err := alone.Finished()
	want, _, err2 := distilled.Finished()
	if err := errors.Join(err, err2); err != nil || len(got) != 2 {
		t.Fatalf("%d networks, error %v", len(got), err)
	}
	for i := range got {
		if fmt.Sprint(*got[i].Result.Rollout, got[i].Result.ByStrength) != fmt.Sprint(*want[i].Result.Rollout, want[i].Result.ByStrength) {
			t.Errorf("%s: %+v, want %+v", got[i].Name, *got[i].Result.Rollout, *want[i].Result.Rollout)
		}
	}
}
