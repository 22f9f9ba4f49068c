"""PyTorch: the closed loop under autograd; the closed loop without, then nn.RNN
over what it showed; and nn.RNN alone, in open loop, over the recorded inputs."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from common import Work, serve

torch.set_num_threads(1)
work = Work(*sys.argv[1:])
dtype = {np.float32: torch.float32, np.float64: torch.float64}[work.dtype]

units = work.weights["core.weight_hh_l0"].shape[0]
core = torch.nn.RNN(3, units, batch_first=True, dtype=dtype)
readout = torch.nn.Linear(units, 2, dtype=dtype)
core.load_state_dict({name[5:]: torch.from_numpy(x) for name, x in work.weights.items() if name.startswith("core.")})
readout.load_state_dict({name[8:]: torch.from_numpy(x) for name, x in work.weights.items() if name.startswith("readout.")})
parameters = [*core.parameters(), *readout.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.0, momentum=0.1)  # it does its work, and every step is alike
observation = torch.from_numpy(work.observation)
sides = work.side.tolist()


def play():
    """Plays the session: the states h_t (T, N), the inputs (T, 3), and of each
    step the target and whether it counts."""
    recurrent = core.weight_hh_l0
    # All that does not depend on the feedback, at once.
    driven = F.linear(observation, core.weight_ih_l0[:, :2], core.bias_ih_l0 + core.bias_hh_l0)
    by_feedback = core.weight_ih_l0[:, 2]
    difference = (readout.weight[1] - readout.weight[0]).detach()
    offset = float(readout.bias[1] - readout.bias[0])
    h = torch.zeros(units, dtype=dtype)
    states, feedbacks, places, targets, counted = [], [], [], [], []
    feedback = 0.0
    for trial, side in enumerate(sides):
        for step in range(work.steps):
            h = torch.tanh(torch.addmv(torch.add(driven[trial, step], by_feedback, alpha=feedback), recurrent, h))
            states.append(h)
            feedbacks.append(feedback)
            places.append(trial * work.steps + step)
            targets.append((side + 1) // 2)
            counted.append(step >= work.blank_steps)
            if step < work.blank_steps:
                feedback = 0.0
                continue
            d = float(difference.dot(h.detach())) + offset
            if abs(d) > work.logit_threshold:
                feedback = 1.0 if d * side > 0 else -1.0
                break
            feedback = -1.0 if step == work.steps - 1 else work.waiting
    inputs = torch.cat([observation.reshape(-1, 2)[places], torch.tensor(feedbacks, dtype=dtype)[:, None]], dim=1)
    return states, inputs, torch.tensor(targets), torch.tensor(counted)


def finish(states, targets, counted):
    """Loss, gradient and update, of the states (T, N)."""
    loss = F.cross_entropy(readout(states[counted]), targets[counted], reduction="sum") / len(targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def loop():
    states, _, targets, counted = play()
    return finish(torch.stack(states), targets, counted)


def loop_then_rnn():
    with torch.no_grad():
        _, inputs, targets, counted = play()
    return finish(core(inputs[None])[0][0], targets, counted)


with torch.no_grad():
    _, recorded, recorded_targets, recorded_counted = play()


def open_loop():
    return finish(core(recorded[None])[0][0], recorded_targets, recorded_counted)


serve("PyTorch " + torch.__version__, {
    "closed loop, autograd through it": loop,
    "closed loop, then nn.RNN over its inputs": loop_then_rnn,
    "nn.RNN, open loop": open_loop,
})
