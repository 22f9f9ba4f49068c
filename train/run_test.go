package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/atomicfs/faultfs"
	"radd/internal/input"
	"radd/kernels"
	"radd/kernels/cpu"
)

// small is a run that takes a few milliseconds: short sessions, few units.
func small() Config {
	c := DefaultConfig()
	c.Hidden, c.GradientSteps, c.Device = 4, 12, "cpu"
	c.MetricsEvery, c.CheckpointEvery, c.CheckpointMinutes, c.Jobs = 1, 5, 0, 1
	c.Task.Blocks, c.Task.BlockMin, c.Task.BlockMax = 1, 2, 5
	c, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return c
}

func mustRun(t *testing.T, dir string, c Config, opt Options) Summary {
	t.Helper()
	s, err := Run(context.Background(), dir, c, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// same fails unless both folders hold the same run: weights, metrics and the
// newest checkpoint, byte for byte.
func same(t *testing.T, got, want string) {
	t.Helper()
	steps, err := checkpointSteps(atomicfs.OS, want)
	if err != nil || len(steps) == 0 {
		t.Fatalf("checkpoints of %s: %v, %v", want, steps, err)
	}
	newest := filepath.Join(checkpointsDir, checkpointName(steps[0]))
	for _, name := range []string{weightsFile, metricsFile, configFile,
		filepath.Join(newest, weightsFile), filepath.Join(newest, momentumFile), filepath.Join(newest, stateFile)} {
		if !bytes.Equal(read(t, filepath.Join(got, name)), read(t, filepath.Join(want, name))) {
			t.Fatalf("%s differs from that of the undisturbed run", name)
		}
	}
}

func TestRunFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := small()
	s := mustRun(t, dir, c, Options{Version: "test"})
	if s.GradientSteps != 12 || s.Trials == 0 || s.RNNSteps < s.Trials || s.Seconds <= 0 || s.Dtype != "f32" {
		t.Errorf("summary %+v", s)
	}
	for _, name := range []string{configFile, manifestFile, metricsFile, timingFile, eventsFile, logFile, weightsFile} {
		if len(read(t, filepath.Join(dir, name))) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	if rows := strings.Count(string(read(t, filepath.Join(dir, metricsFile))), "\n"); rows != 1+12 {
		t.Errorf("metrics.csv has %d lines, want a header and 12 rows", rows)
	}
	steps, err := checkpointSteps(atomicfs.OS, dir)
	if err != nil || len(steps) != 3 || steps[0] != 12 {
		t.Errorf("checkpoints %v, %v: want 12, 10, 5", steps, err)
	}
	back, err := ReadRunConfig(dir)
	if err != nil || back.Differs(&c) != nil || back.GradientSteps != 12 {
		t.Errorf("configuration read back: %+v, %v", back, err)
	}
}

func TestMetricsEveryAndKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := small()
	c.MetricsEvery, c.CheckpointEvery, c.Keep, c.Dtype = 5, 2, 2, "f64"
	mustRun(t, dir, c, Options{})
	var column []string
	for line := range strings.Lines(string(read(t, filepath.Join(dir, metricsFile)))) {
		first, _, _ := strings.Cut(line, ",")
		column = append(column, first)
	}
	if got := strings.Join(column, " "); got != "gradient_step 1 5 10" {
		t.Errorf("rows of metrics.csv: %s", got)
	}
	if steps, _ := checkpointSteps(atomicfs.OS, dir); len(steps) != 2 || steps[1] != 10 {
		t.Errorf("checkpoints %v: want 12 and 10", steps)
	}
}

func TestSessionsAndJobsDoNotChangeBytes(t *testing.T) {
	var folders []string
	for _, jobs := range []int{1, 2, 3} {
		dir := filepath.Join(t.TempDir(), "run")
		c := small()
		c.Sessions, c.Jobs = 3, jobs
		mustRun(t, dir, c, Options{})
		folders = append(folders, dir)
	}
	for _, dir := range folders[1:] {
		for _, name := range []string{weightsFile, metricsFile} {
			if !bytes.Equal(read(t, filepath.Join(dir, name)), read(t, filepath.Join(folders[0], name))) {
				t.Errorf("%s depends on the number of jobs", name)
			}
		}
	}
}

func TestResume(t *testing.T) {
	c := small()
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, whole, c, Options{})

	t.Run("stopped", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Run(ctx, dir, c, Options{Report: func(s State) {
			if s.GradientStep == 7 {
				cancel()
			}
		}})
		if !errors.Is(err, ErrStopped) {
			t.Fatalf("error %v, want ErrStopped", err)
		}
		if steps, _ := checkpointSteps(atomicfs.OS, dir); steps[0] != 7 {
			t.Fatalf("checkpoints %v: want 7 first", steps)
		}
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
	t.Run("extended", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		short := c
		short.GradientSteps = 8
		mustRun(t, dir, short, Options{})
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
	t.Run("finished", func(t *testing.T) {
		before := [2][]byte{read(t, filepath.Join(whole, manifestFile)), read(t, filepath.Join(whole, configFile))}
		other := c // what makes no other run, on another machine, by another version
		other.Jobs, other.Keep, other.CheckpointEvery = 2, 1, 3
		t.Setenv(cpu.Variable, string(cpu.Generic))
		var messages bytes.Buffer
		s := mustRun(t, whole, other, Options{Resume: true, Version: "another", Log: slog.New(slog.NewTextHandler(&messages, nil))})
		if s.GradientSteps != 12 || s.Loss == 0 || s.Seconds <= 0 {
			t.Errorf("summary %+v", s)
		}
		if after := [2][]byte{read(t, filepath.Join(whole, manifestFile)), read(t, filepath.Join(whole, configFile))}; !reflect.DeepEqual(before, after) {
			t.Errorf("resuming a finished run changed its manifest and configuration: %s\n%s", after[0], after[1])
		}
		var m Manifest
		if err := json.Unmarshal(before[0], &m); err != nil || s.Info != m.ComputedBy || strings.Contains(messages.String(), "byte for byte") {
			t.Errorf("%v; computed by %+v, the summary says %+v, and:\n%s", err, m.ComputedBy, s.Info, messages.String())
		}
	})
	t.Run("killed before its manifest", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		want := read(t, filepath.Join(dir, manifestFile))
		for _, left := range []string{"", strings.Replace(string(want), `"weights_sha256"`, `"before_the_first"`, 1)} {
			os.Remove(filepath.Join(dir, manifestFile))
			if left != "" {
				if err := os.WriteFile(filepath.Join(dir, manifestFile), []byte(left), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			mustRun(t, dir, c, Options{Resume: true})
			if got := read(t, filepath.Join(dir, manifestFile)); !bytes.Equal(got, want) {
				t.Errorf("of %q it made %s, want %s", left, got, want)
			}
		}
	})
	t.Run("ended early", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		short := c
		short.GradientSteps = 8
		mustRun(t, dir, short, Options{})
		text, err := c.YAML() // as of a run of 12 steps that was stopped after 8
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, configFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, short, Options{Resume: true})
		if cfg, err := ReadRunConfig(dir); err != nil || cfg.GradientSteps != 8 {
			t.Errorf("the run's length is %d, error %v", cfg.GradientSteps, err)
		}
	})
	t.Run("fewer steps", func(t *testing.T) {
		short := c
		short.GradientSteps = 8
		if _, err := Run(context.Background(), whole, short, Options{Resume: true}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
	t.Run("another identity", func(t *testing.T) {
		for _, change := range []func(*Config){
			func(c *Config) { c.Seed++ }, func(c *Config) { c.Hidden++ }, func(c *Config) { c.LearningRate *= 2 },
			func(c *Config) { c.Task.Bias = .7 }, func(c *Config) { c.Dtype = "f64" },
		} {
			other := c
			change(&other)
			if _, err := Run(context.Background(), whole, other, Options{Resume: true}); !input.Is(err) {
				t.Errorf("%+v: error %v, want one of input", other, err)
			}
		}
	})
	t.Run("torn files", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		short := c
		short.GradientSteps = 8
		mustRun(t, dir, short, Options{})
		for _, name := range []string{metricsFile, timingFile, eventsFile} {
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString("9,0.5")
			f.Close()
		}
		os.Remove(filepath.Join(dir, weightsFile))
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
	t.Run("metrics lost", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		every := c
		every.MetricsEvery = 5
		var messages bytes.Buffer
		opt := Options{Resume: true, Log: slog.New(slog.NewTextHandler(&messages, nil))}
		mustRun(t, dir, every, opt)
		mustRun(t, dir, every, opt)
		if strings.Contains(messages.String(), "lacks") || !strings.Contains(messages.String(), "finished before") {
			t.Errorf("of a finished run it was said:\n%s", messages.String())
		}
		if err := os.WriteFile(filepath.Join(dir, metricsFile), []byte(metricsHeader), 0o644); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, every, opt)
		if !strings.Contains(messages.String(), "lacks rows") || !strings.Contains(messages.String(), "rows=0 of=3") {
			t.Errorf("lost metrics went unmentioned:\n%s", messages.String())
		}
	})
	t.Run("newest checkpoint broken", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		path := filepath.Join(dir, checkpointsDir, checkpointName(12), weightsFile)
		data := read(t, path)
		data[len(data)-1] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
	t.Run("a broken checkpoint takes no good one's place", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		for _, step := range []int{10, 12} {
			if err := os.WriteFile(filepath.Join(dir, checkpointsDir, checkpointName(step), sumsFile), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		often := c
		often.Keep, often.CheckpointEvery = 2, 1
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Run(ctx, dir, often, Options{Resume: true, Report: func(s State) {
			if s.GradientStep == 7 {
				cancel()
			}
		}})
		if steps, _ := checkpointSteps(atomicfs.OS, dir); !errors.Is(err, ErrStopped) || fmt.Sprint(steps) != "[12 10 7 6]" {
			t.Fatalf("error %v, checkpoints %v", err, steps)
		}
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
	t.Run("no checkpoint intact", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		for _, step := range []int{5, 10, 12} {
			os.Remove(filepath.Join(dir, checkpointsDir, checkpointName(step), sumsFile))
		}
		if _, err := Run(context.Background(), dir, c, Options{Resume: true}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
	t.Run("checkpoint of another run", func(t *testing.T) {
		dir, other := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "other")
		mustRun(t, dir, c, Options{})
		seeded := c
		seeded.Seed = 9
		mustRun(t, other, seeded, Options{})
		os.RemoveAll(filepath.Join(dir, checkpointsDir))
		if err := os.Rename(filepath.Join(other, checkpointsDir), filepath.Join(dir, checkpointsDir)); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), dir, c, Options{Resume: true}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
	t.Run("configuration of another run", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		larger := c
		larger.Hidden++
		text, err := larger.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, configFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = Run(context.Background(), dir, larger, Options{Resume: true})
		if !input.Is(err) || !strings.Contains(err.Error(), "another configuration") {
			t.Errorf("error %v, want one of input that does not take the checkpoints for damaged", err)
		}
	})
	t.Run("before the first checkpoint", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, dir, c, Options{})
		os.RemoveAll(filepath.Join(dir, checkpointsDir))
		mustRun(t, dir, c, Options{Resume: true})
		same(t, dir, whole)
	})
}

// A run is finished when its weights are: its manifest may be of a run that goes on,
// or missing.
func TestFinished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := small()
	want := func(when string, want bool) {
		t.Helper()
		if is, err := Finished(dir); is != want || err != nil {
			t.Errorf("%s: finished %v, error %v", when, is, err)
		}
	}
	stop := func() {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Run(ctx, dir, c, Options{Resume: true, Report: func(State) { cancel() }})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
	}
	stop()
	want("stopped", false)
	stop()
	want("stopped again", false)
	mustRun(t, dir, c, Options{Resume: true})
	want("at its end", true)
	os.Remove(filepath.Join(dir, manifestFile))
	want("without a manifest", true)
	os.Remove(filepath.Join(dir, weightsFile))
	want("without weights", false)
	if _, err := Finished(t.TempDir()); !input.Is(err) {
		t.Errorf("of no run: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	full := t.TempDir()
	os.WriteFile(filepath.Join(full, "notes.txt"), []byte("mine"), 0o644)
	file := filepath.Join(full, "notes.txt")
	finished := filepath.Join(t.TempDir(), "run")
	mustRun(t, finished, small(), Options{})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		dir    string
		change func(*Config)
		resume bool
	}{
		"folder not empty":          {full, nil, false},
		"folder of something else":  {full, nil, true},
		"a file":                    {file, nil, false},
		"a file on the way":         {filepath.Join(file, "run"), nil, false},
		"a link to nothing":         {link, nil, false},
		"a run, without --resume":   {finished, nil, false},
		"no units":                  {"", func(c *Config) { c.Hidden = 0 }, false},
		"a cell, fused":             {"", func(c *Config) { c.Cell = "gru" }, false},
		"a mask, fused":             {"", func(c *Config) { c.RecurrentMask = "diagonal" }, false},
		"init of another cell":      {"", func(c *Config) { c.Init, c.Engine, c.Cell = filepath.Join(finished, weightsFile), "unrolled", "gru" }, false},
		"probability with sum":      {"", func(c *Config) { c.Objective, c.Reduction = "probability", "sum" }, false},
		"init that is not there":    {"", func(c *Config) { c.Init = filepath.Join(full, "none.safetensors") }, false},
		"init of another size":      {"", func(c *Config) { c.Init, c.Hidden = filepath.Join(finished, weightsFile), 5 }, false},
		"init that is not a weight": {"", func(c *Config) { c.Init = file }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := v.dir
			if dir == "" {
				dir = filepath.Join(t.TempDir(), "run")
			}
			c := small()
			if v.change != nil {
				v.change(&c)
			}
			if _, err := Run(context.Background(), dir, c, Options{Resume: v.resume}); !input.Is(err) {
				t.Errorf("error %v, want one of input", err)
			}
			if _, err := os.Stat(dir); v.dir == "" && err == nil {
				t.Error("the folder was made all the same")
			}
		})
	}
	t.Run("no name", func(t *testing.T) {
		if _, err := Run(context.Background(), "", small(), Options{}); !input.Is(err) {
			t.Errorf("error %v, want one of input", err)
		}
	})
	t.Run("gpu", func(t *testing.T) {
		c := small()
		c.Device = "gpu"
		var missing *DeviceError
		if _, err := Run(context.Background(), filepath.Join(t.TempDir(), "run"), c, Options{}); !errors.As(err, &missing) {
			t.Errorf("error %v, want a DeviceError", err)
		}
	})
}

func TestLockedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := small()
	_, err := Run(context.Background(), dir, c, Options{Report: func(s State) {
		if s.GradientStep == 2 {
			if _, err := Run(context.Background(), dir, c, Options{Resume: true}); !input.Is(err) {
				t.Errorf("a second run into the same folder: error %v, want one of input", err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInitFromWeights(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	c := small()
	mustRun(t, first, c, Options{})
	c.Init = filepath.Join(first, weightsFile)
	c.LearningRate = 1e-30 // too small to change a float32
	mustRun(t, second, c, Options{})
	n, want, _, err := kernels.ReadWeights(c.Init)
	if err != nil {
		t.Fatal(err)
	}
	m, got, _, err := kernels.ReadWeights(filepath.Join(second, weightsFile))
	if err != nil || m != n {
		t.Fatal(m, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("θ[%d] = %v, started from %v", i, got[i], want[i])
		}
	}
}

// A run needs the weights that it starts from until its first checkpoint, and
// no others will do.
func TestInitGoneOrChanged(t *testing.T) {
	first, other := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "other")
	c := small()
	mustRun(t, first, c, Options{})
	c.Seed = 9
	mustRun(t, other, c, Options{})
	init := filepath.Join(t.TempDir(), "init.safetensors")
	put := func(run string) {
		if err := os.WriteFile(init, read(t, filepath.Join(run, weightsFile)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(first)
	c.Init = init
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	mustRun(t, whole, c, Options{})
	short := c
	short.GradientSteps = 7
	mustRun(t, dir, short, Options{})
	manifest := read(t, filepath.Join(dir, manifestFile))
	if want := sum(read(t, init)); !bytes.Contains(manifest, []byte(`"init_sha256": "`+want)) {
		t.Errorf("the manifest has not the SHA-256 %s:\n%s", want, manifest)
	}

	put(other)
	stored, err := ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	os.Rename(filepath.Join(dir, checkpointsDir), filepath.Join(dir, "elsewhere"))
	if _, err := Run(context.Background(), dir, stored, Options{Resume: true}); !input.Is(err) || !strings.Contains(err.Error(), init) {
		t.Errorf("from the start with other weights: error %v, want one of input that names them", err)
	}
	os.Rename(filepath.Join(dir, "elsewhere"), filepath.Join(dir, checkpointsDir))

	if err := os.Remove(init); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, c, Options{Resume: true})
	same(t, dir, whole)
	if after := read(t, filepath.Join(dir, manifestFile)); !bytes.Contains(after, manifest[bytes.Index(manifest, []byte(`"init_sha256"`)):][:80]) {
		t.Errorf("the manifest of the resumed run tells of other weights to start from:\n%s", after)
	}
}

func TestNonFinite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := small()
	c.LearningRate, c.Reduction, c.GradientSteps = 1e38, "sum", 100
	s, err := Run(context.Background(), dir, c, Options{})
	var bad *kernels.NonFiniteError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v, want a NonFiniteError", err)
	}
	if text, err := json.Marshal(s); err != nil || s.GradientSteps != 0 || s.Seconds <= 0 || !bytes.Contains(text, []byte(`"loss":null`)) {
		t.Errorf("summary of a run that failed in its first gradient step: %s, %v", text, err)
	}
	for _, name := range []string{"report.json", weightsFile, momentumFile, "session-0.npz"} {
		read(t, filepath.Join(dir, evidenceDir, name))
	}
	if _, _, _, err := kernels.ReadWeights(filepath.Join(dir, evidenceDir, weightsFile)); err != nil {
		t.Errorf("the evidence's weights: %v", err)
	}
}

// Every file-system call of a run fails once, or it and all after it: a run
// that resumes afterwards ends as one that nothing happened to.
func TestFaults(t *testing.T) {
	c := small()
	c.Hidden, c.GradientSteps, c.CheckpointEvery, c.Keep = 2, 6, 2, 2
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, whole, c, Options{})
	stride := 1
	if testing.Short() {
		stride = 7
	}
	for _, fault := range []struct {
		name   string
		err    error
		extent faultfs.Extent
	}{
		{"ENOSPC", syscall.ENOSPC, faultfs.Onwards},
		{"EIO", syscall.EIO, faultfs.Once},
	} {
		t.Run(fault.name, func(t *testing.T) {
			for n := 1; ; n += stride {
				dir := filepath.Join(t.TempDir(), "run")
				fsys := faultfs.New(atomicfs.OS, n, fault.err, fault.extent)
				_, err := Run(context.Background(), dir, c, Options{FS: fsys})
				if !fsys.Failed() {
					if n < 100 {
						t.Fatalf("only %d calls", n)
					}
					return
				}
				if err == nil && fault.extent == faultfs.Onwards {
					t.Fatalf("call %d and all after it failed, and the run did not notice", n)
				}
				if input.Is(err) {
					t.Fatalf("call %d failed and was taken for bad input: %v", n, err)
				}
				mustRun(t, dir, c, Options{Resume: true})
				same(t, dir, whole)
			}
		})
	}
}

// A process of its own that trains into the folder named by the variable, for
// the tests that kill it.
const childVariable = "RADD_TEST_TRAIN_INTO"

func killable() Config {
	c := small()
	c.GradientSteps, c.CheckpointEvery, c.Task.BlockMax = 400, 3, 8
	return c
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if _, err := Run(ctx, dir, killable(), Options{Resume: true}); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A run is killed at random moments and resumed, 200 times over; every run that
// comes to its end has the bytes of an undisturbed one.
func TestKills(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, whole, killable(), Options{})
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	dir, finished := filepath.Join(t.TempDir(), "run"), 0
	for killed := 0; killed < kills || finished == 0; {
		var stderr bytes.Buffer
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+dir)
		child.Stderr = &stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		patience := time.Duration(random.Int64N(int64(120 * time.Millisecond)))
		if killed >= kills {
			patience = time.Minute
		}
		kill := time.AfterFunc(patience, func() { child.Process.Kill() })
		err := child.Wait()
		kill.Stop()
		switch {
		case err == nil:
			same(t, dir, whole)
			finished++
			dir = filepath.Join(t.TempDir(), "run")
		case stderr.Len() > 0:
			t.Fatalf("after %d kills: %s", killed, stderr.String())
		default:
			killed++
		}
	}
	t.Logf("%d kills, %d runs came to their end", kills, finished)
}

// A run that goes on in another folder ends as one that was never forked, and
// leaves the first as it was.
func TestFork(t *testing.T) {
	c := small()
	whole, first, second := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "a", "second")
	mustRun(t, whole, c, Options{})
	short := c
	short.GradientSteps = 7
	mustRun(t, first, short, Options{})
	for _, name := range []string{eventsFile, logFile, manifestFile} { // a sweep's extracted network has none
		if err := os.Remove(filepath.Join(first, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Fork(first, second); err != nil {
		t.Fatal(err)
	}
	before := read(t, filepath.Join(first, metricsFile))
	mustRun(t, second, c, Options{Resume: true})
	same(t, second, whole)
	if !bytes.Equal(before, read(t, filepath.Join(first, metricsFile))) {
		t.Error("the run that was forked has changed")
	}
	if err := Fork(first, second); err == nil {
		t.Error("a folder was overwritten")
	}
	if err := Fork(t.TempDir(), filepath.Join(t.TempDir(), "x")); !input.Is(err) {
		t.Errorf("no run: error %v, want one of input", err)
	}
	os.RemoveAll(filepath.Join(first, checkpointsDir))
	if err := Fork(first, filepath.Join(t.TempDir(), "x")); !input.Is(err) {
		t.Errorf("no checkpoint: error %v, want one of input", err)
	}
}
