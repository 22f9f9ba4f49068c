"""Weights in the safetensors format, and PyTorch's networks of that shape."""

import json
import struct

import numpy as np

PARAMETERS = ("core.weight_ih_l0", "core.weight_hh_l0", "core.bias_ih_l0", "core.bias_hh_l0", "readout.weight", "readout.bias")
DTYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
MAX_HEADER = 1 << 20


def decode(data, name="weights"):
    """Returns (tensors by name, metadata) of the bytes of a safetensors file."""
    if len(data) < 8:
        raise ValueError(f"{name}: no safetensors file")
    size = struct.unpack("<Q", data[:8])[0]
    if size > min(MAX_HEADER, len(data) - 8):
        raise ValueError(f"{name}: a header of {size} bytes")
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for key, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{name}: {key}: dtype {entry['dtype']}")
        raw = data[8 + size + begin:8 + size + end]
        tensors[key] = np.frombuffer(raw, DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return tensors, metadata


def read_weights(path):
    """Returns a network's six parameters by name."""
    with open(path, "rb") as f:
        return decode(f.read(), str(path))[0]


def write_weights(path, tensors, metadata=None):
    """Writes a network's six parameters, of one dtype, as radd reads them."""
    if set(tensors) != set(PARAMETERS):
        raise ValueError(f"the parameters are {', '.join(PARAMETERS)}, not {', '.join(tensors)}")
    n = tensors["core.weight_hh_l0"].shape[0]
    shapes = dict(zip(PARAMETERS, [(n, 3), (n, n), (n,), (n,), (2, n), (2,)]))
    header, body = {"__metadata__": {k: str(v) for k, v in (metadata or {}).items()}}, b""
    for key in PARAMETERS:
        value = np.ascontiguousarray(tensors[key])
        if value.shape != shapes[key]:
            raise ValueError(f"{key}: shape {value.shape}, want {shapes[key]}")
        kind = {v: k for k, v in DTYPES.items()}[value.dtype.newbyteorder("<")]
        raw = value.astype(DTYPES[kind]).tobytes()
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def to_torch(weights):
    """Returns a torch.nn.ModuleDict of core, a torch.nn.RNN, and readout, a
    torch.nn.Linear, with the weights: a path, or arrays by name."""
    import torch

    tensors = weights if isinstance(weights, dict) else read_weights(weights)
    n = tensors["core.weight_hh_l0"].shape[0]
    net = torch.nn.ModuleDict({"core": torch.nn.RNN(3, n, nonlinearity="tanh", batch_first=True), "readout": torch.nn.Linear(n, 2)})
    net.to(torch.float64 if tensors["readout.bias"].dtype == np.float64 else torch.float32)
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in tensors.items()})
    return net


def named(state):
    """Returns the six parameters of a state dict by radd's names, whatever its
    modules are called: one RNN of one layer and one Linear."""
    by = {}
    for key, value in state.items():
        by.setdefault(key.rpartition(".")[2], []).append(value)
    tensors = {name: by.pop(name.rpartition(".")[2], []) for name in PARAMETERS}
    if by or any(len(found) != 1 for found in tensors.values()):
        raise ValueError(f"a state dict of {', '.join(state)}, not of one RNN of one layer and one Linear")
    return {name: found[0] for name, found in tensors.items()}


def from_torch(source, path=None, metadata=None):
    """Returns the six parameters of a PyTorch state dict, a module, or a .pt file
    that holds either, by radd's names, and writes them to path as safetensors, if it
    is given. The modules may have any names: one RNN of one layer and one Linear."""
    import torch

    if not isinstance(source, (dict, torch.nn.Module)):
        source = torch.load(source, map_location="cpu")
    state = source.state_dict() if isinstance(source, torch.nn.Module) else source
    tensors = {k: v.detach().cpu().numpy() for k, v in named(state).items()}
    if path is not None:
        write_weights(path, tensors, metadata)
    return tensors
