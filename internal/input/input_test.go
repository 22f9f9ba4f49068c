package input_test

import (
	"strings"
	"testing"

	"radd/internal/input"
)

func TestNearest(t *testing.T) {
	known := []string{"f4", "f8", "bool", "session/i8", "trial", "step"}
	for name, want := range map[string]string{"session/i9": "session/i8", "i8": "f8", "bol": "bool", "f4 ": "f4", "trail": "trial"} {
		if got := input.Nearest(name, known); !strings.HasPrefix(got, want+", ") || !strings.HasSuffix(got, ", …") {
			t.Errorf("nearest to %q: %q, not %q first", name, got, want)
		}
	}
	if got := input.Nearest("hiden", []string{"hidden"}); got != "hidden" {
		t.Errorf("of one name: %q", got)
	}
}

func TestCheckShape(t *testing.T) {
	for _, test := range []struct {
		shape, dims []int
		want        string // the error; empty for none
	}{
		{nil, nil, ""},
		{[]int{2, 3}, []int{2, 3}, ""},
		{[]int{2, 3}, []int{-1, 3}, ""},
		{[]int{2, 3}, []int{-1}, "f: a: shape (2, 3) (allowed: (any))"},
		{[]int{2}, []int{3}, "f: a: shape (2) (allowed: (3))"},
		{[]int{1}, nil, "f: a: shape (1) (allowed: ())"},
	} {
		err := input.CheckShape("f", "a", test.shape, test.dims)
		if (err == nil) != (test.want == "") || err != nil && (err.Error() != test.want || !input.Is(err)) {
			t.Errorf("%v against %v: %v, want %q", test.shape, test.dims, err, test.want)
		}
	}
}
