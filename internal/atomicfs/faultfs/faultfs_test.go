package faultfs_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"radd/internal/atomicfs"
	"radd/internal/atomicfs/faultfs"
)

// everyCall makes each call there is once and returns their errors.
func everyCall(fsys atomicfs.FS, dir string) []error {
	path := filepath.Join(dir, "f")
	errs := []error{
		fsys.Mkdir(filepath.Join(dir, "d"), 0o755),
		fsys.MkdirAll(filepath.Join(dir, "e", "e"), 0o755),
	}
	note := func(err error) { errs = append(errs, err) }
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	note(err)
	if err == nil {
		_, err = f.Write([]byte("12"))
		note(err)
		if _, err = f.Read(make([]byte, 1)); err == io.EOF {
			err = nil
		}
		note(err)
		note(f.Truncate(1))
		note(f.Sync())
		note(f.Close())
	}
	_, err = fsys.Lstat(path)
	note(err)
	_, err = fsys.ReadDir(dir)
	note(err)
	note(fsys.Rename(path, path+"2"))
	note(fsys.RemoveAll(filepath.Join(dir, "e")))
	note(fsys.SyncDir(dir))
	return errs
}

func TestEveryCall(t *testing.T) {
	counted := faultfs.New(atomicfs.OS, 0, nil, faultfs.Once)
	if err := errors.Join(everyCall(counted, t.TempDir())...); err != nil {
		t.Fatal(err)
	}
	const calls = 13
	if counted.Calls() != calls || counted.Failed() {
		t.Errorf("%d calls, failed %v", counted.Calls(), counted.Failed())
	}
	for n := 1; n <= calls; n++ {
		once := faultfs.New(atomicfs.OS, n, syscall.EIO, faultfs.Once)
		errs := everyCall(once, t.TempDir())
		if !once.Failed() || !errors.Is(errs[n-1], syscall.EIO) {
			t.Errorf("call %d: %v", n, errs)
		}
		for i, err := range errs {
			if i != n-1 && errors.Is(err, syscall.EIO) {
				t.Errorf("call %d failed, and call %d too", n, i+1)
			}
		}
		onwards := faultfs.New(atomicfs.OS, n, syscall.EIO, faultfs.Onwards)
		for i, err := range everyCall(onwards, t.TempDir()) {
			if failed := errors.Is(err, syscall.EIO); failed != (i >= n-1) {
				t.Errorf("fault from call %d onwards: call %d: %v", n, i+1, err)
			}
		}
	}
}

func TestHalfRemoval(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f := faultfs.New(atomicfs.OS, 1, syscall.EIO, faultfs.Onwards)
	for range 2 { // the second call does nothing
		if err := f.RemoveAll(dir); !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%v, %v", left, err)
		}
	}
}
