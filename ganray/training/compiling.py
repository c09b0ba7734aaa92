"""Whether the networks are compiled (torch.compile, fixed shapes). What one step computes stays the same but for the order of sums."""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn

from ganray.config import TrainConfig
from ganray.errors import ConfigError


def compiles(config: TrainConfig, device: torch.device) -> bool:
    """What `config.compile` means on a device: `auto` is yes on a GPU, where a C compiler is at hand, and no on a CPU.

    On a CPU it takes a minute or two, which the small networks of a CPU do not win back. Raises ConfigError where it is asked for with
    exact penalties: torch.compile has no double backward.
    """
    exact = config.loss.penalty == "exact"
    if config.compile == "on" and exact:
        raise ConfigError("compile = on with loss.penalty = exact", "torch.compile has no double backward: use --loss.penalty finite")
    able = device.type == "cuda" and any(shutil.which(name) for name in (os.environ.get("CC", "gcc"), "clang"))
    return config.compile == "on" or (config.compile == "auto" and able and not exact)


def compile_networks(config: TrainConfig, device: torch.device, *networks: nn.Module) -> None:
    """Compile in place, at the first pass of each shape: names of weights, and so checkpoints, stay what they are."""
    if compiles(config, device):
        for network in networks:
            network.compile(dynamic=False)
