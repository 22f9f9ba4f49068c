// Package graph is the model as a gorgonia graph: θ goes in, the loss of a
// whole session comes out, and gorgonia.Grad differentiates it symbolically.
//
// There are two graphs of the same function.
//
//   - The session op (Session) is one node for the whole closed-loop session,
//     run by a kernels.Backend. Its symbolic derivative is one node as well, the
//     reverse-time op. Other gorgonia ops may stand before and after it. It
//     trains (Trainer).
//   - The unrolled graph (Unrolled) spells every RNN step and the session's loss
//     out in gorgonia's primitive ops. It is the model's definition and holds
//     the fast path to account; building it costs too much to train by, because
//     every session has another length and compiling takes time that grows with
//     its square.
//
// # Symbols
//
//	paper  Go                 meaning                         shape
//	θ      Trainer's leaf     all parameters, packed          (kernels.Shape.Size)
//	L      Session.Apply      mean loss of the batch          scalar
//	dθ     gorgonia.Grad      gradient of L by θ              as θ
//
// # Hashes
//
// Gorgonia v0.9.18 takes two nodes for one where their 32-bit hashes are equal,
// without comparing them. So every session op has a number of its own in its
// hash, and a finished graph is refused (or built again under other names) where
// it has fewer nodes than were made or two of the same hash.
package graph
