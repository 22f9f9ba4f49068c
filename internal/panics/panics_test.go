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

type lost struct{}

func (lost) Error() string { return "the device is lost" }
func (lost) Thrown()       {}

func TestThrown(t *testing.T) {
	if err := panics.Catch(func() error { panic(lost{}) }); err != error(lost{}) {
		t.Errorf("%v, want what was thrown", err)
	}
	computes := func(value any) (err error) {
		defer panics.Return(&err)
		if value != nil {
			panic(value)
		}
		return nil
	}
	if err := computes(lost{}); !errors.Is(err, lost{}) || err.Error() != "the device is lost" {
		t.Errorf("%v, want what was thrown", err)
	}
	if err := computes(nil); err != nil {
		t.Error(err)
	}
	defer func() {
		if value := recover(); value != "the plates" {
			t.Errorf("recovered %v", value)
		}
	}()
	computes("the plates")
}
