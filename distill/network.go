package distill

import (
	"math"

	"radd/analysis"
	"radd/internal/input"
	"radd/kernels"
)

// Network returns the student as a network of M hidden units that plays the
// task, packed as kernels.Shape{N: M}: its state is ẑ, its weights are A′, B′
// and c′ with bias_hh = 0, and its readout is the least-squares fit of the
// teacher's logit difference, log a(right) − log a(left), on [z_t, 1], t = 1..T.
// The difference's coefficients are split as −½ (left) and +½ (right). It takes
// one pass.
//
// A *ConditionError comes together with the answer, as in [Fit]. An *input.Error
// tells that the student is none that plays the task (f is not tanh, or Q is not
// 3), that the trajectory has no probabilities, or that one of them is 0.
//
// Source: task, "The student as a network".
func (r *RADD) Network(t *analysis.Trajectory) ([]float64, error) {
	if name := Tanh().Name; r.F.Name != name {
		return nil, &input.Error{File: t.Name, Field: "nonlinearity", Found: r.F.Name, Allowed: name + ", for a network that plays the task"}
	}
	if r.Q != kernels.Inputs {
		return nil, &input.Error{File: t.Name, Field: "input", Found: formatFloat(float64(r.Q)) + " inputs",
			Allowed: "3 (left and right observation, feedback), for a network that plays the task"}
	}
	M := r.M
	rows := newFactor(M + 2)
	v := r.view(t)
	v.lenient = true
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		if s.probability == nil {
			return nil, &input.Error{File: t.Name, Field: "prob", Found: "there is no such array", Allowed: "the teacher's probabilities, for the student's readout"}
		}
		difference := math.Log(s.probability[1]) - math.Log(s.probability[0])
		if math.IsInf(difference, 0) || math.IsNaN(difference) {
			return nil, &input.Error{File: t.Name, Field: "prob", Found: "a probability of 0", Allowed: "above 0", Do: "record probabilities in float64"}
		}
		row := rows.row()
		row[0] = 1
		copy(row[1:], s.z)
		row[M+1] = difference
	}
	readout := rows.solve(M + 1)

	theta := make([]float64, kernels.Shape{N: M}.Size())
	w := kernels.Views(kernels.Shape{N: M}, theta)
	copy(w.InputHidden, r.B.RawMatrix().Data)
	copy(w.HiddenHidden, r.A.RawMatrix().Data)
	copy(w.InputBias, r.C)
	for side, half := range []float64{-.5, +.5} {
		w.ReadoutBias[side] = half * readout.weights.At(0, 0)
		for m := range M {
			w.Readout[side*M+m] = half * readout.weights.At(1+m, 0)
		}
	}
	return theta, readout.err(t.Name)
}
