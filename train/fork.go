package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"radd/internal/atomicfs"
	"radd/internal/input"
)

// Fork copies the run in the folder from, up to its newest intact checkpoint,
// into the folder to, which appears whole or not at all and may not be there
// before. Resumed there with more gradient steps, it ends as a run of that
// length from the start does, byte for byte. What was made of the run, such as
// its rollout, is not copied. No other process may be training into from.
func Fork(from, to string) error {
	if !IsRun(from) {
		return &input.Error{File: from, Found: "no run of this program", Allowed: "a folder with a " + configFile}
	}
	steps, err := checkpointSteps(atomicfs.OS, from)
	if err != nil {
		return err
	}
	newest := ""
	for _, step := range steps {
		name := filepath.Join(checkpointsDir, checkpointName(step))
		if _, err = verified(atomicfs.OS, filepath.Join(from, name)); err == nil {
			newest = name
			break
		}
	}
	if newest == "" {
		return &input.Error{File: filepath.Join(from, checkpointsDir), Found: "no checkpoint that is intact", Cause: err}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return atomicfs.WriteDir(atomicfs.OS, to, func(staging string) error {
		if err := os.CopyFS(filepath.Join(staging, newest), os.DirFS(filepath.Join(from, newest))); err != nil {
			return err
		}
		for _, name := range []string{configFile, metricsFile, timingFile, eventsFile, logFile} {
			data, err := os.ReadFile(filepath.Join(from, name))
			if errors.Is(err, fs.ErrNotExist) { // a sweep's extracted network has no events and no log
				continue
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(staging, name), data, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}
