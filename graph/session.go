package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"sync"
	"sync/atomic"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
)

// Session is a gorgonia op: from θ, packed as kernels.Shape says, to the mean
// loss of a batch of whole closed-loop sessions. Its symbolic derivative is the
// reverse-time op over the same tapes. It implements gorgonia's Op and SDOp.
//
// Every run of the graph plays the tapes' passages as they are set then, so a
// compiled graph serves one session after the other.
//
// Source: SI 7.2.
type Session[F kernels.Float] struct {
	backend   kernels.Backend[F]
	objective kernels.Objective
	tapes     []*kernels.Tape[F]
	loss      float64
	size      int    // of θ
	number    uint64 // keeps the hashes of two session ops apart
}

var sessions atomic.Uint64

// NewSession returns an op that plays the tapes' passages on the backend. All
// tapes are of one N. θ is packed as kernels.Shape says, or as the backend does
// where that is an Unrolled.
func NewSession[F kernels.Float](b kernels.Backend[F], o kernels.Objective, tapes []*kernels.Tape[F]) *Session[F] {
	size := kernels.Shape{N: tapes[0].N}.Size()
	if u, ok := b.(*Unrolled[F]); ok {
		size = u.size
	}
	return &Session[F]{backend: b, objective: o, tapes: tapes, size: size, number: sessions.Add(1)}
}

// Apply returns the node of the loss, a scalar, of the parameters θ, a vector.
func (s *Session[F]) Apply(theta *gorgonia.Node) (*gorgonia.Node, error) {
	return gorgonia.ApplyOp(s, theta)
}

// Loss returns the loss of the last run in full precision: the graph's own
// value is rounded to its dtype.
func (s *Session[F]) Loss() float64 { return s.loss }

// Arity implements gorgonia.Op.
func (s *Session[F]) Arity() int { return 1 }

// Type implements gorgonia.Op: Vector a → a.
func (s *Session[F]) Type() hm.Type { return hm.NewFnType(vectorOf[F](), dtype[F]()) }

// InferShape implements gorgonia.Op.
func (s *Session[F]) InferShape(inputs ...gorgonia.DimSizer) (tensor.Shape, error) {
	shape, ok := inputs[0].(tensor.Shape)
	if !ok || shape.Dims() != 1 || shape[0] != s.size {
		return nil, fmt.Errorf("session op: θ has shape %v, but %d hidden units have (%d)", inputs[0], s.tapes[0].N, s.size)
	}
	return tensor.ScalarShape(), nil
}

// Do implements gorgonia.Op: it plays the batch forward.
func (s *Session[F]) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	theta, err := flat[F](inputs[0])
	if err != nil {
		return nil, err
	}
	s.loss = s.backend.Forward(theta, s.objective, s.tapes)
	return scalar(F(s.loss)), nil
}

// DiffWRT implements gorgonia.SDOp.
func (s *Session[F]) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: the derivative by θ is the reverse-time op
// of θ, the loss and the loss's gradient.
func (s *Session[F]) SymDiff(inputs gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	d, err := gorgonia.ApplyOp(reverse[F]{s}, inputs[0], output, grad)
	if err != nil {
		return nil, err
	}
	return gorgonia.Nodes{d}, nil
}

// ReturnsPtr implements gorgonia.Op.
func (s *Session[F]) ReturnsPtr() bool { return false }

// CallsExtern implements gorgonia.Op.
func (s *Session[F]) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op: it overwrites none.
func (s *Session[F]) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op.
func (s *Session[F]) WriteHash(h hash.Hash) { fmt.Fprint(h, s.String()) }

// Hashcode implements gorgonia.Op.
func (s *Session[F]) Hashcode() uint32 { return hashcode(s) }

func (s *Session[F]) String() string { return fmt.Sprintf("session %d", s.number) }

// reverse is the derivative of a Session: from θ, the loss and the loss's
// gradient dL to dL·dloss/dθ. The loss is among its inputs so that it runs after
// the forward pass that it needs.
type reverse[F kernels.Float] struct{ of *Session[F] }

