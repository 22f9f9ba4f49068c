package graph

import (
	"sync"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Graphs may be differentiated at once. Only the race detector sees where they
// may not, and only before another test has differentiated one: this file comes
// first by name.
func TestDifferentiateAtOnce(t *testing.T) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for range 8 {
		x := gorgonia.NewScalar(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithName("x"))
		y := must(t)(gorgonia.Tanh(x))
		group.Go(func() {
			<-start
			if _, err := differentiate(y, x); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	group.Wait()
}
