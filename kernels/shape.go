package kernels

import (
	"fmt"
	"math"

	"radd/internal/philox"
	"radd/task"
)

// Inputs and Actions are I and A: the inputs of an RNN step (left observation,
// right observation, feedback of the step before) and the actions (left,
// right).
const (
	Inputs  = 3
	Actions = 2
)

// MaxN is the most hidden units that a network may have.
const MaxN = 4096

// Float is the type that a backend computes in.
type Float interface{ float32 | float64 }

// Shape gives the layout of the packed parameter vector θ of a network of N
// hidden units: the parameters one after the other, each row-major, in the
// order of Parameters.
type Shape struct{ N int }

// Parameter is one tensor within θ, named and shaped as in PyTorch.
type Parameter struct {
	Name  string
	Shape []int
	Start int // index in θ of the first element
	End   int // index after the last
}

// Parameters returns the six tensors of θ in order.
func (s Shape) Parameters() []Parameter {
	list := []Parameter{
		{Name: "core.weight_ih_l0", Shape: []int{s.N, Inputs}},
		{Name: "core.weight_hh_l0", Shape: []int{s.N, s.N}},
		{Name: "core.bias_ih_l0", Shape: []int{s.N}},
		{Name: "core.bias_hh_l0", Shape: []int{s.N}},
		{Name: "readout.weight", Shape: []int{Actions, s.N}},
		{Name: "readout.bias", Shape: []int{Actions}},
	}
	at := 0
	for i := range list {
		p := &list[i]
		size := 1
		for _, d := range p.Shape {
			size *= d
		}
		p.Start, p.End = at, at+size
		at += size
	}
	return list
}

// Size is the length of θ.
func (s Shape) Size() int {
	return s.N*Inputs + s.N*s.N + 2*s.N + Actions*s.N + Actions
}

// Weights are views into a packed vector: a network's parameters, or their
// gradient.
type Weights[F Float] struct {
	InputHidden  []F // W_ih (N, 3)
	HiddenHidden []F // W_hh (N, N)
	InputBias    []F // b_ih (N)
	HiddenBias   []F // b_hh (N)
	Readout      []F // W_out (2, N), left before right
	ReadoutBias  []F // b_out (2)
}

// Views returns the six parameters within theta, which has length s.Size().
func Views[F Float](s Shape, theta []F) Weights[F] {
	if len(theta) != s.Size() {
		panic("kernels: θ has the wrong length")
	}
	take := func(n int) []F {
		v := theta[:n:n]
		theta = theta[n:]
		return v
	}
	return Weights[F]{
		InputHidden:  take(s.N * Inputs),
		HiddenHidden: take(s.N * s.N),
		InputBias:    take(s.N),
		HiddenBias:   take(s.N),
		Readout:      take(Actions * s.N),
		ReadoutBias:  take(Actions),
	}
}

// Init assigns a fresh network's parameters to theta: uniform in ±1/√N, as
// PyTorch initialises an RNN and a linear layer with N inputs. Float32
// parameters are the rounded float64 ones.
//
// Source: SI 7.2, "initialized using PyTorch defaults".
func Init[F Float](s Shape, seed uint64, theta []F) {
	if len(theta) != s.Size() {
		panic("kernels: θ has the wrong length")
	}
	Uniform(1/math.Sqrt(float64(s.N)), seed, theta)
}

// Uniform assigns parameters that are uniform in ±bound to theta.
func Uniform[F Float](bound float64, seed uint64, theta []F) {
	var words philox.Words
	for i := range theta {
		if i%4 == 0 {
			words = philox.Draw(seed, task.StreamInit.Counter(uint32(i/4), 0, 0, 0))
		}
		theta[i] = F((2*philox.Uniform(words[i%4]) - 1) * bound)
	}
}

// Objective is the loss that training minimises, with its reduction.
type Objective struct {
	Kind LossKind
	Sum  bool    // over the session's steps, not divided by T
	Q    float64 // of QLog, 0 to 1
}

// LossKind is what one RNN step adds to the loss, as a function of a_t.
type LossKind uint8

// The kinds of loss. The first three count observation steps and teach the task;
// SoftCrossEntropy counts all steps and teaches a student what its teacher's tape
// shows (Tape.Teacher).
const (
	CrossEntropy     LossKind = iota // −log a_t(s_n)
	Probability                      // −a_t(s_n)
	QLog                             // −(a_t(s_n)^q − 1)/q: from the cross entropy, q = 0, to the probability but for a constant, q = 1
	SoftCrossEntropy                 // −Σ_a teacher_t(a) log a_t(a)
)

