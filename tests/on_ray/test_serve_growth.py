"""How many replicas there are to be."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
import ray

from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import free_port, replica_pids
from ganray.config import ServeConfig
from ganray.errors import ConfigError
from ganray.on_ray import serve_growth
from ganray.on_ray.ray_internals import serve_controller
from ganray.on_ray.serve_growth import OUTSTANDING, ByOutstanding, growth
from ganray.verbs.serve import serve
from tests.tools.models import ATTRIBUTES, SMALLEST


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


@pytest.mark.ray
def test_replicas_grow_with_what_is_wanted_go_to_none_and_come_back(cluster, tmp_path, monkeypatch):
    for name, seconds in (("UP_S", 0.5), ("DOWN_S", 1.0), ("ZERO_S", 2.0)):
        monkeypatch.setattr(serve_growth, name, seconds)
    make_model(str(tmp_path), SMALLEST, ATTRIBUTES)
    numbers = {"replicas": 0, "max_replicas": 2, "per_replica": 8, "threads": 1}
    serving = serve(ServeConfig(model=str(tmp_path), port=free_port(), gpu=False, wait_ms=200.0, **numbers), blocking=False)
    over = threading.Event()

    def ask():
        while not over.is_set():
            asked = httpx.post(f"{serving.url}/v1/generate", json={"id": "a", "count": 8}, timeout=60)
            assert asked.status_code in (200, 503)

    try:
        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(ask) for _ in range(6)]
            try:
                until(lambda: len(replica_pids(serving.application)) == 2)
            finally:
                over.set()
            for each in asking:
                each.result()
        until(lambda: not num_replicas(serving.application))
        began = time.monotonic()
        reply = httpx.post(f"{serving.url}/v1/generate", json={"id": "a"}, timeout=120)
        print(f"the first request from none: {time.monotonic() - began:.1f} s")
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")  # there was none: one has come back
    finally:
        over.set()
        serving.stop()


def num_replicas(application: str) -> int:
    """Replicas of an application in any state, such as those that are ending and may still answer."""
    details = ray.get(serve_controller().get_serve_instance_details.remote())
    return sum(len(deployment["replicas"]) for deployment in details["applications"][application]["deployments"].values())


def until(reached, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)
