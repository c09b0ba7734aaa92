"""What libraries may do while a run trains: how they add, and how they round."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganray.config import TrainConfig
from ganray.errors import ConfigError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = (":4096:8", ":16:8")  # with which cuBLAS adds in one order


def is_deterministic(config: TrainConfig, device: torch.device) -> bool:
    """Whether a run on a device needs means of its own for equal bits; on a CPU it has them."""
    return config.deterministic and device.type == "cuda"


@contextmanager
def library_settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Around all that a worker computes, from before its first product of matrices on; as it was afterwards.

    In a deterministic run atomic additions are errors, and libraries choose algorithms without them. What training computes has forms
    without: halving and doubling (models/resampling.py), the transforms' sampling (sampler.py), random numbers of a counter (draws.py). An
    editor's degradations have not: ConfigError. A private run convolves without TF32: norms that are clipped would be off by a thousandth.
    """
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    tf32 = torch.backends.cudnn.allow_tf32
    if is_deterministic(config, device):
        _require_order(config)
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    if config.privacy.epsilon:
        torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32


def _require_order(config: TrainConfig) -> None:
    if config.editor.tasks:
        raise ConfigError("deterministic with editor.tasks: what degrades its photos adds by atomics on a GPU", "Use --no-gpu")
    if os.environ.setdefault(WORKSPACE, WORKSPACES[0]) not in WORKSPACES:  # read once, when cuBLAS starts
        raise ConfigError(f"deterministic with {WORKSPACE}={os.environ[WORKSPACE]}", f"Unset it, or use {WORKSPACES[0]}")
