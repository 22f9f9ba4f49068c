package kernels

import (
	"math"
	"slices"
	"testing"
)

func TestShape(t *testing.T) {
	want := []Parameter{
		{"core.weight_ih_l0", []int{5, 3}, 0, 15},
		{"core.weight_hh_l0", []int{5, 5}, 15, 40},
		{"core.bias_ih_l0", []int{5}, 40, 45},
		{"core.bias_hh_l0", []int{5}, 45, 50},
		{"readout.weight", []int{2, 5}, 50, 60},
		{"readout.bias", []int{2}, 60, 62},
	}
	s := Shape{N: 5}
	if s.Size() != 62 {
		t.Errorf("size %d, want 62", s.Size())
	}
	if !slices.EqualFunc(s.Parameters(), want, func(a, b Parameter) bool {
		return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) && a.Start == b.Start && a.End == b.End
	}) {
		t.Errorf("%v, want %v", s.Parameters(), want)
	}
	for _, n := range []int{1, 2, 50, MaxN} {
		s := Shape{N: n}
		p := s.Parameters()
		if end := p[len(p)-1].End; end != s.Size() {
			t.Errorf("N = %d: parameters end at %d, size %d", n, end, s.Size())
		}
	}
}

// Views and Parameters are two accounts of one layout.
func TestViews(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		s := Shape{N: n}
		theta := make([]float64, s.Size())
		for i := range theta {
			theta[i] = float64(i)
		}
		w := Views(s, theta)
		for i, v := range [][]float64{w.InputHidden, w.HiddenHidden, w.InputBias, w.HiddenBias, w.Readout, w.ReadoutBias} {
			p := s.Parameters()[i]
			if !slices.Equal(v, theta[p.Start:p.End]) || cap(v) != len(v) {
				t.Errorf("N = %d: %s is %v with room for %d", n, p.Name, v, cap(v))
			}
			v[0] = -1
			if theta[p.Start] != -1 {
				t.Errorf("N = %d: %s is a copy", n, p.Name)
			}
		}
	}
}

func TestWrongLength(t *testing.T) {
	s := Shape{N: 2}
	for name, f := range map[string]func(){
		"Views":        func() { Views(s, make([]float32, s.Size()-1)) },
		"Init":         func() { Init(s, 1, make([]float64, s.Size()+1)) },
		"WriteWeights": func() { WriteWeights(nil, s, make([]float64, 1), nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes a θ of the wrong length", name)
				}
			}()
			f()
		}()
	}
}

func TestInit(t *testing.T) {
	// The first parameters come from Random123's known answer for key 0,
	// counter 0.
	s := Shape{N: 4}
	theta := make([]float64, s.Size())
	Init(s, 0, theta)
	for i, word := range []uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8} {
		uniform := (float64(word>>9) + .5) / (1 << 23)
		if want := uniform - .5; theta[i] != want { // ±1/√4
			t.Errorf("parameter %d is %v, want %v", i, theta[i], want)
		}
	}

	for _, n := range []int{1, 2, 50, 100} {
		s := Shape{N: n}
		theta, other, single := make([]float64, s.Size()), make([]float64, s.Size()), make([]float32, s.Size())
		Init(s, 1, theta)
		Init(s, 2, other)
		Init(s, 1, single)
		bound := 1 / math.Sqrt(float64(n))
		sum, squares := 0.0, 0.0
		for i, x := range theta {
			if math.Abs(x) >= bound {
				t.Fatalf("N = %d: parameter %d is %v, beyond ±%v", n, i, x, bound)
			}
			if single[i] != float32(x) {
				t.Errorf("N = %d: parameter %d in float32 is %v, want %v rounded", n, i, single[i], x)
			}
			if x == other[i] {
				t.Errorf("N = %d: parameter %d is the same for two seeds", n, i)
			}
			sum += x / bound
			squares += x / bound * x / bound
		}
		// The mean of m uniform numbers in ±1 has a standard deviation of
		// √(1/3m), that of their squares √(4/45m).
		m := float64(s.Size())
		if mean := sum / m; math.Abs(mean) > 5*math.Sqrt(1/(3*m)) {
			t.Errorf("N = %d: mean %v of the bound", n, mean)
		}
		if mean := squares / m; math.Abs(mean-1./3) > 5*math.Sqrt(4/(45*m)) {
			t.Errorf("N = %d: mean square %v of the bound's, want 1/3", n, mean)
		}
	}
}

func TestDtype(t *testing.T) {
	if Dtype[float32]() != "f32" || Dtype[float64]() != "f64" {
		t.Errorf("%s, %s", Dtype[float32](), Dtype[float64]())
	}
}
