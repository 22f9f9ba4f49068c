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

var gradients = Study{
	Name:   "gradients",
	Title:  "Gradients neither explode nor vanish, and need no truncation",
	Claim:  "“We did not use truncated backpropagation through time; given the performance of the trained network, it appears that exploding and vanishing gradients were not a problem.”",
	Source: "SI 7.2",
	Test: "Of networks after 1,000, 5,000, 20,000 and 100,000 gradient steps with either objective, on average over seeds: the largest Lyapunov exponent is below 0 and what is left of a step’s gradient 200 RNN steps back is, at the 95th percentile over steps, below 1 (no explosion); " +
		"20 RNN steps back, five trials and more, it is at the median above 0.01 (no vanishing). And training that is cut after 1, 2, 5, 10 or 50 trials is not better than training that is never cut, by more than 0.01 correct after 5,000 gradient steps (pairs of one seed), with either objective. 34 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "truncation"},
}

var feedback = Study{
	Name:   "feedback",
	Title:  "Feedback has no influence after training",
	Claim:  "“We found that the feedback signal has no influence on network dynamics after training (Figure 7c).”",
	Source: "SI 7.2",
	Test: "In closed loop with its feedback input zeroed, inverted, or shuffled over trials, a network differs from itself by no more than ±0.01 correct, ±0.25 RNN steps and ±0.05 block gap, on average over seeds; and so do networks that were trained without any feedback from those of the same seed " +
		"that were trained with it. Networks of 50 units: `probability`, 20,000 gradient steps, and cross entropy, 5,000. 24 tests, 20 seeds each.",
	Sweeps: []string{"lengths", "no-feedback"},
}

var sizes = Study{
	Name:   "sizes",
	Title:  "Networks of different sizes find similar solutions",
	Claim:  "“Here we show that RNNs of different sizes (25, 100, 150, 250) find similar solutions.”",
	Source: "SI 7.5",
	Test: "Networks of 25, 100, 150 and 250 units (`probability`, 5,000 gradient steps) are held against networks of 50 units of the same seed, and those against each other, seed i against i + 1, by three measures: linear CKA of the states along one session that is forced on both; the distance of the RADD students’ " +
		"parameters up to sign and scale; and whether the fixed points under waiting have the same structure. Similar means: between sizes CKA is lower by no more than 0.05 than within 50 units, the students’ distance greater by no more than a quarter of that within, and the share of pairs with the same structure lower by no more than 0.2. " +
		"That the measures can fail is tested too: against networks of 50 units of the cross entropy, of a hazard of 0.1, and untrained ones, CKA is lower by more than 0.05, and the students’ distance greater by more than a quarter. 12 and 6 tests, 20 seeds each.",
	Sweeps: []string{"sizes"},
}

var loss = Study{
	Name:   "loss",
	Title:  "The loss of the text leads to the paper’s figures",
	Claim:  "“The cross entropy loss was computed at each RNN step, where the target is the current trial’s stimulus side”; “~ 3.5 RNN steps per trial”. The released code minimises −Σ a instead of −Σ log a.",
	Source: "SI 7.2, against the released code",
	Test: "Objectives −(a^q − 1)/q, from the text’s (q = 0, −log a) to the code’s (q = 1, 1 − a), 20 values of q: after 20,000 gradient steps RNN steps per trial lie within 3.5 ± 0.25. Where that holds for q = 0 the text’s loss leads to the paper’s figure; where it does for other q alone, those are the condition. " +
		"20 tests, 20 seeds each.",
	Sweeps: []string{"losses"},
}

var frontier = Study{
	Name:   "frontier",
	Title:  "Every loss chooses a policy near the frontier",
	Claim:  "Question: which policy does a loss choose? The claim to be tested: a point of the frontier of RNN steps against correct answers that Bayesian actors (`difference`) reach as their threshold moves, whatever the loss.",
	Source: "a question that the paper leaves open",
	Test:   "The distance from that frontier (correct per trial less the actor’s who takes as many RNN steps) is at least −0.02 for each of the 20 values of q of the study of the loss, after 20,000 gradient steps: 20 tests, 20 seeds each. The place along the frontier, as the actor’s threshold, is told beside it.",
	Sweeps: []string{"losses"},
}

var reward = Study{
	Name:   "reward",
	Title:  "Networks use reward where observations tell them little",
	Claim:  "Question: when does a network start to use reward? The claim to be tested: where trials without evidence are frequent.",
	Source: "a question that the paper leaves open; SI 7.2 says that feedback has no influence after training",
	Test: "Of networks of 25 units trained with `probability` for 10,000 gradient steps the block gap falls by at least 0.05 when the feedback input is zeroed in closed loop, on average over seeds: for a share of trials of strength 0 of 1/6, 0.5, 0.8 and 1 × action thresholds of 0.7 and 0.9 × waiting feedback of −0.05 and −1. " +
		"16 tests, 50 seeds each. The conditions that support it are the answer.",
	Sweeps: []string{"reward"},
}

var inferenceLaw = Study{
	Name:   "inference-law",
	Title:  "Students follow the Bayes filter",
	Claim:  "Question: is there a law of learned inference? The claim to be tested: the block coordinate of RADD’s two-dimensional student is the log odds of the exact filter, over hazards, biases, noise and sizes.",
	Source: "a question that the paper leaves open",
	Test: "R² of the student’s (`pca`) block coordinate at trials’ starts on the log odds of the exact filter that takes in the trials’ sides is at least 0.8, on average over seeds: for hazards of 0.01, 0.03 and 0.1 × bias 0.7 and 0.9 × noise SD 1 and 2 × 25 and 50 units, `probability`, 10,000 gradient steps. 24 tests, 20 seeds each. " +
		"Hazard and gain of the fitted recursion ([analysis.md](analysis.md)) are told beside it: where it breaks is where they leave the task’s hazard and 1.",
	Sweeps: []string{"inference-law"},
}
