package claims

var transients = Study{
	Name:   "transients",
	Title:  "There are no initial transients",
	Claim:  "“We generated the network behavior and activity from one long continuous session … as a precaution against possible initial transients, although we never saw anything to suggest such transients existed or could affect our results.”",
	Source: "SI 7.1",
	Test: "Trials 1 to 10 and 21 to 30 of 1,000 short sessions, each from h = 0, against the middle half of the long session: the difference, less that of the Bayesian actor `difference`, who starts as ignorant of the block, lies within ±0.01 correct and ±0.25 RNN steps, on average over " +
		"seeds. Networks of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 8 tests, 20 seeds each.",
	Sweeps: []string{"lengths"},
}
