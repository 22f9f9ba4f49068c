package nvcc

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"radd/kernels/cuda"
)

// Compiler is an nvcc.
type Compiler struct {
	Path    string
	Version string // "11.8, V11.8.89"
}

// Find returns the nvcc that NVCC names or that is found in PATH or in
// the toolkit's usual folder.
func Find() (*Compiler, error) {
	for _, name := range []string{os.Getenv("NVCC"), "nvcc", "/usr/local/cuda/bin/nvcc"} {
		path, err := exec.LookPath(name)
		if name == "" || err != nil {
			continue
		}
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		_, version, ok := strings.Cut(string(out), "release ")
		if !ok {
			return nil, fmt.Errorf("%s --version names no release", path)
		}
		version, _, _ = strings.Cut(version, "\n")
		return &Compiler{path, version}, nil
	}
	return nil, fmt.Errorf("there is no nvcc: install a CUDA toolkit of 11.8 or later " +
		"(on Debian, with the components contrib and non-free: apt-get install nvidia-cuda-toolkit)")
}

// Compile compiles src/kernels.cu in the package's folder for an architecture
// and returns the image and what each kernel takes; PTX has no usage.
func (c *Compiler) Compile(folder, architecture string) (image []byte, usage map[string]cuda.Usage, err error) {
	work, err := os.MkdirTemp("", "radd-kernels-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(work)
	output := filepath.Join(work, "image")
	kind := "-cubin"
	if architecture == cuda.Virtual {
		kind = "-ptx"
	}
	arguments := append([]string{"-arch=" + architecture, kind, "-Xptxas", "-v", "-o", output}, cuda.Flags...)
	command := exec.Command(c.Path, append(arguments, "kernels.cu")...)
	command.Dir = filepath.Join(folder, "src")
	messages, err := command.CombinedOutput()
	if err != nil {
		return nil, nil, fmt.Errorf("%s for %s: %w\n%s", c.Path, architecture, err, messages)
	}
	image, err = os.ReadFile(output)
	return image, usageOf(string(messages)), err
}

// HashCode returns the SHA-256 of an image's machine code, or of all of PTX. The
// rest of a cubin is not the same from one compilation to the next: ptxas leaves
// what it finds in memory in the gaps of a section for debuggers.
func HashCode(image []byte) (string, error) {
	if !bytes.HasPrefix(image, []byte(elf.ELFMAG)) || len(image) < 64 {
		return cuda.Hash(image), nil
	}
	const versionAt = 20 // in an ELF file's head: CUDA counts versions of its own
	image = bytes.Clone(image)
	binary.LittleEndian.PutUint32(image[versionAt:], uint32(elf.EV_CURRENT))
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return "", err
	}
	var code []byte
	for _, s := range f.Sections {
		if !strings.HasPrefix(s.Name, ".text.") {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return "", err
		}
		code = append(append(code, s.Name...), data...)
	}
	return cuda.Hash(code), nil
}

var (
	entryLine    = regexp.MustCompile(`Compiling entry function '(\w+)'`)
	frameLine    = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	registerLine = regexp.MustCompile(`Used (\d+) registers`)
)

// usageOf reads ptxas's report: an entry's lines, then those of the functions
// that it calls.
func usageOf(report string) map[string]cuda.Usage {
	all := map[string]cuda.Usage{}
	name := ""
	number := func(s string) int {
		n, _ := strconv.Atoi(s)
		return n
	}
	for lines := bufio.NewScanner(strings.NewReader(report)); lines.Scan(); {
		line := lines.Text()
		if m := entryLine.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		u := all[name]
		if m := frameLine.FindStringSubmatch(line); m != nil {
			u.Stack += number(m[1])
			u.SpillStores += number(m[2])
			u.SpillLoads += number(m[3])
		}
		if m := registerLine.FindStringSubmatch(line); m != nil {
			u.Registers = max(u.Registers, number(m[1]))
		}
		if name != "" {
			all[name] = u
		}
	}
	return all
}
