// Package graph is the model as a gorgonia graph: θ goes in, the loss of a
// whole session comes out, and gorgonia.Grad differentiates it symbolically.
//
// There are two graphs of the same function.
//
//   - The session op (Session) is one node for the whole closed-loop session,
//     run by a kernels.Backend. Its symbolic derivative is one node as well, the
//     reverse-time op. Other gorgonia ops may stand before and after it. It
//     trains (Trainer).
//   - The unrolled graph (Unroll) spells every RNN step of a recorded session
//     and its loss out in gorgonia's primitive ops. It is the model's definition
//     and holds the fast path to account; it costs too much to train by, because
//     it is built for one session, in time that grows with the square of T.
//
// # Symbols
//
//	paper  Go                          meaning                         shape
//	θ      Trainer's leaf, Run's θ     all parameters, packed          (kernels.Shape.Size)
//	L      Session.Apply, .Loss        mean loss of the batch          scalar
//	dθ     gorgonia.Grad, .Gradient    gradient of L by θ              as θ
//	h_t    UnrolledResult.Hidden       state after step t              (T, N)
//	a_t    UnrolledResult.Probability  probabilities: left, right      (T, 2)
//
// # Hashes
//
// Gorgonia v0.9.18 takes two nodes for one where their 32-bit hashes are equal,
// without comparing them. So every session op has a number of its own in its
// hash, and an unrolled graph is built again under other names, and in the end
// refused, where it has fewer nodes than were made or two of the same hash.
package graph
