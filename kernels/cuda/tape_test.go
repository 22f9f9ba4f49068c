//go:build !gpu

package cuda

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestBarriers wants one before every instruction that depends on another since the
// last, and none elsewhere.
func TestBarriers(t *testing.T) {
	at := func(space, at, size int32) Place { return Place{space, at, size} }
	x, y, z := at(SpaceOwn, 0, 4), at(SpaceOwn, 4, 4), at(SpaceOwn, 8, 4)
	for _, test := range []struct {
		name string
		tape []Instruction
		ends []int64
		want string // 1 for a barrier
	}{
		{"independent", []Instruction{{Opcode: OpProduct, Out: x, A: at(SpaceCommon, 0, 4)}, {Opcode: OpProduct, Out: y, A: at(SpaceCommon, 0, 4)}}, nil, "00"},
		{"reads what was written", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpProduct, Out: y, A: at(SpaceOwn, 3, 1)}}, nil, "01"},
		{"of another space", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpProduct, Out: y, A: at(SpaceScratch, 3, 1)}}, nil, "00"},
		{"writes what was read", []Instruction{{Opcode: OpProduct, Out: y, A: x}, {Opcode: OpProduct, Out: x}}, nil, "01"},
		{"writes what was written", []Instruction{{Opcode: OpProduct, Out: y}, {Opcode: OpProduct, Out: at(SpaceOwn, 7, 9)}}, nil, "01"},
		{"not after a barrier", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpProduct, Out: y, A: x}, {Opcode: OpProduct, Out: z, A: x}}, nil, "010"},
		{"again after a barrier", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpProduct, Out: y, A: x}, {Opcode: OpProduct, Out: z, A: y}}, nil, "011"},
		{"a part's start", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpProduct, Out: y, A: x}, {Opcode: OpProduct, Out: z, A: y}}, []int64{1, 1, 3}, "001"},
		{"a link's operand", []Instruction{{Opcode: OpProduct, Out: x}, {Opcode: OpChain, Count: 1, Out: y}}, nil, "01"},
		{"a sum in place", []Instruction{{Opcode: OpAddedOuterProduct, Out: x, C: x}, {Opcode: OpAddedOuterProduct, Out: x, C: x}}, nil, "00"},
		{"a sum of a sum's part", []Instruction{{Opcode: OpAddedOuterProduct, Out: x, C: x}, {Opcode: OpAddedOuterProduct, Out: y, A: x, C: y}}, nil, "01"},
		{"a chain after a chain", []Instruction{{Opcode: OpChain, First: 1, Count: 1, Out: x}, {Opcode: OpChain, Count: 1, Out: z}}, nil, "00"},
		{"a chain after another's element", []Instruction{{Opcode: OpChain, First: 1, Count: 1, Out: at(SpaceOwn, 0, 1)}, {Opcode: OpChain, Count: 1, Out: z}}, nil, "01"},
		{"a link's registers", []Instruction{{Opcode: OpProduct, Out: y}, {Opcode: OpChain, First: 1, Count: 1, Out: z}}, nil, "00"},
	} {
		p := &Program[float64]{Tape: test.tape, Ends: test.ends, Links: []Link{
			{From: [2]int32{-1, 0}, Operand: [2]Place{x, y}}, {From: [2]int32{0, 1}, Operand: [2]Place{y, y}}}}
		p.mark()
		got := ""
		for _, i := range p.Tape {
			got += fmt.Sprint(i.barrier)
		}
		if got != test.want {
			t.Errorf("%s: barriers %s, want %s", test.name, got, test.want)
		}
	}
}

// TestTapeKernels wants the manifest to have the tape's kernels for every
// architecture, and the page on the GPU to give what they take.
func TestTapeKernels(t *testing.T) {
	m, err := ReadManifest(os.DirFS("images"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/gpu.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tape_f32", "tape_f64"} {
		for _, architecture := range Architectures {
			if m.Kernels[architecture][name].Registers == 0 {
				t.Errorf("the manifest lacks %s for %s", name, architecture)
			}
		}
		u := m.Kernels["sm_90"][name]
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|.*$").FindString(string(page))
		if want := fmt.Sprintf("| %d | %d | %d |", u.Registers, u.SpillStores, u.SpillLoads); !strings.HasSuffix(row, want) {
			t.Errorf("docs/gpu.md has %q of %s, the manifest %q", row, name, want)
		}
	}
}
