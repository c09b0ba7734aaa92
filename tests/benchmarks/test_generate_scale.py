"""In a process of its own: the benchmark takes Ray down, and the other tests share a cluster."""

import json

import pytest

from tests.tools.commands import run_command


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_a_larger_job_is_no_heavier(tmp_path):
    """The short form: four times the small job."""
    run = run_command(["benchmark", "generate-scale", "--json", "--images=4000", "--repeats=1"], cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    rates, peaks = map(json.loads, run.stdout.splitlines())
    assert (rates["name"], peaks["name"], rates["images"]) == ("generate-scale", "generate-rss", 4000)
    assert rates["ratio"] > 0.7
    assert peaks["ratio"] < 1.2
