"""Join or start a Ray cluster, say what it has, and refuse a plan it cannot run (instead of hanging)."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from ganray.config import RayConfig
from ganray.errors import ClusterError

# Read by Ray's own processes, so they must be set before the cluster starts (RAY_* of the driver are copied to workers).
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning barriers on shared cores are up to 27x slower
    "RAY_AUTH_MODE": "disabled",  # for a cluster started here, on loopback; an explicit value wins
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's default is 15: whatever else runs on the machine would starve the workers
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the poll that also drains ray.train.report
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a cluster started here ends with its machine; what tells of that is a signal
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0.5",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
}


@dataclass(frozen=True)
class Resources:
    """What the cluster has in all, and the CPUs of its largest node; `joined` tells that it was not started here."""

    cpus: float
    gpus: float
    node_cpus: float
    joined: bool = False


def connect(config: RayConfig) -> Resources:
    """Join `config.address`, the cluster this process already belongs to, or start one here; idempotent.

    Raises ClusterError when the address does not answer.
    """
    if not ray.is_initialized():
        _start(config)
    total = ray.cluster_resources()
    largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    if not _joins(config):
        largest = min(largest, config.num_cpus or float(cores()))  # the CPU beyond the cores is for data, not for threads
    return Resources(total.get("CPU", 0.0), total.get("GPU", 0.0), largest, _joins(config))


def cores() -> int:
    """The CPUs this process may use: its affinity, within its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):
        return allowed


def _joins(config: RayConfig) -> bool:
    return bool(config.address) or "RAY_JOB_ID" in os.environ or "RAY_ADDRESS" in os.environ


def _start(config: RayConfig) -> None:
    here = not _joins(config)
    if here:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    options: dict[str, Any] = {}
    if here:
        # One logical CPU beyond the cores keeps Ray Data alive beside a Train worker on the smallest machine.
        options = {"num_cpus": config.num_cpus or cores() + 1, "include_dashboard": False}
    address = "local" if here else config.address or None  # None would join whatever somebody started on this machine by `ray start`
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = config.address or os.environ.get("RAY_ADDRESS", "this machine")
        raise ClusterError(f"ray.address {where}: {error}", "Start a cluster with `ray start --head`, or leave it empty") from error


def use_gpu(wanted: bool | None, resources: Resources, num: int = 1) -> bool:
    """Resolve a `gpu` field: None means "where the cluster has them". Raises ClusterError if asked for and absent."""
    if wanted is None:
        return resources.gpus >= num
    if wanted and resources.gpus < num and not resources.joined:  # a cluster's autoscaler may bring them
        raise ClusterError(f"gpu: {num} GPU(s) asked for, the cluster has {resources.gpus:g}", "Use --no-gpu, or a cluster with GPUs")
    return wanted


def require_node(needed: float, resources: Resources, what: str) -> None:
    """Raise ClusterError when no single node has the CPUs that one actor asks for."""
    if resources.node_cpus < needed:
        raise ClusterError(f"{what} needs {needed:g} CPUs of one node, the largest has {resources.node_cpus:g}", "Use fewer threads")


def require_cpus(needed: float, resources: Resources, what: str) -> None:
    """Raise ClusterError when the cluster has fewer CPUs than the plan needs: Ray would wait for ever."""
    if resources.cpus < needed:
        raise ClusterError(
            f"{what} needs {needed:g} CPUs, the cluster has {resources.cpus:g}",
            "Use fewer workers, a bigger cluster, or --ray.num-cpus on one machine",
        )
