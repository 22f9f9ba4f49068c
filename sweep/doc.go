// Package sweep trains, rolls out and distils many networks, by any number of
// programs at once, on one machine or many that share a file system.
//
// # Vocabulary
//
//	sweep     a YAML file that spans configurations: a base, a grid, a list (File)
//	network   one configuration of it; its name depends on that alone
//	plan      a sweep file as it was when networks were added to the folder; never changed
//	shard     networks of one size and dtype that are published together, in one file
//	claim     the lease under which one program works on a shard
//
// # The folder
//
//	plans/0001.json           the sweep file and which of its networks are added, first come first served
//	shards/0001-000012.zip    finished networks: a folder each, of weights, momentum, state, metrics, result.json, timing.json
//	work/0001-000012.zip      the same, not finished: the shard's newest checkpoint
//	claims/0001-000012.json   who works on it
//
// Everything is made whole under a temporary name. A plan and a shard get theirs
// by link(2), which one program alone can do, on NFS too: that is the commit. A
// claim only saves work: where two programs hold one after all, both compute the
// same bytes, and the second to finish drops its own.
//
// # What is deterministic
//
// A network's files but timing.json depend on its configuration and the
// instruction set, and so do all tables of [Collect] but the timings.
//
// Source: SI 7.5.
package sweep
