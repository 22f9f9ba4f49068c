package sweep

import (
	"os"
	"slices"
	"time"
)

// Status is how far a sweep's folder is.
type Status struct {
	Out           string   `json:"out"`
	Networks      int      `json:"networks"` // that the file asks for, or that were planned, if those are more
	Planned       int      `json:"planned"`
	Done          int      `json:"done"`
	Running       int      `json:"running"` // in shards that a living program holds, and not finished there
	Failed        int      `json:"failed"`
	Waiting       int      `json:"waiting"`
	Shards        int      `json:"shards"`
	Published     int      `json:"published"` // shards
	Claims        int      `json:"claims"`
	Dead          int      `json:"dead_claims"` // whose owner died or is silent for the lease
	Cores         int      `json:"cores"`       // at work
	GradientSteps int64    `json:"gradient_steps"`
	Seconds       float64  `json:"core_seconds"`       // spent on finished networks
	Remaining     *float64 `json:"remaining_seconds"`  // null before anything is finished or while nothing runs
	Reasons       []string `json:"failures,omitempty"` // name: why
	MoreReasons   int      `json:"more_failures,omitempty"`
}

// Status reads how far the sweep is. It reads a small part of each shard, and of
// each claim.
func (s *Sweep) Status(lease time.Duration) (Status, error) {
	if lease == 0 {
		lease = DefaultLease
	}
	st := Status{Out: s.Out, Shards: len(s.shards)}
	published, err := s.published()
	if err != nil {
		return st, err
	}
	claims, err := s.listed(claimsDir, ".json")
	if err != nil {
		return st, err
	}
	var now time.Time
	if len(claims) > 0 {
		if now, err = s.fileTime(); err != nil {
			return st, err
		}
	}
	here := self()
	type cost struct {
		seconds float64
		count   int
	}
	costs, left := map[int]cost{}, map[int]int{} // by hidden units
	owners := map[process]int{}
	for _, sh := range s.shards {
		n := sh.networks()
		st.Planned += n
		var d digest
		if published[sh.id] {
			st.Published++
			if d, err = digestOf(s.path(shardsDir, sh, ".zip")); err != nil {
				return st, err
			}
		} else if d, err = digestOf(s.path(workDir, sh, ".zip")); err != nil {
			d = digest{} // no checkpoint, or it was published just now
		}
		failed := len(d.Failed) + d.MoreFailed
		st.Done += d.Finished - failed
		st.Failed += failed
		st.GradientSteps += d.GradientSteps
		st.Seconds += d.Seconds
		st.Reasons = append(st.Reasons, d.Failed...)
		st.MoreReasons += d.MoreFailed
		if d.Finished > 0 {
			c := costs[d.Hidden]
			costs[d.Hidden] = cost{c.seconds + d.Seconds, c.count + d.Finished}
		}
		if published[sh.id] {
			continue
		}
		rest := n - d.Finished
		c, err := s.plansConfig(sh)
		if err != nil {
			return st, err
		}
		left[c] += rest
		if !claims[sh.id] {
			continue
		}
		claim, err := readClaim(s.path(claimsDir, sh, ".json"))
		switch {
		case os.IsNotExist(err):
		case err != nil:
			return st, err
		case claim.lost(here, now, lease):
			st.Dead++
		default:
			st.Claims++
			st.Running += rest
			owners[claim.process] = claim.Jobs
		}
	}
	for _, jobs := range owners {
		st.Cores += jobs
	}
	st.Networks = max(st.Planned, s.grid.Len())
	st.Waiting = st.Networks - st.Done - st.Failed - st.Running
	slices.Sort(st.Reasons)
	st.Remaining = remaining(st, func(hidden int) (float64, bool) {
		c, ok := costs[hidden]
		return c.seconds / float64(max(c.count, 1)), ok
	}, left)
	return st, nil
}

// plansConfig returns the hidden units of a shard's networks.
func (s *Sweep) plansConfig(sh *shard) (int, error) {
	c, err := sh.plan.grid.At(sh.ranges[0][0])
	return c.Hidden, err
}

// remaining estimates the seconds that are left from what networks of each size
// took; a size that none is finished of is taken to cost what the nearest
// smaller one does, times the square of the ratio.
func remaining(st Status, cost func(hidden int) (float64, bool), left map[int]int) *float64 {
	if st.Cores == 0 {
		return nil
	}
	total := 0.0
	for hidden, n := range left {
		if n == 0 {
			continue
		}
		per, ok := cost(hidden)
		for h := hidden - 1; !ok && h > 0; h-- {
			if per, ok = cost(h); ok {
				per *= float64(hidden*hidden) / float64(h*h)
			}
		}
		if !ok {
			return nil
		}
		total += per * float64(n)
	}
	seconds := total / float64(st.Cores)
	return &seconds
}
