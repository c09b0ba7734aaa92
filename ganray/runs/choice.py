"""Where a run's workers are: `--executor auto|local|ray`, and for auto the reason, in one line on stderr."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from ganray.config import TrainConfig
from ganray.execution.choice import LOCAL_SECONDS, announce_choice, reason_for_cluster

if TYPE_CHECKING:
    from ganray.runs.group import WorkerGroup

SECONDS_PER_KIMG = 10.0  # of the preset demo-32 on one core; images of another size count by their pixels
GROUPS = {"local": "ganray.runs.local:LocalWorkerGroup", "ray": "ganray.on_ray.worker_group:RayWorkerGroup"}


def load_group(config: TrainConfig) -> Callable[[TrainConfig], WorkerGroup]:
    """The class of the run's worker group; Ray is imported only where it is chosen."""
    executor = config.executor
    if executor == "auto":
        reason = reason_for_ray(config)
        executor = "ray" if reason else "local"
        announce_choice("train", reason, estimated_seconds(config))
    module, _, name = GROUPS[executor].partition(":")
    group: Callable[[TrainConfig], WorkerGroup] = getattr(importlib.import_module(module), name)
    return group


def reason_for_ray(config: TrainConfig) -> str:
    """Why `auto` takes Ray for a run; empty where it trains in this process."""
    if reason := reason_for_cluster(config.ray, config.workers, "workers"):
        return reason
    if trains_on_gpu(config):
        return "a GPU"
    seconds = estimated_seconds(config)
    return f"about {seconds / 60:.0f} min" if seconds > LOCAL_SECONDS else ""


def trains_on_gpu(config: TrainConfig) -> bool:
    """Whether a run of one worker on this machine takes a GPU."""
    return torch.cuda.is_available() if config.gpu is None else config.gpu


def estimated_seconds(config: TrainConfig) -> float:
    """A rough estimate of how long one worker trains on one core."""
    seconds = SECONDS_PER_KIMG * config.kimg * (config.model.resolution / 32) ** 2
    return min(seconds, 60 * config.minutes) if config.minutes else seconds
