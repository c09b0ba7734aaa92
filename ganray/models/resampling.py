"""Bilinear doubling and halving of images, each the transpose of the other but for the border.

On a CPU they are what is fastest there. On a GPU their gradients have no atomic additions, which are slow in bf16 and whose sums differ
from run to run; both stay in the number format of their input, and keep nothing for their backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Double(nn.Module):
    """[N, C, H, W] -> [N, C, 2 H, 2 W], bilinear, clamped at the border."""

    def forward(self, x: Tensor) -> Tensor:
        """Double both sides."""
        # compiled, the gradient of `interpolate` is scattered: slowly, and in bf16 on a CPU (torch 2.13) wrongly
        if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
            return doubled(doubled(x, 2), 3)
        return DoubleFunction.apply(x) if x.is_cuda else _interpolated(x)  # type: ignore[no-untyped-call]


class Halve(nn.Module):
    """[N, C, H, W] -> [N, C, H / 2, W / 2], by the filter [1, 3, 3, 1] / 8 in both directions, of zeros beyond the border."""

    kernel: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        kernel = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (kernel[:, None] * kernel).repeat(width, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Halve both sides; in float32 on a CPU."""
        if x.is_cuda:
            return boxes(x) if torch.compiler.is_compiling() else HalveFunction.apply(x)  # type: ignore[no-untyped-call]
        with torch.autocast(x.device.type, enabled=False):  # oneDNN's backward of a depthwise convolution is 40x slower in bf16
            return F.conv2d(x.float(), self.kernel, stride=2, padding=1, groups=self.width)


class DoubleFunction(torch.autograd.Function):
    """`Double` with a gradient that is gathered: the transpose of doubling is halving, with the border's values repeated."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, 2 H, 2 W]."""
        with torch.autocast(x.device.type, enabled=False):  # it would be in float32
            return _interpolated(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """[N, C, 2 H, 2 W] -> [N, C, H, W]."""
        padded = F.pad(gradients[0], (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
        return F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(padded, 2, 1), 2, 1), 2, 2, divisor_override=1)


class HalveFunction(torch.autograd.Function):
    """`Halve` by three box filters, [1, 3, 3, 1] = [1, 1] * [1, 1] * [1, 1]; its transpose is doubling, with zeros beyond the border."""

    generate_vmap_rule = True  # private training maps over the images of D

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H / 2, W / 2]."""
        return boxes(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """[N, C, H / 2, W / 2] -> [N, C, H, W]."""
        return _interpolated(F.pad(gradients[0] / 4, (1, 1, 1, 1)))[:, :, 2:-2, 2:-2].clone()  # dense, in the same layout


def boxes(x: Tensor) -> Tensor:
    """The filter of `Halve` as three means of 2 x 2."""
    return F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(x, 2, 1, 1), 2, 1), 2, 2)


def doubled(x: Tensor, dim: int) -> Tensor:
    """Bilinear doubling along `dim`: three quarters of each value and a quarter of a neighbour, clamped at the border."""
    num = x.shape[dim]
    before = torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, num - 1)], dim)
    after = torch.cat([x.narrow(dim, 1, num - 1), x.narrow(dim, num - 1, 1)], dim)
    return torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], dim + 1).flatten(dim, dim + 1)


def _interpolated(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
