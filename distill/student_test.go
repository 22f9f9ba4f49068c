package distill

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"radd/analysis"
	"radd/internal/atomicfs"
	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels"
	"radd/kernels/kernelstest"
	"radd/train"
)

// trained returns the folder of a small run whose network knows a little of the
// task, with a small rollout.
func trained(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	c := train.DefaultConfig()
	c.Hidden, c.GradientSteps, c.Device, c.Jobs = 6, 30, "cpu", 1
	c.LearningRate, c.Objective = .05, "probability"
	c.Task.Blocks, c.Task.BlockMin, c.Task.BlockMax = 2, 4, 9
	if _, err := train.Run(context.Background(), dir, c, train.Options{}); err != nil {
		t.Fatal(err)
	}
	cfg := train.DefaultRolloutConfig()
	cfg.Blocks = 40
	if _, err := train.RolloutOfRun(context.Background(), dir, cfg, train.Options{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// extend trains the run on, so that its weights are others.
func extend(t *testing.T, dir string) {
	t.Helper()
	c, err := train.ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.GradientSteps++
	if _, err := train.Run(context.Background(), dir, c, train.Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
}

func logged() (train.Options, *bytes.Buffer) {
	var b bytes.Buffer
	return train.Options{Log: slog.New(slog.NewTextHandler(&b, nil))}, &b
}

func TestOfRun(t *testing.T) {
	run := trained(t)
	opt, log := logged()
	s, err := OfRun(context.Background(), run, "", analysis.PCA, opt)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hidden != 2 || s.TeacherHidden != 6 || s.Rank != 6 || !s.PlaysTheTask || s.Blocks != 40 || len(s.HeldOutR2) != 2 || log.Len() > 0 {
		t.Errorf("summary %+v, log %s", s, log)
	}
	entries, err := os.ReadDir(s.Out)
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder holds %v (%v), want three files", entries, err)
	}
	n, theta, _, err := kernels.ReadWeights(filepath.Join(s.Out, weightsFile))
	if err != nil || n != 2 {
		t.Fatalf("the student: N = %d, %v", n, err)
	}
	for _, b := range kernels.Views(kernels.Shape{N: 2}, theta).HiddenBias {
		if b != 0 {
			t.Error("bias_hh of the student is not 0")
		}
	}

	again, err := OfRun(context.Background(), run, "", analysis.PCA, opt)
	if err != nil || again.Seconds != s.Seconds || log.Len() > 0 {
		t.Errorf("a student of the same weights was made again: %v %v, log %s", again.Seconds, err, log)
	}
	left := []string{filepath.Join(run, ".tmp-0123456789abcdef"), filepath.Join(run, "distill", ".tmp-fedcba9876543210")}
	for _, dir := range left { // of a killed process
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	extend(t, run)
	third, err := OfRun(context.Background(), run, "", analysis.PCA, opt)
	if err != nil || third.WeightsSHA256 == s.WeightsSHA256 || !strings.Contains(log.String(), "again") {
		t.Errorf("after more training: %+v, %v, log %s", third, err, log)
	}
	for _, dir := range left {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}

// The fixture is a trajectory file as it stands, and the files that come of it
// hold its solution.
func TestOfTrajectory(t *testing.T) {
	fixture := filepath.Join("..", "testdata", "oracle", "radd_n50.npz")
	want := kernelstest.Open(t, "radd_n50")
	out := filepath.Join(t.TempDir(), "out")
	s, err := OfTrajectory(fixture, out, "", train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Readout != fromFile || !math.IsNaN(float64(s.ReadoutAngle)) || !s.PlaysTheTask {
		t.Errorf("summary %+v", s)
	}
	got, err := npz.Open(filepath.Join(out, resultFile))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for _, name := range []string{"A", "B", "c", "r2", "free_run_r2", "scale"} {
		a, _, err := got.Float64(name)
		if err != nil {
			t.Fatal(err)
		}
		b := want.Floats(name)
		for i := range b {
			if math.Abs(a[i]-b[i]) > 1e-8*math.Max(1, math.Abs(b[i])) {
				t.Errorf("%s[%d] = %v, want %v", name, i, a[i], b[i])
			}
		}
	}
	if _, err := OfTrajectory(fixture, out, "", train.Options{}); !input.Is(err) {
		t.Errorf("into a folder that is not empty: error %v, want one of input", err)
	}
}

func TestTraditionalOfRun(t *testing.T) {
	run := trained(t)
	cfg := TraditionalConfig()
	if cfg.Hidden != 2 || cfg.GradientSteps != 10_000 {
		t.Errorf("%+v", cfg)
	}
	is, err := train.ReadRunConfig(run)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Task, cfg.GradientSteps, cfg.Device, cfg.Jobs = is.Task, 12, "cpu", 1
	opt, log := logged()
	make := func() train.Summary {
		t.Helper()
		s, err := TraditionalOfRun(context.Background(), run, "traditional", cfg, opt)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	said := func() bool { defer log.Reset(); return strings.Contains(log.String(), "again") }
	steps := 0
	opt.Report = func(train.State) { steps++ }
	first := make()
	if first.GradientSteps != 12 || said() {
		t.Errorf("summary %+v", first)
	}
	if make(); steps != 12 || said() {
		t.Error("a finished student was trained again")
	}
	cfg.GradientSteps = 15
	if longer := make(); longer.GradientSteps != 15 || said() {
		t.Errorf("going on: %+v", longer)
	}
	extend(t, run)
	if other := make(); other.GradientSteps != 15 || other.Out != first.Out || !said() {
		t.Errorf("of other weights: %+v", other)
	}
	config, err := train.ReadRunConfig(first.Out)
	if err != nil {
		t.Fatal(err)
	}
	if sum, _ := train.FileSum(filepath.Join(run, weightsFile)); config.TeacherSHA256 != sum {
		t.Error("the student in the folder is of another teacher")
	}
	if left, _ := filepath.Glob(filepath.Join(run, "distill", ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}

	// Interrupted in the middle of a replacement, the old student stays until
	// the other is finished.
	extend(t, run)
	before, _ := os.ReadFile(filepath.Join(first.Out, weightsFile))
	ctx, cancel := context.WithCancel(context.Background())
	opt.Report = func(s train.State) {
		if s.GradientStep == 5 {
			cancel()
		}
	}
	if _, err := TraditionalOfRun(ctx, run, "traditional", cfg, opt); err == nil {
		t.Fatal("not stopped")
	}
	if after, _ := os.ReadFile(filepath.Join(first.Out, weightsFile)); !bytes.Equal(before, after) {
		t.Error("the old student is gone before the other is finished")
	}
	begun := 0
	opt.Report = func(s train.State) {
		if begun == 0 {
			begun = s.GradientStep
		}
	}
	if make(); begun != 6 {
		t.Errorf("the replacement went on at gradient step %d, want 6", begun)
	}
}

// unwilling is a file system that puts no file of that name in its place.
type unwilling struct {
	atomicfs.FS
	name string
}

func (f unwilling) Rename(from, to string) error {
	if filepath.Base(to) == f.name {
		return errors.New("mine")
	}
	return f.FS.Rename(from, to)
}

// A student that cannot be written leaves no file open.
func TestOfRunClosesFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are counted in /proc")
	}
	run := trained(t)
	_, err := OfRun(context.Background(), run, "", analysis.Full, train.Options{FS: unwilling{atomicfs.OS, resultFile}})
	if err == nil || !strings.Contains(err.Error(), "mine") {
		t.Fatalf("error %v", err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if file, _ := os.Readlink(filepath.Join("/proc/self/fd", f.Name())); strings.HasPrefix(file, run) {
			t.Errorf("%s is still open", file)
		}
	}
}
