"""Which executor does the work: `--executor auto|local|ray`, and for auto the reason, in one line on stderr."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass

from ganray.config.base import ExecutorName, RayConfig
from ganray.errors import ConfigError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import Executor
from ganray.execution.resources import cores

LOCAL_SECONDS = 60.0  # work that is estimated at more is worth the ten seconds in which a cluster starts
RAY_EXECUTOR = "ganray.on_ray.executor", "RayExecutor"


@dataclass(frozen=True)
class Demand:
    """What a verb knows of its work: CPU seconds on one core, and how many engines (or training workers, `unit`) are asked for."""

    verb: str
    cpu_seconds: float
    workers: int = 1
    unit: str = "engines"

    @property
    def seconds(self) -> float:
        """Estimated duration on the cores of this machine."""
        return self.cpu_seconds / cores()


def choose_executor(wanted: ExecutorName, config: RayConfig, demand: Demand) -> Executor:
    """The executor of a verb's work; Ray is imported, and its cluster joined or started, only where it is chosen.

    Raises ConfigError for several engines in this process, ClusterError where the address of a cluster does not answer.
    """
    if wanted == "local":
        if demand.workers > 1:
            raise ConfigError(
                f"executor = local with {demand.unit} = {demand.workers}: one process has one", f"Use --executor ray, or --{demand.unit} 1"
            )
        return LocalExecutor()
    if wanted == "ray":
        return _ray_executor(config)
    reason = _reason_for_ray(config, demand)
    announce_choice(demand.verb, reason, demand.seconds)
    return _ray_executor(config) if reason else LocalExecutor()


def announce_choice(verb: str, reason: str, seconds: float) -> None:
    """Say where a verb's work runs: on Ray for a reason, or in this process for about so many seconds."""
    place = f"on Ray ({reason})" if reason else f"in this process (about {max(1, round(seconds))} s of work)"
    print(f"{verb}: runs {place}; --executor {'local' if reason else 'ray'} for the other", file=sys.stderr, flush=True)


def joins_cluster(config: RayConfig) -> bool:
    """Whether work goes to a cluster that somebody else started: one that is named, or the one this job is a part of."""
    return bool(config.address) or "RAY_JOB_ID" in os.environ or "RAY_ADDRESS" in os.environ


def _connected() -> bool:
    """Whether this process has joined a cluster already; Ray is not imported to find out."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def reason_for_cluster(config: RayConfig, workers: int, unit: str) -> str:
    """Why work needs Ray however short it is: a cluster is joined or asked for, or there are several workers. Empty where it does not."""
    if joins_cluster(config) or _connected():
        return "a cluster is joined"
    if config.num_cpus:
        return f"ray.num_cpus = {config.num_cpus}"
    return f"{workers} {unit}" if workers > 1 else ""


def _reason_for_ray(config: RayConfig, demand: Demand) -> str:
    if reason := reason_for_cluster(config, demand.workers, demand.unit):
        return reason
    return f"about {demand.seconds / 60:.0f} min of work" if demand.seconds > LOCAL_SECONDS else ""


def _ray_executor(config: RayConfig) -> Executor:
    module, name = RAY_EXECUTOR
    executor: Executor = getattr(importlib.import_module(module), name)(config)
    return executor
