package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/input"
)

// Traditional distillation is a run like any other: it resumes without a trace,
// and with its own teacher only.
func TestTeacher(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	mustRun(t, first, small(), Options{})
	other := small()
	other.Seed = 9
	mustRun(t, second, other, Options{})

	teacher := filepath.Join(t.TempDir(), "teacher.safetensors")
	put := func(run string) {
		if err := os.WriteFile(teacher, read(t, filepath.Join(run, weightsFile)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(first)
	c := small()
	c.Hidden, c.Objective, c.Teacher = 2, softCrossEntropy, teacher
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	s := mustRun(t, whole, c, Options{})
	if s.Objective != softCrossEntropy || s.Hidden != 2 || s.Loss <= 0 {
		t.Errorf("summary %+v", s)
	}
	short := c
	short.GradientSteps = 7
	mustRun(t, dir, short, Options{})

	put(second)
	_, err := Run(context.Background(), dir, c, Options{Resume: true})
	if !input.Is(err) && err != nil {
		t.Errorf("error %v, want one of input", err)
	}
	if err == nil {
		t.Error("a run went on with another teacher")
	}
	put(first)
	mustRun(t, dir, c, Options{Resume: true})
	same(t, dir, whole)

	stored, err := ReadRunConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(second)
	if _, err := Run(context.Background(), dir, stored, Options{Resume: true}); !input.Is(err) || !strings.Contains(err.Error(), teacher) {
		t.Errorf("error %v, want one of input that names the teacher", err)
	}
}

func TestTeacherAndObjectiveBelongTogether(t *testing.T) {
	alone, idle := small(), small()
	alone.Objective = softCrossEntropy
	idle.Teacher = "teacher.safetensors"
	for _, c := range []Config{alone, idle} {
		if _, err := c.Resolve(); !input.Is(err) || !strings.Contains(err.Error(), "teacher") {
			t.Errorf("objective %s, teacher %q: error %v, want one of input that names the teacher", c.Objective, c.Teacher, err)
		}
	}
}
