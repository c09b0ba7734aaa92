"""One call of a function where a worker would run: on its node, with its GPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ganray.execution.port import Executor, ShardWork, Workers

R = TypeVar("R")


def run_once(executor: Executor, task: Callable[[], R], workers: Workers) -> R:
    """What `task` returns, called in one such worker. It must be picklable, as all work is, and may be called twice."""
    work: ShardWork[Any, R] = ShardWork(functools.partial(_ignoring_shard, task), replace(workers, num=1, follows=False))
    (result,) = executor.map_shards(work, [0])
    return result


def _ignoring_shard(task: Callable[[], R]) -> Callable[[int], R]:
    return lambda shard: task()
