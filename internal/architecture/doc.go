// Package architecture holds the tests of what no compiler checks: which
// package may import which, the exact versions of the modules that the
// arithmetic rests on, the fixtures' checksums, and what text files may not
// contain. It has no code of its own.
package architecture
