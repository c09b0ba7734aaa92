"""The moving average of G: the weights that are published, shown and served."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update_ema(ema: nn.Module, source: nn.Module, beta: float) -> None:
    """ema <- beta ema + (1 - beta) source, over parameters and the float buffers of batch norm; counters are copied."""
    averaged, current = _tensors(ema), _tensors(source)
    floats = [i for i, tensor in enumerate(averaged) if tensor.is_floating_point()]
    torch._foreach_lerp_([averaged[i] for i in floats], [current[i] for i in floats], 1 - beta)
    for old, new in zip(averaged, current, strict=True):
        if not old.is_floating_point():
            old.copy_(new)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]
