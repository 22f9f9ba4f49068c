// Package distill makes small networks of large ones: RADD, representation and
// dynamics distillation, by which a student follows the projected states of its
// teacher.
//
// # Symbols
//
//	paper   Go                     meaning                                        shape
//	f       Nonlinearity           invertible, pointwise
//	N       RADD.N                 dimensions of the teacher's state
//	M       RADD.M                 dimensions of the student's state
//	Q       RADD.Q                 inputs of an RNN step
//	P       RADD.Projection        rows are directions of the teacher's state     (M, N)
//	h̄       RADD.Offset            what is taken from states first                (N)
//	κ       RADD.Scale             brings P (h − h̄) into the domain of f⁻¹        (M)
//	z_t                            P (h_t − h̄)/κ                                  (M)
//	A′ B′ c′  RADD.A, B, C         the student's parameters                       (M, M), (M, Q), (M)
//
// The student's state runs by ẑ_t = f(A′ ẑ_{t−1} + B′ o_t + c′).
//
// # The regression
//
// f⁻¹(z_t) ≈ A′ z_{t−1} + B′ o_t + c′ is linear in the parameters. Its rows
// [1, z_{t−1}, o_t | f⁻¹(z_t)], t = 2..T of every session, are folded batch by
// batch into the R factor of their QR decomposition, which holds all that the
// solution, its residuals and its condition depend on. So memory does not grow
// with T, and a trajectory's parts need one pass to be regressed in any
// combination: their R factors are folded into one.
//
// # Determinism
//
// The same chunks give the same bytes, and so do other chunks of the same
// trajectory, given the projection. Random numbers are counter-based (package
// task).
package distill
