package analysis

import (
	"gonum.org/v1/gonum/mat"

	"radd/kernels"
)

// NewCircuitTable returns the table of effective circuits without rows.
func NewCircuitTable() *Table {
	return NewTable("circuit.csv", "kind", "source", "matrix", "to", "from", "value")
}

// circuit is a network of two units and three inputs: the whole network seen
// from its readouts.
type circuit struct {
	recurrence *mat.Dense // (2, 2)
	input      *mat.Dense // (2, 3)
	readout    *mat.Dense // (1, 2)
}

var (
	circuitUnits  = []string{"stimulus", "block"}
	circuitInputs = []string{"left", "right", "feedback"}
)

func (c *circuit) addTo(t *Table, kind Kind, source string) {
	for _, m := range []struct {
		name     string
		values   *mat.Dense
		to, from []string
	}{
		{"recurrence", c.recurrence, circuitUnits, circuitUnits},
		{"input", c.input, circuitUnits, circuitInputs},
		{"readout", c.readout, []string{"logit"}, circuitUnits},
	} {
		for i, to := range m.to {
			for k, from := range m.from {
				t.Add(string(kind), source, m.name, to, from, m.values.At(i, k))
			}
		}
	}
}

// seenFrom returns P W_hh P⁺, P W_ih and w P⁺, with the slopes (N) before W_hh and
// W_ih unless they are nil.
func (s *System) seenFrom(P *mat.Dense, slopes []float64) *circuit {
	back := pseudoinverse(P)
	left := mat.DenseCopyOf(P)
	if slopes != nil {
		for row := range 2 {
			for i, g := range slopes {
				left.Set(row, i, left.At(row, i)*g)
			}
		}
	}
	var c circuit
	c.recurrence, c.input, c.readout = new(mat.Dense), new(mat.Dense), new(mat.Dense)
	c.recurrence.Product(left, s.Recurrent, back)
	c.input.Mul(left, s.Input)
	c.readout.Mul(mat.NewDense(1, s.N, s.Readout), back)
	return &c
}

// AddCircuits adds the network's circuits seen from readouts: by its weights, and
// linearised along the recording. Of two readouts in one direction there is none.
func (r *Recording) AddCircuits(t *Table, s *System, readouts *Readouts) {
	P, kind := readouts.Projection, readouts.Kind
	if pseudoinverse(P) == nil {
		return
	}
	s.seenFrom(P, nil).addTo(t, kind, "weights")
	slopes := make([]float64, s.N)
	m := float64(len(r.sample.step))
	for k := range r.sample.step {
		for i, h := range r.sample.after[k*s.N : (k+1)*s.N] {
			slopes[i] += (1 - h*h) / m
		}
	}
	s.seenFrom(P, slopes).addTo(t, kind, "linearised")
}

// AddStudentCircuit adds the parameters of a RADD student of two units, in its
// teacher's units: its state is P (h − h̄)/κ.
func AddStudentCircuit(t *Table, s *System, kind Kind, kappa [2]float64) {
	c := circuit{mat.DenseCopyOf(s.Recurrent), mat.DenseCopyOf(s.Input), mat.DenseCopyOf(mat.NewDense(1, 2, s.Readout))}
	for i := range 2 {
		for k := range 2 {
			c.recurrence.Set(i, k, kappa[i]*c.recurrence.At(i, k)/kappa[k])
		}
		for k := range kernels.Inputs {
			c.input.Set(i, k, kappa[i]*c.input.At(i, k))
		}
		c.readout.Set(0, i, c.readout.At(0, i)/kappa[i])
	}
	c.addTo(t, kind, "student")
}
