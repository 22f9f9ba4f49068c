// Package faultfs makes a chosen file-system call fail, so that tests can show
// what survives a fault at any point: run the operation once to count its
// calls, then once for every one of them.
//
//	for n := 1; ; n++ {
//		f := faultfs.New(atomicfs.OS, n, syscall.ENOSPC, faultfs.Once)
//		err := operation(f)
//		if !f.Failed() {
//			break // n is beyond the last call
//		}
//		// check what is on the disk
//	}
package faultfs

import (
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"radd/internal/atomicfs"
)

// Extent says whether a fault is one call or the end.
type Extent int

const (
	// Once fails one call; later ones work again, as after a hiccup.
	Once Extent = iota
	// Onwards fails every later call too, as if the process had been killed
	// or the disk had gone.
	Onwards
)

// FS passes calls on to another file system and makes the chosen one fail. It
// counts every call of its own and of the files opened through it; it is safe
// for concurrent use.
//
// The failing call does nothing, but for these: a Write writes the first half
// of its bytes (a full disk does that), a RemoveAll removes the first half of
// a folder's entries, rounded up, and a Close closes.
type FS struct {
	under  atomicfs.FS
	at     int64
	err    error
	extent Extent
	calls  atomic.Int64
}

// New returns under with its at-th call, from 1, failing with err (such as
// syscall.ENOSPC or syscall.EIO) wrapped in a *fs.PathError. With at = 0 none
// fails.
func New(under atomicfs.FS, at int, err error, extent Extent) *FS {
	return &FS{under: under, at: int64(at), err: err, extent: extent}
}

// Calls returns how many calls have been made.
func (f *FS) Calls() int { return int(f.calls.Load()) }

// Failed reports whether a call has been made to fail.
func (f *FS) Failed() bool { return f.at > 0 && f.calls.Load() >= f.at }

// fault counts one call and returns the error it fails with, or nil.
func (f *FS) fault(call, path string) error {
	n := f.calls.Add(1)
	if n == f.at || f.extent == Onwards && f.at > 0 && n > f.at {
		return &fs.PathError{Op: call, Path: path, Err: f.err}
	}
	return nil
}

// OpenFile counts as one call, as do the file's.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (atomicfs.File, error) {
	if err := f.fault("open", name); err != nil {
		return nil, err
	}
	under, err := f.under.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &file{under: under, fs: f, name: name}, nil
}

// Mkdir counts as one call.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.fault("mkdir", name); err != nil {
		return err
	}
	return f.under.Mkdir(name, perm)
}

// MkdirAll counts as one call.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.fault("mkdir", name); err != nil {
		return err
	}
	return f.under.MkdirAll(name, perm)
}

// Rename counts as one call.
func (f *FS) Rename(from, to string) error {
	if err := f.fault("rename", from); err != nil {
		return err
	}
	return f.under.Rename(from, to)
}

// RemoveAll counts as one call. Where it fails, half of the entries are gone,
// unless that was the fate of an earlier call.
func (f *FS) RemoveAll(name string) error {
	dead := f.Failed()
	err := f.fault("remove", name)
	if err == nil {
		return f.under.RemoveAll(name)
	}
	if entries, _ := f.under.ReadDir(name); !dead {
		for _, entry := range entries[:(len(entries)+1)/2] {
			_ = f.under.RemoveAll(filepath.Join(name, entry.Name()))
		}
	}
	return err
}

// ReadDir counts as one call.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fault("readdir", name); err != nil {
		return nil, err
	}
	return f.under.ReadDir(name)
}

// Lstat counts as one call.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	if err := f.fault("lstat", name); err != nil {
		return nil, err
	}
	return f.under.Lstat(name)
}

// SyncDir counts as one call.
func (f *FS) SyncDir(name string) error {
	if err := f.fault("sync", name); err != nil {
		return err
	}
	return f.under.SyncDir(name)
}

type file struct {
	under atomicfs.File
	fs    *FS
	name  string
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.fs.fault("read", f.name); err != nil {
		return 0, err
	}
	return f.under.Read(p)
}

func (f *file) Write(p []byte) (int, error) {
	dead := f.fs.Failed()
	err := f.fs.fault("write", f.name)
	switch {
	case err == nil:
		return f.under.Write(p)
	case dead:
		return 0, err
	}
	n, _ := f.under.Write(p[:len(p)/2])
	return n, err
}

func (f *file) Sync() error {
	if err := f.fs.fault("sync", f.name); err != nil {
		return err
	}
	return f.under.Sync()
}

func (f *file) Truncate(size int64) error {
	if err := f.fs.fault("truncate", f.name); err != nil {
		return err
	}
	return f.under.Truncate(size)
}

func (f *file) Close() error {
	err := f.fs.fault("close", f.name)
	if under := f.under.Close(); err == nil {
		err = under
	}
	return err
}
