package cuda

import (
	"fmt"

	"radd/kernels"
)

// kernel is one program of the device and how it is launched.
type kernel struct {
	name    string
	dtype   string
	n       int // hidden units that it is for; 0 means any
	threads int // in a block
	shared  int // bytes of dynamic shared memory of a block
}

// MaxN is the most hidden units that the kernels take; the CPU goes further.
const MaxN = 1024

const (
	warp = 32
	// mostThreads is the block of the generic kernel, whose threads take several
	// rows each where N is larger.
	mostThreads = 256
	// leastShared holds what a block shares besides its mapping's vectors.
	leastShared = 16
)

// list holds every kernel, as the sources in src/ define them. A generic one
// comes last of its type.
var list = []kernel{
	{name: "n2_f32", dtype: "f32", n: 2, threads: 32, shared: 4 * 4 * 4},
	{name: "n25_f32", dtype: "f32", n: 25, threads: 32, shared: 4 * 28 * 4},
	{name: "n50_f32", dtype: "f32", n: 50, threads: 32, shared: 4 * 52 * 4},
	{name: "n100_f32", dtype: "f32", n: 100, threads: 128, shared: 4096},
	{name: "n150_f32", dtype: "f32", n: 150, threads: 160, shared: 5120},
	{name: "n250_f32", dtype: "f32", n: 250, threads: 256, shared: 68608},
	{name: "n2_f64", dtype: "f64", n: 2, threads: 32, shared: 4 * 2 * 8},
	{name: "n25_f64", dtype: "f64", n: 25, threads: 32, shared: 4 * 26 * 8},
	{name: "n50_f64", dtype: "f64", n: 50, threads: 64, shared: 4 * 50 * 8},
	{name: "n100_f64", dtype: "f64", n: 100, threads: 256, shared: 8192},
	{name: "n150_f64", dtype: "f64", n: 150, threads: 320, shared: 85760},
	{name: "generic_f32", dtype: "f32"},
	{name: "generic_f64", dtype: "f64"},
}

// kernelFor returns the kernel of networks with n hidden units, for a device with
// the given shared memory of a block.
func kernelFor[F kernels.Float](n, memory int, generic bool) *kernel {
	dtype := kernels.Dtype[F]()
	for i := range list {
		if k := &list[i]; k.dtype == dtype && (k.n == 0 || k.n == n && k.shared <= memory && !generic) {
			return k
		}
	}
	panic("cuda: no kernel of this type")
}

// block returns the threads of a block for n hidden units.
func (k *kernel) block(n int) int {
	if k.n > 0 {
		return k.threads
	}
	return min((n+warp-1)/warp*warp, mostThreads)
}

// sharedFor returns a block's shared memory for a network and its teacher, who
// plays by the generic mapping: two states, the last one and the next.
func sharedFor[F kernels.Float](k *kernel, n, teacher int) int {
	shared := max(k.shared, leastShared, 2*teacher*sizeOf[F](1))
	if k.n == 0 {
		shared = max(shared, 2*n*sizeOf[F](1))
	}
	return shared
}

// checkN refuses networks that the kernels do not take.
func checkN(n int) error {
	if n < 1 || n > MaxN {
		return fmt.Errorf("networks of %d hidden units: the kernels take 1 to %d; use the CPU", n, MaxN)
	}
	return nil
}
