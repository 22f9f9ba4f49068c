package sweep

import (
	"os"
	"slices"
)

// place is where a network of some length is.
type place struct {
	gradientSteps int
	shard         *shard
	network       int // in the shard
}

// lengths returns the networks by what makes them but their length, shortest
// first; nil where no plan varies the length.
func (s *Sweep) lengths() (map[string][]place, error) {
	var of map[string][]place
	for _, sh := range s.shards {
		if !slices.Contains(sh.plan.grid.varied(), "gradient-steps") {
			continue
		}
		configs, err := sh.configs()
		if err != nil {
			return nil, err
		}
		if of == nil {
			of = map[string][]place{}
		}
		for i := range configs {
			id := configs[i].Identity()
			of[id] = append(of[id], place{configs[i].GradientSteps, sh, i})
		}
	}
	for _, places := range of {
		slices.SortFunc(places, func(a, b place) int { return a.gradientSteps - b.gradientSteps })
	}
	return of, nil
}

// goOn takes a network that has not begun to where the longest of the finished
// networks is that it passes on its way: the same bytes for less work. Those of
// another instruction set or device are not on its way.
func (w *openShard) goOn(i int) error {
	c := &w.configs[i]
	if w.lengths == nil || w.fleet.State(i).GradientSteps > 0 {
		return nil
	}
	for _, p := range slices.Backward(w.lengths[c.Identity()]) {
		if p.gradientSteps >= c.GradientSteps {
			continue
		}
		e, err := w.finished(p)
		if err != nil {
			return err
		}
		if e == nil || e.result.State != Done {
			continue
		}
		if err := w.fleet.Resume(i, &e.snapshot); err != nil {
			return err
		}
		if w.fleet.State(i).GradientSteps == 0 {
			continue
		}
		w.mu.Lock()
		w.before[i] = e.snapshot.Seconds
		w.mu.Unlock()
		return nil
	}
	return nil
}

// finished returns a network that this program or another has finished, nil where
// it is not.
func (r *runner) finished(p place) (*entry, error) {
	r.mu.Lock()
	w := r.open[p.shard.id]
	r.mu.Unlock()
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.entries[p.network], nil
	}
	path := r.path(shardsDir, p.shard, ".zip")
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil, nil
	}
	a, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	c, err := p.shard.plan.grid.At(p.shard.indices()[p.network])
	if err != nil {
		return nil, err
	}
	return a.entry(c)
}
