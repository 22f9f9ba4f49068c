//go:build unix

package main

import (
	"os"
	"syscall"
)

// replaceProcess makes this process the program with the arguments. It returns
// only if that fails.
func replaceProcess(program string, args []string) error {
	return syscall.Exec(program, append([]string{program}, args...), os.Environ())
}
