// Package cudatest has an emulated CUDA device: the kernels' own sources,
// compiled by the host's compiler against emulation/emulation.h, run by a program of
// their own. Threads are fibres that change at barriers and shuffles, in random
// order; divergent barriers and writes outside of allocations end a test. With
// OpenChecked every access is looked at: misaligned ones, those outside of memory
// and races between two barriers end the test too, with the lines of the sources.
//
// The program shares its memory with the test through a mapped file, so that
// copies cost nothing, and takes launches through a pipe.
package cudatest
