package graph

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"radd/kernels"
)

// operation says how the VM computes a node's value.
type operation uint8

const (
	foreign            operation = iota // by the op's own Do
	leaf                                // not at all: it is bound to a value
	constant                            // once
	view                                // not at all: it is part of another value
	elementwise                         // element by element
	product                             // matrix times vector
	transposedProduct                   // transposed matrix times vector
	innerProduct                        // vector times vector
	outerProduct                        // x yᵀ
	softmax                             // of a vector
	logSoftmax                          // likewise
	softmaxGradient                     // of the output, by the input
	logSoftmaxGradient                  // likewise
	scatter                             // a vector that is zero but for a slice
	sumOf                               // of a vector's elements
)

// function is what an elementwise op does to each element.
type function uint8

const (
	add function = iota
	subtract
	multiply
	divide
	firstUnary
	abs = iota - 1
	sign
	exp
	logarithm
	negate
	square
	squareRoot
	inverse
	cube
	tanh
	sigmoid
)

// functions are the elementwise ops as gorgonia spells them.
var functions = map[string]function{
	"+ false": add, "- false": subtract, "⊙ false": multiply, "÷ false": divide,
	"abs": abs, "sign": sign, "exp": exp, "ln": logarithm, "neg": negate, "square": square, "sqrt": squareRoot,
	"inv": inverse, "cube": cube, "tanh": tanh, "sigmoid": sigmoid,
}

func (f function) unary() bool { return f >= firstUnary }

// meaning is an operation with what it needs besides its arguments.
type meaning struct {
	operation operation
	function  function
	start     int // first element of a view or a scatter
}

// meaningOf finds out what a node's op does. Gorgonia keeps the types of its ops
// to itself, so they are told by their names and by how they print.
func meaningOf[F kernels.Float](n *gorgonia.Node, args []*gorgonia.Node) (meaning, error) {
	op := n.Op()
	if op == nil {
		return meaning{operation: leaf}, nil
	}
	name, spelling := reflect.TypeOf(op).String(), op.String()
	switch name {
	case "gorgonia.constantScalar", "gorgonia.constantTensor":
		return meaning{operation: constant}, nil
	case "gorgonia.letOp", "gorgonia.readOp":
		return meaning{}, fmt.Errorf("%v is a statement, which this VM does not run: read values by Node.Value", n)
	}
	for _, a := range slices.Concat(args, []*gorgonia.Node{n}) {
		if a.Dtype() != dtype[F]() {
			return meaning{operation: foreign}, nil
		}
	}
	switch name {
	case "gorgonia.elemBinOp", "gorgonia.elemUnaryOp":
		f, ok := functions[spelling]
		// Of a float32 scalar, gorgonia's tanh is another than of a tensor; of any
		// scalar, its sign.
		if ok && !((f == tanh || f == sign) && n.IsScalar()) && broadcasts(n, args) {
			return meaning{operation: elementwise, function: f}, nil
		}
	case "gorgonia.linAlgBinOp":
		switch spelling {
		case "A × b":
			return meaning{operation: product}, nil
		case "Aᵀ × b":
			return meaning{operation: transposedProduct}, nil
		case "a ⋅ b":
			return meaning{operation: innerProduct}, nil
		case "a ⊗ b":
			return meaning{operation: outerProduct}, nil
		}
	case "*gorgonia.softmaxOp", "*gorgonia.softmaxDiffOp":
		if n.Shape().Dims() != 1 {
			break
		}
		m := meaning{operation: softmax}
		if strings.Contains(spelling, "true") {
			m.operation = logSoftmax
		}
		if name == "*gorgonia.softmaxDiffOp" {
			m.operation += softmaxGradient - softmax
		}
		return m, nil
	case "gorgonia.sumOp":
		if args[0].Shape().Dims() == 1 {
			return meaning{operation: sumOf}, nil
		}
	case "gorgonia.reshapeOp":
		return meaning{operation: view}, nil
	case "*gorgonia.sliceOp", "gorgonia.sliceIncrOp":
		if start, ok := contiguous(op, args[0].Shape()); ok {
			if name == "*gorgonia.sliceOp" {
				return meaning{operation: view, start: start}, nil
			}
			return meaning{operation: scatter, start: start}, nil
		}
	}
	return meaning{operation: foreign}, nil
}

// broadcasts reports whether every argument has the node's size or one element.
func broadcasts(n *gorgonia.Node, args []*gorgonia.Node) bool {
	for _, a := range args {
		if size(a) != size(n) && size(a) != 1 {
			return false
		}
	}
	return true
}

// contiguous returns the first element of a slice over the first axis of a
// tensor, if it is one without gaps.
func contiguous(op gorgonia.Op, of tensor.Shape) (start int, ok bool) {
	slice := op.(interface{ IsSlice() tensor.Slice }).IsSlice()
	fields := reflect.Indirect(reflect.ValueOf(op))
	if fields.Type().Name() == "sliceIncrOp" {
		fields = fields.Field(0).Elem() // the sliceOp within
	}
	if along := fields.FieldByName("along").Int(); slice == nil || along != 0 || slice.Step() > 1 || slice.End() <= slice.Start() {
		return 0, false
	}
	return slice.Start() * (of.TotalSize() / of[0]), true
}

// size returns the number of a node's elements.
func size(n *gorgonia.Node) int { return n.Shape().TotalSize() }
