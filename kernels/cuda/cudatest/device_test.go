//go:build linux

package cudatest

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"radd/kernels/cuda"
)

// faulty returns a device with the kernels of testdata/faults.cu and a program
// that the test need not find in order at its end.
func faulty(t *testing.T, checks bool) *Device {
	t.Helper()
	path := build(t, checks, []string{filepath.Join(here(), "testdata", "faults.cu")})
	d, err := start(path, t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	words   = 32 // of 8 bytes, in the memory that a kernel is given
	threads = 64
	shared  = 512
)

// launch runs a kernel on fresh memory and returns that.
func launch(t *testing.T, d *Device, kernel string) (cuda.Pointer, []byte, error) {
	t.Helper()
	p, err := d.Allocate(8 * words)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8*words)
	if err := d.Upload(p, got); err != nil {
		t.Fatal(err)
	}
	err = run(d, kernel, 1, p)
	if err == nil {
		err = d.Download(got, p)
	}
	return p, got, err
}

func run(d *Device, kernel string, blocks int, p cuda.Pointer) error {
	if err := d.Launch(kernel, blocks, threads, shared, p); err != nil {
		return err
	}
	return d.Synchronise()
}

// TestFaults wants every fault to be found, and told.
func TestFaults(t *testing.T) {
	for kernel, want := range map[string]string{
		"some_at_the_barrier":  "divergent barriers",
		"two_barriers":         "a barrier reached at different lines",
		"barrier_and_shuffle":  "divergent barriers",
		"half_a_warp_shuffles": "divergent barriers",
		"behind_shared":        "shared memory written 0 bytes behind its end at 512",
		"null":                 "the device is lost",
		"no_such_kernel":       "cannot launch no_such_kernel",
	} {
		t.Run(kernel, func(t *testing.T) {
			d := faulty(t, false)
			_, _, err := launch(t, d, kernel)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if _, _, err := launch(t, d, "sum"); err == nil {
				t.Error("a lost device goes on")
			}
		})
	}
	for kernel, want := range map[string]string{
		"behind_memory": "a kernel wrote 0 bytes behind its memory",
		"before_memory": "a kernel wrote 8 bytes before its memory",
	} {
		t.Run(kernel, func(t *testing.T) {
			d := faulty(t, false)
			p, _, err := launch(t, d, kernel)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Free(p); err == nil || err.Error() != want {
				t.Errorf("%v, want %q", err, want)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChecks wants the checks of accesses to find what the emulation alone does not,
// to say where it is, and to find nothing where nothing is.
func TestChecks(t *testing.T) {
	const noBarrier = "with no barrier between them"
	for kernel, want := range map[string]string{
		"reads_what_others_write":    noBarrier,
		"writes_what_others_read":    noBarrier,
		"all_write":                  noBarrier,
		"shuffle_for_a_barrier":      noBarrier,
		"warp_barrier_for_the_block": noBarrier,
		"race_in_memory":             noBarrier,
		"race_of_blocks":             "of another block wrote",
		"behind_shared":              "1 bytes of shared memory from 512 on, of 512",
		"reads_behind_shared":        "1 bytes of shared memory from 512 on, of 512",
		"before_shared":              "which are not allocated",
		"behind_memory":              "which are not allocated",
		"reads_behind_memory":        "which are not allocated",
		"partly_behind_memory":       "which are not allocated",
		"before_memory":              "which are not allocated",
		"null":                       "writes at faults.cu:66 8 bytes at 0x8, which are not allocated",
		"anothers_stack":             "which are not allocated",
		"misaligned_in_shared":       "no multiple of 16",
		"misaligned_in_memory":       "no multiple of 16",
		"two_barriers":               "a barrier reached at different lines",
	} {
		t.Run(kernel, func(t *testing.T) {
			d := faulty(t, true)
			p, err := d.Allocate(8 * words)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Upload(p, make([]byte, 8*words)); err != nil {
				t.Fatal(err)
			}
			err = run(d, kernel, 2, p)
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), want) || want == noBarrier && strings.Count(err.Error(), " at faults.cu:") != 2 {
				t.Errorf("%v, want %q and where", err, want)
			}
		})
	}
	d := faulty(t, true)
	defer d.Close()
	for range 3 {
		p, _, err := launch(t, d, "sum")
		if err == nil {
			err = run(d, "ordered", 2, p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := d.Allocate(8 * words)
	if err == nil {
		err = d.Free(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := run(d, "order", 1, p); err == nil || !strings.Contains(err.Error(), "which are not allocated") {
		t.Errorf("memory that was freed: %v", err)
	}
}

// TestEmulation wants sums over shared memory and shuffles to be right, threads
// to run in another order every time, and memory that was not written to be no
// number.
func TestEmulation(t *testing.T) {
	d := faulty(t, false)
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, got, err := launch(t, d, "sum")
	if err != nil {
		t.Fatal(err)
	}
	if sum := binary.NativeEndian.Uint64(got); sum != threads*(threads-1)/2 {
		t.Errorf("sum %d", sum)
	}
	_, first, err := launch(t, d, "order")
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := launch(t, d, "order")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, second) {
		t.Error("threads ran in the same order twice")
	}
	seen := map[byte]bool{}
	for _, thread := range first[8 : 8+threads] {
		seen[thread] = true
	}
	if len(seen) != threads {
		t.Errorf("%d threads ran, want %d", len(seen), threads)
	}
	_, got, err = launch(t, d, "unwritten_shared")
	if err != nil {
		t.Fatal(err)
	}
	if x := binary.NativeEndian.Uint64(got); x != 1<<64-1 {
		t.Errorf("shared memory begins as %#x", x)
	}
}

// TestMemory allocates until the memory is full, frees and allocates again.
func TestMemory(t *testing.T) {
	d := faulty(t, false)
	var all []cuda.Pointer
	for {
		p, err := d.Allocate(100_000)
		if err != nil {
			break
		}
		all = append(all, p)
	}
	if len(all) != 10 {
		t.Errorf("%d allocations of 100,000 bytes in 1 MiB", len(all))
	}
	if _, err := d.Allocate(1000); err != nil {
		t.Error(err)
	}
	if err := d.Free(all[4]); err != nil {
		t.Error(err)
	}
	if err := d.Free(all[4]); err == nil {
		t.Error("freed twice")
	}
	if p, err := d.Allocate(100_000); err != nil || p != all[4] {
		t.Errorf("the freed memory at %#x is not used again: %#x, %v", all[4], p, err)
	}
	if err := d.Upload(all[9]+1, make([]byte, 100_000)); err == nil {
		t.Error("a copy went beyond its memory")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
