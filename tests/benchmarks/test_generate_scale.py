"""In a process of its own: the benchmark takes Ray down, and the other tests share a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_a_larger_job_is_no_heavier(tmp_path):
    """The short form: four times the small job."""
    command = [sys.executable, str(ROOT / "jobs/benchmark.py"), "generate-scale", "--json", "--images=4000", "--repeats=1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    rates, peaks = map(json.loads, run.stdout.splitlines())
    assert (rates["name"], peaks["name"], rates["images"]) == ("generate-scale", "generate-rss", 4000)
    assert rates["ratio"] > 0.7
    assert peaks["ratio"] < 1.2
