"""Tests of the package on files that bin/radd writes. Run from the repository's
root: python3 -m unittest discover python/tests"""

import contextlib
import io
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import radd  # noqa: E402
from radd import parquet  # noqa: E402

SWEEP = """
out: out
base: {hidden: 4, gradient-steps: 10, task: {blocks: 1}}
grid: {seed: 1..3, objective: [cross-entropy, probability]}
rollout: {blocks: 6}
"""


# A program that prints a Parquet file as JSON, by Apache Arrow's reader: make
# test-python builds it from testdata/arrow and names it here.
ARROW = os.environ.get("RADD_ARROW")


def arrow(path):
    """Returns the columns of a Parquet file as arrays, and its metadata, by Arrow."""
    table = json.loads(subprocess.run([ARROW, path], check=True, stdout=subprocess.PIPE).stdout)
    columns = {}
    for name, values in table["columns"].items():
        if values and isinstance(values[0], str) and len(values[0]) == 16 and name not in TEXTS:
            columns[name] = np.array([int(bits, 16) for bits in values], np.uint64).view(np.float64)
        else:
            columns[name] = np.array(values, object if values and isinstance(values[0], str) else None)
    return columns, table["metadata"]


TEXTS = {"name", "state", "why", "host", "figure"}  # columns of text that might look like a number's bits


def bits(values):
    """Returns a column so that equal means the same to the last bit, NaN included."""
    values = np.asarray(values)
    return values.view(np.uint64) if values.dtype == np.float64 else values


