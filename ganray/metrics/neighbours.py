"""Nearest neighbours in feature space: is a sample a copy of a training image?

No score in the literature detects memorisation reliably (Stein et al. 2023, arXiv 2306.04675), so the plain distances are published, beside
those of photos that are not copies, and the nearest pairs are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 512  # rows compared at once; bounds the memory at BLOCK x reference rows


def distances(x: Tensor, reference: Tensor) -> Iterator[Tensor]:
    """Euclidean distances of [n, d] to [m, d], as [<= BLOCK, m] per step; exact, so that equal rows are 0 apart."""
    for rows in torch.split(x, BLOCK):
        yield torch.cdist(rows, reference, compute_mode="donot_use_mm_for_euclid_dist")


def nearest(x: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to, and position of, each row's nearest row of `reference`: [n] and int64 [n]."""
    found = [block.min(1) for block in distances(x, reference)]
    return torch.cat([values for values, _ in found]), torch.cat([places for _, places in found])


def neighbour_ratio(train: Tensor, holdout: Tensor, sample: Tensor) -> float:
    """Median distance of `sample` to its nearest of `train`, over that of `holdout`: about 1 when new, towards 0 when copied."""
    return (nearest(sample, train)[0].median() / nearest(holdout, train)[0].median().clamp_min(1e-9)).item()


def copied_share(train: Tensor, holdout: Tensor, sample: Tensor) -> float:
    """Share of `sample` as near to `train` as only 1 % of `holdout` is: about 0.01 when new, 1 when every sample is a copy."""
    near = torch.quantile(nearest(holdout, train)[0].double(), 0.01)
    return (nearest(sample, train)[0] <= near).float().mean().item()
