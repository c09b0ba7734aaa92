import pytest

from ganray.benchmarks.penalty import measure
from ganray.config import BenchmarkConfig


@pytest.mark.slow
def test_it_measures_both_sides_in_turn():
    """The short form: the figures mean nothing, the shape does."""
    (row,) = measure(BenchmarkConfig(name="penalty", repeats=1, images=160))
    assert (row["name"], row["unit"], row["steps"], row["fraction"]) == ("penalty", "ms", 10, 0.25)
    assert row["value"] > 0 and row["baseline"] > 0
    assert row["ratio"] == pytest.approx(row["value"] / row["baseline"])
