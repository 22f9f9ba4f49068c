package claims

var inferenceLaw = Study{
	Name:   "inference-law",
	Title:  "Students follow the Bayes filter",
	Claim:  "Question: is there a law of learned inference? The claim to be tested: the block coordinate of RADD’s two-dimensional student is the log odds of the exact filter, over hazards, biases, noise and sizes.",
	Source: "a question that the paper leaves open",
	Test: "R² of the student’s (`pca`) block coordinate at trials’ starts on the log odds of the exact filter that takes in the trials’ sides is at least 0.8, on average over seeds: for hazards of 0.01, 0.03 and 0.1 × bias 0.7 and 0.9 × noise SD 1 and 2 × 25 and 50 units, `probability`, 10,000 gradient steps. 24 tests, 20 seeds each. " +
		"Hazard and gain of the fitted recursion ([analysis.md](analysis.md)) are told beside it: where it breaks is where they leave the task’s hazard and 1.",
	Sweeps: []string{"inference-law"},
}
