"""Writes a recorded network as a trajectory file that radd distils.

    python3 trajectory.py recording.npz

The network here is a stand-in: 20 tanh units with fixed weights and three
inputs, over four sessions. Put your own recording in its place. From PyTorch,
take arrays with tensor.detach().numpy().
"""

import sys

import numpy as np

UNITS, INPUTS, SESSIONS, STEPS = 20, 3, 4, 1000


def record(session):
    """Returns one session's states (STEPS, UNITS) and inputs (STEPS, INPUTS)."""
    i, j = np.arange(UNITS)[:, None], np.arange(UNITS)[None, :]
    recurrent = 0.09 * np.sin(1 + i * UNITS + j)
    feedforward = 0.3 * np.cos(i * INPUTS + j[:, :INPUTS])
    t = np.arange(STEPS)[:, None]
    inputs = np.sin((0.7 + session) * (t + 1.0) * (t + np.arange(INPUTS) + 2.0))
    state, states = np.zeros(UNITS), []
    for x in inputs:
        state = np.tanh(recurrent @ state + feedforward @ x)
        states.append(state)
    return np.array(states), inputs


recordings = [record(session) for session in range(SESSIONS)]
hidden = np.concatenate([states for states, _ in recordings])
inputs = np.concatenate([inputs for _, inputs in recordings])
session = np.repeat(np.arange(SESSIONS), STEPS)

# Any directions will do. Here: the first two principal ones, centred.
offset = hidden.mean(axis=0)
_, _, directions = np.linalg.svd(hidden - offset, full_matrices=False)

np.savez(sys.argv[1], hidden=hidden, input=inputs, session=session, projection=directions[:2], offset=offset)
