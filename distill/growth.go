package distill

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"radd/analysis"
	"radd/internal/philox"
	"radd/task"
)

const (
	// Horizons is how far free runs are followed when their error is measured.
	Horizons = 100
	// restart is the RNN steps from one free run's start to the next's; those of
	// a control do not overlap.
	restart        = 10
	controlRestart = Horizons
	controls       = 20
)

// Growth is how the error of free runs grows with the horizon: a run starts at
// ẑ_t = z_t and is compared with z_{t+k}, k = 1..Horizons, as long as the session
// lasts; starts are spread along the trajectory. Errors are root mean squares
// in units of the standard deviation that the row has along the trajectory.
type Growth struct {
	Error   *mat.Dense // (Horizons, M); NaN where no run came so far
	Control *mat.Dense // (Horizons, M), of students with random parameters
	Runs    []int      // that came so far (Horizons), of the student
}

// ErrorGrowth measures it, in two passes. The control's students, 20 of them,
// have random parameters: with z_t in units of its standard deviation, those in
// a row of A′, of B′ and of c′ are normal with the root mean square of the
// student's. They have the student's scales and know nothing else. The seed is
// theirs.
func (r *RADD) ErrorGrowth(t *analysis.Trajectory, seed uint64) (*Growth, error) {
	v := r.view(t)
	v.lenient = true
	spread := newScore(r.M)
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		spread.add(s.z, s.z)
	}
	sd := make([]float64, r.M)
	for m, d := range spread.deviation {
		sd[m] = math.Sqrt(d / spread.n)
	}
	student := newHorizonRuns([]*RADD{r}, restart)
	random := newHorizonRuns(r.random(seed, controls, sd), controlRestart)
	for s, err := range v.steps() {
		if err != nil {
			return nil, err
		}
		student.step(s)
		random.step(s)
	}
	return &Growth{Error: student.errors(sd), Control: random.errors(sd), Runs: student.n}, nil
}

// random returns n students whose parameters are random, but of this one's
// scale. sd (M) are the standard deviations of z_t.
func (r *RADD) random(seed uint64, n int, sd []float64) []*RADD {
	students := make([]*RADD, n)
	for k := range students {
		draw := uint32(0)
		// like draws a row as large as the fitted one, both times their units.
		like := func(fitted []float64, units func(j int) float64) []float64 {
			square := 0.0
			for j, x := range fitted {
				x *= units(j)
				square += float64(x * x)
			}
			rms := math.Sqrt(square / float64(len(fitted)))
			drawn := make([]float64, len(fitted))
			for j := range drawn {
				words := philox.Draw(seed, task.StreamBootstrap.Counter(draw, uint32(k), 0, 0))
				normal, _ := philox.Normal2(words[0], words[1])
				if u := units(j); u > 0 {
					drawn[j] = rms * normal / u
				}
				draw++
			}
			return drawn
		}
		one := func(int) float64 { return 1 }
		s := *r
		s.A, s.C = mat.NewDense(r.M, r.M, nil), make([]float64, r.M)
		if r.B != nil {
			s.B = mat.NewDense(r.M, r.Q, nil)
		}
		for m := range r.M {
			s.A.SetRow(m, like(r.A.RawRowView(m), func(j int) float64 { return sd[j] }))
			if r.B != nil {
				s.B.SetRow(m, like(r.B.RawRowView(m), one))
			}
			s.C[m] = like(r.C[m:m+1], one)[0]
		}
		students[k] = &s
	}
	return students
}

// horizonRuns are the free runs of some students, and the squared errors of all
// by horizon. A run takes a slot, which is free again when the run has come to
// the last horizon.
type horizonRuns struct {
	every   int        // RNN steps from a start to the next
	slots   []*slot    // Horizons/every
	next    int        // the slot of the next start
	since   int        // RNN steps since the last start
	squares *mat.Dense // Σ error² (Horizons, M)
	n       []int      // runs that came so far (Horizons)
}

// slot is one run of each student.
type slot struct {
	runs []*freeRun
	age  int // RNN steps since the start; Horizons: no run is under way
}

func newHorizonRuns(students []*RADD, every int) *horizonRuns {
	h := &horizonRuns{every: every, squares: mat.NewDense(Horizons, students[0].M, nil), n: make([]int, Horizons)}
	for range Horizons / every {
		s := &slot{age: Horizons}
		for _, r := range students {
			s.runs = append(s.runs, newFreeRun(r))
		}
		h.slots = append(h.slots, s)
	}
	return h
}

// step takes all runs one RNN step further, and starts some where it is time.
func (h *horizonRuns) step(s *step) {
	for _, slot := range h.slots {
		if s.previous == nil { // runs end with their session
			slot.age = Horizons
		}
		if slot.age == Horizons {
			continue
		}
		squares := h.squares.RawRowView(slot.age)
		for _, run := range slot.runs {
			estimate := run.next(s, false)
			for m, z := range s.z {
				e := z - estimate[m]
				squares[m] += float64(e * e)
			}
			h.n[slot.age]++
		}
		slot.age++
	}
	if s.previous == nil {
		h.next, h.since = 0, 0
	}
	if h.since == 0 {
		for _, run := range h.slots[h.next].runs {
			run.next(s, true)
		}
		h.slots[h.next].age = 0
		h.next = (h.next + 1) % len(h.slots)
	}
	h.since = (h.since + 1) % h.every
}

// errors returns root mean square errors in units of the standard deviations
// (Horizons, M).
func (h *horizonRuns) errors(sd []float64) *mat.Dense {
	out := mat.NewDense(Horizons, len(sd), nil)
	out.Apply(func(k, m int, square float64) float64 {
		return math.Sqrt(square/float64(h.n[k])) / sd[m]
	}, h.squares)
	return out
}
