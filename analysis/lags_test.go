package analysis

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
)

// A gradient's norm is that of central differences, unit by unit: of a logit
// difference in a state so many RNN steps before, under the recorded inputs.
func TestGradientNorms(t *testing.T) {
	const (
		at        = 300
		step      = 1e-5
		tolerance = 1e-7 // differences of step 1e-5 err by about step² and by rounding over step
	)
	r := recordedNetwork(t)
	c := whole(t, r.trajectory)
	N := r.system.N
	norms := make([]float64, 31)
	r.system.GradientNorms(norms, c.Hidden[(at-30)*N:(at+1)*N])
	for _, lag := range []int{0, 1, 2, 7, 30} {
		logit := func(unit int, by float64) float64 {
			h, spare := append([]float64(nil), c.Hidden[(at-lag)*N:(at-lag+1)*N]...), make([]float64, N)
			h[unit] += by
			for i := at - lag + 1; i <= at; i++ {
				r.system.Step(spare, h, r.inputs[i])
				h, spare = spare, h
			}
			return r.system.logit(h)
		}
		difference := make([]float64, N)
		for unit := range difference {
			difference[unit] = (logit(unit, step) - logit(unit, -step)) / (2 * step)
		}
		if want := floats.Norm(difference, 2); math.Abs(norms[lag]/want-1) > tolerance {
			t.Errorf("lag %d: norm %v, by differences %v", lag, norms[lag], want)
		}
	}
}

// still is a trajectory that stays at 0, where a network is linear.
func still(N, T int) *Trajectory {
	return Recorded("still", N, kernels.Inputs, Chunk{T: T, Hidden: make([]float64, T*N), Input: make([]float64, T*kernels.Inputs)})
}

// spiral is a linear system whose every direction shrinks by the same factor.
func spiral(factor float64) *System {
	s, c := math.Sincos(.3)
	w := mat.NewDense(3, 3, []float64{c, -s, 0, s, c, 0, 0, 0, -1})
	w.Scale(factor, w)
	return &System{Name: "spiral", N: 3, Recurrent: w, Input: mat.NewDense(3, kernels.Inputs, nil), Bias: make([]float64, 3), Readout: []float64{3, 0, 4}}
}

// Gradients of a linear system decay, or grow, by its factor.
func TestGradientNormsLinear(t *testing.T) {
	for _, factor := range []float64{.5, .95, 1, 1.02} {
		norms := make([]float64, Lags+1)
		spiral(factor).GradientNorms(norms, make([]float64, len(norms)*3))
		for lag, norm := range norms {
			if want := 5 * math.Pow(factor, float64(lag)); math.Abs(norm/want-1) > 1e-12 {
				t.Fatalf("factor %v, lag %d: norm %v, want %v", factor, lag, norm, want)
			}
		}
	}
}

// The table's rows agree with one another and with norms taken directly,
// whatever the chunks.
func TestGradientByLag(t *testing.T) {
	r := recordedNetwork(t)
	c := whole(t, r.trajectory)
	N := r.system.N
	for _, size := range []int{7, 100, r.T} {
		g, err := r.gradients(inChunks(r.trajectory, size), r.system, 40, 25)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.steps) != 25 {
			t.Fatalf("%d RNN steps", len(g.steps))
		}
		for i, at := range g.steps {
			want := make([]float64, 41)
			r.system.GradientNorms(want, c.Hidden[(at-40)*N:(at+1)*N])
			if !floats.Equal(g.norms.RawRowView(i), want) {
				t.Fatalf("in chunks of %d: other norms at RNN step %d", size, at)
			}
		}
	}
	d, tables, err := r.Dynamics(r.trajectory, r.system)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]map[string]map[string]string{}
	for _, row := range rowsOf(t, tables[0]) {
		if rows[row["of"]] == nil {
			rows[row["of"]] = map[string]map[string]string{}
		}
		rows[row["of"]][row["lag"]] = row
	}
	length := floats.Norm(r.system.Readout, 2)
	for lag, row := range rows["relative"] {
		if lag == "0" && (row["q05"] != "1" || row["q95"] != "1") {
			t.Errorf("at lag 0: %v", row)
		}
		if x, want := number(t, rows["logit"][lag], "median"), number(t, row, "median")*length; math.Abs(x/want-1) > 1e-7 {
			t.Errorf("lag %s: median of the logit's gradient %v, want %v", lag, x, want)
		}
		// Neither loss's derivative by the logit difference is above 1.
		for _, loss := range []string{"cross-entropy", "probability"} {
			if x := number(t, rows[loss][lag], "q95"); !(x > 0 && x <= number(t, rows["logit"][lag], "q95")) {
				t.Errorf("lag %s: %s %v", lag, loss, rows[loss][lag])
			}
		}
	}
	if len(rows["relative"]) != Lags+1 || len(d.Gradient) != len(toldLags) {
		t.Errorf("%d lags, told of %d", len(rows["relative"]), len(d.Gradient))
	}
	for _, told := range d.Gradient {
		if !(told.Low <= told.Median && told.Median <= told.High) {
			t.Errorf("%+v", told)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		v    []float64
		p    float64
		want float64
	}{{[]float64{7}, .3, 7}, {[]float64{1, 2, 3}, .5, 2}, {[]float64{1, 2}, .25, 1.25}, {[]float64{1, 2}, 1, 2}} {
		if got := quantile(test.v, test.p); got != test.want {
			t.Errorf("%v-quantile of %v is %v, want %v", test.p, test.v, got, test.want)
		}
	}
	if !math.IsNaN(quantile(nil, .5)) {
		t.Error("a quantile of nothing")
	}
}
