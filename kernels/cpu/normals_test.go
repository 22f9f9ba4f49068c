package cpu

import (
	"testing"

	"radd/internal/philox"
)

// TestNormals compares every instruction set's deviates with the generic ones,
// to the bit, over counters whose words are any.
func TestNormals(t *testing.T) {
	draws := 1 << 20
	if testing.Short() {
		draws = 1 << 14
	}
	for _, isa := range Supported() {
		normals := routinesOf[float64](isa).normals
		t.Run(string(isa), func(t *testing.T) {
			guarded := [3][4][8]float64{}
			for i := range draws / 8 {
				w := philox.Draw(1, philox.Counter{uint32(i)})
				key := uint64(w[2])<<32 | uint64(w[3])
				counter := philox.Counter{w[0], w[1], w[2] >> 7, uint32(i)}
				if i == 0 {
					counter[1] = 1<<32 - 3 // the trial's word wraps around
				}
				var want [4][8]float64
				philox.Normals(&want, key, counter)
				normals(&guarded[1], key, counter)
				if guarded != [3][4][8]float64{1: want} {
					t.Fatalf("key %#x, counter %v: %v, want %v with zeros on either side", key, counter, guarded, want)
				}
			}
		})
	}
}
