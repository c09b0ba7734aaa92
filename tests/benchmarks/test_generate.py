import pytest

from ganray.benchmarks.generate import measure
from ganray.config import BenchmarkConfig


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_both_sides_are_measured(cluster):
    (row,) = measure(BenchmarkConfig(name="generate", repeats=1, images=768, seconds=0.4))
    assert row["name"] == "generate"
    assert row["baseline"] == min(row["forward"], row["encode"])
    assert row["ratio"] > 0
