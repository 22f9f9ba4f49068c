package atomicfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"radd/internal/atomicfs"
	"radd/internal/atomicfs/faultfs"
)

// tree is what a folder holds: contents by path, folders with a slash behind.
type tree map[string]string

func read(t *testing.T, dir string) tree {
	t.Helper()
	found := tree{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(path)
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func plant(t *testing.T, dir string, content tree) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(content)) {
		path := filepath.Join(dir, name)
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content[name]), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wantTree(t *testing.T, dir string, want tree) {
	t.Helper()
	if got := read(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

// long is more than one buffer, so that a write can fail in its middle.
var long = strings.Repeat("0123456789abcdef", 10_000)

func writeLong(w io.Writer) error {
	_, err := io.WriteString(w, long)
	return err
}

// fill returns a function that puts content into a folder through fsys.
func fill(fsys atomicfs.FS, content tree) func(dir string) error {
	return func(dir string) error {
		for _, name := range slices.Sorted(maps.Keys(content)) {
			path := filepath.Join(dir, name)
			if strings.HasSuffix(name, "/") {
				if err := fsys.MkdirAll(path, 0o755); err != nil {
					return err
				}
				continue
			}
			f, err := fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return err
			}
			_, err = io.WriteString(f, content[name])
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"old", long, ""} {
		err := atomicfs.WriteFile(atomicfs.OS, path, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, tree{"f": content})
	}
	reference := filepath.Join(dir, "reference")
	if err := os.WriteFile(reference, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(path)
	want, err2 := os.Stat(reference)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestWriteFileCallerFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	plant(t, dir, tree{"f": "old"})
	mine := errors.New("mine")
	err := atomicfs.WriteFile(atomicfs.OS, path, func(w io.Writer) error {
		return errors.Join(writeLong(w), mine)
	})
	if !errors.Is(err, mine) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	wantTree(t, dir, tree{"f": "old"})

	func() {
		defer func() { _ = recover() }()
		_ = atomicfs.WriteFile(atomicfs.OS, path, func(io.Writer) error { panic("mine") })
	}()
	wantTree(t, dir, tree{"f": "old"})

	if err := atomicfs.WriteFile(atomicfs.OS, filepath.Join(dir, "none", "f"), writeLong); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestWriteDir(t *testing.T) {
	dir := t.TempDir()
	content := tree{"a": "1", "b/": "", "b/c": long}
	path := filepath.Join(dir, "d")
	if err := atomicfs.WriteDir(atomicfs.OS, path+"/", fill(atomicfs.OS, content)); err != nil {
		t.Fatal(err)
	}
	wantTree(t, path, content)
	err := atomicfs.WriteDir(atomicfs.OS, path, func(string) error {
		t.Error("fill was called although the folder is there")
		return nil
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	mine := errors.New("mine")
	for name, fails := range map[string]func(string) error{
		"error": func(staged string) error { return errors.Join(fill(atomicfs.OS, content)(staged), mine) },
		"panic": func(string) error { panic(mine) },
	} {
		func() {
			defer func() { _ = recover() }()
			if err := atomicfs.WriteDir(atomicfs.OS, filepath.Join(dir, name), fails); !errors.Is(err, mine) {
				t.Errorf("error %v", err)
			}
		}()
	}
	if got := read(t, dir); len(got) != 4 {
		t.Errorf("the parent holds %q", got)
	}
}

func TestReplaceDir(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d")
	for i := range 3 {
		content := tree{"generation": fmt.Sprint(i), fmt.Sprint(i): ""}
		if err := atomicfs.ReplaceDir(atomicfs.OS, path, fill(atomicfs.OS, content)); err != nil {
			t.Fatal(err)
		}
		wantTree(t, path, content)
		if got := read(t, dir); len(got) != 3 {
			t.Errorf("the parent holds %q", got)
		}
	}
}

// TestRecover runs Recover on every state that a crash can leave.
func TestRecover(t *testing.T) {
	tests := []struct {
		name         string
		before, want tree
	}{
		{"nothing to do", tree{"d/": "", "d/a": "1"}, tree{"d/": "", "d/a": "1"}},
		{"unfinished", tree{"d/": "", "d/a": "1", ".tmp-0/": "", ".tmp-0/a": "2", ".tmp-1": "x"}, tree{"d/": "", "d/a": "1"}},
		{"between the renames", tree{".aside-d/": "", ".aside-d/a": "1", ".tmp-0/": "", ".tmp-0/a": "2"}, tree{"d/": "", "d/a": "1"}},
		{"replaced", tree{"d/": "", "d/a": "2", ".aside-d/": "", ".aside-d/a": "1"}, tree{"d/": "", "d/a": "2"}},
		{"not ours", tree{"tmp-0": "", ".tmp": "", ".tmp-": "", ".aside-": "", ".asides": "", "x.tmp-": ""},
			tree{"tmp-0": "", ".tmp": "", ".tmp-": "", ".aside-": "", ".asides": "", "x.tmp-": ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, test.before)
			for range 2 { // a second time changes nothing
				if err := atomicfs.Recover(atomicfs.OS, dir); err != nil {
					t.Fatal(err)
				}
				wantTree(t, dir, test.want)
			}
			if err := atomicfs.ReplaceDir(atomicfs.OS, filepath.Join(dir, "d"), fill(atomicfs.OS, tree{"a": "3"})); err != nil {
				t.Fatal(err)
			}
		})
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := errors.Join(atomicfs.Recover(atomicfs.OS, none), atomicfs.CleanTemp(atomicfs.OS, none)); err != nil {
		t.Error(err)
	}
}

// TestReplaceDirAfterCrash replaces without a Recover before.
func TestReplaceDirAfterCrash(t *testing.T) {
	for name, before := range map[string]tree{
		"between the renames": {".aside-d/": "", ".aside-d/a": "1"},
		"replaced":            {"d/": "", "d/a": "2", ".aside-d/": "", ".aside-d/a": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, before)
			if err := atomicfs.ReplaceDir(atomicfs.OS, filepath.Join(dir, "d"), fill(atomicfs.OS, tree{"a": "3"})); err != nil {
				t.Fatal(err)
			}
			wantTree(t, dir, tree{"d/": "", "d/a": "3"})
		})
	}
}

func TestCleanTemp(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, tree{".tmp-0": "x", ".tmp-1/": "", ".tmp-1/a": "", "kept": "y", ".aside-d/": ""})
	if err := atomicfs.CleanTemp(atomicfs.OS, dir); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, tree{"kept": "y", ".aside-d/": ""})
}

func TestOS(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b")
	if err := atomicfs.OS.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := atomicfs.OS.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(f, "text")
	if err := errors.Join(err, f.Truncate(2), f.Close()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, tree{"a/": "", "a/b": "te"})
	if f, err := atomicfs.OS.OpenFile(dir+"/none", os.O_RDONLY, 0); f != nil || err == nil {
		t.Errorf("opening what is not there: %v, %v", f, err)
	}
	if err := atomicfs.OS.SyncDir(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestFaults fails each single call of each operation in each way. Whatever
// happens, the name bears the old content whole or the new one whole, no error
// is lost, and after Recover there is nothing else.
func TestFaults(t *testing.T) {
	oldDir := tree{"d/": "", "d/a": "old", "d/b": "old"}
	newDir := tree{"d/": "", "d/a": "new", "d/c/": "", "d/c/d": long}
	content := tree{"a": "new", "c/": "", "c/d": long}
	operations := []struct {
		name     string
		old, new tree
		do       func(fsys atomicfs.FS, dir string) error
	}{
		{"WriteFile", tree{"f": "old"}, tree{"f": long}, func(fsys atomicfs.FS, dir string) error {
			return atomicfs.WriteFile(fsys, filepath.Join(dir, "f"), writeLong)
		}},
		{"WriteFile, first", tree{}, tree{"f": long}, func(fsys atomicfs.FS, dir string) error {
			return atomicfs.WriteFile(fsys, filepath.Join(dir, "f"), writeLong)
		}},
		{"WriteDir", tree{}, newDir, func(fsys atomicfs.FS, dir string) error {
			return atomicfs.WriteDir(fsys, filepath.Join(dir, "d"), fill(fsys, content))
		}},
		{"ReplaceDir", oldDir, newDir, func(fsys atomicfs.FS, dir string) error {
			return atomicfs.ReplaceDir(fsys, filepath.Join(dir, "d"), fill(fsys, content))
		}},
		{"ReplaceDir, first", tree{}, newDir, func(fsys atomicfs.FS, dir string) error {
			return atomicfs.ReplaceDir(fsys, filepath.Join(dir, "d"), fill(fsys, content))
		}},
	}
	for _, operation := range operations {
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
			for _, extent := range []faultfs.Extent{faultfs.Once, faultfs.Onwards} {
				t.Run(fmt.Sprintf("%s/%v/%d", operation.name, fault, extent), func(t *testing.T) {
					everyFault(t, fault, extent, operation.old, operation.new, operation.do)
				})
			}
		}
	}
}

func everyFault(t *testing.T, fault error, extent faultfs.Extent, old, new tree, do func(atomicfs.FS, string) error) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		plant(t, dir, old)
		faulty := faultfs.New(atomicfs.OS, n, fault, extent)
		err := do(faulty, dir)
		if !faulty.Failed() {
			if err != nil {
				t.Errorf("without a fault: %v", err)
			}
			wantTree(t, dir, new)
			if n < 8 {
				t.Errorf("the operation made only %d calls", n-1)
			}
			return
		}
		if err != nil && !errors.Is(err, fault) {
			t.Errorf("call %d: the error %v hides the fault", n, err)
		}
		if extent == faultfs.Once {
			wantVisible(t, n, dir, old, new)
		}
		recoverThroughFaults(t, dir)
		after := read(t, dir)
		if !reflect.DeepEqual(after, new) && (err == nil || !reflect.DeepEqual(after, old)) {
			t.Errorf("call %d: error %v, and the folder holds %q", n, err, after)
		}
	}
}

// wantVisible checks what a reader sees before any recovery.
func wantVisible(t *testing.T, n int, dir string, old, new tree) {
	t.Helper()
	visible := read(t, dir)
	maps.DeleteFunc(visible, func(name, _ string) bool { return strings.HasPrefix(name, ".") })
	if !reflect.DeepEqual(visible, old) && !reflect.DeepEqual(visible, new) {
		t.Errorf("call %d: the folder holds %q", n, visible)
	}
}

// recoverThroughFaults interrupts Recover at every call, as if the process had
// been killed there, until it comes through.
func recoverThroughFaults(t *testing.T, dir string) {
	t.Helper()
	for n := 1; ; n++ {
		faulty := faultfs.New(atomicfs.OS, n, syscall.EIO, faultfs.Onwards)
		err := atomicfs.Recover(faulty, dir)
		if !faulty.Failed() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d of Recover: error %v", n, err)
		}
	}
}

// TestShortWrite shows that the fault is the one meant: half of the bytes.
func TestShortWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	faulty := faultfs.New(atomicfs.OS, 2, syscall.ENOSPC, faultfs.Once)
	f, err := faulty.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Write([]byte("123456")); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, []byte("123")) {
		t.Errorf("%q, %v", content, err)
	}
}

// Supersede puts a complete folder in the place of another one or of none. After
// a fault at any call, and Recover, the name stands for the old folder or for
// the other, whole, and the other is not lost.
func TestSupersede(t *testing.T) {
	for _, old := range []bool{false, true} {
		for n := 0; ; n++ { // n = 0: no fault
			dir := t.TempDir()
			plant(t, dir, tree{"next/": "", "next/a": "2"})
			if old {
				plant(t, dir, tree{"d/": "", "d/a": "1"})
			}
			fsys := faultfs.New(atomicfs.OS, n, syscall.EIO, faultfs.Onwards)
			path := filepath.Join(dir, "d")
			err := atomicfs.Supersede(fsys, filepath.Join(dir, "next"), path)
			if n > 0 && !fsys.Failed() {
				break
			}
			if n == 0 && err != nil {
				t.Fatal(err)
			}
			if err := atomicfs.Recover(atomicfs.OS, dir); err != nil {
				t.Fatal(err)
			}
			got := read(t, dir)
			switch {
			case got["d/a"] == "2":
			case n > 0 && got["next/a"] == "2" && (got["d/a"] == "1") == old:
			default:
				t.Errorf("fault at call %d: %v; the parent holds %q", n, err, got)
			}
		}
	}
}
