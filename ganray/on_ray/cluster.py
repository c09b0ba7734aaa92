"""Join or start a Ray cluster, say what it has, and refuse a plan it cannot run (instead of hanging)."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import ray

from ganray.config import RayConfig
from ganray.errors import ClusterError

# Read by Ray's own processes, so they must be set before the cluster starts (RAY_* of the driver are copied to workers).
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning barriers on shared cores are up to 27x slower
    "RAY_AUTH_MODE": "disabled",  # for a cluster started here, on loopback; an explicit value wins
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the poll that also drains ray.train.report
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0.5",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
}


@dataclass(frozen=True)
class Resources:
    """What the cluster has in all."""

    cpus: float
    gpus: float


def connect(config: RayConfig) -> Resources:
    """Join `config.address`, the cluster this process already belongs to, or start one here; idempotent.

    Raises ClusterError when the address does not answer.
    """
    if not ray.is_initialized():
        _start(config)
    total = ray.cluster_resources()
    return Resources(cpus=total.get("CPU", 0.0), gpus=total.get("GPU", 0.0))


def _start(config: RayConfig) -> None:
    inside_job = "RAY_JOB_ID" in os.environ or "RAY_ADDRESS" in os.environ
    address = config.address or None
    if address is None and not inside_job:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    options: dict[str, Any] = {}
    if address is None and not inside_job:
        # One logical CPU beyond the cores keeps Ray Data alive beside a Train worker on the smallest machine.
        options = {"num_cpus": config.num_cpus or (os.cpu_count() or 1) + 1, "include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = config.address or os.environ.get("RAY_ADDRESS", "this machine")
        raise ClusterError(f"ray.address {where}: {error}", "Start a cluster with `ray start --head`, or leave it empty") from error


def use_gpu(wanted: bool | None, resources: Resources, num: int = 1) -> bool:
    """Resolve a `gpu` field: None means "where the cluster has them". Raises ClusterError if asked for and absent."""
    if wanted is None:
        return resources.gpus >= num
    if wanted and resources.gpus < num:
        raise ClusterError(f"gpu: {num} GPU(s) asked for, the cluster has {resources.gpus:g}", "Use --no-gpu, or a cluster with GPUs")
    return wanted


def require_cpus(needed: float, resources: Resources, what: str) -> None:
    """Raise ClusterError when the cluster has fewer CPUs than the plan needs: Ray would wait for ever."""
    if resources.cpus < needed:
        raise ClusterError(
            f"{what} needs {needed:g} CPUs, the cluster has {resources.cpus:g}",
            "Use fewer workers, a bigger cluster, or --ray.num-cpus on one machine",
        )
