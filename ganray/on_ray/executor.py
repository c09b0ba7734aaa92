"""The executor of a Ray cluster: Ray Data, one block a shard all the way, with an actor for each worker and tasks for what finishes shards.

Only numbers of shards go out and small results come back to the driver. A pyarrow table goes from worker to finisher as it is, without a
copy; anything else is pickled.
"""

from __future__ import annotations

import functools
import importlib
import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray
import ray.data
from ray.util.metrics import Gauge

from ganray.config import RayConfig
from ganray.execution.port import Resources, ShardWork, Workers
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import defer_error, find_ganray_error

R = TypeVar("R")
PICKLED = "pickled"  # the column of what is no table of its own


class RayExecutor:
    """Joins the cluster that the config names, or starts one on this machine. Raises ClusterError where it does not answer."""

    name = "ray"

    def __init__(self, config: RayConfig) -> None:
        self._resources = connect(config)
        self._gauges: dict[str, Gauge] = {}

    def resources(self) -> Resources:
        """What the cluster had when it was joined."""
        return self._resources

    def map_shards(self, work: ShardWork[Any, R], shards: Sequence[int]) -> Iterator[R]:
        """See the port. A worker that is lost is started again, and its shard with it."""
        if not shards:
            return
        pickle.dumps(work)  # a store that cannot travel says so here, without Ray's traceback
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it logs is raised, too
        num, finishers = (min(count, len(shards)) for count in (work.workers.num, work.finishers))
        with _own_errors():
            dataset: Any = ray.data.from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
            dataset.context.enable_progress_bars = False
            dataset.context.raise_original_map_exception = True  # the wrapped one loses its cause on the way here
            if work.finish is not None:
                _warm_up(work.finish, finishers)
            dataset = dataset.map_batches(
                ShardActor,
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=num),
                num_cpus=work.workers.cpus,
                num_gpus=int(work.workers.gpu),
                fn_constructor_args=(work.start,),
            )
            if work.finish is not None:
                dataset = dataset.map_batches(
                    functools.partial(_finish, work.finish),
                    batch_size=None,
                    batch_format="pyarrow",
                    compute=ray.data.TaskPoolStrategy(size=finishers),
                )
            for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield from map(pickle.loads, batch.column(PICKLED).to_pylist())

    def stream(self, task: Callable[[], Iterator[R]], workers: Workers) -> Iterator[R]:
        """See the port."""
        with _own_errors():
            options = {"num_cpus": workers.cpus, "num_gpus": int(workers.gpu), "num_returns": "streaming"}
            generate: Any = ray.remote(_generate)
            items = generate.options(**options).remote(task)
            for item in items:
                yield ray.get(item)

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """A Prometheus gauge of Ray's own exporter, with the name of each value in the tag `number`."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, "Numbers of a job, see status.json", (*tags, "number"))
        for number, value in values.items():
            self._gauges[name].set(value, {**tags, "number": number})


class ShardActor:
    """A worker: what `start` makes lives in it."""

    def __init__(self, start: Callable[[], Callable[[int], Any]]) -> None:
        self._process = defer_error(start)

    def __call__(self, batch: dict[str, npt.NDArray[np.int64]]) -> pa.Table:
        """Do one shard."""
        (shard,) = batch["shard"].tolist()
        return _block(self._process()(shard))


def _finish(finish: Callable[[Any], Any], block: pa.Table) -> pa.Table:
    return _block(finish(pickle.loads(block.column(PICKLED)[0].as_py()) if block.column_names == [PICKLED] else block))


def _block(value: Any) -> pa.Table:
    return value if isinstance(value, pa.Table) else pa.table({PICKLED: pa.array([pickle.dumps(value)], pa.binary())})


def _generate(task: Callable[[], Iterator[R]]) -> Iterator[R]:
    yield from task()


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


def _warm_up(finish: Callable[[Any], Any], num: int) -> None:
    """Let that many idle workers import what they will need while the engines load: it takes them seconds, once. Returns at once."""
    task = ray.remote(num_cpus=1)(load_modules)
    for _ in range(num):
        task.remote(("ray.data", getattr(finish, "func", finish).__module__))


def load_modules(names: Sequence[str]) -> None:
    """Import modules; a later task in this process finds it done."""
    for name in names:
        importlib.import_module(name)
