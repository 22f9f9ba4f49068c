package graph

import (
	"math"

	"github.com/chewxy/math32"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"radd/kernels"
)

// link is one op of a fused chain of elementwise ops: it assigns f(a, b) to its
// result.
type link struct {
	function     function
	result, a, b operand
}

// operand is a chunk of a register or of a value in memory.
type operand struct {
	register int // −1: the memory
	place    place
}

const (
	// chunk is the number of elements that a fused chain takes through all of its
	// ops at a time.
	chunk = 256
	// registers is the number of chunks that a fused chain may hold at once.
	registers = 4
)

// operand returns the elements from … to of an operand, or the one that stands
// for all.
func (m *memory[F]) operand(o operand, from, to int) []F {
	switch {
	case o.register >= 0:
		return m.registers[o.register][:to-from]
	case o.place.size == 1:
		return m.at(o.place)
	}
	return m.at(o.place)[from:to]
}

// runChain runs a chain of elementwise ops. The result may lie where an argument
// of the same size does.
func runChain[F kernels.Float](m *memory[F], i *instruction[F]) error {
	n := int(i.out.size)
	for from := 0; from < n; from += chunk {
		to := min(from+chunk, n)
		for k := range i.links {
			l := &i.links[k]
			y, a := m.operand(l.result, from, to), m.operand(l.a, from, to)
			if l.function.unary() {
				unary(l.function, y, a)
			} else {
				binary(l.function, y, a, m.operand(l.b, from, to))
			}
		}
	}
	return nil
}

// binary assigns f(a, b) to y. Of a and b, one may be a single element.
func binary[F kernels.Float](f function, y, a, b []F) {
	switch {
	case len(a) < len(y):
		x := a[0]
		b = b[:len(y)]
		switch f {
		case add:
			for i := range y {
				y[i] = x + b[i]
			}
		case subtract:
			for i := range y {
				y[i] = x - b[i]
			}
		case multiply:
			for i := range y {
				y[i] = x * b[i]
			}
		case divide:
			for i := range y {
				y[i] = x / b[i]
			}
		}
	case len(b) < len(y):
		x := b[0]
		a = a[:len(y)]
		switch f {
		case add:
			for i := range y {
				y[i] = a[i] + x
			}
		case subtract:
			for i := range y {
				y[i] = a[i] - x
			}
		case multiply:
			for i := range y {
				y[i] = a[i] * x
			}
		case divide:
			for i := range y {
				y[i] = a[i] / x
			}
		}
	default:
		a, b = a[:len(y)], b[:len(y)]
		switch f {
		case add:
			for i := range y {
				y[i] = a[i] + b[i]
			}
		case subtract:
			for i := range y {
				y[i] = a[i] - b[i]
			}
		case multiply:
			for i := range y {
				y[i] = a[i] * b[i]
			}
		case divide:
			for i := range y {
				y[i] = a[i] / b[i]
			}
		}
	}
}

// unary assigns f(x) to y, with the formulas of gorgonia and its tensors.
func unary[F kernels.Float](f function, y, x []F) {
	x = x[:len(y)]
	switch f {
	case abs:
		for i := range y {
			y[i] = F(math.Abs(float64(x[i])))
		}
	case sign:
		for i := range y {
			switch y[i] = x[i]; {
			case x[i] < 0:
				y[i] = -1
			case x[i] > 0:
				y[i] = 1
			}
		}
	case negate:
		for i := range y {
			y[i] = -x[i]
		}
	case square:
		for i := range y {
			y[i] = x[i] * x[i]
		}
	case cube:
		for i := range y {
			y[i] = x[i] * x[i] * x[i]
		}
	case inverse:
		for i := range y {
			y[i] = 1 / x[i]
		}
	case squareRoot:
		for i := range y {
			y[i] = F(math.Sqrt(float64(x[i]))) // correctly rounded in either type
		}
	default:
		switch y := any(y).(type) {
		case []float64:
			unary64(f, y, any(x).([]float64))
		case []float32:
			unary32(f, y, any(x).([]float32))
		}
	}
}

func unary64(f function, y, x []float64) {
	switch f {
	case exp:
		for i := range y {
			y[i] = math.Exp(x[i])
		}
	case logarithm:
		for i := range y {
			y[i] = math.Log(x[i])
		}
	case tanh:
		for i := range y {
			y[i] = math.Tanh(x[i])
		}
	case sigmoid:
		for i := range y {
			y[i] = sigmoid64(x[i])
		}
	}
}

func unary32(f function, y, x []float32) {
	switch f {
	case exp:
		for i := range y {
			y[i] = math32.Exp(x[i])
		}
	case logarithm:
		for i := range y {
			y[i] = math32.Log(x[i])
		}
	case tanh:
		for i := range y {
			y[i] = math32.Tanh(x[i])
		}
	case sigmoid:
		for i := range y {
			y[i] = sigmoid32(x[i])
		}
	}
}

func sigmoid64(x float64) float64 {
	switch {
	case x < -709:
		return 0
	case x > 19:
		return 1
	}
	return 1 / (1 + math.Exp(-x))
}

func sigmoid32(x float32) float32 {
	switch {
	case x < -88:
		return 0
	case x > 15:
		return 1
	}
	return float32(1 / (1 + math.Exp(float64(-x))))
}

// linear is the BLAS that gorgonia's tensors use, so that products have the same
// bits.
var linear gonum.Implementation

// runProduct assigns A x: A is (rows, columns), row-major.
func runProduct[F kernels.Float](m *memory[F], i *instruction[F]) error {
	multiplyMatrix(blas.NoTrans, i, m)
	return nil
}

