package cuda_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"radd/kernels/cuda"
	"radd/kernels/cuda/nvcc"
)

func manifest(t *testing.T) *cuda.Manifest {
	t.Helper()
	m, err := cuda.ReadManifest(os.DirFS("images"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGeneratedImages wants images/ to be what the sources in src/ were compiled
// to: `make gpu-kernels` makes it so.
func TestGeneratedImages(t *testing.T) {
	m := manifest(t)
	sources, err := cuda.HashSources(os.DirFS("src"))
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(m.Sources, sources) {
		t.Error("the manifest is of other sources than src/ holds: run make gpu-kernels, with nvcc")
	}
	if !slices.Equal(m.Flags, cuda.Flags) {
		t.Errorf("the manifest has flags %v, want %v", m.Flags, cuda.Flags)
	}
	if m.Compiler == "" {
		t.Error("the manifest names no compiler")
	}
	names := []string{cuda.ManifestName}
	for _, architecture := range append(slices.Clone(cuda.Architectures), cuda.Virtual) {
		names = append(names, cuda.ImageName(architecture))
		image, err := m.ReadImage(os.DirFS("images"), architecture)
		if err != nil {
			t.Error(err)
			continue
		}
		if code, err := nvcc.HashCode(image); err != nil || code != m.Code[cuda.ImageName(architecture)] {
			t.Errorf("%s: the code is not the manifest's (%v)", architecture, err)
		}
	}
	entries, err := os.ReadDir("images")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("images/%s does not belong there", e.Name())
		}
	}
	kernels := slices.Clone(probeKernels)
	for _, k := range cuda.Kernels() {
		kernels = append(kernels, k.Name)
	}
	for _, architecture := range cuda.Architectures {
		for _, name := range kernels {
			if m.Kernels[architecture][name].Registers == 0 {
				t.Errorf("the manifest lacks %s for %s", name, architecture)
			}
		}
	}
}

// TestCompiler compiles every kernel for one architecture and as PTX, and wants
// no register and no spilled byte more than the manifest says.
func TestCompiler(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT COMPILED with -short: the kernels")
	}
	compiler, err := nvcc.Find()
	if err != nil {
		t.Skip("NOT COMPILED: the kernels: ", err)
	}
	const architecture = "sm_90"
	m := manifest(t)
	image, usage, err := compiler.Compile(".", architecture)
	if err != nil {
		t.Fatal(err)
	}
	ptx, _, err := compiler.Compile(".", cuda.Virtual)
	if err != nil {
		t.Fatal(err)
	}
	if compiler.Version != m.Compiler {
		t.Logf("nvcc %s, the manifest's is %s: only compiled", compiler.Version, m.Compiler)
		return
	}
	for _, x := range []struct {
		name  string
		image []byte
	}{{cuda.ImageName(architecture), image}, {cuda.ImageName(cuda.Virtual), ptx}} {
		if got, err := nvcc.HashCode(x.image); err != nil || got != m.Code[x.name] {
			t.Errorf("%s is not what nvcc makes of src/ (%v): run make gpu-kernels", x.name, err)
		}
	}
	for name, want := range m.Kernels[architecture] {
		got, ok := usage[name]
		if !ok {
			t.Errorf("%s is gone", name)
		}
		if got.Registers > want.Registers || got.Stack > want.Stack || got.SpillStores > want.SpillStores || got.SpillLoads > want.SpillLoads {
			t.Errorf("%s takes %+v, the manifest says %+v", name, got, want)
		}
	}
}

func TestArchitecture(t *testing.T) {
	for _, x := range []struct {
		major, minor int
		want         string
	}{
		{6, 1, ""}, {7, 0, "sm_70"}, {7, 2, "sm_70"}, {7, 5, "sm_75"}, {8, 0, "sm_80"}, {8, 6, "sm_86"}, {8, 7, "sm_86"},
		{8, 9, "sm_89"}, {9, 0, "sm_90"}, {10, 0, "compute_90"}, {12, 1, "compute_90"},
	} {
		if got, ok := cuda.ArchitectureFor(x.major, x.minor); got != x.want || ok != (x.want != "") {
			t.Errorf("compute capability %d.%d: %q, want %q", x.major, x.minor, got, x.want)
		}
	}
}

// TestDocumentedKernels wants the page on the GPU to give each kernel's registers
// and spills as the manifest does.
func TestDocumentedKernels(t *testing.T) {
	page, err := os.ReadFile("../../docs/gpu.md")
	if err != nil {
		t.Fatal(err)
	}
	usage := manifest(t).Kernels["sm_90"]
	for _, k := range cuda.Kernels() {
		u := usage[k.Name]
		row := regexp.MustCompile("(?m)^\\| `" + k.Name + "` \\|.*$").FindString(string(page))
		if want := fmt.Sprintf("| %d | %d | %d |", u.Registers, u.SpillStores, u.SpillLoads); !strings.HasSuffix(row, want) {
			t.Errorf("docs/gpu.md has %q of %s, the manifest %q", row, k.Name, want)
		}
	}
	for _, name := range probeKernels {
		u := usage[name]
		if want := fmt.Sprintf("\n| `%s` | %d |", name, u.Registers); !strings.Contains(string(page), want) || u.SpillStores+u.SpillLoads > 0 {
			t.Errorf("docs/gpu.md lacks %q, or it spills: %+v", want, u)
		}
	}
}
