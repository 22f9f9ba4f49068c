"""JAX: many networks side by side, closed loop in while_loop, gradient and SGD
inside one compiled program. Arguments: work file, dtype, cpu or gpu, the device's
number, networks."""

import os
import sys
import time

path, dtype, platform, index, networks = sys.argv[1:]
if platform == "gpu":
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(index)] if visible else index
    os.environ["JAX_PLATFORMS"] = "cuda"
else:
    os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np

from common import Work, serve
from fleet import build, norm, sgd

if dtype == "f64":
    jax.config.update("jax_enable_x64", True)
jax.config.update("jax_default_matmul_precision", "highest")  # no TF32: float32, as the others compute
work = Work(path, dtype)
gradient_of = build(work, jnp, jax.lax, jax.vmap)


@jax.jit
def gradient_step(parameters, velocity, lr, momentum):
    loss, gradient = gradient_of(parameters)
    parameters, velocity = sgd(parameters, velocity, gradient, lr, momentum)
    return loss[0], norm(gradient), parameters, velocity


parameters = [jnp.asarray(np.repeat(x[None], int(networks), 0)) for x in work.weights.values()]
velocity = [jnp.zeros_like(p) for p in parameters]
lr, momentum = work.dtype(0), work.dtype(0.1)


def closed_loop():
    global parameters, velocity
    loss, length, parameters, velocity = gradient_step(parameters, velocity, lr, momentum)
    jax.block_until_ready((parameters, velocity))
    return float(loss), float(length)  # of the gradient


serve("JAX " + jax.__version__, {"closed loop, lax.while_loop, vmap|" + networks: closed_loop}, time.perf_counter_ns)
