package kernels

import (
	"math"
	"slices"
	"strings"
	"testing"

	"radd/task"
)

func TestNonFinite(t *testing.T) {
	inf := math.Inf(1)
	for _, row := range []struct {
		name  string
		r     Record
		theta []float32
		what  string // empty: no fault
	}{
		{"finite", Record{Loss: 1e300, GradientNorm: 1e300}, []float32{math.MaxFloat32, 0}, ""},
		{"loss NaN", Record{Loss: math.NaN()}, nil, "loss"},
		{"loss infinite", Record{Loss: -inf, GradientNorm: inf}, nil, "loss"},
		{"gradient NaN", Record{GradientNorm: math.NaN()}, nil, "gradient norm"},
		{"gradient infinite", Record{GradientNorm: inf}, nil, "gradient norm"},
		{"weight NaN", Record{}, []float32{0, float32(math.NaN())}, "weight"},
		{"weight infinite", Record{}, []float32{float32(-inf), 0}, "weight"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.r.Check(7)
			if err == nil {
				err = CheckWeights(row.theta, 7, row.r)
			}
			if row.what == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := err.(*NonFiniteError)
			if !ok || e.GradientStep != 7 || e.What != row.what || !math.IsNaN(e.Value) && !math.IsInf(e.Value, 0) {
				t.Fatalf("%+v, want the %s of gradient step 7", err, row.what)
			}
			if says := "gradient step 7: the " + row.what; !strings.Contains(err.Error(), says) {
				t.Errorf("%v does not say %q", err, says)
			}
		})
	}
}

func TestNorm(t *testing.T) {
	for _, row := range []struct {
		v    []float32
		want float64
	}{{nil, 0}, {[]float32{3, -4}, 5}, {[]float32{3e38, 4e38 / 2}, math.Hypot(float64(float32(3e38)), float64(float32(2e38)))}} {
		if got := Norm(row.v); math.Abs(got-row.want) > rounding*row.want {
			t.Errorf("%v: %v, want %v", row.v, got, row.want)
		}
	}
}

// A batch's sessions are those of its gradient step, in order.
func TestBatch(t *testing.T) {
	c, err := task.DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	p := task.NewSampler(c)
	b := NewBatch[float64](3, 2)
	for _, gradientStep := range []int{0, 5, 1} {
		b.Draw(p, 9, gradientStep)
		for i, tape := range b.Tapes {
			want := new(task.Session)
			want.Draw(p, task.Origin{Seed: 9, Stream: task.StreamTrain, GradientStep: uint32(gradientStep), Session: uint32(i)})
			s := tape.Session
			left, right := s.Observe(1, 4)
			wantLeft, wantRight := want.Observe(1, 4)
			if !slices.Equal(s.TrialSide, want.TrialSide) || left != wantLeft || right != wantRight || tape.To != want.Trials() {
				t.Errorf("gradient step %d: tape %d has another session", gradientStep, i)
			}
		}
	}
	for i, tape := range b.Tapes {
		tape.T, tape.Behaviour = 100+i, Behaviour{10, 5, 3 + i}
	}
	got := b.Record(.5, []float64{3, 4})
	if want := (Record{Loss: .5, GradientNorm: 5, RNNSteps: 201, Behaviour: Behaviour{20, 10, 7}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
