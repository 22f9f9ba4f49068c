package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cuda"
)

// opcodes are the operations as the GPU's tape spells them.
var opcodes = map[operation]cuda.Opcode{
	product: cuda.OpProduct, transposedProduct: cuda.OpTransposedProduct, innerProduct: cuda.OpInnerProduct, outerProduct: cuda.OpOuterProduct,
	softmax: cuda.OpSoftmax, logSoftmax: cuda.OpLogSoftmax, softmaxGradient: cuda.OpSoftmaxGradient, logSoftmaxGradient: cuda.OpLogSoftmaxGradient,
	scatter: cuda.OpScatter, sumOf: cuda.OpSum,
}

// tapeFunctions are the elementwise functions likewise.
var tapeFunctions = map[function]cuda.Function{
	add: cuda.FuncAdd, subtract: cuda.FuncSubtract, multiply: cuda.FuncMultiply, divide: cuda.FuncDivide,
	abs: cuda.FuncAbs, sign: cuda.FuncSign, exp: cuda.FuncExp, logarithm: cuda.FuncLog, negate: cuda.FuncNegate, square: cuda.FuncSquare,
	squareRoot: cuda.FuncSquareRoot, inverse: cuda.FuncInverse, cube: cuda.FuncCube, tanh: cuda.FuncTanh, sigmoid: cuda.FuncSigmoid,
}

// tapeSpaces are the spaces of a memory likewise.
var tapeSpaces = [spaces]int32{shared: cuda.SpaceCommon, scratch: cuda.SpaceScratch, own: cuda.SpaceOwn}

func tapePlace(p place) cuda.Place {
	return cuda.Place{Space: tapeSpaces[p.space], At: p.at, Size: p.size}
}

func tapePlaces(list []place) (all []cuda.Place) {
	for _, p := range list {
		all = append(all, tapePlace(p))
	}
	return all
}

// tapeOf returns a program as a tape for the GPU: the same instructions in the same
// order, in the same places. The error names an op that has no opcode.
func tapeOf[F kernels.Float](p *program[F]) (*cuda.Program[F], error) {
	t := &cuda.Program[F]{}
	for k := range p.tape {
		i, err := encode(t, &p.tape[k])
		if err != nil {
			return nil, err
		}
		t.Tape = append(t.Tape, i)
	}
	for _, end := range p.ends {
		t.Ends = append(t.Ends, int64(end))
	}
	for space, size := range p.sizes {
		t.Sizes[tapeSpaces[space]] = size
	}
	for _, f := range p.fill {
		t.Fill = append(t.Fill, cuda.Filling[F]{Place: tapePlace(f.place), Data: f.data})
	}
	return t, nil
}

// encode returns an instruction for the tape, to which it adds the links of a chain.
func encode[F kernels.Float](t *cuda.Program[F], i *instruction[F]) (cuda.Instruction, error) {
	if i.call != nil {
		return cuda.Instruction{}, missing(i.call.node)
	}
	e := cuda.Instruction{Opcode: opcodes[i.operation], First: int32(i.start), Out: tapePlace(i.out)}
	for k, to := range []*cuda.Place{&e.A, &e.B, &e.C} {
		if k < len(i.args) {
			*to = tapePlace(i.args[k])
		}
	}
	switch {
	case i.links != nil:
		e.Opcode, e.First, e.Count = cuda.OpChain, int32(len(t.Links)), int32(len(i.links))
		for _, l := range i.links {
			t.Links = append(t.Links, encodeLink(l))
		}
	case i.operation == elementwise:
		e.Opcode = cuda.OpAddedOuterProduct
	case i.operation == product, i.operation == transposedProduct:
		e.First, e.Count = int32(i.rows), int32(i.columns)
	}
	return e, nil
}

func encodeLink(l link) cuda.Link {
	e := cuda.Link{Function: tapeFunctions[l.function], To: int32(l.result.register), From: [2]int32{int32(l.a.register), int32(l.b.register)},
		Operand: [2]cuda.Place{tapePlace(l.a.place), tapePlace(l.b.place)}}
	if l.result.register < 0 {
		e.Result = tapePlace(l.result.place)
	}
	if l.function.unary() {
		e.From[1], e.Operand[1] = -1, cuda.Place{}
	}
	return e
}

// missing says which op the tape lacks.
func missing(n *gorgonia.Node) error {
	return fmt.Errorf("the op %v (%T) of %v has no opcode on the GPU; compute it on the CPU: --device cpu", n.Op(), n.Op(), n)
}

// interpreterOf returns a segment on the device.
func interpreterOf[F kernels.Float](s *segment, on *cuda.Backend[F]) (*cuda.Interpreter[F], error) {
	c, err := newCompiled[F](s)
	if err != nil {
		return nil, err
	}
	t, err := tapeOf(c.program)
	if err != nil {
		return nil, err
	}
	t.Steps, t.Width = len(c.input), int(c.input[0].size)
	t.Input, t.Weight, t.Logits = tapePlaces(c.input), tapePlaces(c.weight), tapePlaces(c.logits)
	t.State = tapePlaces(slices.Concat(c.state...))
	t.First, t.Incoming, t.Outgoing = tapePlaces(c.first), tapePlaces(c.incoming), tapePlaces(c.outgoing)
	t.Parameters, t.Gradient, t.Loss = tapePlaces(c.parameters), tapePlaces(c.gradient), tapePlace(c.loss)
	t.Power = tapePlaces(c.power)
	return on.Interpret(t)
}