def call(*args):
    subprocess.run([ROOT / "bin" / "radd", *map(str, args), "--quiet"], check=True)


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.run_folder = cls.dir / "run"
        call("train", "--out", cls.run_folder, "--hidden", 8, "--gradient-steps", 800, "--lr", 0.01, "--set", "task.blocks=2")
        call("rollout", "--run", cls.run_folder, "--blocks", 12)
        call("export", "--run", cls.run_folder, "--format", "alf", "--out", cls.dir / "alf")
        cls.alf = cls.dir / "alf" / "run" / "2000-01-01" / "001" / "alf" / "_ibl_trials.table.pqt"
        call("export", "--run", cls.run_folder, "--format", "csv", "--out", cls.dir / "csv")
        (cls.dir / "sweep.yaml").write_text(SWEEP)
        call("sweep", "run", cls.dir / "sweep.yaml")
        call("sweep", "collect", cls.dir / "sweep.yaml")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_run(self):
        run = radd.Run(self.run_folder)
        self.assertEqual(run.config["hidden"], 8)
        self.assertEqual(run.config["task"]["blocks"], 2)
        self.assertEqual(run.config["task"]["strengths"], [0, .5, 1, 1.5, 2, 2.5])
        self.assertEqual(set(run.weights), set(radd.PARAMETERS))
        self.assertEqual(len(run.metrics["loss"]), 81)
        trials, summary = run.trials, run.summary
        self.assertEqual(len(trials["trial"]), summary["trials"])
        self.assertAlmostEqual(np.mean(trials["correct"]), summary["correct_per_trial"], places=12)
        self.assertEqual(np.sum(trials["rnn_steps"]), summary["rnn_steps"])
        self.assertEqual(run.states["hidden"].shape, (summary["rnn_steps"], 8))

    def test_csv_is_parquet(self):
        """Both files hold the same numbers, to the bit."""
        a = radd.read_table(self.run_folder / "rollout" / "trials.parquet")
        b = radd.read_table(self.dir / "csv" / "run.csv")
        self.assertEqual(list(a), list(b))
        for name in a:
            np.testing.assert_array_equal(np.asarray(a[name]), np.asarray(b[name]), err_msg=name)

    def test_pandas_reads_csv(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("pandas is not installed")
        a = pandas.read_csv(self.dir / "csv" / "run.csv", float_precision="round_trip")
        b = radd.read_table(self.run_folder / "rollout" / "trials.parquet")
        for name in a:
            np.testing.assert_array_equal(a[name], np.asarray(b[name]), err_msg=name)

    def test_alf(self):
        alf, metadata = parquet.read(self.alf)
        self.assertEqual(json.loads(metadata["one_metadata"])["subject"], "run")
        trials = radd.Run(self.run_folder).trials
        side, block = np.asarray(trials["trial_side"]), np.asarray(trials["block_side"])
        np.testing.assert_array_equal(alf["choice"], -np.asarray(trials["action"], float))
        np.testing.assert_array_equal(alf["feedbackType"], np.where(trials["correct"], 1, -1))
        strength = np.asarray(trials["strength"])
        np.testing.assert_array_equal(alf["contrastLeft"], np.where(side < 0, strength, np.nan))
        np.testing.assert_array_equal(alf["contrastRight"], np.where(side > 0, strength, np.nan))
        np.testing.assert_allclose(alf["probabilityLeft"], np.where(block < 0, .8, .2), rtol=1e-15)
        np.testing.assert_array_equal(np.cumsum(trials["rnn_steps"]), alf["intervals_1"])

    @unittest.skipUnless(ARROW, "RADD_ARROW names no reader; make test-python builds it")
    def test_arrow_reads_tables(self):
        """Arrow's reader and ours see the same, to the bit."""
        tables = [self.run_folder / "rollout" / "trials.parquet", self.alf, *(self.dir / "out" / "tables").glob("*.parquet")]
        self.assertEqual(len(tables), 6)
        for path in tables:
            (a, more), (b, metadata) = arrow(path), parquet.read(path)
            self.assertEqual(set(a), set(b))
            self.assertEqual(more, metadata)
            for name in b:
                np.testing.assert_array_equal(bits(a[name]), bits(b[name]), err_msg=f"{path}: {name}")

    @unittest.skipUnless(ARROW, "RADD_ARROW names no reader; make test-python builds it")
    def test_alf_round_trip(self):
        """ALF as Arrow and pandas read it, and CSV as pandas reads it, are the same
        trials: each is made of the other without a remainder."""
        try:
            import pandas
        except ImportError:
            self.skipTest("pandas is not installed")
        columns, metadata = arrow(self.alf)
        alf = pandas.DataFrame(columns)
        csv = pandas.read_csv(self.dir / "csv" / "run.csv", float_precision="round_trip")
        trials = pandas.DataFrame(arrow(self.run_folder / "rollout" / "trials.parquet")[0])[list(csv)]
        pandas.testing.assert_frame_equal(trials, csv, check_exact=True, check_dtype=False)

        end = csv["rnn_steps"].cumsum().astype(float)
        begin, stimulus = end - csv["rnn_steps"], end - csv["observations"]
        left = csv["trial_side"] < 0
        nothing = pandas.Series(np.nan, csv.index)
        want = pandas.DataFrame({
            "intervals_0": begin, "intervals_1": end, "stimOn_times": stimulus, "goCue_times": stimulus,
            "firstMovement_times": nothing, "response_times": end, "feedback_times": end,
            "choice": 0. - csv["action"], "feedbackType": np.where(csv["correct"], 1., -1.), "rewardVolume": nothing,
            "contrastLeft": csv["strength"].where(left), "contrastRight": csv["strength"].where(~left),
            "probabilityLeft": np.where(csv["block_side"] < 0, .8, 1 - .8)})
        pandas.testing.assert_frame_equal(alf[list(want)], want, check_exact=True)
        self.assertEqual(set(alf), set(want))
        self.assertTrue((alf["contrastLeft"].isna() != alf["contrastRight"].isna()).all())

        back = pandas.DataFrame({
            "trial_side": np.where(alf["contrastLeft"].isna(), 1, -1),
            "block_side": np.where(alf["probabilityLeft"] > .5, -1, 1),
            "strength": alf["contrastLeft"].fillna(alf["contrastRight"]),
            "rnn_steps": alf["intervals_1"] - alf["intervals_0"],
            "observations": alf["intervals_1"] - alf["stimOn_times"],
            "action": 0 - alf["choice"], "correct": alf["feedbackType"] > 0})
        pandas.testing.assert_frame_equal(back, csv[list(back)], check_exact=True, check_dtype=False)
        one = json.loads(metadata["one_metadata"])
        self.assertEqual((one["subject"], one["origin"], one["seconds_per_rnn_step"]), ("run", "radd", 1))

    def test_pyarrow_reads_tables(self):
        try:
            import pyarrow.parquet
        except ImportError:
            self.skipTest("pyarrow is not installed")
        for path in [self.run_folder / "rollout" / "trials.parquet", self.alf, *(self.dir / "out" / "tables").glob("*.parquet")]:
            a, b = pyarrow.parquet.read_table(path), parquet.read(path)[0]
            self.assertEqual(a.column_names, list(b))
            for name in b:
                np.testing.assert_array_equal(a[name].to_numpy(), b[name], err_msg=name)

    def test_sweep(self):
        sweep = radd.Sweep(self.dir / "out")
        self.assertEqual(len(sweep), 6)
        table, curves = sweep.table(), sweep.table("curves")
        self.assertEqual(sorted(table["name"]), sorted(sweep.networks))
        for i, name in enumerate(np.asarray(table["name"])):
            network = sweep[name]
            self.assertEqual(network.config["seed"], np.asarray(table["seed"])[i])
            self.assertEqual(network.result["rollout"]["rnn_steps_per_trial"], np.asarray(table["rnn_steps_per_trial"])[i])
            self.assertEqual(network.weights["core.weight_hh_l0"].shape, (4, 4))
            self.assertEqual(network.student()["core.weight_hh_l0"].shape, (2, 2))
            np.testing.assert_array_equal(np.asarray(curves["loss"])[np.asarray(curves["name"]) == name], np.asarray(network.metrics["loss"]))
        csv = radd.read_table(self.dir / "out" / "tables" / "networks.csv")
        np.testing.assert_array_equal(np.asarray(csv["training.loss"]), np.asarray(table["training.loss"]))

    def test_torch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("torch is not installed")
        weights = radd.Run(self.run_folder).weights
        net = radd.to_torch(weights)
        torch.save(net.state_dict(), self.dir / "net.pt")
        radd.from_torch(self.dir / "net.pt", self.dir / "back.safetensors")
        back = radd.read_weights(self.dir / "back.safetensors")
        for name in radd.PARAMETERS:
            np.testing.assert_array_equal(back[name], weights[name])
        call("rollout", "--weights", self.dir / "back.safetensors", "--blocks", 2, "--out", self.dir / "rollout")
        double = {k: v.astype(np.float64) for k, v in weights.items()}
        for name, value in radd.from_torch(radd.to_torch(double)).items():
            np.testing.assert_array_equal(value, double[name])
        class Theirs(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn, self.head = net["core"], net["readout"]

        theirs = radd.from_torch(Theirs())
        for name in radd.PARAMETERS:
            np.testing.assert_array_equal(theirs[name], weights[name])
        with self.assertRaises(ValueError):
            radd.from_torch(torch.nn.RNN(3, 4, num_layers=2))
        with self.assertRaises(ValueError):
            radd.from_torch({"core.weight": net["readout"].bias}, self.dir / "bad.safetensors")

    def test_example(self):
        try:
            import torch  # noqa: F401
        except ImportError:
            self.skipTest("torch is not installed")
        argv, sys.argv = sys.argv, ["example.py", str(self.run_folder)]
        try:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                runpy.run_path(str(ROOT / "python" / "example.py"))
        finally:
            sys.argv = argv
        self.assertIn("largest difference", out.getvalue())

    def test_damaged(self):
        bad = self.dir / "bad"
        for data in (b"", b"PAR1" * 4, b"\xff" * 40):
            bad.write_bytes(data)
            with self.assertRaises((ValueError, IndexError, KeyError, OverflowError)):
                parquet.read(bad)
            with self.assertRaises(ValueError):
                radd.read_weights(bad)


if __name__ == "__main__":
    unittest.main()
