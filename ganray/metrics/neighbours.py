"""Nearest neighbours in feature space, to find samples that copy a training image.

No score in the literature detects memorisation reliably (Stein et al. 2023, arXiv 2306.04675), so the distances themselves are published,
beside those between different photos, and the nearest pairs are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

BLOCK = 512  # rows compared at once; limits the memory to BLOCK x reference rows


def distances(x: Tensor, reference: Tensor) -> Iterator[Tensor]:
    """Euclidean distances of [n, d] to [m, d], as blocks [<= BLOCK, m]; exact, so that equal rows have distance 0."""
    for rows in torch.split(x, BLOCK):
        yield torch.cdist(rows, reference, compute_mode="donot_use_mm_for_euclid_dist")


class Nearest:
    """For each row of `x` [n, d] the nearest of all reference rows searched so far: memory grows with n, not with the reference.

    `distances` are Euclidean [n]; `places` int64 [n] are positions among the `searched` reference rows, in the order of the calls.
    """

    def __init__(self, x: Tensor) -> None:
        self._x, self.searched = x, 0
        self.distances = torch.full((len(x),), torch.inf, device=x.device)
        self.places = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)

    def look(self, reference: Tensor, skip: Iterable[tuple[int, int]] = ()) -> None:
        """Search `reference` [m, d], except for the pairs `skip` of a row of x and a row of `reference`."""
        skipped = list(skip)
        for start, block in zip(range(0, len(self._x), BLOCK), distances(self._x, reference), strict=True):
            for row, place in skipped:
                if 0 <= row - start < len(block):
                    block[row - start, place] = torch.inf
            values, places = block.min(1)
            rows = slice(start, start + len(block))
            closer = values < self.distances[rows]
            self.distances[rows] = torch.where(closer, values, self.distances[rows])
            self.places[rows] = torch.where(closer, places + self.searched, self.places[rows])
        self.searched += len(reference)


def usual_distances(photos: Tensor) -> Tensor:
    """The distances [n] that are known: a photo has none where every photo searched has its pixels. At least one, 0 if all are unknown."""
    known = photos[photos.isfinite()]
    return known if len(known) else torch.zeros_like(photos[:1])


def neighbour_ratio(photos: Tensor, sample: Tensor) -> float:
    """Median distance [n] of samples to their nearest photo, over that of photos to their own: about 1 for new images, 0 for copies."""
    return (sample.median() / photos.median().clamp_min(1e-9)).item()


def copied_share(photos: Tensor, sample: Tensor) -> float:
    """Share of samples as near to a photo as only 1 % of photos are to another: about 0.01 for new images, 1 for copies.

    `photos` and `sample` are distances [n] to the nearest other photo.
    """
    near = torch.quantile(photos.double(), 0.01)
    return (sample <= near).float().mean().item()
