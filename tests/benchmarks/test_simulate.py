import json

import pytest

from ganray.benchmarks import simulate
from ganray.config import BenchmarkConfig
from ganray.errors import GanrayError
from tests.tools.commands import run_command


@pytest.mark.parametrize("name", simulate.STEPS)
def test_each_step_counts_what_it_was_given(name):
    """The steps check their own results: all records listed, planned, written and closed."""
    seconds = simulate.STEPS[name].run(5000)
    assert seconds and all(value >= 0 for value in seconds.values())


def test_a_step_in_a_process_of_its_own_tells_its_peak():
    small, large = (simulate.run_apart("ids", num) for num in (1000, 200_000))
    assert (small["images"], large["images"]) == (1000, 200_000)
    assert 20 < small["mib"] < large["mib"] < 500
    with pytest.raises(GanrayError, match="simulate: ids of -1 failed"):
        simulate.run_apart("ids", -1)


def test_rows_compare_both_sizes_and_have_a_ceiling(monkeypatch):
    runs = {
        100: {"images": 100, "seconds": {"a": 1.0}, "mib": 100.0},
        1280: {"images": 1280, "seconds": {"a": 25.6}, "mib": 512.0},
    }
    monkeypatch.setattr(simulate, "STEPS", {"x": simulate.Step(lambda num: {}, part=10)})
    monkeypatch.setattr(simulate, "run_apart", lambda name, num: runs[num])
    time, memory = simulate.measure(BenchmarkConfig(images=12_800))
    assert (time["baseline"], time["value"], time["ratio"]) == (10_000, 20_000, 2.0)
    assert (memory["ratio"], memory["at_most"]) == (0.25, 1.0)


@pytest.mark.long
def test_the_benchmark_runs_as_a_command():
    done = run_command(["benchmark", "simulate", "--images", "100000", "--json"], timeout=900)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["unit"] for row in rows} == {"s/M", "MiB"} and len(rows) == 15
    assert all(row["ratio"] < 1 for row in rows if row["unit"] == "MiB")
