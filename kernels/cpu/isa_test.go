package cpu

import (
	"fmt"
	"math"
	"testing"

	"radd/kernels"
)

func relative[F kernels.Float](got, want []F) float64 {
	d, w := 0.0, 0.0
	for i := range want {
		e := float64(got[i] - want[i])
		d += e * e
		w += float64(want[i]) * float64(want[i])
	}
	return math.Sqrt(d / w)
}

func compare[F kernels.Float](t *testing.T, isa ISA, n int) {
	d := draw[F](t, n)
	g, v := New[F](Generic, 1), New[F](isa, 1)
	defer g.Close()
	defer v.Close()
	lg := g.Forward(d.theta, 0, d.batch.Tapes)
	hg := append([]F(nil), d.batch.Tapes[0].Hidden[:d.batch.Tapes[0].T*n]...)
	T := d.batch.Tapes[0].T
	g.Backward(d.theta, 0, d.batch.Tapes, 1, d.grad)
	lv := v.Forward(d.theta, 0, d.batch.Tapes)
	grad := make([]F, len(d.grad))
	v.Backward(d.theta, 0, d.batch.Tapes, 1, grad)
	fmt.Println(isa, n, T, d.batch.Tapes[0].T, lg-lv, relative(d.batch.Tapes[0].Hidden[:T*n], hg), relative(grad, d.grad))
}

func TestQuick(t *testing.T) {
	for _, isa := range Supported() {
		for _, n := range []int{1, 2, 15, 16, 17, 50, 130, 250, 300} {
			compare[float32](t, isa, n)
			compare[float64](t, isa, n)
		}
	}
}
