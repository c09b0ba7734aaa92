"""What a verb asks of the place where its work runs. Ingest, generate, edit and evaluate are written once, against these few names.

Work goes out as numbers of shards, and small tallies come back: pixels stay with the worker, or go from its first stage to its second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

M = TypeVar("M")
R = TypeVar("R")


@dataclass(frozen=True)
class Node:
    """What one node of a cluster has, or has left."""

    cpus: float
    gpus: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Resources:
    """What there is in all, and the CPUs of the largest node; `joined` says that the cluster was not started by this command.

    `grows` asks whether something starts nodes when work waits for them. It is asked only where there are too few: the answer can take
    seconds in a cluster that has just begun.
    """

    cpus: float
    gpus: float
    node_cpus: float
    joined: bool = False
    grows: Callable[[], bool] = _never
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Workers:
    """`num` workers side by side, each of `cpus` threads and perhaps a GPU, or a share of one, on nodes that have `labels`.

    Where they follow the cluster, there are as many as there is room for at any time, and `num` is how many those are at the start.
    """

    num: int
    cpus: int = 1
    gpu: float = 0.0
    follows: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardWork(Generic[M, R]):
    """How each shard is done.

    `start` is called once in each worker (it loads what the work needs); what it returns is called with the number of each shard. Where
    there is a `finish`, what came of a shard goes to it, in one of `finishers` other workers of one CPU: encode and write while the next
    shard is computed. Where workers follow the cluster, finishers do so in the same proportion. Finishers run on any node, whatever the
    labels of the workers. Everything here must be picklable. A shard may be done twice (after a lost worker): writes must be idempotent.

    Each worker does `at_once` shards at a time, in as many threads: where a GPU computes, the next shard is read and the last one handed on
    meanwhile. What `start` returns must be thread-safe then.
    """

    start: Callable[[], Callable[[int], M]]
    workers: Workers
    finish: Callable[[M], R] | None = None
    finishers: int = 1
    at_once: int = 1


class Executor(Protocol):
    """The port. Errors of ganray arrive as themselves, whatever lies between; Ctrl-C and SIGTERM end the iteration and its workers."""

    name: str

    def resources(self) -> Resources:
        """What work may take."""

    def map_shards(self, work: ShardWork[Any, R], shards: Sequence[int]) -> Iterator[R]:
        """Do every shard; results come in the order in which they are ready."""

    def stream(self, task: Callable[[], Iterator[R]], workers: Workers) -> Iterator[R]:
        """Run one generator in one worker, and pass on what it yields."""

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """Hand live numbers to whoever watches this executor (Prometheus on a cluster, nobody in one process)."""
