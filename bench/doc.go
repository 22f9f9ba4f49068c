// Package bench measures how fast networks are trained: beside what the core
// could do at most, and beside other programs. It draws its own plots, since they
// are of clock readings, which no run's report has.
//
// # Words
//
//	round    every measurement once, one after the other; what is compared is
//	         compared within a round, because a core's clock and its other
//	         users change from one second to the next
//	burst    a few milliseconds of one thing again and again, the unit of a round:
//	         its fastest call counts, in processor time, so that a core's other
//	         users do not; only what goes on side by side is timed on the wall
//	spread   the median over the rounds, with the least and the most
//	ceiling  the time of a part if nothing but its arithmetic or its loads took
//	         any, at the rates measured in the same round
//
// Nothing here is a test of speed: figures depend on the machine.
//
// # The ceiling
//
// It counts what the kernels must do on the sizes that they pad to: see
// cpu.Work. Each part takes at least as long as
//
//	its multiply–adds       at the rate of multiply–adds in registers
//	its matrix's vectors    at the rate of loads from memory of the matrix's size
//	those and the elements  at the rate of loads from 16 KB, which the nearest
//	by which columns are    cache holds
//	scaled
//
// whichever is longest. Hyperbolic tangents, the closed loop, the loss and the
// observations are not in it: they are what the fraction lacks.
package bench
