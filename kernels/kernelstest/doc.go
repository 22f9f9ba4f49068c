// Package kernelstest is the conformance suite of kernels.Backend: one Run that
// every backend passes, in float32 and float64.
//
// It holds a backend to
//
//   - the oracle: losses, gradients, decisions and whole training runs that
//     independent programs computed in float64 (Fixture);
//   - central finite differences, all parameters and objectives: of its own
//     loss in float64, of the specification's for a gradient in float32;
//   - the specification, kernels/cpu, over hidden sizes that straddle vector
//     widths and over variants of the task;
//   - itself: stretches, batches, networks trained together, two callers at once
//     and any GOMAXPROCS give the same bytes as one plain call;
//   - its contract: what it may write (everything lies between guard cells, at
//     every alignment, and holds no number beforehand), when it stops, and that
//     a gradient step takes no memory.
//
// # Flips
//
// A closed loop in two precisions may part where a decision is close. So a
// record is checked in two steps: its decisions must follow from its own logit
// differences by task.Rule, exactly; and the specification, forced to take the
// same decisions, must find the same numbers. Only float64 on the oracle, which
// has a margin around every threshold, is held to the same decisions outright.
//
// Agreement figures of the oracle are logged: go test -v -run //Oracle.
package kernelstest
