// Package panics carries a panic from the goroutine in which it happens to one
// that waits for it. A panic that nobody recovers ends the process with Go's own
// exit code 2, which the commands use for bad input, and leaves no chance to
// tidy up.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic that was caught.
type Error struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine, there
}

func (e *Error) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Catch calls f and returns its error or, where f panics, an *Error. One that
// was caught before, in another goroutine, keeps its stack.
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			fault, caught := value.(*Error)
			if !caught {
				fault = &Error{value, debug.Stack()}
			}
			err = fault
		}
	}()
	return f()
}
