"""Runs, rollouts, sweeps and replays."""

import csv
import io
import json
import pathlib
import zipfile

import numpy as np

from . import parquet
from .weights import decode, read_weights


def frame(columns):
    """Returns a data frame, or the columns where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        return columns
    return pandas.DataFrame(columns)


def read_table(path):
    """Returns a table of radd's, .parquet, .pqt or .csv."""
    path = pathlib.Path(path)
    if path.suffix == ".csv":
        return frame(read_csv(path.read_text()))
    return frame(parquet.read(path)[0])


def read_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    return {name: typed([row[i] for row in rows[1:]]) for i, name in enumerate(rows[0])}


def typed(texts):
    if texts and set(texts) <= {"true", "false"}:
        return np.array([t == "true" for t in texts])
    for kind in (np.int64, np.float64):
        try:
            return np.array([t if t or kind is np.int64 else "nan" for t in texts], dtype="U32").astype(kind)
        except (ValueError, OverflowError):
            pass
    return np.array(texts, dtype=object)


def read_arrays(path):
    with np.load(path) as f:
        return {name: f[name] for name in f.files}


def read_replay(path):
    """Returns a replay's arrays by name: trial, step, input, hidden, prob, …"""
    return read_arrays(path)


def read_config(text):
    """Returns a config.yaml of radd's: its keys, those of the task under task."""
    config, inner = {}, None
    lines = text.splitlines()
    for line in lines:
        key, _, value = line.strip().partition(":")
        value = value.strip()
        if line.startswith("  ") and line.strip().startswith("- "):
            inner[last].append(scalar(line.strip()[2:]))
            continue
        if not line.startswith(" "):
            inner = config
            if key == "task":
                inner = config["task"] = {}
                continue
        elif "task" in config:
            inner = config["task"]
        last = key
        if value == "":
            inner[key] = []
        elif value.startswith("["):
            inner[key] = [scalar(x.strip()) for x in value[1:-1].split(",") if x.strip()]
        else:
            inner[key] = scalar(value)
    return config


def scalar(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return json.loads(text) if text.startswith('"') else text


class Run:
    """A run's folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.config = read_config((self.folder / "config.yaml").read_text())

    @property
    def weights(self):
        return read_weights(self.folder / "weights.safetensors")

    @property
    def metrics(self):
        """The learning curve, a row per recorded gradient step."""
        return read_table(self.folder / "metrics.csv")

    @property
    def trials(self):
        """The rollout's trials."""
        return read_table(self.folder / "rollout" / "trials.parquet")

    @property
    def states(self):
        """The rollout's arrays, a row per RNN step."""
        return read_arrays(self.folder / "rollout" / "states.npz")

    @property
    def session(self):
        return read_arrays(self.folder / "rollout" / "session.npz")

    @property
    def summary(self):
        """The rollout's figures."""
        return json.loads((self.folder / "rollout" / "summary.json").read_text())


class Network:
    """A finished network of a sweep."""

    def __init__(self, shard, name):
        self.shard, self.name = shard, name

    def read(self, file):
        with zipfile.ZipFile(self.shard) as z:
            return z.read(f"{self.name}/{file}")

    @property
    def config(self):
        """The configuration by key, task.bias and the like."""
        return self.result["config"]

    @property
    def result(self):
        return json.loads(self.read("result.json"))

    @property
    def weights(self):
        return decode(self.read("weights.safetensors"), self.name)[0]

    @property
    def metrics(self):
        return frame(read_csv(self.read("metrics.csv").decode()))

    def student(self, readout="full"):
        """The RADD student's weights."""
        return decode(self.read(f"student-{readout}.safetensors"), self.name)[0]


class Sweep:
    """A sweep's folder: networks by name, and the tables of radd sweep collect."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.networks = {}
        for shard in sorted((self.folder / "shards").glob("[0-9]*.zip")):
            with zipfile.ZipFile(shard) as z:
                for name in z.namelist():
                    network, _, file = name.partition("/")
                    if file == "result.json":
                        self.networks[network] = Network(shard, network)

    def __getitem__(self, name):
        return self.networks[name]

    def __len__(self):
        return len(self.networks)

    def table(self, name="networks"):
        """networks, timings, curves or comparison."""
        return read_table(self.folder / "tables" / f"{name}.parquet")
