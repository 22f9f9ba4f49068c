package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Probe is a microbenchmark: how fast a device does one of the things that the
// other kernels are made of. The kernels are those of src/probe.cu.
type Probe struct {
	Kernel  string
	Threads int  // of a block, at most probeThreads
	Alone   bool // one block; else as many as the device holds at once
	Bytes   int  // that are copied, for a probe that copies
}

// Reading is what one launch of a probe took.
type Reading struct {
	Operations int           // of each warp
	Warps      int           // of all blocks
	Bytes      int           // written; as many were read
	Cycles     int           // of the multiprocessor's clock, of the block that took most
	Time       time.Duration // from the first block's start to the last one's end, by a clock of the device
}

const (
	probeThreads    = 256
	probeOperations = 16 // of a warp in a round
	probeChains     = 8  // of multiply–adds in a thread
	probeTable      = 2048
	quad            = 16 // bytes of a load

	probeFactor, probeTerm = .5, 1 // a chain of multiply–adds goes to 2
)

// probing is the argument of the probes' kernels.
type probing struct {
	Rounds, Quads      int64
	From, To           Pointer
	Cycles, Start, End Pointer
	Result             Pointer
	Factor, Term       float64
}

// probeRows says which row of 32 quads follows another in the table that loads
// go over.
var probeRows = [...]int{2, 3, 1, 0}

// loadTable returns what shared memory holds when loads are timed: quads that
// say where the next one is, then three numbers to be summed.
func loadTable() []byte {
	table := make([]byte, probeTable)
	for i := range probeTable / quad {
		next := (probeRows[i/warp]*warp + i%warp) * quad
		for k, x := range [...]int{next, i, 2 * i, 1} {
			binary.NativeEndian.PutUint32(table[i*quad+4*k:], uint32(x))
		}
	}
	return table
}

// Run launches the probe with the given rounds of 16 operations, or of a copy,
// and checks what it computed.
func (p Probe) Run(d Driver, rounds int) (r Reading, err error) {
	fail := func(doing string, err error) (Reading, error) {
		return r, &Error{d.Properties().String(), doing, err}
	}
	blocks := 1
	if !p.Alone {
		if blocks, err = d.Resident(p.Kernel, p.Threads, probeTable); err != nil {
			return fail("kernel "+p.Kernel, err)
		}
	}
	table := loadTable()
	var a arena
	defer func() {
		if e := a.free(d); err == nil && e != nil {
			r, err = fail("freeing memory", e)
		}
	}()
	var args Pointer
	var of probing
	lay := func() (uploaded int) {
		var at int
		args, at = a.take(sizeOf[probing](1))
		of = probing{Rounds: int64(rounds), Quads: int64(p.Bytes / quad), From: put(&a, table), Factor: probeFactor, Term: probeTerm}
		uploaded = a.at
		of.Cycles, of.Start, of.End = space[int64](&a, blocks), space[int64](&a, blocks), space[int64](&a, blocks)
		of.Result = space[float64](&a, blocks*p.Threads)
		if p.Bytes > len(table) {
			of.From = space[byte](&a, p.Bytes)
		}
		of.To = space[byte](&a, p.Bytes)
		if !a.measures {
			view[probing](&a, at, 1)[0] = of
		}
		return uploaded
	}
	a.begin(true)
	uploaded := lay()
	if err := a.reserve(d, uploaded); err != nil {
		return fail("allocating memory", err)
	}
	a.begin(false)
	lay()
	c := copies{driver: d}
	upload(&c, a.device, a.host[:uploaded])
	if p.Bytes > len(table) {
		upload(&c, of.From, table)
	}
	if c.err == nil {
		c.err = d.Launch(p.Kernel, blocks, p.Threads, probeTable, args)
	}
	if c.err == nil {
		c.err = d.Synchronise()
	}
	cycles, start, end := make([]int64, blocks), make([]int64, blocks), make([]int64, blocks)
	results, copied := make([]float64, blocks*p.Threads), make([]byte, min(p.Bytes, len(table)))
	download(&c, cycles, of.Cycles)
	download(&c, start, of.Start)
	download(&c, end, of.End)
	download(&c, results, of.Result)
	download(&c, copied, of.To)
	if c.err != nil {
		return fail("kernel "+p.Kernel, c.err)
	}
	for i, got := range results {
		const rounding = 1e-5 // of float32, relative
		if want := p.result(rounds, blocks, i); !(math.Abs(got-want) <= rounding*math.Abs(want)) {
			return fail("kernel "+p.Kernel, fmt.Errorf("thread %d of block %d computed %v, not %v", i%p.Threads, i/p.Threads, got, want))
		}
	}
	if string(copied) != string(table[:len(copied)]) {
		return fail("kernel "+p.Kernel, fmt.Errorf("the copy is not what was copied"))
	}
	first, last := start[0], end[0]
	for i := range cycles {
		first, last = min(first, start[i]), max(last, end[i])
		r.Cycles = max(r.Cycles, int(cycles[i]))
	}
	r.Warps = blocks * p.Threads / warp
	r.Time = time.Duration(last - first)
	if p.Bytes > 0 {
		r.Bytes = rounds * p.Bytes
	} else {
		r.Operations = rounds * probeOperations
	}
	return r, nil
}

// result returns what thread i of all blocks computes.
func (p Probe) result(rounds, blocks, i int) float64 {
	operations := rounds * probeOperations
	thread := i % p.Threads
	switch p.Kernel {
	case "probe_multiply_add_f32", "probe_multiply_add_f64":
		total := 0.0
		for chain := range probeChains {
			total += 2 + math.Ldexp(float64(chain+thread-2), -operations/probeChains)
		}
		return total
	case "probe_load_uniform", "probe_load_spread":
		lane := thread % warp
		if p.Kernel == "probe_load_uniform" {
			lane = 0
		}
		var total uint32
		for row := range probeRows { // as often as another
			total += uint32(3*(row*warp+lane)+1) * uint32(operations/len(probeRows))
		}
		return float64(total)
	case "probe_shuffle":
		return float64(thread/warp*warp + (thread+operations)%warp)
	case "probe_barrier":
		return float64(operations)
	default: // probe_copy
		all := p.Bytes / quad
		threads := blocks * p.Threads
		return float64(rounds * ((all - i + threads - 1) / threads))
	}
}
