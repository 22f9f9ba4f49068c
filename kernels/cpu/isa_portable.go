//go:build !amd64 || purego

package cpu

// vectorISAs returns nothing: this build has portable Go only.
func vectorISAs() []ISA { return nil }

// vectorRoutines returns no routines.
func vectorRoutines(ISA, string) any { return nil }
