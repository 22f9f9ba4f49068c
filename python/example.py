# %% [markdown]
# # A run of radd in Python
#
# Train and roll out a network, then read it back, and have PyTorch take it through
# the recorded session: the states must agree with those that radd recorded.
#
#     radd train --out runs/example --hidden 16 --gradient-steps 2000 --lr 0.01
#     radd rollout --run runs/example --blocks 20
#     PYTHONPATH=python python3 python/example.py runs/example

# %%
import sys

import numpy as np
import torch

import radd

run = radd.Run(sys.argv[1])
print(f"{run.config['hidden']} hidden units, {run.config['objective']}")

# %% The learning curve.
metrics = run.metrics
print("loss:", metrics["loss"].iloc[0] if hasattr(metrics["loss"], "iloc") else metrics["loss"][0],
      "to", np.asarray(metrics["loss"])[-1])

# %% Behaviour: the share of correct trials by stimulus strength.
trials = run.trials
strength, correct = np.asarray(trials["strength"]), np.asarray(trials["correct"])
for s in np.unique(strength):
    print(f"strength {s}: {correct[strength == s].mean():.3f} correct")

# %% The same network in PyTorch, along the recorded inputs.
net = radd.to_torch(run.weights)
states = run.states
with torch.no_grad():
    hidden, _ = net["core"](torch.from_numpy(states["input"].astype(np.float32))[None])
difference = np.abs(hidden[0].numpy() - states["hidden"]).max()
print(f"largest difference between PyTorch's states and radd's: {difference:.1e}")
# float32 through one tanh step after another: each rounds by 6e-8, and the
# trained network's memory adds a few hundred of them up.
assert difference < 1e-4
