//go:build linux

package cudatest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// flags compile a source; none lets the compiler fuse or reorder arithmetic.
var flags = []string{"-std=c++17", "-O2", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-Wall", "-Wno-unknown-pragmas"}

// checked compiles a source for emulation/checks.cpp, which the linker is to place
// below 4 GiB.
var checked, checkedLink = []string{"-O1", "-g1", "-fsanitize=thread,alignment"}, []string{"-no-pie"}

// Compiler returns the host's C++ compiler. It skips the test, and says what is
// not tested, where there is none.
func Compiler(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{os.Getenv("CXX"), "g++", "clang++"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	tb.Skip("NOT TESTED: the CUDA kernels, which this test emulates: no C++ compiler (apt-get install g++ on Debian)")
	return ""
}

// here is this package's folder.
func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// build compiles the emulator with the given kernel sources, checks included or
// not, into the module's build folder, unless a program of the same sources is
// there, and returns its path.
func build(tb testing.TB, checks bool, sources []string) string {
	tb.Helper()
	compiler := Compiler(tb)
	path, err := buildOnce(compiler, checks, sources)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

var building sync.Mutex

func buildOnce(compiler string, checks bool, sources []string) (string, error) {
	building.Lock()
	defer building.Unlock()
	folder := filepath.Join(here(), "..", "..", "..", "build", "emulator")
	name, err := hash(compiler, checks, sources)
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	emulator := []string{filepath.Join(here(), "emulation", "emulator.cpp")}
	var kernelFlags, link []string
	if checks {
		emulator = append(emulator, filepath.Join(here(), "emulation", "checks.cpp"))
		kernelFlags, link = checked, checkedLink
	}
	objects := make([]string, len(sources)+len(emulator))
	failures := make([]error, len(objects))
	var compiling sync.WaitGroup
	for i, source := range slices.Concat(sources, emulator) {
		objects[i] = filepath.Join(work, fmt.Sprint(i, ".o"))
		arguments := slices.Clone(flags)
		if i < len(sources) {
			arguments = append(arguments, kernelFlags...)
		}
		arguments = append(arguments, "-I", filepath.Join(here(), "emulation"), "-include", "emulation.h", "-x", "c++", "-c", source, "-o", objects[i])
		compiling.Go(func() { failures[i] = command(compiler, arguments...) })
	}
	compiling.Wait()
	for _, err := range failures {
		if err != nil {
			return "", err
		}
	}
	program := filepath.Join(work, "emulator")
	if err := command(compiler, slices.Concat([]string{"-o", program}, link, objects)...); err != nil {
		return "", err
	}
	return path, os.Rename(program, path)
}

func command(name string, arguments ...string) error {
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// hash names a program by all that it is made of.
func hash(compiler string, checks bool, sources []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, compiler, flags, sources)
	if checks {
		fmt.Fprintln(h, checked, checkedLink)
	}
	var files []string
	for _, pattern := range []string{"../src/*.cu*", "emulation/*"} {
		match, err := filepath.Glob(filepath.Join(here(), pattern))
		if err != nil {
			return "", err
		}
		files = append(files, match...)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
	}
	return "emulator-" + hex.EncodeToString(h.Sum(nil))[:16], nil
}

// Sources are the kernels' source files.
func Sources() (all []string) {
	match, _ := filepath.Glob(filepath.Join(here(), "..", "src", "*.cu"))
	for _, name := range match {
		if filepath.Base(name) != "kernels.cu" { // which includes the others, for nvcc
			all = append(all, name)
		}
	}
	return all
}
