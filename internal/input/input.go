// Package input is the one kind of error that a person's files, flags and
// configuration can cause: it says where the fault lies, what was found there,
// what would be allowed and what to do.
//
// The commands answer it with exit code 2, and nothing has been written then.
package input

import (
	"errors"
	"fmt"
	"strings"
)

// Error describes one fault in something that a person handed in. Empty fields
// are left out of the message.
type Error struct {
	File    string // the file, folder or flag that holds the fault
	Field   string // the array, key or line within it
	Found   string // what is there
	Allowed string // what could stand there
	Do      string // what to do about it, as an imperative
	Cause   error  // the error beneath, if any
}

func (e *Error) Error() string {
	var b strings.Builder
	for _, s := range []string{e.File, e.Field} {
		if s != "" {
			b.WriteString(s)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Found)
	if e.Cause != nil {
		if e.Found != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Cause.Error())
	}
	if e.Allowed != "" {
		fmt.Fprintf(&b, " (allowed: %s)", e.Allowed)
	}
	if e.Do != "" {
		b.WriteString("; ")
		b.WriteString(e.Do)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether err was caused by something that a person handed in.
func Is(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
