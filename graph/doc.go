// Package graph is the model as a gorgonia graph: θ goes in, the loss of a
// whole session comes out, and gorgonia.Grad differentiates it symbolically.
//
// There are two graphs of the same function.
//
//   - The session op (Session) is one node for the whole closed-loop session,
//     run by a kernels.Backend. Its symbolic derivative is one node as well, the
//     reverse-time op. Other gorgonia ops may stand before and after it.
//   - The unrolled graph (Unrolled) spells RNN steps and their loss out in
//     gorgonia's primitive ops: the model's definition, of any Cell. It is a
//     kernels.Backend itself, so a session op may run on it.
//
// A Trainer trains through either. What runs the graphs is VM; on a GPU, the unrolled
// one runs as an instruction tape that one kernel interprets.
//
// # Symbols
//
//	paper  Go                          meaning                         shape
//	θ      Trainer's leaf, Run's θ     all parameters, packed          (kernels.Shape.Size)
//	L      Session.Apply, .Loss        mean loss of the batch          scalar
//	dθ     gorgonia.Grad, .Gradient    gradient of L by θ              as θ
//	h_t    kernels.Tape.Hidden         state after step t              (T, N)
//	K      NewUnrolled's steps         RNN steps of an unrolled graph
//	λ      segment.incoming            gradient of what follows a segment by its last state
//
// # Hashes
//
// Gorgonia v0.9.18 takes two nodes for one where their 32-bit hashes are equal,
// without comparing them. So every session op has a number of its own in its
// hash, and an unrolled graph is built again under other names, and in the end
// refused, where it has fewer nodes than were made or two of the same hash. The
// VM merges nothing.
package graph
