package architecture

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder: tests run in their package's.
const root = "../.."

// files returns the module's files, slash-separated and relative to root: all
// that git tracks or would track, or, in a tree without git, every file but
// those that builds and runs leave.
func files(t *testing.T) []string {
	t.Helper()
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	if out, err := git.Output(); err == nil && len(out) > 0 {
		list := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		slices.Sort(list)
		return slices.DeleteFunc(slices.Compact(list), func(name string) bool {
			info, err := os.Stat(filepath.Join(root, name))
			return err != nil || info.IsDir() // deleted and not yet committed
		})
	}
	var list []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "build", "runs"}, name):
			return fs.SkipDir
		case d.Type().IsRegular():
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// read returns the content of one of the module's files.
func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFiles guards the other tests against passing on an empty list.
func TestFiles(t *testing.T) {
	for _, name := range []string{"go.mod", "README.md", "task/rule.go", "testdata/oracle/SHA256SUMS"} {
		if !slices.Contains(files(t), name) {
			t.Errorf("%s is not in the list of the module's files", name)
		}
	}
}
