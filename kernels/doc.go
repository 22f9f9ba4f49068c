// Package kernels defines what computes: the packed parameter vector, the
// record of one session (Tape), and the Backend that runs the closed loop
// forward, its gradient backward, and whole training runs.
//
// # Symbols
//
//	paper   Go                 meaning                                      shape
//	N       Shape.N            hidden units
//	T       Tape.T             RNN steps in a session
//	θ       theta              all parameters, packed as Shape says         (Size)
//	x_t     Tape.Input         left and right observation, last feedback    (T, 3)
//	h_t     Tape.Hidden        state; row 0 is h before the first step      (T+1, N)
//	d_t     Tape.Difference    logit of right less logit of left            (T)
//	s_n     Tape.Target        stimulus side of the step's trial, 0 or 1    (T)
//	L       Tape.Loss          the session's loss
//
// All matrices are row-major. dX is the gradient of the loss by X.
//
// The softmax over two actions depends on the logits through their difference
// alone, so kernels carry the one number d_t: a_t(right) = σ(d_t), the decision
// is |d_t| > ln(θ/(1−θ)), and the gradients of the readout's two rows are each
// other's negative.
//
// # Determinism
//
// The same backend, instruction set, dtype and input give the same bytes,
// however many cores compute. A batch's gradient is summed in the order of its
// sessions.
//
// The generic code in kernels/cpu is the specification: any other backend
// passes the conformance suite in kernels/kernelstest against it.
package kernels
