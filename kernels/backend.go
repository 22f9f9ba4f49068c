package kernels

import (
	"context"
	"fmt"
	"math"

	"radd/task"
)

// Backend computes on one device in one dtype. Its methods may be called from
// several goroutines at once as long as their arguments do not overlap.
type Backend[F Float] interface {
	// Info says what computes.
	Info() Info

	// Forward plays each tape's passage with the network θ in closed loop (or
	// with the tape's forced decisions, or along its teacher's tape), assigns the
	// tapes' records, losses and counts, and returns the mean of their losses.
	// Where decisions are given, Behaviour counts what the network's own output
	// stands for at each trial's end.
	Forward(theta []F, o Objective, tapes []*Tape[F]) float64

	// Backward assigns to grad, packed as θ, the gradient by θ of scale × the
	// mean of the tapes' losses, through every step of every passage. The tapes
	// are as Forward left them under the same θ and objective, and apart from
	// Work stay so.
	Backward(theta []F, o Objective, tapes []*Tape[F], scale F, grad []F)

	// Update does one step of PyTorch's SGD: v ← m·v + g, θ ← θ − lr·v. It
	// assigns theta and velocity.
	Update(theta, velocity, grad []F, lr, momentum F)

	// Train advances every network by the given number of gradient steps,
	// fewer where a network fails (Network.Err) or ctx ends; a network stops
	// between two gradient steps, never within one. It returns ctx's error, if
	// any, or the device's.
	Train(ctx context.Context, networks []*Network[F], gradientSteps int) error

	// Close releases the device. The backend cannot be used afterwards.
	Close() error
}

// Info names what computes.
type Info struct {
	Device string `json:"device"` // "cpu", "gpu:0"
	ISA    string `json:"isa"`    // instruction set: "generic", "avx2", "avx512"
	Dtype  string `json:"dtype"`  // "f32" or "f64"
}

// Dtype returns the name of a type: f32 or f64.
func Dtype[F Float]() string {
	if _, ok := any(F(0)).(float32); ok {
		return "f32"
	}
	return "f64"
}

// Network is one network in training, as Backend.Train takes it.
type Network[F Float] struct {
	Shape        Shape
	Sampler      *task.Sampler
	Objective    Objective
	Seed         uint64 // of its sessions
	Sessions     int    // sessions of a gradient step, B
	LearningRate float64
	Momentum     float64
	Teacher      *Teacher[F] // when set, the network learns from it: Objective is SoftCrossEntropyMean

	Theta    []F // assigned
	Velocity []F // assigned; zero at the start
	Step     int // gradient steps done; advanced
	Records  []Record
	Err      error // why it stopped: a *NonFiniteError
}

// Teacher is a trained network, of any size, that plays a student's sessions in
// closed loop.
//
// Source: SI 7.4.
type Teacher[F Float] struct {
	Shape Shape
	Theta []F // read only
}

// Record is what one gradient step showed, before its update. Train appends
// one for every gradient step.
type Record struct {
	Loss         float64 // mean over the gradient step's sessions
	GradientNorm float64 // Euclidean norm of the gradient by θ
	RNNSteps     int     // over all sessions of the gradient step
	Behaviour
}

// Tally adds the tape's counts to the record.
func (r *Record) Tally(steps int, b Behaviour) {
	r.RNNSteps += steps
	r.Trials += b.Trials
	r.Actions += b.Actions
	r.Correct += b.Correct
}

// NonFiniteError tells that training met a loss, a gradient or a weight that is
// not a finite number. The network's θ and velocity are those before the
// gradient step.
type NonFiniteError struct {
	GradientStep int    // from 1
	What         string // "loss", "gradient norm" or "weight"
	Value        float64
	Record       Record
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("gradient step %d: the %s is %v", e.GradientStep, e.What, e.Value)
}

// Check returns a *NonFiniteError if the gradient step (from 1) showed a loss
// or a gradient that is not finite.
func (r Record) Check(gradientStep int) error {
	for _, x := range []struct {
		what  string
		value float64
	}{{"loss", r.Loss}, {"gradient norm", r.GradientNorm}} {
		if math.IsNaN(x.value) || math.IsInf(x.value, 0) {
			return &NonFiniteError{gradientStep, x.what, x.value, r}
		}
	}
	return nil
}

// Norm returns the Euclidean norm of v, summed in float64: in parts of normPart
// elements, and in each part four sums side by side, because each addition waits
// for the last one of its sum. A GPU goes over the parts side by side, to the
// same bits.
func Norm[F Float](v []F) float64 {
	total := 0.0
	for len(v) > 0 {
		part := v[:min(len(v), normPart)]
		v = v[len(part):]
		var a, b, c, d float64
		for ; len(part) >= 4; part = part[4:] {
			a += square(part[0])
			b += square(part[1])
			c += square(part[2])
			d += square(part[3])
		}
		switch len(part) {
		case 3:
			c += square(part[2])
			fallthrough
		case 2:
			b += square(part[1])
			fallthrough
		case 1:
			a += square(part[0])
		}
		total += (a + b) + (c + d)
	}
	return math.Sqrt(total)
}

const normPart = 256

// square is rounded: the conversion keeps a compiler from fusing.
func square[F Float](x F) float64 { return float64(float64(x) * float64(x)) }
