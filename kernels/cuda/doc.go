// Package cuda computes on an NVIDIA GPU: whole training runs inside one
// kernel, thousands of networks at once.
//
// # Symbols
//
//	name        meaning
//	device      a GPU, or its emulation on the host (cudatest)
//	kernel      one program of the device: all that a network of one size and type needs
//	mapping     how the threads of a block share a network's weights (src/*.cuh)
//	job         one network in training, or one passage: what a block works on
//	slot        the scratch of one resident block: the record of a session, its gradient
//	launch      one call of a kernel; jobs are taken from a queue
//
// A kernel trains (drawing the session, closed loop, backpropagation through
// time, SGD, the next session) for thousands of gradient steps a launch, or
// plays and differentiates single passages, which is what the graph's session
// op asks for. The sources in src/ are compiled by nvcc for devices, and by the
// host's compiler for the emulation that tests run.
//
// # Driver
//
// The backend reaches a device through the interface Driver. With the build tag
// gpu, Open returns the one of the CUDA driver; without it the package has
// none, and only tests use it.
//
// One more kernel interprets graphs that package graph has compiled to a tape of
// instructions (Program, Interpreter), a session in one launch.
//
// Seven small ones are microbenchmarks (Probe), which say what a device does at
// most.
//
// # Determinism
//
// Results do not depend on the number of resident blocks, on where launches are
// cut, or on what else is trained. Every network is computed by one block, and
// sums have a fixed order.
package cuda
