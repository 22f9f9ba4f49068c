package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"radd/internal/cputime"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		name     string
		measured []float64
		want     Spread
	}{
		{"one", []float64{3}, Spread{3, 3, 3}},
		{"odd", []float64{5, 1, 9}, Spread{5, 1, 9}},
		{"even", []float64{4, 1, 2, 8}, Spread{3, 1, 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.measured)
			if got := spread(test.measured); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if !slices.Equal(test.measured, before) {
				t.Error("the measurements have been moved")
			}
		})
	}
}

func TestSignificant(t *testing.T) {
	for _, test := range []struct {
		x      float64
		digits int
		want   string
	}{
		{0.14163, 3, "0.142"}, {3.4567, 3, "3.46"}, {999.6, 3, "1000"}, {68421, 3, "68421"}, {0.00098765, 2, "0.00099"}, {0, 3, "0"}, {-0.25, 1, "-0.2"},
	} {
		if got := significant(test.x, test.digits); got != test.want {
			t.Errorf("%v to %d digits: %s, want %s", test.x, test.digits, got, test.want)
		}
	}
}

// TestBurst: the fastest of three calls or more counts, by the unit, and short
// ones are taken together.
func TestBurst(t *testing.T) {
	compute := func(d time.Duration) {
		for start := cputime.Process(); cputime.Process()-start < d; {
		}
	}
	calls := 0
	ns := burst(0, func() int {
		calls++
		if calls == 2 {
			compute(20 * time.Millisecond)
			return 1
		}
		compute(2 * time.Millisecond)
		return 1000
	})
	if calls != 3 || ns < 2000 || ns > 20e6/2 {
		t.Errorf("%d calls, %v ns", calls, ns)
	}
	calls = 0
	if ns = burst(0, func() int { calls++; return 1 }); calls < 100 || ns <= 0 || ns > float64(clockStep) {
		t.Errorf("%d calls of nothing, %v ns", calls, ns)
	}
}

func TestProcessor(t *testing.T) {
	const linux = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 97\nmodel name\t: AMD Ryzen 9 7950X\n\nprocessor\t: 1\nmodel name\t: other\n"
	if got, want := processorOf(strings.NewReader(linux)), "AMD Ryzen 9 7950X (family 25, model 97)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := processorOf(strings.NewReader("Features : asimd\n")); got != "" {
		t.Errorf("%q of a file without names", got)
	}
	if processor() == "" {
		t.Error("this machine's processor has no name")
	}
}