// runTransposedProduct assigns Aᵀ x.
func runTransposedProduct[F kernels.Float](m *memory[F], i *instruction[F]) error {
	multiplyMatrix(blas.Trans, i, m)
	return nil
}

func multiplyMatrix[F kernels.Float](t blas.Transpose, i *instruction[F], m *memory[F]) {
	switch y := any(m.at(i.out)).(type) {
	case []float64:
		a, x := any(m.at(i.args[0])).([]float64), any(m.at(i.args[1])).([]float64)
		linear.Dgemv(t, i.rows, i.columns, 1, a, i.columns, x, 1, 0, y, 1)
	case []float32:
		a, x := any(m.at(i.args[0])).([]float32), any(m.at(i.args[1])).([]float32)
		linear.Sgemv(t, i.rows, i.columns, 1, a, i.columns, x, 1, 0, y, 1)
	}
}

// runInnerProduct assigns x·y, one element.
func runInnerProduct[F kernels.Float](m *memory[F], i *instruction[F]) error {
	switch z := any(m.at(i.out)).(type) {
	case []float64:
		x, y := any(m.at(i.args[0])).([]float64), any(m.at(i.args[1])).([]float64)
		z[0] = linear.Ddot(len(x), x, 1, y, 1)
	case []float32:
		x, y := any(m.at(i.args[0])).([]float32), any(m.at(i.args[1])).([]float32)
		z[0] = linear.Sdot(len(x), x, 1, y, 1)
	}
	return nil
}

// runOuterProduct assigns x yᵀ.
func runOuterProduct[F kernels.Float](m *memory[F], i *instruction[F]) error {
	clear(m.at(i.out))
	addOuterProduct(m, i)
	return nil
}

// runAddedOuterProduct assigns A + x yᵀ, in the place of A where nothing else
// reads that.
func runAddedOuterProduct[F kernels.Float](m *memory[F], i *instruction[F]) error {
	if i.args[2] != i.out {
		copy(m.at(i.out), m.at(i.args[2]))
	}
	addOuterProduct(m, i)
	return nil
}

func addOuterProduct[F kernels.Float](m *memory[F], i *instruction[F]) {
	switch a := any(m.at(i.out)).(type) {
	case []float64:
		x, y := any(m.at(i.args[0])).([]float64), any(m.at(i.args[1])).([]float64)
		linear.Dger(len(x), len(y), 1, x, 1, y, 1, a, len(y))
	case []float32:
		x, y := any(m.at(i.args[0])).([]float32), any(m.at(i.args[1])).([]float32)
		linear.Sger(len(x), len(y), 1, x, 1, y, 1, a, len(y))
	}
}

// runSoftmax assigns the softmax of a vector.
func runSoftmax[F kernels.Float](m *memory[F], i *instruction[F]) error {
	x, y := m.at(i.args[0]), m.at(i.out)
	sum := 1 / exponentials(y, x)
	for j := range y {
		y[j] *= sum
	}
	return nil
}

// runLogSoftmax assigns the logarithm of the softmax of a vector, finite
// wherever the vector is.
func runLogSoftmax[F kernels.Float](m *memory[F], i *instruction[F]) error {
	x, y := m.at(i.args[0]), m.at(i.out)
	var log [1]F
	log[0] = exponentials(y, x)
	unary(logarithm, log[:], log[:])
	top := largest(x)
	for j := range y {
		y[j] = x[j] - top - log[0]
	}
	return nil
}

// exponentials assigns e^(x − max x) to y and returns the sum.
func exponentials[F kernels.Float](y, x []F) (sum F) {
	top := largest(x)
	for j := range y {
		y[j] = x[j] - top
	}
	unary(exp, y, y)
	for _, e := range y {
		sum += e
	}
	return sum
}

func largest[F kernels.Float](x []F) F {
	top := x[0]
	for _, v := range x[1:] {
		if v > top {
			top = v
		}
	}
	return top
}

// runSoftmaxGradient assigns (g − g·y) y: the arguments are the input, the output
// y and its gradient g.
func runSoftmaxGradient[F kernels.Float](m *memory[F], i *instruction[F]) error {
	y, g, dx := m.at(i.args[1]), m.at(i.args[2]), m.at(i.out)
	var sum F
	for j := range y {
		sum += F(y[j] * g[j])
	}
	for j := range y {
		dx[j] = (g[j] - sum) * y[j]
	}
	return nil
}

// runLogSoftmaxGradient assigns g − e^y Σ g: the arguments are as for the
// softmax's.
func runLogSoftmaxGradient[F kernels.Float](m *memory[F], i *instruction[F]) error {
	y, g, dx := m.at(i.args[1]), m.at(i.args[2]), m.at(i.out)
	sum := g[0]
	for _, v := range g[1:] {
		sum += v
	}
	unary(exp, dx, y)
	for j := range dx {
		dx[j] = g[j] - F(dx[j]*sum)
	}
	return nil
}

// runScatter assigns zeros, but for the second argument from the start on.
func runScatter[F kernels.Float](m *memory[F], i *instruction[F]) error {
	y := m.at(i.out)
	clear(y)
	for j, x := range m.at(i.args[1]) {
		y[i.start+j] += x // zero plus minus zero is zero, as gorgonia has it
	}
	return nil
}

// runSum assigns the sum of a vector's elements, one element.
func runSum[F kernels.Float](m *memory[F], i *instruction[F]) error {
	var sum F
	for _, x := range m.at(i.args[0]) {
		sum += x
	}
	m.at(i.out)[0] = sum
	return nil
}
