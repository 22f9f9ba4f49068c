package cpu

import (
	"os"
	"slices"
	"strings"

	"radd/internal/input"
	"radd/kernels"
	"radd/task"
)

// ISA is an instruction set that the kernels are written in.
type ISA string

// The instruction sets. Generic is portable Go, and the specification of the
// others.
const (
	Generic ISA = "generic"
	AVX2    ISA = "avx2"   // with FMA
	AVX512  ISA = "avx512" // its foundation, with BMI2
)

// Variable is the environment variable that overrides the choice.
const Variable = "RADD_ISA"

// Supported returns the instruction sets that this build has and this machine
// can run, the fastest first. Generic is always the last.
func Supported() []ISA { return append(vectorISAs(), Generic) }

// Choose returns the instruction set that the environment variable RADD_ISA
// names or, where it is not set, the fastest. It returns an *input.Error where
// the one named is not supported here.
func Choose() (ISA, error) {
	supported := Supported()
	named := ISA(os.Getenv(Variable))
	switch {
	case named == "":
		return supported[0], nil
	case slices.Contains(supported, named):
		return named, nil
	}
	var allowed []string
	for _, isa := range supported {
		allowed = append(allowed, string(isa))
	}
	found := "no such instruction set: " + string(named)
	if named == AVX2 || named == AVX512 {
		found = "this machine or this build does not support " + string(named)
	}
	return "", &input.Error{File: Variable, Found: found, Allowed: strings.Join(allowed, ", "),
		Do: "unset it to let the program choose"}
}

// routines are what is written anew for each instruction set. The generic ones
// specify them; the others may round differently.
type routines[F kernels.Float] struct {
	lanes int // elements of a vector register; rows are padded to a multiple
	panel int // elements of the widest panel of a matrix, a multiple of lanes

	// step does one RNN step forward on the network net, of rows of ld elements
	// (network). It assigns tanh(z + W_ih x) to the state row of net and to h
	// (N), then b + M h to z. Without an input, the state stays as it is.
	step func(h, net, x []F, ld int)

	// backpropagate goes back through K = len(g) states h (K, N), the last
	// first. Row s + 1 of e (K+1, ld) holds dz and, as element N, dL/dd of a
	// step; row s is assigned (Mᵀ e_{s+1})∘(1 − h_s²) and g[s], so only the last
	// row need be there. m is M by rows in panels. The states are copied to
	// states (K, width), padded with zeros, where width is N rounded up to a
	// multiple of lanes.
	backpropagate func(e, states, h, m, g []F, n, ld int)

	// addOuterProducts adds aᵀ b to c (rows, ldb), where a (count, lda) and b
	// (count, ldb) have one pair of vectors a row. ldb is a multiple of lanes;
	// rows is rounded up to a multiple of four where lanes > 1.
	addOuterProducts func(c, a, b []F, rows, lda, ldb, count int)

	// update assigns m·v + g to v and θ − lr·v to θ. All have one length. Every
	// product is rounded, so that all instruction sets give the same bytes.
	update func(theta, velocity, grad []F, lr, momentum F)

	// tanh replaces every element of x by its hyperbolic tangent.
	tanh func(x []F)

	// odds replaces every element of d by kernels.Odds of it.
	odds func(d []float64)

	// normals is philox.Normals, to the bit.
	normals task.Normals

	// multiplyAdds does probeVectors multiply–adds of vectors a round, in
	// registers and independent of each other. rounds is 1 or more.
	multiplyAdds func(rounds int)

	// loads loads the vectors of x, a multiple of probeVectors, passes times.
	// passes is 1 or more.
	loads func(x []F, passes int)
}

// routinesOf returns the routines of a supported instruction set. It panics for
// any other.
func routinesOf[F kernels.Float](isa ISA) *routines[F] {
	if isa == Generic {
		return genericRoutines[F]()
	}
	if !slices.Contains(Supported(), isa) {
		panic("cpu: an instruction set that is not supported here")
	}
	r, ok := vectorRoutines(isa, kernels.Dtype[F]()).(*routines[F])
	if !ok {
		panic("cpu: an instruction set without routines of this type")
	}
	return r
}
