package cuda

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Manifest says what the images in images/ were made from and with, and what the
// compiler reported of every kernel.
type Manifest struct {
	Compiler string                      `json:"compiler"` // nvcc's version
	Flags    []string                    `json:"flags"`
	Sources  map[string]string           `json:"sources"` // SHA-256 of every file in src/
	Images   map[string]string           `json:"images"`  // SHA-256 of every file in images/, before compression
	Code     map[string]string           `json:"code"`    // SHA-256 of their code alone (nvcc.HashCode)
	Kernels  map[string]map[string]Usage `json:"kernels"` // by architecture and name
}

// Usage is what a kernel takes, the functions that it calls included.
type Usage struct {
	Registers   int `json:"registers"`    // of a thread
	Stack       int `json:"stack"`        // bytes of a thread
	SpillStores int `json:"spill_stores"` // bytes, counted once for each place in the code
	SpillLoads  int `json:"spill_loads"`
}

// ManifestName is the manifest's file in images/.
const ManifestName = "manifest.json"

// Architectures are those that images are made for: cubins, each of which serves
// later devices of its generation as well, and PTX, which the driver compiles
// for generations to come.
var (
	Architectures = []string{"sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90"}
	Virtual       = "compute_90"
)

// Flags are the compiler's, besides the architecture. Debian's nvcc 11.8 stands
// beside a host compiler that it does not know; only the device's code is kept.
var Flags = []string{"-std=c++17", "-allow-unsupported-compiler"}

// ImageName returns the name of an architecture's image in images/.
func ImageName(architecture string) string {
	if strings.HasPrefix(architecture, "compute_") {
		return architecture + ".ptx.gz"
	}
	return architecture + ".cubin.gz"
}

// ReadManifest reads the manifest of a folder of images.
func ReadManifest(images fs.FS) (*Manifest, error) {
	data, err := fs.ReadFile(images, ManifestName)
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	return m, nil
}

// ReadImage returns an architecture's image, decompressed and checked against
// the manifest.
func (m *Manifest) ReadImage(images fs.FS, architecture string) ([]byte, error) {
	name := ImageName(architecture)
	data, err := fs.ReadFile(images, name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	image, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if got := Hash(image); got != m.Images[name] {
		return nil, fmt.Errorf("%s has SHA-256 %s, the manifest says %s", name, got, m.Images[name])
	}
	return image, nil
}

// Hash returns the SHA-256 of data in hexadecimal.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// HashSources returns the SHA-256 of every kernel source in a folder.
func HashSources(folder fs.FS) (map[string]string, error) {
	sums := map[string]string{}
	names, err := fs.Glob(folder, "*.cu*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		sums[path.Base(name)] = Hash(data)
	}
	return sums, nil
}

// architectureFor returns the architecture whose image serves a device of the
// given compute capability, and whether there is one: the latest of the device's
// generation that is not later than the device, else what the driver compiles.
func architectureFor(major, minor int) (string, bool) {
	best := ""
	for _, a := range Architectures {
		var of, to int
		if _, err := fmt.Sscanf(a, "sm_%1d%1d", &of, &to); err == nil && of == major && to <= minor {
			best = a
		}
	}
	var of, to int
	if _, err := fmt.Sscanf(Virtual, "compute_%1d%1d", &of, &to); best == "" && err == nil && (major > of || major == of && minor >= to) {
		best = Virtual
	}
	return best, best != ""
}
