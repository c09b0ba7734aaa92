"""Bilinear sampling of images at a grid of places, by torch's kernel or, where a run must be deterministic, without atomic additions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Corners = list[tuple[Tensor, Tensor]]


def sample(x: Tensor, grid: Tensor) -> Tensor:
    """Values of x [N, C, H, W] at grid [N, H', W', 2] (x and y in [-1, 1] from border to border), clamped beyond: [N, C, H', W'].

    The gradient of torch's kernel adds by atomics on a GPU, and has no other form there; a grid has no gradient here.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        gathered: Tensor = GatheredSampling.apply(x, grid)  # type: ignore[no-untyped-call]
        return gathered
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


class GatheredSampling(torch.autograd.Function):
    """The sum of four neighbours by their weights. Their gradients are added by `index_put_`, which sorts in deterministic mode."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        """See `sample`."""
        pixels = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        corners = _corners(grid, x.shape[2], x.shape[3])
        ctx.corners, ctx.shape = corners, x.shape
        rows = torch.stack([weight[:, None] * pixels[place] for place, weight in corners]).sum(0)
        return rows.view(*grid.shape[:3], x.shape[1]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Each pixel's share of what was sampled from it."""
        num, channels, height, width = ctx.shape
        rows = gradients[0].permute(0, 2, 3, 1).reshape(-1, channels)
        sums = rows.new_zeros(num * height * width, channels)
        places = torch.cat([place for place, _ in ctx.corners])
        sums.index_put_((places,), torch.cat([weight[:, None] * rows for _, weight in ctx.corners]), accumulate=True)
        return sums.view(num, height, width, channels).permute(0, 3, 1, 2), None


def _corners(grid: Tensor, height: int, width: int) -> Corners:
    """The four neighbours of each place: their row among all pixels int64 [M], and their weight [M]."""
    across = (((grid[..., 0] + 1) * width - 1) / 2).clamp(0, width - 1)
    down = (((grid[..., 1] + 1) * height - 1) / 2).clamp(0, height - 1)
    left, top = across.floor(), down.floor()
    image = torch.arange(len(grid), device=grid.device).view(-1, 1, 1) * height
    corners: Corners = []
    for row, high in ((top, 1 - (down - top)), ((top + 1).clamp(max=height - 1), down - top)):
        for column, wide in ((left, 1 - (across - left)), ((left + 1).clamp(max=width - 1), across - left)):
            corners.append((((image + row.long()) * width + column.long()).flatten(), (high * wide).flatten()))
    return corners
