"""CPUs and GPUs that work may take, and errors for plans that ask for more than there is (instead of a wait without end)."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ganray.errors import ClusterError
from ganray.execution.gpus import GpuDemand, announce_gpus
from ganray.execution.port import Resources


def cores() -> int:
    """The CPUs this process may use: its affinity, within its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):
        return allowed


def work_cores(resources: Resources) -> int:
    """CPUs for work that keeps a core busy: on one machine there is a logical CPU beyond the cores, see `Resources`."""
    return max(1, int(resources.cpus) - (0 if resources.joined else 1))


def use_gpu(wanted: bool | None, resources: Resources, num: float = 1) -> bool:
    """Resolve the field `gpu` of a training run with `num` workers: None means "where there are enough", see `plan_gpus`. Its line goes to
    stderr. Raises ClusterError if asked for and absent."""
    whole = max(1, math.ceil(num))
    return announce_gpus(GpuDemand("train", wanted, whole, "workers", num / whole, together=True), resources)


def require_node(needed: float, resources: Resources, what: str) -> None:
    """Raise ClusterError when no single node has the CPUs that one actor asks for, and no other one is started."""
    if resources.node_cpus < needed and not resources.grows():
        raise ClusterError(f"{what} needs {needed:g} CPUs of one node, the largest has {resources.node_cpus:g}", "Use fewer threads")


def require_cpus(needed: float, resources: Resources, what: str) -> None:
    """Raise ClusterError when there are fewer CPUs than the plan needs, and nothing brings more: Ray would wait for ever."""
    if resources.cpus < needed and not resources.grows():
        raise ClusterError(
            f"{what} needs {needed:g} CPUs, the cluster has {resources.cpus:g}",
            "Use fewer workers, a bigger cluster, or --ray.num-cpus on one machine",
        )


def engine_cpus(wanted: int, engines: int, spare: int, resources: Resources, what: str) -> int:
    """`wanted`, or where that is 0 an equal share of all CPUs but `spare`, which other work needs.

    Raises ClusterError where that many engines do not fit beside the spare ones, or one of them in no node.
    """
    fitting = min(int(resources.node_cpus), int(resources.cpus)) - spare
    threads = wanted or max(1, min(fitting, (int(resources.cpus) - spare) // engines))
    require_node(threads, resources, f"{what} with {threads} thread(s)")
    require_cpus(engines * threads + spare, resources, f"{what} with {engines} engine(s) of {threads} thread(s)")
    return threads
