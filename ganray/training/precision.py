"""The number format in which the networks compute."""

from __future__ import annotations

import torch

from ganray.config import TrainConfig


def autocast(device: torch.device, config: TrainConfig) -> torch.autocast:
    """Compute in bf16 where `config.precision` is bf16, or auto on a GPU or a CPU with bf16 instructions (others emulate it, slowly)."""
    native = device.type != "cpu" or any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    bf16 = config.precision == "bf16" or (config.precision == "auto" and native)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)
