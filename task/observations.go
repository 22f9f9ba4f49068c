package task

import "radd/internal/philox"

// Observations reads a session's observations as Session.Observe does, to the
// bit, but draws the noise of several trials together, which takes vector
// instructions. Its memory is used again for the next session. It is for one
// goroutine.
type Observations struct {
	session *Session
	normals Normals
	first   int                   // of the trials whose noise is drawn
	draws   int                   // calls of the generator made for each of them
	noise   []([4][ahead]float64) // (draws) two observation steps each, left before right
}

// Normals draws standard normal deviates as philox.Normals does.
type Normals func(deviates *[4][ahead]float64, seed uint64, c [4]uint32)

// ahead is the number of trials whose noise is drawn together.
const ahead = 8

// Begin sets the reader to a session, whose noise is drawn by normals; nil
// means philox.Normals.
func (o *Observations) Begin(s *Session, normals Normals) {
	if normals == nil {
		normals = philox.Normals
	}
	o.session, o.normals, o.first, o.draws = s, normals, 0, 0
}

// At returns both observations of one RNN step, like Session.Observe. It is
// fast where trials follow one another.
func (o *Observations) At(trial, step int) (left, right float64) {
	s := o.session
	if s.Observation != nil || step < s.rule.BlankSteps {
		return s.Observe(trial, step)
	}
	if trial < o.first || trial >= o.first+ahead {
		o.first, o.draws = trial, 0
	}
	k := step - s.rule.BlankSteps
	for o.draws <= k/2 {
		o.draw()
	}
	noise, i := &o.noise[k/2], k%2*2
	return s.observation(trial, noise[i][trial-o.first], noise[i+1][trial-o.first])
}

// draw draws the noise of two more observation steps of each trial.
func (o *Observations) draw() {
	if o.draws == len(o.noise) {
		o.noise = append(o.noise, [4][ahead]float64{})
	}
	o.normals(&o.noise[o.draws], o.session.origin.Seed, o.session.noise(o.draws, o.first))
	o.draws++
}
