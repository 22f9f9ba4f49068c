package atomicfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteDir writes a folder that appears at path whole or not at all. It calls
// fill with an empty staging folder, synchronises every file and folder that
// fill left in it, and renames it to path. Where something is at path already,
// it returns an error for which errors.Is(err, fs.ErrExist), and fill is not
// called. After any other error nothing is at path or, where only the final
// synchronisation of the parent failed, the whole new folder.
func WriteDir(fsys FS, path string, fill func(dir string) error) error {
	if err := writeDir(fsys, filepath.Clean(path), fill); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeDir(fsys FS, path string, fill func(dir string) error) error {
	switch there, err := exists(fsys, path); {
	case err != nil:
		return err
	case there:
		return fs.ErrExist
	}
	return stage(fsys, path, fill, func(staged string) error {
		return fsys.Rename(staged, path)
	})
}

// ReplaceDir does as [WriteDir] and replaces a folder that is at path already.
// After an error, path holds the old folder or the whole new one; after an
// error or a crash between the two renames it may hold neither, and [Recover]
// brings the old one back. That the old folder could not be removed, once the
// new one is in its place, is not an error: Recover and the next ReplaceDir
// remove it.
func ReplaceDir(fsys FS, path string, fill func(dir string) error) error {
	if err := replaceDir(fsys, filepath.Clean(path), fill); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

func replaceDir(fsys FS, path string, fill func(dir string) error) error {
	return replacing(fsys, path, func(publish func(string) error) error {
		return stage(fsys, path, fill, publish)
	})
}

// Supersede gives the folder from, which lies beside path, is complete and is on
// the disk, the name path, in the place of a folder that has it. What holds of
// [ReplaceDir] after an error holds here; from then keeps its name.
func Supersede(fsys FS, from, path string) error {
	path = filepath.Clean(path)
	err := replacing(fsys, path, func(publish func(string) error) error {
		if err := publish(from); err != nil {
			return err
		}
		return fsys.SyncDir(filepath.Dir(path))
	})
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

// replacing has publication rename a complete folder to path by the function
// that it is given, which first moves aside what is there.
func replacing(fsys FS, path string, publication func(publish func(staged string) error) error) error {
	parent, name := filepath.Dir(path), filepath.Base(path)
	if err := settle(fsys, parent, name); err != nil {
		return err
	}
	old, err := exists(fsys, path)
	if err != nil {
		return err
	}
	aside := filepath.Join(parent, asidePrefix+name)
	err = publication(func(staged string) error {
		if !old {
			return fsys.Rename(staged, path)
		}
		if err := fsys.Rename(path, aside); err != nil {
			return err
		}
		if err := fsys.Rename(staged, path); err != nil {
			return errors.Join(err, fsys.Rename(aside, path))
		}
		return nil
	})
	if err == nil && old {
		_ = discard(fsys, parent, name)
	}
	return err
}

// Recover mends what interrupted calls left in parent: a folder that
// [ReplaceDir] had moved aside gets its name back where nothing bears it and is
// removed where the new one does, and stale temporaries are removed. It may
// itself be interrupted and run again. No other process may be writing in
// parent. A parent that does not exist needs no mending.
func Recover(fsys FS, parent string) error {
	err := eachWithPrefix(fsys, parent, asidePrefix, func(name string) error {
		return settle(fsys, parent, name)
	})
	if err == nil {
		err = CleanTemp(fsys, parent)
	}
	if err != nil {
		return fmt.Errorf("recover %s: %w", parent, err)
	}
	return nil
}

// settle ends an interrupted replacement of the folder name in parent, if
// there is one: backwards where the name is free, else forwards.
func settle(fsys FS, parent, name string) error {
	path, aside := filepath.Join(parent, name), filepath.Join(parent, asidePrefix+name)
	if there, err := exists(fsys, aside); err != nil || !there {
		return err
	}
	replaced, err := exists(fsys, path)
	if err != nil {
		return err
	}
	if replaced {
		return discard(fsys, parent, name)
	}
	if err := fsys.Rename(aside, path); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

// discard removes the folder that was moved aside for name. It takes its name
// away first, so that whatever is called ".aside-" is always whole.
func discard(fsys FS, parent, name string) error {
	temp := tempName(parent)
	if err := fsys.Rename(filepath.Join(parent, asidePrefix+name), temp); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		return err
	}
	return fsys.RemoveAll(temp)
}

// stage fills a staging folder beside path, synchronises it and publishes it
// by the rename in publish. It removes the folder if anything fails before.
func stage(fsys FS, path string, fill, publish func(dir string) error) error {
	parent := filepath.Dir(path)
	temp := tempName(parent)
	if err := fsys.Mkdir(temp, dirPerm); err != nil {
		return err
	}
	published := false
	defer func() { // also where fill panics
		if !published {
			_ = fsys.RemoveAll(temp)
		}
	}()
	if err := fill(temp); err != nil {
		return err
	}
	if err := syncTree(fsys, temp); err != nil {
		return err
	}
	if err := publish(temp); err != nil {
		return err
	}
	published = true
	return fsys.SyncDir(parent)
}

// syncTree synchronises the files and folders under dir, and dir.
func syncTree(fsys FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch {
		case entry.IsDir():
			err = syncTree(fsys, path)
		case entry.Type().IsRegular():
			err = syncFile(fsys, path)
		}
		if err != nil {
			return err
		}
	}
	return fsys.SyncDir(dir)
}

func syncFile(fsys FS, path string) error {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func exists(fsys FS, path string) (bool, error) {
	_, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
