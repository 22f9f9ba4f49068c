"""What the peers share: the session to play, and how they are asked to.

A peer is a function that makes one gradient step of the task (cross entropy,
mean) and returns its loss, and after it whatever else tells of it. serve() says
on standard output which there are, then answers every line of standard input, a
peer's name, with the loss, what came after it, and the nanoseconds of its fastest
call, by the clock: of processor time where the processor does the work.
"""

import json
import sys
import time

import numpy as np

NAMES = ["core.weight_ih_l0", "core.weight_hh_l0", "core.bias_ih_l0", "core.bias_hh_l0", "readout.weight", "readout.bias"]
LEAST_CALLS, LEAST_NANOSECONDS = 5, 200_000_000


class Work:
    """The weights, the session and the rule, from the file that argv names."""

    def __init__(self, path, dtype):
        file = np.load(path)
        self.dtype = {"f32": np.float32, "f64": np.float64}[dtype]
        self.weights = {name: file["weight/" + name].astype(self.dtype) for name in NAMES}
        self.observation = file["session/observation"].astype(self.dtype)  # (trials, steps, 2)
        self.side = file["session/trial_side"]  # (trials), -1 or +1
        self.trials, self.steps, _ = self.observation.shape
        self.blank_steps = int(file["blank_steps"])
        self.logit_threshold = float(file["logit_threshold"])  # of |difference|, beyond which p > the action threshold
        self.waiting = float(file["waiting_feedback"])


def serve(library, peers, clock=time.process_time_ns):
    print(json.dumps({"library": library, "peers": list(peers)}), flush=True)
    for line in sys.stdin:
        step = peers[line.strip()]
        fastest, calls, start = float("inf"), 0, clock()
        while calls < LEAST_CALLS or clock() - start < LEAST_NANOSECONDS:
            before = clock()
            loss, *more = np.atleast_1d(step()).tolist()
            fastest = min(fastest, clock() - before)
            calls += 1
        print(json.dumps({"loss": loss, "ns": fastest, "more": more}), flush=True)
