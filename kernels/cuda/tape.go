package cuda

import "radd/kernels"

// The types of src/tape.cu: what a compiled graph is, for the kernel that
// interprets it.

// Opcode says what an instruction computes.
type Opcode int32

// The opcodes. A, B and C are an instruction's arguments; products are of a
// matrix (First, Count), row-major.
const (
	OpChain             Opcode = iota // Count links from First on, for every element
	OpProduct                         // A B
	OpTransposedProduct               // Aᵀ B
	OpInnerProduct                    // A·B
	OpOuterProduct                    // A Bᵀ
	OpAddedOuterProduct               // C + A Bᵀ
	OpSoftmax                         // of A
	OpLogSoftmax                      // of A
	OpSoftmaxGradient                 // by the input, of the output B whose gradient is C
	OpLogSoftmaxGradient
	OpScatter // zeros, but for B from element First on
	OpSum     // of A's elements
)

// Function is what a link does to each element.
type Function int32

// The functions: of two arguments the first four, of one the rest.
const (
	FuncAdd Function = iota
	FuncSubtract
	FuncMultiply
	FuncDivide
	FuncAbs
	FuncSign
	FuncExp
	FuncLog
	FuncNegate
	FuncSquare
	FuncSquareRoot
	FuncInverse
	FuncCube
	FuncTanh
	FuncSigmoid
)

// The spaces that values lie in.
const (
	SpaceCommon  = iota // θ, constants and what follows from those alone
	SpaceScratch        // of the gradient
	SpaceOwn            // of a segment
	spaces
)

// Registers is how many values a chain may hold at once.
const Registers = 4

// Place is a run of elements in a space.
type Place struct{ Space, At, Size int32 }

// Link is one op of a chain. Its result goes to a register and its operands come
// from registers or, where the register is negative, from places; a place of one
// element stands for all.
type Link struct {
	Function Function
	To       int32
	From     [2]int32
	Result   Place
	Operand  [2]Place // of size 0 where there is none
}

// Instruction computes the value Out.
type Instruction struct {
	Opcode       Opcode
	barrier      int32
	First, Count int32
	Out, A, B, C Place
}

// Filling is a constant's elements.
type Filling[F kernels.Float] struct {
	Place Place
	Data  []F
}

// Program is a graph compiled to a tape. Without Steps it is any graph, for Run.
// Else it is a segment of that many RNN steps, for Forward and Backward: they go
// through it again and again, in a memory of its own for every segment of a session.
type Program[F kernels.Float] struct {
	Tape  []Instruction
	Links []Link
	// Ends (Steps + 3) are the indices after the last instruction of what θ alone
	// determines, of each step, of the loss, and of the gradient.
	Ends  []int64
	Sizes [spaces]int // elements of the spaces
	Fill  []Filling[F]

	Steps                     int     // K
	Width                     int     // elements of an input: observations, feedback, noise
	Input, Weight, Logits     []Place // (K)
	State                     []Place // (K, vectors of the state)
	First, Incoming, Outgoing []Place // of the state before the segment; gradients by the states after and before it
	Parameters, Gradient      []Place // as θ holds them
	Power                     []Place // the objective's q and 1, (2) each, where the loss takes a power of a_t
	Loss                      Place
}

func sizesOf(places []Place) (n int) {
	for _, p := range places {
		n += int(p.Size)
	}
	return n
}

// access is what an instruction does with a place. An elementwise one has each
// element in the thread that has it in every other elementwise access to the place.
type access struct {
	Place
	elementwise bool
}

// mark finds the instructions that depend on others since the last barrier: they
// read what another thread wrote, or write what another read or wrote. All of the
// block's threads meet before and after each part of the tape.
func (p *Program[F]) mark() {
	starts := map[int64]bool{0: true}
	for _, end := range p.Ends {
		starts[end] = true
	}
	var read, written []access
	for k := range p.Tape {
		i := &p.Tape[k]
		reads, write := p.accesses(i)
		depends := meet(written, append(reads, write)) || meet(read, []access{write})
		i.barrier = 0
		if depends && !starts[int64(k)] {
			i.barrier = 1
		}
		if depends || starts[int64(k)] {
			read, written = read[:0], written[:0]
		}
		read, written = append(read, reads...), append(written, write)
	}
}

// accesses lists what an instruction reads, and what it writes.
func (p *Program[F]) accesses(i *Instruction) (reads []access, write access) {
	add := func(q Place, elementwise bool) {
		if q.Size > 0 {
			reads = append(reads, access{q, elementwise})
		}
	}
	add(i.A, false)
	add(i.B, false)
	add(i.C, i.Opcode == OpAddedOuterProduct)
	if i.Opcode == OpChain {
		for _, l := range p.Links[i.First : i.First+i.Count] {
			for k, register := range l.From {
				if register < 0 {
					add(l.Operand[k], l.Operand[k].Size == i.Out.Size)
				}
			}
		}
	}
	switch i.Opcode {
	case OpChain, OpOuterProduct, OpAddedOuterProduct, OpTransposedProduct, OpScatter:
		return reads, access{i.Out, true}
	}
	return reads, access{i.Out, false}
}

// meet reports whether a thread of b comes upon another thread's elements of a.
func meet(a, b []access) bool {
	for _, p := range a {
		for _, q := range b {
			own := p.elementwise && q.elementwise && p.Place == q.Place
			if !own && p.Space == q.Space && p.At < q.At+q.Size && q.At < p.At+p.Size {
				return true
			}
		}
	}
	return false
}

const (
	modeRunOnce = iota
	modePlayTape
	modeFollowTape
	modeDifferentiateTape
)

// way is what a block goes through.
type way struct {
	Task                               Pointer
	Mode                               int64
	Memory                             [spaces]Pointer
	Hidden, Difference, Feedback, Step Pointer
	Input, Weight, Side                Pointer
	Rest, Grad                         Pointer
	Trials, From, Until, Ends          int64
	Segments                           int64
	First, Loss                        float64
}

// programPointers is the argument of a launch.
type programPointers struct {
	Tape, Link, End                   Pointer
	Steps, Width, Vectors, Parameters int64
	Input, Weight, Logits, State      Pointer
	First, Incoming, Outgoing         Pointer
	Gradient, Loss                    Pointer
	Size                              [spaces]int64
	Image, Way                        Pointer
}
