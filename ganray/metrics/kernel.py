"""Kernel distance: unbiased at any number of samples (Binkowski et al. 2018, arXiv 1801.01401, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 1024  # rows compared at once; limits the memory to BLOCK^2 numbers


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy of [n, d] and [m, d] under (a.b / d + 1)^3; about 0, also negative, if they agree."""
    n, m = len(x), len(y)
    within_x = (_sum(x, x) - _kernel(x, x).sum().item()) / (n * (n - 1))
    within_y = (_sum(y, y) - _kernel(y, y).sum().item()) / (m * (m - 1))
    return within_x + within_y - 2.0 * _sum(x, y) / (n * m)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Row by row: [n, d] and [n, d] -> float64 [n]."""
    return ((x.double() * y.double()).sum(1) / x.shape[1] + 1.0).pow(3)


def _sum(x: Tensor, y: Tensor) -> float:
    """Sum of the kernel over all pairs of rows."""
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for rows in torch.split(x, BLOCK):
        for columns in torch.split(y, BLOCK):
            total += (rows.double() @ columns.double().T / x.shape[1] + 1.0).pow(3).sum()
    return total.item()
