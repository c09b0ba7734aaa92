"""What the editor's networks are made of: convolutions and residual blocks without normalisation (Lim et al. 2017, arXiv 1707.02921)."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of the leaky rectifier


class Residual(nn.Module):
    """x + conv(act(conv(x))), 3x3; the second convolution starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same."""
        shortcut: Tensor = self.second(F.leaky_relu(self.first(x), SLOPE, inplace=True))
        return x + shortcut


def conv(a: int, b: int, kernel: int = 3, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps the size; He initialisation times `gain`, biases 0."""
    layer = nn.Conv2d(a, b, kernel, padding=kernel // 2)
    nn.init.normal_(layer.weight, std=gain * math.sqrt(2 / (1 + SLOPE**2)) / math.sqrt(a * kernel**2))
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
