"""PyTorch: many networks side by side, the closed loop's step and its way back
captured as CUDA graphs; and nn.RNN, which on a GPU is cuDNN's, over the recorded
inputs of one network, in open loop. Arguments: work file, dtype, cpu or gpu, the
device's number, networks."""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from common import Work, serve

POLL = 64  # RNN steps between two looks at whether any network still plays

path, dtype, platform, index, networks = sys.argv[1:]
networks = int(networks)
if platform == "gpu" and not torch.cuda.is_available():
    sys.exit("PyTorch " + torch.__version__ + " finds no CUDA device")
device = torch.device("cuda", int(index)) if platform == "gpu" else torch.device("cpu")
if device.type == "cuda":
    torch.cuda.set_device(device)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
work = Work(path, dtype)
real = {np.float32: torch.float32, np.float64: torch.float64}[work.dtype]


def finish():
    if device.type == "cuda":
        torch.cuda.synchronize()


def recorded(step):
    """The step as a CUDA graph, or on the CPU as it is."""
    if device.type != "cuda":
        return step
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):  # libraries allocate what they need
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Fleet:
    """Networks in tensors that stay where they are, as CUDA graphs need: hidden
    (T + 1, M, N) behind h_0 = 0, inputs (T, M, 3), slope (T, M), dz (T, M, N)."""

    def __init__(self, networks):
        def tensor(*shape, dtype=real):
            return torch.zeros(shape, dtype=dtype, device=device)

        self.parameters = [torch.from_numpy(x).to(device).repeat(networks, *[1] * x.ndim) for x in work.weights.values()]
        self.velocity = [torch.zeros_like(p) for p in self.parameters]
        self.observation = torch.from_numpy(work.observation).to(device)
        self.side = torch.from_numpy(np.asarray(work.side, np.int64)).to(device)
        units = self.parameters[1].shape[1]
        room = work.trials * work.steps + POLL
        self.hidden, self.inputs = tensor(room + 1, networks, units), tensor(room, networks, 3)
        self.slope, self.dz = tensor(room, networks), tensor(room, networks, units)
        self.counted, self.target = tensor(room, networks, dtype=torch.bool), tensor(room, networks, dtype=torch.int64)
        self.h, self.dh, self.feedback, self.loss = tensor(networks, units), tensor(networks, units), tensor(networks), tensor(networks)
        self.trial, self.at, self.count = (tensor(networks, dtype=torch.int64) for _ in range(3))
        self.t = tensor(1, dtype=torch.int64)
        self.step, self.back = recorded(self.one_step), recorded(self.one_step_back)

    def one_step(self):
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = self.parameters
        running = self.trial < work.trials
        n = self.trial.clamp(max=work.trials - 1)
        x = torch.cat((self.observation[n, self.at], self.feedback[:, None]), 1)
        z = torch.baddbmm((b_ih + b_hh)[..., None], w_ih, x[..., None]) + torch.bmm(w_hh, self.h[..., None])
        h = torch.tanh(z[..., 0])
        d = ((w_out[:, 1] - w_out[:, 0]) * h).sum(1) + b_out[:, 1] - b_out[:, 0]
        s = self.side[n].to(real)
        counted = running & (self.at >= work.blank_steps)
        acts = counted & (d.abs() > work.logit_threshold)
        last = self.at == work.steps - 1
        outcome = torch.where(acts, torch.sign(d * s), torch.full_like(d, work.waiting).masked_fill(last, -1.0))
        ended = acts | last
        here = self.t
        self.hidden.index_copy_(0, here + 1, torch.where(running[:, None], h, self.h)[None])
        self.inputs.index_copy_(0, here, x[None])
        self.slope.index_copy_(0, here, torch.where(counted, -s * torch.sigmoid(-s * d), 0 * d)[None])
        self.counted.index_copy_(0, here, counted[None])
        self.target.index_copy_(0, here, ((self.side[n] + 1) // 2)[None])
        self.loss.add_(torch.where(counted, F.softplus(-s * d), 0 * d))
        self.h.copy_(torch.where(running[:, None], h, self.h))
        self.feedback.copy_(torch.where(counted, outcome, 0 * d))
        self.count.add_(running)
        self.trial.add_(ended & running)
        self.at.copy_(torch.where(ended, 0 * self.at, self.at + 1))
        self.t.add_(1)

    def one_step_back(self):
        self.t.sub_(1)
        w_hh, w_out = self.parameters[1], self.parameters[4]
        h, slope = self.hidden.index_select(0, self.t + 1)[0], self.slope.index_select(0, self.t)[0]
        dz = (self.dh + slope[:, None] * (w_out[:, 1] - w_out[:, 0])) * (1 - h * h)
        self.dz.index_copy_(0, self.t, dz[None])
        self.dh.copy_(torch.bmm(w_hh.transpose(1, 2), dz[..., None])[..., 0])

    def play(self):
        for x in (self.h, self.dh, self.feedback, self.loss, self.trial, self.at, self.count, self.t):
            x.zero_()
        T = 0
        while True:
            for _ in range(POLL):
                self.step()
            T += POLL
            if not bool((self.trial < work.trials).any()):
                return T

    def gradient_step(self):
        T = self.play()
        for _ in range(T):
            self.back()
        dz, before, h, slope = self.dz[:T], self.hidden[:T], self.hidden[1 : T + 1], self.slope[:T]
        products = dz.permute(1, 2, 0)  # (M, N, T)
        bias = dz.sum(0)
        out, out_bias = torch.einsum("tm,tmj->mj", slope, h), slope.sum(0)
        gradient = [
            torch.bmm(products, self.inputs[:T].transpose(0, 1)),
            torch.bmm(products, before.transpose(0, 1)),
            bias,
            bias,
            torch.stack((-out, out), 1),
            torch.stack((-out_bias, out_bias), 1),
        ]
        count = self.count.to(real)
        squares = 0.0
        for p, v, g in zip(self.parameters, self.velocity, gradient):
            g = g / count.reshape(-1, *[1] * (g.dim() - 1))
            v.mul_(0.1).add_(g)
            p.sub_(0.0 * v)  # every step is to be alike
            squares = squares + (g[0] ** 2).sum()
        loss = (self.loss / count)[0]
        finish()
        return float(loss), float(squares.sqrt())


with torch.no_grad():
    fleet = Fleet(networks)
    one = fleet if networks == 1 else Fleet(1)


@torch.no_grad()
def closed_loop():
    return fleet.gradient_step()


peers = {"closed loop" + (", CUDA graphs" if device.type == "cuda" else "") + "|" + str(networks): closed_loop}

if networks == 1:  # in open loop, of the record of one network
    with torch.no_grad():
        one.play()
    T = int(one.count[0])
    inputs, target, counted = one.inputs[:T, 0][None].clone(), one.target[:T, 0].clone(), one.counted[:T, 0].clone()
    core = torch.nn.RNN(3, one.parameters[1].shape[1], batch_first=True, dtype=real, device=device)
    readout = torch.nn.Linear(core.hidden_size, 2, dtype=real, device=device)
    weights = {name: torch.from_numpy(x) for name, x in work.weights.items()}
    core.load_state_dict({name[5:]: x for name, x in weights.items() if name.startswith("core.")})
    readout.load_state_dict({name[8:]: x for name, x in weights.items() if name.startswith("readout.")})
    parameters = [*core.parameters(), *readout.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.0, momentum=0.1)

    def open_loop():
        optimizer.zero_grad()
        states, _ = core(inputs)
        loss = F.cross_entropy(readout(states[0])[counted], target[counted], reduction="sum") / T
        loss.backward()
        optimizer.step()
        finish()
        return loss.item(), sum(float((p.grad**2).sum()) for p in parameters) ** 0.5

    peers["open loop, nn.RNN over recorded inputs|1"] = open_loop

serve("PyTorch " + torch.__version__, peers, time.perf_counter_ns)
