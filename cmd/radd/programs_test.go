//go:build gpu || !linux

package main

// programs are what the tests' binary is as a process of that name.
var programs = map[string]func(){"radd": main}
