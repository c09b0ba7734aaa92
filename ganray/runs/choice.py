"""Where a run's workers are: `--executor auto|local|ray`, and for auto the reason, in one line on stderr."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from ganray.config import TrainConfig

if TYPE_CHECKING:
    from ganray.runs.group import WorkerGroup

LOCAL_SECONDS = 60.0  # a run that is estimated at more is worth the ten seconds in which a cluster starts
SECONDS_PER_KIMG = 10.0  # of the preset demo-32 on one core; images of another size count by their pixels
GROUPS = {"local": "ganray.runs.local:LocalWorkerGroup", "ray": "ganray.on_ray.worker_group:RayWorkerGroup"}


def load_group(config: TrainConfig) -> Callable[[TrainConfig], WorkerGroup]:
    """The class of the run's worker group; Ray is imported only where it is chosen."""
    executor = config.executor
    if executor == "auto":
        reason = reason_for_ray(config)
        executor = "ray" if reason else "local"
        place = f"on Ray ({reason})" if reason else f"in this process (about {max(1, round(estimated_seconds(config)))} s)"
        print(f"train: runs {place}; --executor {'local' if reason else 'ray'} for the other", file=sys.stderr, flush=True)
    module, _, name = GROUPS[executor].partition(":")
    group: Callable[[TrainConfig], WorkerGroup] = getattr(importlib.import_module(module), name)
    return group


def reason_for_ray(config: TrainConfig) -> str:
    """Why `auto` takes Ray for a run; empty where it trains in this process."""
    ray = sys.modules.get("ray")
    if config.ray.address or "RAY_JOB_ID" in os.environ or "RAY_ADDRESS" in os.environ or (ray is not None and ray.is_initialized()):
        return "a cluster is joined"
    if config.ray.num_cpus:
        return f"ray.num_cpus = {config.ray.num_cpus}"
    if config.workers > 1 or config.min_workers:
        return f"{config.workers} workers"
    if config.gpu or (config.gpu is None and torch.cuda.is_available()):
        return "a GPU"
    seconds = estimated_seconds(config)
    return f"about {seconds / 60:.0f} min" if seconds > LOCAL_SECONDS else ""


def estimated_seconds(config: TrainConfig) -> float:
    """A rough estimate of how long one worker trains on one core."""
    seconds = SECONDS_PER_KIMG * config.kimg * (config.model.resolution / 32) ** 2
    return min(seconds, 60 * config.minutes) if config.minutes else seconds
