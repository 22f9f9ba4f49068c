"""Many networks that play one session each in closed loop, side by side, with their
gradients by hand: automatic differentiation of a loop needs its length in
advance, which here the networks decide themselves.

Written over what NumPy and JAX share, so that NumPy alone can test it. What is
written for one network goes over all of them by vmap. The loops go on until the
last network has played its session; the others wait.

    symbol        shape                    meaning
    parameters    (M, ...) each            in the order of common.NAMES
    hidden        (T, M, N)                h_t behind h_0 = 0, T room for the longest session
    slope         (T, M)                   dL/dd of the logits' difference d, before the mean over RNN steps
"""

BLOCK = 32  # RNN steps whose gradient products are one matrix product


def build(work, np, lax, vmap):
    """Returns a function from parameters to each network's loss (M) and the mean
    loss's gradient. np is NumPy or jax.numpy; lax has jax.lax's while_loop,
    fori_loop, scan, dynamic_slice_in_dim and dynamic_update_index_in_dim."""
    observation = np.asarray(work.observation)
    side = np.asarray(work.side)
    room = (work.trials * work.steps + BLOCK - 1) // BLOCK * BLOCK
    dtype = work.dtype

    def step(parameters, state):
        """One RNN step of one network, as common.Work's rule says."""
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
        h, feedback, trial, at, loss, count = state
        running = trial < work.trials
        n = np.minimum(trial, work.trials - 1)
        x = np.concatenate((observation[n, at], np.reshape(feedback, (1,))))
        h_next = np.tanh(w_ih @ x + b_ih + w_hh @ h + b_hh)
        d = (w_out[1] - w_out[0]) @ h_next + (b_out[1] - b_out[0])
        s = side[n].astype(dtype)
        counted = running & (at >= work.blank_steps)
        odds = np.exp(-np.abs(d))
        term = np.log1p(odds) - np.minimum(s * d, 0)  # -log of the side's probability
        slope = -s * np.where(s * d > 0, odds, 1) / (1 + odds)
        acts = counted & (np.abs(d) > work.logit_threshold)
        last = at == work.steps - 1
        outcome = np.where(acts, np.where(d * s > 0, 1, -1), np.where(last, -1, work.waiting))
        ended = acts | last
        state = (
            np.where(running, h_next, h),
            np.where(counted, outcome, 0).astype(dtype),
            np.where(ended, trial + 1, trial),
            np.where(ended, 0, at + 1),
            loss + np.where(counted, term, 0).astype(dtype),
            count + running,
        )
        return state, (state[0], x, np.where(counted, slope, 0).astype(dtype))

    def back(parameters, carry, record):
        """One RNN step back: from dL/dh that comes from later steps to that which
        goes to the earlier ones, and dz."""
        h, slope = record
        dh = carry + slope * (parameters[4][1] - parameters[4][0])
        dz = dh * (1 - h * h)
        return parameters[1].T @ dz, dz

    def play(parameters):
        networks, units = parameters[2].shape

        def goes_on(carry):
            return np.any(carry[1][2] < work.trials)

        def body(carry):
            t, state, hidden, inputs, slopes = carry
            state, (h, x, slope) = vmap(step)(parameters, state)
            return (
                t + 1,
                state,
                lax.dynamic_update_index_in_dim(hidden, h, t + 1, 0),
                lax.dynamic_update_index_in_dim(inputs, x, t, 0),
                lax.dynamic_update_index_in_dim(slopes, slope, t, 0),
            )

        def zeros(*shape):
            return np.zeros(shape, dtype)

        none = np.zeros(networks, np.int32)
        state = (zeros(networks, units), zeros(networks), none, none, zeros(networks), none)
        start = (0, state, zeros(room + 1, networks, units), zeros(room, networks, 3), zeros(room, networks))
        return lax.while_loop(goes_on, body, start)

    def gradient(parameters):
        T, (_, _, _, _, loss, count), hidden, inputs, slopes = play(parameters)
        blocks = (T + BLOCK - 1) // BLOCK

        def block(i, carry):
            dh, sums = carry
            at = (blocks - 1 - i) * BLOCK
            before = lax.dynamic_slice_in_dim(hidden, at, BLOCK)
            h = lax.dynamic_slice_in_dim(hidden, at + 1, BLOCK)
            x = lax.dynamic_slice_in_dim(inputs, at, BLOCK)
            slope = lax.dynamic_slice_in_dim(slopes, at, BLOCK)
            dh, dz = lax.scan(lambda carry, record: vmap(back)(parameters, carry, record), dh, (h, slope), reverse=True)
            parts = (
                np.einsum("tmi,tmj->mij", dz, x),
                np.einsum("tmi,tmj->mij", dz, before),
                np.sum(dz, 0),
                np.einsum("tm,tmj->mj", slope, h),
                np.sum(slope, 0),
            )
            return dh, tuple(a + b for a, b in zip(sums, parts))

        networks, units = parameters[2].shape
        nothing = tuple(np.zeros((networks,) + shape, dtype) for shape in ((units, 3), (units, units), (units,), (units,), ()))
        _, sums = lax.fori_loop(0, blocks, block, (np.zeros((networks, units), dtype), nothing))
        w_ih, w_hh, bias, out, out_bias = [x / np.reshape(count, (networks,) + (1,) * (x.ndim - 1)).astype(dtype) for x in sums]
        both = np.stack((-out, out), 1), np.stack((-out_bias, out_bias), 1)
        return loss / count.astype(dtype), [w_ih, w_hh, bias, bias, *both]

    return gradient


def sgd(parameters, velocity, gradient, lr, momentum):
    """PyTorch's SGD; lr is 0 where gradient steps are to be alike."""
    velocity = [momentum * v + g for v, g in zip(velocity, gradient)]
    return [p - lr * v for p, v in zip(parameters, velocity)], velocity


def norm(gradient):
    """Of the first network's gradient."""
    return sum((g[0] ** 2).sum() for g in gradient) ** 0.5
