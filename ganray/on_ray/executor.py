"""The executor of a Ray cluster: shards by a pool of workers (shard_pool.py), streams by one task."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import ray
from ray.util.metrics import Gauge

from ganray.config import RayConfig
from ganray.execution.host import OF_A_HOST, name_host, require_same, versions
from ganray.execution.port import Resources, ShardWork, Workers
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import find_ganray_error
from ganray.on_ray.shard_pool import ShardPool

R = TypeVar("R")


class Gauges:
    """Live numbers by Ray's own Prometheus exporter, which writes `ray_` before their name."""

    def __init__(self) -> None:
        self._gauges: dict[str, Gauge] = {}

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """One gauge, with the name of each value in the tag `number`."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, "Live numbers of a command of ganray", (*tags, "number"))
        for number, value in values.items():
            self._gauges[name].set(value, {**tags, "number": number})


class RayExecutor:
    """Joins the cluster that the config names, or starts one on this machine. Raises ClusterError where it does not answer."""

    name = "ray"

    def __init__(self, config: RayConfig) -> None:
        self._resources = connect(config)
        self.publish = Gauges().publish

    def resources(self) -> Resources:
        """What the cluster had when it was joined."""
        return self._resources

    def map_shards(self, work: ShardWork[Any, R], shards: Sequence[int]) -> Iterator[R]:
        """See the port. What a lost worker or host had is done again."""
        if not shards:
            return
        pickle.dumps(work)  # a store that cannot travel says so here, without Ray's traceback
        with _own_errors(), closing(ShardPool(work, shards)) as pool:
            yield from pool.results()

    def stream(self, task: Callable[[], Iterator[R]], workers: Workers) -> Iterator[R]:
        """See the port."""
        with _own_errors():
            options = {"num_cpus": workers.cpus, "num_gpus": workers.gpu, "num_returns": "streaming"}
            generate: Any = ray.remote(_generate)
            items = generate.options(**options).remote(versions(), [ray.put(task)])
            for item in items:
                yield ray.get(item)


def _generate(wanted: dict[str, str], task: list[Any]) -> Iterator[R]:
    """What the reference in `task` yields, which is read only where the software of this host is the command's."""
    require_same(wanted)
    try:
        yield from ray.get(task[0])()
    except OF_A_HOST as error:
        raise name_host(error) from error


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise the GanrayError under whatever Ray wraps it in."""
    try:
        yield
    except Exception as error:
        known = find_ganray_error(error)
        if known is None or known is error:
            raise
        raise known from error
