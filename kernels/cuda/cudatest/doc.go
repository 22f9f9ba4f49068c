// Package cudatest has an emulated CUDA device: the kernels' own sources,
// compiled by the host's compiler against emulation/emulation.h, run by a program of
// their own. Threads are fibres that change at barriers and shuffles, in random
// order; divergent barriers and writes outside of allocations end a test. It
// cannot see races between two barriers: compute-sanitizer does, on a GPU.
//
// The program shares its memory with the test through a mapped file, so that
// copies cost nothing, and takes launches through a pipe.
package cudatest
