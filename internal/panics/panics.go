// Package panics carries a panic from the goroutine in which it happens to one
// that waits for it. A panic that nobody recovers ends the process with Go's own
// exit code 2, which the commands use for bad input, and leaves no chance to
// tidy up.
package panics

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Error is a panic that was caught.
type Error struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine, there
}

func (e *Error) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Thrown is an error that a function panics with because it has none to return: a
// lost device, say. It is no bug.
type Thrown interface {
	error
	Thrown()
}

// Catch calls f and returns its error or, where f panics, the Thrown or an
// *Error. One that was caught before, in another goroutine, keeps its stack.
func Catch(f func() error) (err error) {
	defer func() {
		switch value := recover().(type) {
		case nil:
		case Thrown:
			err = value
		case *Error:
			err = value
		default:
			err = &Error{value, debug.Stack()}
		}
	}()
	return f()
}

// Return, deferred, adds to err the Thrown that the function panics with. Any
// other panic goes on.
func Return(err *error) {
	switch value := recover().(type) {
	case nil:
	case Thrown:
		*err = errors.Join(*err, value)
	default:
		panic(value)
	}
}
