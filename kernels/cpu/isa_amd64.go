//go:build amd64 && !purego

package cpu

import "golang.org/x/sys/cpu"

//go:generate sh -c "go run asm/*.go"

// vectorISAs returns the instruction sets with assembly that this machine can
// run, the fastest first.
func vectorISAs() []ISA {
	var list []ISA
	if cpu.X86.HasAVX512F && cpu.X86.HasBMI2 {
		list = append(list, AVX512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, AVX2)
	}
	return list
}

// vectorRoutines returns the *routines of an instruction set in a dtype. A
// panel is as many vectors wide as the generator's.
func vectorRoutines(isa ISA, dtype string) any {
	switch {
	case isa == AVX512 && dtype == "f32":
		return &routines[float32]{
			lanes:            16,
			panel:            16 * 16,
			step:             stepF32AVX512,
			backpropagate:    backpropagateF32AVX512,
			addOuterProducts: addOuterProductsF32AVX512,
			update:           updateF32AVX512,
			tanh:             tanhF32AVX512,
			multiplyAdds:     multiplyAddsF32AVX512,
			loads:            loadsF32AVX512,
			odds:             oddsF64AVX512,
			normals:          normalsF64AVX512,
		}
	case isa == AVX512:
		return &routines[float64]{
			lanes:            8,
			panel:            16 * 8,
			step:             stepF64AVX512,
			backpropagate:    backpropagateF64AVX512,
			addOuterProducts: addOuterProductsF64AVX512,
			update:           updateF64AVX512,
			tanh:             tanhF64AVX512,
			multiplyAdds:     multiplyAddsF64AVX512,
			loads:            loadsF64AVX512,
			odds:             oddsF64AVX512,
			normals:          normalsF64AVX512,
		}
	case dtype == "f32":
		return &routines[float32]{
			lanes:            8,
			panel:            15 * 8,
			step:             stepF32AVX2,
			backpropagate:    backpropagateF32AVX2,
			addOuterProducts: addOuterProductsF32AVX2,
			update:           updateF32AVX2,
			tanh:             tanhF32AVX2,
			multiplyAdds:     multiplyAddsF32AVX2,
			loads:            loadsF32AVX2,
			odds:             oddsF64AVX2,
			normals:          normalsF64AVX2,
		}
	default:
		return &routines[float64]{
			lanes:            4,
			panel:            15 * 4,
			step:             stepF64AVX2,
			backpropagate:    backpropagateF64AVX2,
			addOuterProducts: addOuterProductsF64AVX2,
			update:           updateF64AVX2,
			tanh:             tanhF64AVX2,
			multiplyAdds:     multiplyAddsF64AVX2,
			loads:            loadsF64AVX2,
			odds:             oddsF64AVX2,
			normals:          normalsF64AVX2,
		}
	}
}
