from importlib.util import find_spec

import pytest

from ganray.benchmark_table import BENCHMARKS, names
from ganray.config import BenchmarkConfig


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_module_of_a_benchmark_is_there(name):
    assert find_spec(BENCHMARKS[name].module) is not None


def test_what_a_benchmark_needs_is_an_option():
    assert {need for benchmark in BENCHMARKS.values() for need in benchmark.needs} <= BenchmarkConfig.model_fields.keys()


def test_long_ones_are_named_apart():
    assert {*names(long=True), *names(long=False)} == BENCHMARKS.keys()
    assert not set(names(long=True)) & set(names(long=False))
    assert "quality" in names(long=True) and "input" in names(long=False)
