import pytest

from ganray.benchmarks.serve import measure
from ganray.config import BenchmarkConfig


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_both_sides_are_measured(cluster):
    (row,) = measure(BenchmarkConfig(name="serve", repeats=1, seconds=0.5))
    assert row["name"] == "serve"
    assert row["failures"] == 0
    assert row["value"] > 0
    assert row["baseline"] > 0
