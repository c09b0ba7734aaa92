"""Density and coverage (Naeem et al. 2020, arXiv 2002.09797, section 3): fidelity and diversity, robust to outliers."""

from __future__ import annotations

import torch
from torch import Tensor

from ganray.metrics.neighbours import distances

NEIGHBOURS = 5


def density_and_coverage(reference: Tensor, sample: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """(density, coverage) of `sample` [m, d] against `reference` [n, d], n > k, with balls around reference rows up to the k-th neighbour.

    Density is the mean number of balls that a sample lies in, over k: 1 for equal distributions, more where samples crowd in dense regions.
    Coverage is the share of balls that contain a sample: about 1 - 2^-k for equal distributions and n = m, near 0 after a collapse.
    """
    # a row is its own first neighbour, at distance 0
    radii = torch.cat([block.kthvalue(k + 1, dim=1).values for block in distances(reference, reference)])
    inside, covered = 0, torch.zeros(len(reference), dtype=torch.bool, device=reference.device)
    for block in distances(sample, reference):
        hits = block <= radii
        inside += int(hits.sum())
        covered |= hits.any(0)
    return inside / (k * len(sample)), covered.float().mean().item()


def density(reference: Tensor, sample: Tensor) -> float:
    """The density of `density_and_coverage`."""
    return density_and_coverage(reference, sample)[0]


def coverage(reference: Tensor, sample: Tensor) -> float:
    """The coverage of `density_and_coverage`."""
    return density_and_coverage(reference, sample)[1]
