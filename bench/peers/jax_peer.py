"""JAX: the closed loop as one lax.scan, differentiated and compiled. The scan goes
on to the most RNN steps that the session can have; those after its end count
for nothing."""

import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from common import Work, serve

work = Work(*sys.argv[1:])
if work.dtype is np.float64:
    jax.config.update("jax_enable_x64", True)
parameters = [jnp.asarray(x) for x in work.weights.values()]
observation, side = jnp.asarray(work.observation), jnp.asarray(work.side)
units = parameters[1].shape[0]


def loss_of(parameters):
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters

    def step(carry, _):
        h, feedback, trial, at, loss, T = carry
        running = trial < work.trials
        n = jnp.minimum(trial, work.trials - 1)
        x = jnp.append(observation[n, at], feedback)
        h_next = jnp.tanh(w_ih @ x + b_ih + w_hh @ h + b_hh)
        logits = w_out @ h_next + b_out
        counted = running & (at >= work.blank_steps)
        term = -jax.nn.log_softmax(logits)[(side[n] + 1) // 2]
        d = jax.lax.stop_gradient(logits[1] - logits[0])
        acts = counted & (jnp.abs(d) > work.logit_threshold)
        last = at == work.steps - 1
        outcome = jnp.where(acts, jnp.where(d * side[n] > 0, 1.0, -1.0), jnp.where(last, -1.0, work.waiting))
        feedback = jnp.where(counted, outcome, 0.0).astype(x.dtype)
        ended = acts | last
        return (jnp.where(running, h_next, h), feedback, jnp.where(ended, trial + 1, trial), jnp.where(ended, 0, at + 1),
                loss + jnp.where(counted, term, 0), T + running), None

    zero = jnp.zeros((), observation.dtype)
    none = jnp.zeros((), jnp.int32)
    start = (jnp.zeros(units, observation.dtype), zero, none, none, zero, none)
    (_, _, _, _, loss, T), _ = jax.lax.scan(step, start, None, length=work.trials * work.steps)
    return loss / T


@jax.jit
def gradient_step(parameters, velocity):
    loss, gradient = jax.value_and_grad(loss_of)(parameters)
    velocity = [0.1 * v + g for v, g in zip(velocity, gradient)]
    return loss, [p - 0.0 * v for p, v in zip(parameters, velocity)], velocity


velocity = [jnp.zeros_like(p) for p in parameters]


def closed_loop():
    global parameters, velocity
    loss, parameters, velocity = gradient_step(parameters, velocity)
    jax.block_until_ready(velocity)
    return float(loss)


serve("JAX " + jax.__version__, {"closed loop, lax.scan": closed_loop})