// The paper's losses. T counts all RNN steps of the session, blanks included.
var (
	CrossEntropyMean     = Objective{Kind: CrossEntropy}            // −(1/T) Σ log a_t(s_n): SI 7.2's loss divided by T
	CrossEntropySum      = Objective{Kind: CrossEntropy, Sum: true} // −Σ log a_t(s_n): SI 7.2, to the letter
	ProbabilityMean      = Objective{Kind: Probability}             // −(1/T) Σ a_t(s_n): what the paper's released code minimises
	SoftCrossEntropyMean = Objective{Kind: SoftCrossEntropy}        // −(1/T) Σ_t Σ_a teacher_t(a) log a_t(a): SI 7.4, traditional distillation
)

// QLogMean returns the objective −(1/T) Σ (a_t(s_n)^q − 1)/q for q from 0 to 1,
// where 0 stands for the limit, log a_t(s_n).
func QLogMean(q float64) Objective { return Objective{Kind: QLog, Q: q} }

var lossNames = [...]string{CrossEntropy: "cross-entropy", Probability: "probability", QLog: "q-log", SoftCrossEntropy: "soft-cross-entropy"}

// Names returns the objective's name and its reduction's.
func (o Objective) Names() (objective, reduction string) {
	reduction = "mean"
	if o.Sum {
		reduction = "sum"
	}
	return lossNames[o.Kind], reduction
}

func (o Objective) String() string {
	name, reduction := o.Names()
	if o.Kind == QLog {
		name += fmt.Sprintf(" %v", o.Q)
	}
	return name + " (" + reduction + ")"
}

// ParseObjective is the inverse of Names for the objectives that teach the task;
// q is read with q-log only.
func ParseObjective(objective, reduction string, q float64) (Objective, error) {
	switch objective + " " + reduction {
	case "cross-entropy mean":
		return CrossEntropyMean, nil
	case "cross-entropy sum":
		return CrossEntropySum, nil
	case "probability mean":
		return ProbabilityMean, nil
	case "q-log mean":
		if !(q >= 0 && q <= 1) {
			return Objective{}, fmt.Errorf("q is %v (allowed: 0 to 1)", q)
		}
		return QLogMean(q), nil
	case "probability sum", "q-log sum":
		return Objective{}, fmt.Errorf("the objective %s has the reduction mean only", objective)
	}
	return Objective{}, fmt.Errorf("no objective %q with reduction %q (allowed: cross-entropy with mean or sum, probability or q-log with mean)",
		objective, reduction)
}

// Loss returns what one observation step adds to the loss before Scale: side
// is the stimulus side s_n (−1 or +1), d the logit difference. It is for the
// objectives that teach the task.
func (o Objective) Loss(side int8, d float64) float64 {
	loss, _ := o.At(side, d, Odds(d))
	return loss
}

// Derivative returns the derivative of Loss by d.
func (o Objective) Derivative(side int8, d float64) float64 {
	_, derivative := o.At(side, d, Odds(d))
	return derivative
}

// At returns Loss and Derivative for a caller that has Odds(d).
func (o Objective) At(side int8, d, odds float64) (loss, derivative float64) {
	s := float64(side)
	if o.Kind == Probability {
		return -sigmoid(s*d, odds), -s * odds / ((1 + odds) * (1 + odds))
	}
	nats := log1p(odds) - min(s*d, 0)
	slope := -s * sigmoid(-s*d, odds)
	if o.Kind == QLog && o.Q > 0 {
		power, less := powerOf(-o.Q * nats)
		return -less / o.Q, slope * power
	}
	return nats, slope
}

// powerOf returns e^x and e^x − 1 for x ≤ 0, neither of which cancels: the one
// that is the smaller is made by its function, the other of it.
func powerOf(x float64) (power, less float64) {
	if x < -math.Ln2 {
		power = math.Exp(x)
		return power, power - 1
	}
	less = math.Expm1(x)
	return 1 + less, less
}

// SoftLoss returns what one RNN step adds to SoftCrossEntropyMean before Scale:
// teacher and d are the teacher's and the student's logit difference.
func SoftLoss(teacher, d float64) float64 {
	loss, _ := SoftAt(teacher, d, Odds(d))
	return loss
}

// SoftAt returns SoftLoss and its derivative by d for a caller that has Odds(d).
func SoftAt(teacher, d, odds float64) (loss, derivative float64) {
	right := Sigmoid(teacher)
	return log1p(odds) - right*min(d, 0) - Sigmoid(-teacher)*min(-d, 0), sigmoid(d, odds) - right
}

// Scale is the factor of the sum over a session of T RNN steps.
func (o Objective) Scale(T int) float64 {
	if o.Sum {
		return 1
	}
	return 1 / float64(T)
}
