"""Whole steps of the presets and of an editor on a CUDA device that is not there: no copy from the host, no wait, no other device."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ganray.presets import PRESETS
from tests.gpu.fake_cuda import missing

BARS = {"demo-32": (570, 0.4), "r3-64": (900, 200.0), "r3-128": (1000, 220.0), "r3-256": (1100, 460.0)}  # kernels, gigabytes
SAVED = {"demo-32": 0.03, "r3-64": 11.5, "r3-128": 13.0, "r3-256": 27.0}  # GiB kept for the backward passes


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("names", [("mlp-28", "dcgan-64", "demo-32", "r3-64"), pytest.param((*PRESETS, "editor"), marks=pytest.mark.long)])
def test_what_a_step_asks_of_a_gpu(names):
    command = [sys.executable, "-m", "tests.gpu.step_counts", "--json", *names]  # a process of its own: the device comes before torch
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = {row["preset"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows.keys() == {*names}
    assert {name: row["copies"] for name, row in rows.items()} == dict.fromkeys(rows, 0)
    for name in BARS.keys() & rows.keys():
        row, (kernels, gigabytes) = rows[name], BARS[name]
        assert row["kernels"] <= kernels
        assert row["gigabytes"] <= gigabytes
        assert row["saved_gib"] <= SAVED[name]
