"""Threads and CPUs of training workers, data readers and engines on a cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganray.config import TrainConfig
from ganray.execution.port import Resources
from ganray.execution.resources import require_cpus, require_node


@dataclass(frozen=True)
class Readers:
    """The actors that read for one consumer, and the CPUs that each reserves; none means that they live on the consumer's own node."""

    num: int = 1
    cpus: float = 1.0


def training_cpus(config: TrainConfig, resources: Resources, gpu: bool) -> tuple[int, Readers]:
    """(torch threads a worker, data readers a worker). One CPU stays free for data: otherwise Ray would wait for ever.

    In a run that may be smaller readers reserve nothing, and live beside their worker: what a node reserved would be gone with it.
    """
    least = config.min_workers or config.workers
    spare = min(resources.node_cpus, (resources.cpus - 1) // config.workers)
    threads = config.threads or (1 if gpu else max(1, int(spare)))
    require_node(threads, resources, f"a training worker of {threads} threads")
    if least < config.workers:
        require_cpus(least * threads, resources, f"train with {least} workers of {threads} threads")
        return threads, Readers(1, 0.0)
    require_cpus(least * threads + 1, resources, f"train with {least} workers of {threads} threads (+ 1 for data)")
    free = (resources.cpus - config.workers * threads) / config.workers
    return threads, Readers(max(1, int(free)), min(1.0, math.floor(100 * free) / 100))
