"""Nearest neighbours in feature space: is a sample a copy of a training image?

No score in the literature detects memorisation reliably (Stein et al. 2023, arXiv 2306.04675), so the plain distances are published, beside
those of photos that are not copies, and the nearest pairs are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

BLOCK = 512  # rows compared at once; bounds the memory at BLOCK x reference rows


def distances(x: Tensor, reference: Tensor) -> Iterator[Tensor]:
    """Euclidean distances of [n, d] to [m, d], as [<= BLOCK, m] per step; exact, so that equal rows are 0 apart."""
    for rows in torch.split(x, BLOCK):
        yield torch.cdist(rows, reference, compute_mode="donot_use_mm_for_euclid_dist")


class Nearest:
    """For each row of `x` [n, d] the nearest of all rows that were looked through: memory grows with n, not with what is searched.

    `distances` are Euclidean [n], `places` int64 [n] count the rows in the order they came, `searched` says how many came.
    """

    def __init__(self, x: Tensor) -> None:
        self._x, self.searched = x, 0
        self.distances = torch.full((len(x),), torch.inf, device=x.device)
        self.places = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)

    def look(self, reference: Tensor, skip: Iterable[tuple[int, int]] = ()) -> None:
        """Look through `reference` [m, d], but for the pairs `skip` of a row of x and a row of `reference`."""
        left_out = list(skip)
        for start, block in zip(range(0, len(self._x), BLOCK), distances(self._x, reference), strict=True):
            for row, place in left_out:
                if 0 <= row - start < len(block):
                    block[row - start, place] = torch.inf
            values, places = block.min(1)
            rows = slice(start, start + len(block))
            closer = values < self.distances[rows]
            self.distances[rows] = torch.where(closer, values, self.distances[rows])
            self.places[rows] = torch.where(closer, places + self.searched, self.places[rows])
        self.searched += len(reference)


def neighbour_ratio(photos: Tensor, sample: Tensor) -> float:
    """Median distance [n] of samples to their nearest photo, over that of photos to their own: about 1 when new, towards 0 when copied."""
    return (sample.median() / photos.median().clamp_min(1e-9)).item()


def copied_share(photos: Tensor, sample: Tensor) -> float:
    """Share of samples as near to a photo as only 1 % of photos are to another: about 0.01 when new, 1 when every sample is a copy.

    `photos` and `sample` are their distances, each [n].
    """
    near = torch.quantile(photos.double(), 0.01)
    return (sample <= near).float().mean().item()
