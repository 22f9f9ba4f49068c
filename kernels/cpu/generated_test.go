package cpu

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated runs the assembly's generator and compares what it writes with
// the committed files. It takes seconds once the generator is compiled.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	sources, err := filepath.Glob("asm/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no generator: %v", err)
	}
	dir := t.TempDir()
	generator := exec.Command("go", append(append([]string{"run"}, sources...), "-dir", dir)...)
	if out, err := generator.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"avx2_amd64.s", "avx2_amd64.go", "avx512_amd64.s", "avx512_amd64.go"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale; run go generate in this folder", name)
		}
	}
}
