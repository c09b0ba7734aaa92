"""Connected components of a mask, by its runs: rows of neighbouring pixels are few, so that a picture takes milliseconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.components import Mask

Labels = NDArray[np.int32]


def labelled(mask: Mask, corners: bool = True) -> tuple[Labels, int]:
    """The components of a mask [H, W] as numbers 1, 2, ... in the order of their first pixels, 0 elsewhere; and how many there are.
    Pixels are connected over sides, and optionally over corners."""
    labels = np.zeros(mask.shape, np.int32)
    step = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(step == 1)
    ends = np.nonzero(step == -1)[1]
    if not len(rows):
        return labels, 0
    pitch, reach = mask.shape[1] + 3, int(corners)
    first, last = rows * pitch + starts + 1, rows * pitch + ends + 1  # one number for row and column; rows are in order
    low = np.searchsorted(last, first + pitch - reach, "right")
    high = np.maximum(np.searchsorted(first, last + pitch + reach, "left"), low)
    above = np.repeat(np.arange(len(rows)), high - low)
    below = np.arange(len(above)) - np.repeat(np.cumsum(high - low) - (high - low), high - low) + np.repeat(low, high - low)
    number = np.unique(_joined(len(rows), above, below), return_inverse=True)[1] + 1
    labels[mask] = np.repeat(number, ends - starts)
    return labels, int(number.max())


def _joined(num: int, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """The smallest run that each of `num` runs is connected with, where run `one[i]` touches `other[i]`."""
    root = np.arange(num)
    while True:
        left, right = root[one], root[other]
        if (left == right).all():
            return root
        np.minimum.at(root, np.maximum(left, right), np.minimum(left, right))
        while (root[root] != root).any():
            root = root[root]


def reached(free: Mask) -> Mask:
    """The part of a mask [H, W] that is connected with the picture's border over sides."""
    labels, num = labelled(free, corners=False)
    touching = np.zeros(num + 1, bool)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching[line] = True
    touching[0] = False
    return touching[labels]


def filled(mask: Mask) -> Mask:
    """A mask [H, W] without holes."""
    return ~reached(~mask)
