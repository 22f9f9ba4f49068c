"""Reads what the program radd writes: runs, rollouts, sweeps and replays, as
arrays and data frames, and takes weights to PyTorch and back.

numpy is all that is needed. A table is a pandas.DataFrame where pandas is
installed, and otherwise a dict of arrays by column. torch is needed by the
functions that have it in their name.
"""

from .files import Network, Run, Sweep, read_replay, read_table
from .weights import PARAMETERS, from_torch, read_weights, to_torch, write_weights

__all__ = ["Network", "Run", "Sweep", "read_replay", "read_table",
           "PARAMETERS", "read_weights", "write_weights", "to_torch", "from_torch"]
