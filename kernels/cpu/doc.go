// Package cpu computes on the machine's cores.
//
// The generic Go code here is the specification of the kernels: Forward plays a
// session in closed loop, Backward carries the gradient back through all of its
// steps, Update does one step of SGD. It favours being read over being fast,
// but for two things that cost nothing to read: matrix–vector products go over
// four rows at a time, and the gradient of W_hh is summed in blocks of steps,
// because adding one outer product a step to it would be bound by stores.
//
// Networks and the sessions of a batch run on all cores. Results do not depend
// on how many there are: every session has a gradient of its own, and they are
// summed in the sessions' order.
package cpu
