package claims

var gradients = Study{
	Name:   "gradients",
	Title:  "Gradients neither explode nor vanish, and need no truncation",
	Claim:  "“We did not use truncated backpropagation through time; given the performance of the trained network, it appears that exploding and vanishing gradients were not a problem.”",
	Source: "SI 7.2",
	Test: "Of networks after 1,000, 5,000, 20,000 and 100,000 gradient steps with either objective, on average over seeds: the largest Lyapunov exponent is below 0 and what is left of a step’s gradient 200 RNN steps back is, at the 95th percentile over steps, below 1 (no explosion); " +
		"20 RNN steps back, five trials and more, it is at the median above 0.01 (no vanishing). And training that is cut after 1, 2, 5, 10 or 50 trials is not better than training that is never cut, by more than 0.01 correct after 5,000 gradient steps (pairs of one seed), with either objective. 34 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "truncation"},
}
