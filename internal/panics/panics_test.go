package panics_test

import (
	"errors"
	"strings"
	"testing"

	"radd/internal/panics"
)

func breaks() error { panic("the plates") }

func TestCatch(t *testing.T) {
	mine := errors.New("mine")
	if err := panics.Catch(func() error { return mine }); err != mine {
		t.Errorf("%v, want the function's own error", err)
	}
	if err := panics.Catch(func() error { return nil }); err != nil {
		t.Error(err)
	}
	err := panics.Catch(breaks)
	var fault *panics.Error
	if !errors.As(err, &fault) || fault.Value != "the plates" || !strings.Contains(string(fault.Stack), "breaks") {
		t.Fatalf("%v", err)
	}
	if again := panics.Catch(func() error { panic(fault) }); again != err {
		t.Errorf("caught a second time, it is %v", again)
	}
}
