package cpu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/kernels"
)

func TestChoose(t *testing.T) {
	supported := Supported()
	if supported[len(supported)-1] != Generic {
		t.Errorf("the last of %v is not %s", supported, Generic)
	}
	t.Setenv(Variable, "")
	if isa, err := Choose(); isa != supported[0] || err != nil {
		t.Errorf("by itself: %s, %v, want %s", isa, err, supported[0])
	}
	for _, isa := range []ISA{Generic, AVX2, AVX512} {
		t.Setenv(Variable, string(isa))
		b, err := Open[float64](1)
		if !slices.Contains(supported, isa) {
			refused(t, err, string(isa), supported)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if info := b.Info(); info != (kernels.Info{Device: "cpu", ISA: string(isa), Dtype: "f64"}) {
			t.Errorf("%s: %+v", isa, info)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"sse2", "AVX2", "avx512 "} {
		t.Setenv(Variable, name)
		_, err := Open[float32](1)
		refused(t, err, name, supported)
	}
}

// refused fails the test where err does not say what is wrong with the
// variable's value and what could stand there.
func refused(t *testing.T, err error, value string, supported []ISA) {
	t.Helper()
	var e *input.Error
	if !errors.As(err, &e) || e.File != Variable || !strings.Contains(e.Found, value) {
		t.Errorf("%s=%s: %v", Variable, value, err)
		return
	}
	for _, isa := range supported {
		if !strings.Contains(e.Allowed, string(isa)) {
			t.Errorf("%s=%s: %v does not name %s", Variable, value, err, isa)
		}
	}
}

func TestNewPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an instruction set that does not exist was taken")
		}
	}()
	New[float32]("mmx", 1)
}

// forVectorISAs runs a test for every instruction set with assembly in both
// types.
func forVectorISAs(t *testing.T, f32 func(*testing.T, ISA), f64 func(*testing.T, ISA)) {
	isas := vectorISAs()
	if len(isas) == 0 {
		t.Skip("this build or this machine has no vector instructions for the kernels")
	}
	for _, isa := range isas {
		t.Run(fmt.Sprintf("%s/f32", isa), func(t *testing.T) { f32(t, isa) })
		t.Run(fmt.Sprintf("%s/f64", isa), func(t *testing.T) { f64(t, isa) })
	}
}
