"""Tests of the package on files that bin/radd writes. Run from the repository's
root: python3 -m unittest discover python/tests"""

import contextlib
import io
import json
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
        path = self.dir / "alf" / "run" / "2000-01-01" / "001" / "alf" / "_ibl_trials.table.pqt"
        alf, metadata = parquet.read(path)
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

    def test_pyarrow_reads_tables(self):
        try:
            import pyarrow.parquet
        except ImportError:
            self.skipTest("pyarrow is not installed")
        for path in [self.run_folder / "rollout" / "trials.parquet", *(self.dir / "out" / "tables").glob("*.parquet")]:
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
