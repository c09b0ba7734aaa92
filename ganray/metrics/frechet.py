"""Frechet distance between two sets of features, each seen as a Gaussian (Heusel et al. 2017, arXiv 1706.08500, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Frechet distance of [n, d] and [m, d], in squared feature units; biased upwards for small n, so compare at equal n only."""
    return gaussian_distance(*_moments(x), *_moments(y))


def gaussian_distance(mean_x: Tensor, cov_x: Tensor, mean_y: Tensor, cov_y: Tensor) -> float:
    """|mx - my|^2 + tr(Cx + Cy - 2 (Cx Cy)^1/2) of float64 means [d] and covariances [d, d].

    The trace of the root is that of the symmetric Cx^1/2 Cy Cx^1/2, which has the same eigenvalues, all real.
    """
    values, vectors = torch.linalg.eigh(cov_x)
    root = (vectors * values.clamp_min(0.0).sqrt()) @ vectors.T
    product = root @ cov_y @ root
    root_trace = torch.linalg.eigvalsh((product + product.T) / 2.0).clamp_min(0.0).sqrt().sum()
    distance = (mean_x - mean_y).square().sum() + cov_x.trace() + cov_y.trace() - 2.0 * root_trace
    return max(0.0, float(distance))


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double()
    return features.mean(0), torch.cov(features.T)
