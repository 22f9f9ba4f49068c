"""NumPy in JAX's place: fleet.py's loops in plain Python, network after network. It is
no peer, but shows without JAX that fleet.py computes what it should."""

import sys
import time

import numpy as np

from common import Work, serve
from fleet import build, norm, sgd


def mapped(tree, f):
    return type(tree)(mapped(x, f) for x in tree) if isinstance(tree, (tuple, list)) else f(tree)


def stacked(trees):
    first = trees[0]
    if isinstance(first, (tuple, list)):
        return type(first)(stacked([t[i] for t in trees]) for i in range(len(first)))
    return np.stack(trees)


def vmap(f):
    def over(*trees):
        networks = len(trees[0][0])
        return stacked([f(*(mapped(t, lambda x: x[m]) for t in trees)) for m in range(networks)])

    return over


class lax:
    def while_loop(goes_on, body, carry):
        while goes_on(carry):
            carry = body(carry)
        return carry

    def fori_loop(low, high, body, carry):
        for i in range(low, high):
            carry = body(i, carry)
        return carry

    def scan(f, carry, xs, reverse):
        steps = range(len(xs[0]))
        rows = {}
        for t in reversed(steps) if reverse else steps:
            carry, rows[t] = f(carry, tuple(x[t] for x in xs))
        return carry, stacked([rows[t] for t in steps])

    def dynamic_slice_in_dim(x, start, size):
        return x[start : start + size]

    def dynamic_update_index_in_dim(x, row, index, axis):
        x[index] = row  # nobody needs x as it was
        return x


path, dtype, _, _, networks = sys.argv[1:]
work = Work(path, dtype)
gradient_of = build(work, np, lax, vmap)
parameters = [np.repeat(x[None], int(networks), 0) for x in work.weights.values()]
velocity = [np.zeros_like(p) for p in parameters]


def closed_loop():
    global parameters, velocity
    loss, gradient = gradient_of(parameters)
    parameters, velocity = sgd(parameters, velocity, gradient, 0.0, 0.1)
    return loss[-1], norm(gradient)


serve("NumPy " + np.__version__, {"closed loop|" + networks: closed_loop}, time.perf_counter_ns)
