// Package claims puts the paper's claims to the test, over thousands of networks:
// each claim is a study, whose verdict, figure and data stand in docs/claims.md.
//
// # Vocabulary
//
//	study    a claim, its test in words, and the code that does it (Study)
//	sweep    networks, a file of sweeps/; several studies may use one
//	table    what a study measures: tidy, a row an observation, kept as CSV (analysis.Table)
//	test     the mean, or the spread, of a figure over seeds against bounds (Test)
//	verdict  holds, holds with a condition, does not hold, can't be told
//
// # How a verdict comes about
//
// Bounds are written into the study before its data are there. A judge reads
// the table alone and returns tests, whose units are networks of different seeds.
// A test supports the claim where its figure lies significantly within the bounds
// (two one-sided tests), speaks against it where it lies significantly outside, and
// tells nothing where it does neither. Significance is Student's t at 5 %, after
// Holm's correction over the study's tests. Intervals are percentile bootstrap
// intervals over seeds.
//
// # What is deterministic
//
// All of it, on one instruction set: the tables hold no clock readings.
package claims
