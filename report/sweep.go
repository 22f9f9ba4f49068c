package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"radd/sweep"
)

// Sweep is what a sweep's folder holds by now.
type Sweep struct {
	Dir, Name string
	sweep.Status
	networks []sweepNetwork
}

// sweepNetwork is one of the sweep's networks, by what the sweep varies.
type sweepNetwork struct {
	sweep.Sampled
	metrics *Table
}

// sweepSample is how many of a sweep's networks are drawn at most.
const sweepSample = 60

// ReadSweep reads how far the sweep in dir is, and some of its networks. Errors
// about what is there are *input.Error.
func ReadSweep(dir string) (*Sweep, error) {
	of, err := sweep.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Sweep{Dir: dir, Name: nameOf(dir)}
	if s.Status, err = of.Status(sweep.DefaultLease); err != nil {
		return nil, err
	}
	networks, err := of.Sample(sweepSample)
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		known := sweepNetwork{Sampled: n}
		if whole := n.Metrics[:bytes.LastIndexByte(n.Metrics, '\n')+1]; len(whole) > 0 {
			if known.metrics, err = parseTable(dir, whole, metricsColumns...); err != nil {
				return nil, err
			}
		}
		s.networks = append(s.networks, known)
	}
	return s, nil
}

// Finished is how many networks are done or have failed.
func (s *Sweep) Finished() int { return s.Done + s.Failed }

// groups returns the different values of what the sweep varies, in their order.
func (s *Sweep) groups() (list []string) {
	for _, n := range s.networks {
		if !slices.Contains(list, n.Of) {
			list = append(list, n.Of)
		}
	}
	slices.SortFunc(list, byNumber)
	return list
}

// marks returns a mark for every value of what the sweep varies, with the points
// of all its networks; x and y of one network are one line.
func (s *Sweep) marks(look Look, points func(*sweepNetwork) (x, y []float64)) (list []Mark) {
	groups := s.groups()
	for i, group := range groups {
		m := Mark{Key: fmt.Sprintf("group-%d", i), Look: look, Stroke: stroke{ink: rung(i, len(groups)), width: .8}, Radius: 2.4}
		if len(groups) <= MostRuns {
			m.Label = orElse(group, "networks")
		}
		if strings.Contains(group, "objective cross-entropy") {
			m.Stroke.dash = dashed
		}
		for k := range s.networks {
			n := &s.networks[k]
			if n.Of != group {
				continue
			}
			x, y := points(n)
			if look == Line && len(m.X) > 0 && len(x) > 0 {
				m.X, m.Y, m.Notes = append(m.X, math.NaN()), append(m.Y, math.NaN()), append(m.Notes, "")
			}
			m.X, m.Y = append(m.X, x...), append(m.Y, y...)
			for range x {
				m.Notes = append(m.Notes, n.Name)
			}
		}
		if len(m.X) > 0 {
			list = append(list, m)
		}
	}
	return list
}

// Figures returns what is drawn of the sweep.
func (s *Sweep) Figures() []*Figure {
	learned := func(column string) []Mark {
		return s.marks(Line, func(n *sweepNetwork) (x, y []float64) { return learningCurve(n.metrics, column, sweepPoints) })
	}
	played := s.marks(Dots, func(n *sweepNetwork) (x, y []float64) {
		if n.Rollout == nil {
			return nil, nil
		}
		return []float64{float64(n.Rollout.RNNStepsPerTrial)}, []float64{float64(n.Rollout.CorrectPerTrial)}
	})
	some := fmt.Sprintf("A line is a network, up to its newest checkpoint; %d of the %d that are finished or have one.", len(s.networks), s.Networks-s.Waiting)
	if len(s.networks) >= s.Networks-s.Waiting {
		some = "A line is a network, up to its newest checkpoint."
	}
	step := Axis{Label: "gradient step", Name: "gradient_step"}
	list := []*Figure{
		{Name: "sweep-learning", Title: "Learning", Wide: true, Columns: 2, Aspect: .6, Caption: "Correct per trial and RNN steps per trial as training goes. " + some,
			Panels: []*Panel{{X: step, Y: share, Marks: learned("correct")},
				{X: step, Y: Axis{Label: "RNN steps per trial", Name: "rnn_steps_per_trial"}, Guides: across(3.5), Marks: learned("rnn_steps")}}},
		{Name: "sweep-networks", Title: "How they play", Caption: "Networks that are finished, on their rollout: how long they wait, and how often they are correct.",
			Panels: []*Panel{{X: Axis{Label: "RNN steps per trial", Name: "rnn_steps_per_trial"}, Y: share, Marks: played}}},
	}
	return slices.DeleteFunc(list, func(f *Figure) bool { return !f.has() })
}

// sweepPoints is how many points the learning curve of one of many networks has
// at most.
const sweepPoints = 100

// facts are the lines of the sweep's table.
func (s *Sweep) facts() []fact {
	list := []fact{
		{"networks", thousands(s.Networks), fmt.Sprintf("in %d shards, %d of them published", s.Shards, s.Published)},
		{"done", thousands(s.Done), fmt.Sprintf("%s gradient steps, %.0f s of computing", thousands(int(s.GradientSteps)), s.Seconds)},
		{"running", thousands(s.Running), fmt.Sprintf("%d shards held by programs, %d cores", s.Claims, s.Cores)},
		{"failed", thousands(s.Failed), ""},
		{"waiting", thousands(s.Waiting), ""},
	}
	if s.Remaining != nil {
		list = append(list, fact{"time left", "about " + (time.Duration(*s.Remaining) * time.Second).String(), "by what finished networks took"})
	}
	if s.Dead > 0 {
		list = append(list, fact{"held by the dead", fmt.Sprint(s.Dead), "shards whose program died; the next program takes them"})
	}
	return list
}
