"""Constants on a device. Made anew in every step, each would be a copy from the host for which the device waits."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def constant(values: tuple[float, ...] | tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor [n], shared by all who ask for the same; nobody may change it."""
    with torch.inference_mode(False):  # whoever asks first: others may compute gradients with it
        return torch.tensor(values, dtype=dtype, device=device)
