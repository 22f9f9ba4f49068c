package sweep

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
)

// idle is a heap of programs by the time at which they are free.
type idle []struct {
	at      float64
	program int
}

func (h idle) Len() int           { return len(h) }
func (h idle) Less(i, j int) bool { return h[i].at < h[j].at }
func (h idle) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *idle) Push(x any) {
	*h = append(*h, x.(struct {
		at      float64
		program int
	}))
}
func (h *idle) Pop() any { x := (*h)[len(*h)-1]; *h = (*h)[:len(*h)-1]; return x }

// simulate has programs claim shards, as runner.next does, each from its own
// place on. It returns the shards that were looked at, for each that was claimed,
// the most in one search, and the share of the programs' time that was idle at
// the end. Shards take about a minute, and vary by a quarter.
func simulate(shards, programs int) (looks, most, waste float64) {
	random := rand.New(rand.NewPCG(1, 2))
	taken := make([]bool, shards)
	place := make([]int, programs)
	free := &idle{}
	for p := range programs {
		place[p] = int(uint32(p) * 2654435761 >> 1)
		heap.Push(free, struct {
			at      float64
			program int
		}{0, p})
	}
	at := make([]int, programs)
	total, end, busy := 0, 0.0, 0.0
	for free.Len() > 0 {
		x := heap.Pop(free).(struct {
			at      float64
			program int
		})
		p, searched := x.program, 0
		for ; at[p] < shards; at[p]++ {
			searched++
			if k := (at[p] + place[p]) % shards; !taken[k] {
				taken[k] = true
				cost := 60 * math.Max(.1, 1+.25*random.NormFloat64())
				busy += cost
				end = math.Max(end, x.at+cost)
				x.at += cost
				heap.Push(free, x)
				break
			}
		}
		total += searched
		most = math.Max(most, float64(searched))
	}
	return float64(total) / float64(shards), most, 1 - busy/(end*float64(programs))
}

// What claiming costs the file system: shards looked at for each one claimed,
// with 100 programs over a million networks.
func TestScheduler(t *testing.T) {
	for _, c := range []struct {
		shards, programs int
		waste            float64 // at most
	}{
		{1_000, 100, .15},
		{10_000, 100, .02},
		{10_000, 1_000, .15},
	} {
		looks, most, waste := simulate(c.shards, c.programs)
		t.Logf("%d shards, %d programs: %.1f looked at for each claimed, %.0f at once at most, %.1f %% of the time idle at the end",
			c.shards, c.programs, looks, most, 100*waste)
		if looks > float64(c.programs+1) || waste > c.waste { // no program looks at a shard twice
			t.Errorf("%d shards, %d programs: %.1f looks, %.3f idle", c.shards, c.programs, looks, waste)
		}
	}
}
