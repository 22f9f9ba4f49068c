package atomicfs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

const (
	tempPrefix  = ".tmp-"
	asidePrefix = ".aside-"

	filePerm   = 0o644 // before the umask, as for any file that a program creates
	dirPerm    = 0o755
	bufferSize = 1 << 16 // bytes
)

// WriteFile writes the file at path through write, with permissions 0644
// before the umask, replacing a file of that name. The writer is buffered. If
// it returns nil, the whole new file is at path, and on the disk; if it
// returns an error, path holds what it held before or, where only the final
// synchronisation of the parent failed, the whole new file.
func WriteFile(fsys FS, path string, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	temp := tempName(parent)
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	renamed := false
	defer func() { // also where write panics
		if !renamed {
			f.Close() // harmless if closed
			_ = fsys.RemoveAll(temp)
		}
	}()
	buffer := bufio.NewWriterSize(f, bufferSize)
	if err := write(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(temp, path); err != nil {
		return err
	}
	renamed = true
	return fsys.SyncDir(parent)
}

// WriteBytes writes the file at path as [WriteFile] does.
func WriteBytes(fsys FS, path string, data []byte) error {
	return WriteFile(fsys, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteJSON writes the file at path as [WriteFile] does, with v as indented JSON.
func WriteJSON(fsys FS, path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteBytes(fsys, path, append(data, '\n'))
}

// CleanTemp removes what interrupted writers left unfinished in dir: every
// entry whose name begins with ".tmp-". A folder that does not exist is clean.
func CleanTemp(fsys FS, dir string) error {
	return eachWithPrefix(fsys, dir, tempPrefix, func(name string) error {
		return fsys.RemoveAll(filepath.Join(dir, tempPrefix+name))
	})
}

// eachWithPrefix calls do with what follows the prefix in the names of those
// entries of dir that have it, until it fails.
func eachWithPrefix(fsys FS, dir, prefix string, do func(name string) error) error {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, has := strings.CutPrefix(entry.Name(), prefix)
		if !has || name == "" {
			continue
		}
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

// tempName returns a name in parent that nothing else bears: with 64 random
// bits, two of them meet less often than disks fail, and creation is exclusive.
func tempName(parent string) string {
	return filepath.Join(parent, fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()))
}
