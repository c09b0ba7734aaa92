"""Runs on a GPU that end with the same bits: on one kind of GPU, with one torch, and the same number of workers."""

from __future__ import annotations

import os

import torch

from ganray.config import TrainConfig
from ganray.errors import ConfigError


def is_deterministic(config: TrainConfig, device: torch.device) -> bool:
    """Whether a run on a device needs means of its own for equal bits; on a CPU it has them."""
    return config.deterministic and device.type == "cuda"


def make_deterministic(config: TrainConfig, device: torch.device) -> None:
    """Before a worker creates its state: atomic additions are an error from now on, and libraries choose algorithms without them.

    What training computes has forms without: halving and doubling (models/resampling.py), the transforms' sampling (sampler.py), random
    numbers of a counter (draws.py). An editor's degradations have not: ConfigError.
    """
    if is_deterministic(config, device):
        if config.editor.tasks:
            raise ConfigError("deterministic with editor.tasks: what degrades its photos adds by atomics on a GPU", "Use --no-gpu")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
