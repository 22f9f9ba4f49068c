// Package cpu computes on the machine's cores.
//
// The closed loop (forward.go) and backpropagation through time (backward.go)
// are written once, over a handful of routines that exist for each instruction
// set: a step forward, a block of steps backward, the sum of a block's outer
// products, the update, and two exponentials. The generic routines (generic.go)
// are portable Go, always compiled, and specify the others, which are assembly
// for amd64 that the program in asm/ writes. Choose says which instruction set
// runs; the build tag purego leaves the generic one only.
//
// # Layout
//
//	symbol  Go      meaning                                                shape
//	M       matrix  [W_hh; W_out[right] − W_out[left]]                     (N+1, N)
//	z       sums    b + M h; its last element is the logit difference d    (N+1)
//	e_s     e       (dz_s, g_{s−1}), what the gradient by M is a sum over  (N+1)
//
// The logit difference is one more row of the recurrent matrix: a step forward is
// tanh and one matrix–vector product, a step backward one product with the
// transposed matrix. Both products add up scaled columns: the sums stay in vector
// registers over the whole product, one panel of the matrix after the other, and
// no sum runs across a register. So the matrix is packed before each pass, by
// columns forward and by rows backward, padded to whole vectors.
//
// The gradient by M is the sum of e_s h_{s−1}ᵀ. Adding one such product a step
// would be bound by stores; blocks of 32 steps are multiplied together.
//
// # Determinism
//
// Networks and the sessions of a batch run on all cores. Results do not depend
// on how many there are: every session has a gradient of its own, and they are
// summed in the sessions' order. Instruction sets round differently.
package cpu
