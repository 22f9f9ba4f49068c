// Package analysis looks at recorded networks: trajectories and their files,
// principal components, the readouts of stimulus and block side, and, of networks
// that play the task, effects, circuits, vector fields, fixed points and
// behaviour. It computes numbers, as tables that figures are drawn from, and draws
// nothing.
//
// # Symbols
//
//	paper   Go                       meaning                                             shape
//	N       Trajectory.N             hidden units
//	Q       Trajectory.Q             inputs of an RNN step
//	T       Trajectory.T             RNN steps recorded
//	h_t     Chunk.Hidden             state after RNN step t                              (T, N)
//	o_t     Chunk.Input              input of RNN step t                                 (T, Q)
//	a_t     Chunk.Probability        probability of left and right                       (T, 2)
//	b_t     Chunk.BlockSide          block side, −1 left, +1 right                       (T)
//	h̄       Readouts.Offset          what is taken from states before they are projected (N)
//	P       Readouts.Projection      unit rows: stimulus readout, block readout          (2, N)
//	V       Components.Directions    principal directions, one a row                     (N, N)
//	F       System.Step              the state after a step, tanh(W_hh h + W_ih x + b)   (N)
//	q       Point.Q                  ½‖h − F(h)‖²
//	λ       Point.Eigenvalues        of the Jacobian ∂F/∂h at a point                    (N)
//	ℓ_n     Beliefs                  log odds of a right block at trial n's start
//	h       Law.Hazard               P(block change) after a trial, that a belief implies
//
// Matrices are row-major. Angles are in degrees.
//
// # Memory
//
// A trajectory comes in chunks and every analysis here passes over them, some
// several times, so memory does not grow with T.
//
// # Determinism
//
// The same chunks give the same bytes. Other chunks of the same trajectory
// change results by rounding only. The sign of a principal direction is
// arbitrary; no other result depends on it.
package analysis
