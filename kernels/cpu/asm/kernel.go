//go:build ignore

package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// instructionSet is what the kernels know of a set of vector instructions.
type instructionSet struct {
	name      string // as package cpu's ISA
	suffix    string // of functions
	bytes     int    // of a vector register
	registers int
	panel     int // most vectors of a panel: sums of a matrix–vector product
	tile      int // most vectors of a tile of the gradient product, four rows high
}

var (
	avx2   = instructionSet{name: "avx2", suffix: "AVX2", bytes: 32, registers: 16, panel: 15, tile: 3}
	avx512 = instructionSet{name: "avx512", suffix: "AVX512", bytes: 64, registers: 32, panel: 16, tile: 6}
)

// kernel writes the functions of one instruction set in one type. Vector
// registers are named by hand, so that a kernel's budget of them can be read off;
// the others are allocated.
type kernel struct {
	*build.Context
	instructionSet
	double    bool
	constants map[string]operand.Mem
	mask      operand.Mem // avx2: the masks of tails
}

// function begins a function. Its Go name ends with the type's and the
// instruction set's.
func (k *kernel) function(name, signature string, doc ...string) {
	k.Function(name + map[bool]string{false: "F32", true: "F64"}[k.double] + k.suffix)
	k.Attributes(attr.NOSPLIT)
	k.Pragma("noescape")
	k.SignatureExpr(signature)
	k.Doc(doc...)
}

// float is the type's name, size its bytes, lanes the elements of a vector.
func (k *kernel) float() string { return map[bool]string{false: "float32", true: "float64"}[k.double] }
func (k *kernel) size() int     { return map[bool]int{false: 4, true: 8}[k.double] }
func (k *kernel) lanes() int    { return k.bytes / k.size() }

// v is vector register i.
func (k *kernel) v(i int) reg.Register {
	if k.bytes == 64 {
		return [...]reg.Register{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
			reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
			reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
			reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}[i]
	}
	return [...]reg.Register{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}[i]
}

// at is the memory at a pointer and a constant offset in bytes.
func at(p reg.Register, offset int) operand.Mem { return operand.Mem{Base: p, Disp: offset} }

// plus is the memory at a pointer, an index in bytes and a constant offset.
func plus(p, index reg.Register, offset int) operand.Mem {
	return operand.Mem{Base: p, Index: index, Scale: 1, Disp: offset}
}

// The instructions by type. Operands are in Go's order: the destination last.

func (k *kernel) pick(single, double func(...operand.Op), ops ...operand.Op) {
	if k.double {
		double(ops...)
	} else {
		single(ops...)
	}
}

func (k *kernel) move(from, to operand.Op)        { k.pick(k.VMOVUPS, k.VMOVUPD, from, to) }
func (k *kernel) broadcast(from, to operand.Op)   { k.pick(k.VBROADCASTSS, k.VBROADCASTSD, from, to) }
func (k *kernel) add(x, y, to operand.Op)         { k.pick(k.VADDPS, k.VADDPD, x, y, to) }
func (k *kernel) mul(x, y, to operand.Op)         { k.pick(k.VMULPS, k.VMULPD, x, y, to) }
func (k *kernel) subtract(x, from, to operand.Op) { k.pick(k.VSUBPS, k.VSUBPD, x, from, to) }
func (k *kernel) divide(by, x, to operand.Op)     { k.pick(k.VDIVPS, k.VDIVPD, by, x, to) }

// addProduct adds x·y to sum; subtractProduct subtracts it.
func (k *kernel) addProduct(x, y, sum operand.Op) { k.pick(k.VFMADD231PS, k.VFMADD231PD, x, y, sum) }
func (k *kernel) subtractProduct(x, y, sum operand.Op) {
	k.pick(k.VFNMADD231PS, k.VFNMADD231PD, x, y, sum)
}

// multiplyAdd makes z of x·z + y.
func (k *kernel) multiplyAdd(y, x, z operand.Op) { k.pick(k.VFMADD213PS, k.VFMADD213PD, y, x, z) }

// and, or, xor and truncate; truncate drops what is behind the point.
func (k *kernel) and(x, y, to operand.Op) { k.bitwise(k.VANDPS, k.VPANDD, x, y, to) }
func (k *kernel) or(x, y, to operand.Op)  { k.bitwise(k.VORPS, k.VPORD, x, y, to) }
func (k *kernel) xor(x, y, to operand.Op) { k.bitwise(k.VXORPS, k.VPXORD, x, y, to) }

func (k *kernel) bitwise(short, long func(...operand.Op), x, y, to operand.Op) {
	if k.bytes == 64 {
		long(x, y, to)
	} else {
		short(x, y, to)
	}
}

