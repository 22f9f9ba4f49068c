//go:build amd64 && !purego

package cpu

import "golang.org/x/sys/cpu"

//go:generate go run asm/kernel.go asm/main.go asm/elementwise.go asm/outer.go asm/product.go asm/step.go asm/tanh.go

// vectorISAs returns the instruction sets with assembly that this machine can
// run, the fastest first.
func vectorISAs() []ISA {
	var list []ISA
	if cpu.X86.HasAVX512F && cpu.X86.HasBMI2 {
		list = append(list, AVX512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI2 {
		list = append(list, AVX2)
	}
	return list
}

// vectorRoutines returns the *routines of an instruction set in a dtype.
func vectorRoutines(isa ISA, dtype string) any {
	switch {
	case isa == AVX512 && dtype == "f32":
		return &routines[float32]{16, 16 * 16, stepF32AVX512, backpropagateF32AVX512, addOuterProductsF32AVX512, updateF32AVX512, tanhF32AVX512, oddsF64AVX512, normalsF64AVX512}
	case isa == AVX512:
		return &routines[float64]{8, 16 * 8, stepF64AVX512, backpropagateF64AVX512, addOuterProductsF64AVX512, updateF64AVX512, tanhF64AVX512, oddsF64AVX512, normalsF64AVX512}
	case dtype == "f32":
		return &routines[float32]{8, 15 * 8, stepF32AVX2, backpropagateF32AVX2, addOuterProductsF32AVX2, updateF32AVX2, tanhF32AVX2, oddsF64AVX2, normalsF64AVX2}
	default:
		return &routines[float64]{4, 15 * 4, stepF64AVX2, backpropagateF64AVX2, addOuterProductsF64AVX2, updateF64AVX2, tanhF64AVX2, oddsF64AVX2, normalsF64AVX2}
	}
}
