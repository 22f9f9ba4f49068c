package claims

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
