"""How many replicas there are to be."""

from types import SimpleNamespace

import pytest

from ganray.config import ServeConfig
from ganray.errors import ConfigError
from ganray.on_ray.serve_growth import OUTSTANDING, ByOutstanding, growth


def context(outstanding=(), requests=0):
    return SimpleNamespace(aggregated_metrics={OUTSTANDING: dict(enumerate(outstanding))}, total_num_requests=requests)


@pytest.mark.parametrize(
    ("outstanding", "requests", "wanted"),
    [((), 0, 0.0), ((), 3, 1.0), ((5,), 0, 1.0), ((64, 64), 2, 2.0), ((200, 56), 4, 4.0)],
)
def test_as_many_as_pictures_are_wanted(outstanding, requests, wanted):
    assert ByOutstanding(64.0)(context(outstanding, requests)) == (wanted, {})


def test_a_fixed_number_does_not_grow():
    assert growth(ServeConfig(replicas=3)) is None
    grown = growth(ServeConfig(replicas=0, max_replicas=4, per_replica=10))
    assert (grown.min_replicas, grown.max_replicas, grown.initial_replicas) == (0, 4, 1)
    assert grown.policy.policy_kwargs == {"per_replica": 10.0}


@pytest.mark.parametrize("numbers", [{"replicas": 0}, {"replicas": 3, "max_replicas": 2}])
def test_numbers_that_contradict_each_other_are_one_line(numbers):
    with pytest.raises(ConfigError, match="replicas = "):
        ServeConfig(**numbers)
