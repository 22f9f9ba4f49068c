// Package train trains networks and keeps what they leave: the run's folder
// with its configuration, metrics and checkpoints, and what is made of a run
// afterwards, its rollout and replays.
//
// # A run's folder
//
//	config.yaml              the whole configuration, resolved
//	manifest.json            versions, host, device, instruction set, hashes
//	metrics.csv              a row every metrics-every gradient steps; no clock readings
//	timing.csv               computing time
//	events.out.tfevents.radd the same for TensorBoard
//	log.jsonl                messages
//	weights.safetensors      the newest weights
//	checkpoints/step-…/      weights, momentum, state and their SHA-256 sums
//	non-finite/              the evidence, where a loss or weight was no finite number
//	rollout/                 one long session, recorded: RolloutOfRun
//
// # What is made of weights
//
//	Rollout, RolloutOfRun    one long session in closed loop: trials.parquet,
//	                         states.npz, session.npz, summary.json
//	Replay                   a recorded session once more: every RNN step, the loss
//	                         and its gradient
//	Baseline                 a Bayesian actor on a rollout's session
//
// A rollout takes memory for its trials' sides and strengths and for a stretch of
// its RNN steps, whatever its length.
//
// # What holds at any moment
//
// A checkpoint's folder appears whole or not at all. Before it does, metrics up
// to its step are on the disk. So a process that is killed at any moment, or
// whose disk fills, leaves a folder from which a run resumes at its newest
// checkpoint; metrics beyond it are cut off and written again. Weights and
// metrics are then byte for byte those of a run that nobody disturbed, given the
// same binary, instruction set and dtype.
package train
