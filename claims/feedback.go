package claims

var feedback = Study{
	Name:   "feedback",
	Title:  "Feedback has no influence after training",
	Claim:  "“We found that the feedback signal has no influence on network dynamics after training (Figure 7c).”",
	Source: "SI 7.2",
	Test: "In closed loop with its feedback input zeroed, inverted, or shuffled over trials, a network differs from itself by no more than ±0.01 correct, ±0.25 RNN steps and ±0.05 block gap, on average over seeds; and so do networks that were trained without any feedback from those of the same seed " +
		"that were trained with it. Networks of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 24 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "no-feedback"},
}
