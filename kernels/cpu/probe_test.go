package cpu

import (
	"testing"

	"radd/kernels"
)

// TestProbe holds what the probes say they did to the padded sizes.
func TestProbe(t *testing.T) {
	for _, isa := range Supported() {
		t.Run(string(isa)+"/f32", func(t *testing.T) { probe[float32](t, isa, 4) })
		t.Run(string(isa)+"/f64", func(t *testing.T) { probe[float64](t, isa, 8) })
	}
}

func probe[F kernels.Float](t *testing.T, isa ISA, size int) {
	p := NewProbe[F](isa)
	lanes := p.routines.lanes
	if got := p.MultiplyAdds(1000); got < 1000 || got%(probeVectors*lanes) != 0 {
		t.Errorf("%d multiply–adds for 1000", got)
	}
	for _, bytes := range []int{1, 16 << 10, 100_000} {
		if got := p.Loads(bytes, 3); got <= 0 || got%(3*probeVectors*lanes*size) != 0 || got > 3*max(bytes, probeVectors*lanes*size) {
			t.Errorf("%d bytes in three passes over %d", got, bytes)
		}
	}
	for _, n := range []int{1, 15, 16, 50, 250} {
		p.GradientProducts(n, 70)
		w := p.Work(n)
		if w.Lanes != lanes || w.Forward.MultiplyAdds != w.Forward.Matrix*lanes || w.Forward.Elements != n || w.Backward.Elements != n+1 ||
			w.MatrixBytes != w.Forward.MultiplyAdds*size {
			t.Errorf("N = %d: %+v", n, w)
		}
		if least := n * (n + 1); w.Forward.MultiplyAdds < least || w.Backward.MultiplyAdds < least || w.Gradient.MultiplyAdds < least+4*n {
			t.Errorf("N = %d: %+v are fewer multiply–adds than the network has", n, w)
		}
	}
	if w := p.Work(50); isa == Generic && w.Forward != (Product{MultiplyAdds: 50 * 51, Matrix: 50 * 51, Elements: 50}) {
		t.Errorf("generic, N = 50: %+v", w)
	}
}