func (r reverse[F]) Arity() int { return 3 }

// Type is Vector a → a → a → Vector a.
func (r reverse[F]) Type() hm.Type {
	return hm.NewFnType(vectorOf[F](), dtype[F](), dtype[F](), vectorOf[F]())
}

func (r reverse[F]) InferShape(inputs ...gorgonia.DimSizer) (tensor.Shape, error) {
	shape, ok := inputs[0].(tensor.Shape)
	if !ok {
		return nil, errors.New("reverse-time op: θ has no shape")
	}
	return shape.Clone(), nil
}

// Do carries the gradient back through every step of the batch.
func (r reverse[F]) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return r.UsePreallocDo(dense(make([]F, r.of.size), r.of.size), inputs...)
}

// UsePreallocDo implements gorgonia.UsePreallocDoer: it assigns the gradient to
// the vector.
func (r reverse[F]) UsePreallocDo(into gorgonia.Value, inputs ...gorgonia.Value) (gorgonia.Value, error) {
	theta, err := flat[F](inputs[0])
	if err != nil {
		return nil, err
	}
	scale, err := number[F](inputs[2])
	if err != nil {
		return nil, err
	}
	grad, err := flat[F](into)
	if err != nil {
		return nil, err
	}
	r.of.backend.Backward(theta, r.of.objective, r.of.tapes, scale, grad)
	return into, nil
}

func (r reverse[F]) ReturnsPtr() bool      { return true }
func (r reverse[F]) CallsExtern() bool     { return false }
func (r reverse[F]) OverwritesInput() int  { return -1 }
func (r reverse[F]) WriteHash(h hash.Hash) { fmt.Fprint(h, r.String()) }
func (r reverse[F]) Hashcode() uint32      { return hashcode(r) }
func (r reverse[F]) String() string        { return "reverse " + r.of.String() }

var differentiating sync.Mutex

// differentiate is gorgonia.Grad, one call at a time: Grad notes hashes in
// constants that all graphs of a process share.
func differentiate(loss *gorgonia.Node, by ...*gorgonia.Node) (gorgonia.Nodes, error) {
	differentiating.Lock()
	defer differentiating.Unlock()
	return gorgonia.Grad(loss, by...)
}

func hashcode(op gorgonia.Op) uint32 {
	h := fnv.New32a()
	op.WriteHash(h)
	return h.Sum32()
}

func dtype[F kernels.Float]() tensor.Dtype {
	if kernels.Dtype[F]() == "f32" {
		return tensor.Float32
	}
	return tensor.Float64
}

func vectorOf[F kernels.Float]() hm.Type { return gorgonia.TensorType{Dims: 1, Of: dtype[F]()} }

// scalar returns x as a value of the graph.
func scalar[F kernels.Float](x F) gorgonia.Value {
	if v, ok := any(x).(float32); ok {
		return gorgonia.NewF32(v)
	}
	return gorgonia.NewF64(float64(x))
}

// number returns the value of a scalar.
func number[F kernels.Float](v gorgonia.Value) (F, error) {
	x, ok := v.Data().(F)
	if !ok {
		return 0, fmt.Errorf("a %T where the graph needs a scalar %T", v.Data(), x)
	}
	return x, nil
}

// flat returns the elements of a vector in order.
func flat[F kernels.Float](v gorgonia.Value) ([]F, error) {
	d, ok := v.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("a %T where the graph needs a dense vector", v)
	}
	if d.RequiresIterator() {
		d = d.Materialize().(*tensor.Dense)
	}
	x, ok := d.Data().([]F)
	if !ok {
		return nil, fmt.Errorf("a %T where the graph needs a vector of %T", d.Data(), F(0))
	}
	return x, nil
}

// dense returns a tensor over the given elements.
func dense[F kernels.Float](backing []F, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
}
