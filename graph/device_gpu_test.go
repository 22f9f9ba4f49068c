//go:build gpu

package graph

import (
	"os"
	"strconv"
	"testing"

	"radd/kernels/cuda"
)

// threads of a tape's block are as many as in use.
const threads = 512

// openDriver returns the GPU that RADD_TEST_GPU numbers, the first one without it.
func openDriver(t testing.TB) cuda.Driver {
	t.Helper()
	index := 0
	if s := os.Getenv("RADD_TEST_GPU"); s != "" {
		var err error
		if index, err = strconv.Atoi(s); err != nil {
			t.Fatalf("RADD_TEST_GPU: %v", err)
		}
	}
	d, err := cuda.Open(index)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
