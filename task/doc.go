// Package task is the International Brain Laboratory's hierarchical inference
// task: its generative model, the closed loop by which an actor ends a trial
// and earns feedback, and the Bayesian actors and observers that know the
// model.
//
// # Symbols
//
//	paper   Go                         meaning                                  unit
//	n       trial                      trial within the session, from 0         trials
//	t       step                       RNN step within the trial, from 0        RNN steps
//	s_n     Session.TrialSide[n]       stimulus side, −1 left, +1 right
//	b_n     Session.BlockSide[n]       block side, −1 left, +1 right
//	μ_n     Session.Strength[n]        stimulus strength                        noise sd of the default task
//	o_n,t   Session.Observe(n, t)      left and right observation               as μ
//	r       Outcome.Feedback           feedback that a step produces
//	a       Outcome.Action             −1 left, +1 right, 0 none
//	        Bayes.Block                P(b_n = +1 | sides of earlier trials)
//	        Bayes.Side                 P(s_n = +1 | that and the observations)
//
// Positive means right, everywhere. N(m, v) has mean m and variance v.
//
// # Randomness
//
// Sessions are drawn from the counter-based generator Philox4x32-10 (package
// internal/philox). The key is the 64-bit seed, the counter is
//
//	(draw, trial, gradient step, stream<<24 | session within the batch)
//
// so any trial of any session of any gradient step can be drawn alone, given
// the session's block lengths. Everything discrete comes from comparing a word
// with integer thresholds computed once (Sampler), never from floating point:
// sides, strengths and block lengths are identical on every device and in
// every dtype. Observations are drawn when they are asked for.
//
// Everything here is deterministic.
package task
