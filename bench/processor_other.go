//go:build !darwin

package bench

func systemProcessor() string { return readProcessor() }