func (k *kernel) truncate(x, to operand.Op) {
	const towardZero = 3
	if k.bytes == 64 {
		k.VRNDSCALEPD(operand.Imm(towardZero), x, to)
	} else {
		k.VROUNDPD(operand.Imm(towardZero), x, to)
	}
}

func (k *kernel) zero(to operand.Op) {
	if k.bytes == 64 {
		k.VPXORD(to, to, to)
	} else {
		k.VXORPS(to, to, to)
	}
}

// constant returns the memory of a vector whose elements all are the number.
func (k *kernel) constant(x float64) operand.Mem {
	if k.double {
		return k.bits(math.Float64bits(x))
	}
	return k.bits(uint64(math.Float32bits(float32(x))))
}

// bits returns the memory of a vector whose elements all have the bits.
func (k *kernel) bits(x uint64) operand.Mem {
	name := fmt.Sprintf("%s_%0*x", k.float(), 2*k.size(), x)
	if m, ok := k.constants[name]; ok {
		return m
	}
	if k.constants == nil {
		k.constants = map[string]operand.Mem{}
	}
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for range k.lanes() {
		if k.double {
			k.AppendDatum(operand.U64(x))
		} else {
			k.AppendDatum(operand.U32(x))
		}
	}
	k.constants[name] = m
	return m
}

// tail is a vector of which only the first elements may be touched.
type tail struct {
	mask reg.Register
}

// makeTail makes the mask of the first count elements, 0 < count < lanes, in a
// register that nothing else may use: K1, or the vector register 15 of AVX2.
func (k *kernel) makeTail(count reg.GPVirtual) tail {
	if k.bytes == 64 {
		ones := k.GP64()
		k.MOVQ(operand.I32(-1), ones)
		k.BZHIQ(count, ones, ones)
		k.KMOVW(ones.As32(), reg.K1)
		return tail{reg.K1}
	}
	if k.mask.Symbol.Name == "" {
		k.mask = k.StaticGlobal(k.float() + "_tails")
		k.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 2 * k.lanes() {
			x := int64(-1)
			if i >= k.lanes() {
				x = 0
			}
			if k.double {
				k.AppendDatum(operand.U64(uint64(x)))
			} else {
				k.AppendDatum(operand.U32(uint32(x)))
			}
		}
	}
	from, end := k.GP64(), k.GP64()
	k.LEAQ(k.mask.Offset(k.bytes), end)
	k.MOVQ(count, from)
	k.NEGQ(from)
	k.VMOVUPS(operand.Mem{Base: end, Index: from, Scale: uint8(k.size())}, reg.Y15)
	return tail{reg.Y15}
}

// load assigns the first elements of a vector from memory, and 0 to the others.
func (k *kernel) load(t tail, from operand.Mem, to operand.Op) {
	switch {
	case k.bytes == 64 && k.double:
		k.VMOVUPD_Z(from, t.mask, to)
	case k.bytes == 64:
		k.VMOVUPS_Z(from, t.mask, to)
	default:
		k.pick3(k.VMASKMOVPS, k.VMASKMOVPD, from, t.mask, to)
	}
}

// store assigns the first elements of a vector to memory.
func (k *kernel) store(t tail, from operand.Op, to operand.Mem) {
	if k.bytes == 64 {
		k.pick(k.VMOVUPS, k.VMOVUPD, from, t.mask, to)
	} else {
		k.pick3(k.VMASKMOVPS, k.VMASKMOVPD, from, t.mask, to)
	}
}

func (k *kernel) pick3(single, double func(a, b, c operand.Op), a, b, c operand.Op) {
	if k.double {
		double(a, b, c)
	} else {
		single(a, b, c)
	}
}

// base loads the address of a slice, length its length, integer a number.
func (k *kernel) base(name string) reg.GPVirtual {
	return k.Load(k.Param(name).Base(), k.GP64()).(reg.GPVirtual)
}
func (k *kernel) length(name string) reg.GPVirtual {
	return k.Load(k.Param(name).Len(), k.GP64()).(reg.GPVirtual)
}
func (k *kernel) integer(name string) reg.GPVirtual {
	return k.Load(k.Param(name), k.GP64()).(reg.GPVirtual)
}

// toBytes turns a number of elements into bytes.
func (k *kernel) toBytes(n reg.GPVirtual) {
	k.SHLQ(operand.Imm(map[bool]uint64{false: 2, true: 3}[k.double]), n)
}

// address is where a parameter lies.
func (k *kernel) address(name string) operand.Mem {
	b, err := k.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// end ends the function.
func (k *kernel) end() {
	k.VZEROUPPER()
	k.RET()
}
