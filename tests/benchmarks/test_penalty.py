import pytest
import torch

from ganray.benchmarks import penalty
from ganray.config import BenchmarkConfig


def test_both_sides_have_a_median(monkeypatch):
    monkeypatch.setattr(penalty, "WARM", 0)
    monkeypatch.setattr(penalty, "BLOCK", 1)
    threads = torch.get_num_threads()
    try:
        bare, ours = penalty.times(2, 1)
    finally:
        torch.set_num_threads(threads)
    assert bare > 0 and ours > 0


@pytest.mark.slow
@pytest.mark.long
def test_it_measures_both_sides_in_turn():
    """The figures of so few steps mean nothing, the shape does."""
    (row,) = penalty.measure(BenchmarkConfig(name="penalty", repeats=1, images=160))
    assert (row["name"], row["unit"], row["steps"], row["fraction"]) == ("penalty", "ms", 10, 0.25)
    assert row["value"] > 0 and row["baseline"] > 0
    assert row["ratio"] == pytest.approx(row["value"] / row["baseline"])
