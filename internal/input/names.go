package input

import (
	"slices"
	"strings"
)

// Nearest returns a few of the known names, those most like name first, to go
// into an Error's Allowed.
func Nearest(name string, known []string) string {
	const few = 5
	names := slices.Clone(known)
	slices.SortStableFunc(names, func(a, b string) int { return likeness(b, name) - likeness(a, name) })
	more := ""
	if len(names) > few {
		names, more = names[:few], ", …"
	}
	return strings.Join(names, ", ") + more
}

// likeness is the bytes that two names share at their ends, less those of the
// longer that they do not: high where one is the other misspelt, abridged or in
// another folder.
func likeness(a, b string) int {
	shorter := min(len(a), len(b))
	head := 0
	for head < shorter && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return 2*(head+tail) - max(len(a), len(b))
}
