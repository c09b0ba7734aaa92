"""Masks of what differs from a colour, and their connected components: of pixels, or on a coarse grid, where pixels of one cell are
connected."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]
T = TypeVar("T", bound=np.generic)


def distance(pixels: Pixels, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The largest difference of uint8 [H, W, 3] to a colour over the channels, in levels: uint8 [H, W]."""
    difference = np.maximum(pixels, np.array(colour, np.uint8)) - np.minimum(pixels, np.array(colour, np.uint8))
    largest: NDArray[np.uint8] = np.maximum(np.maximum(difference[..., 0], difference[..., 1]), difference[..., 2])
    return largest


def cells(mask: Mask, grid: int) -> tuple[Numbers, int]:
    """The number of pixels of a mask [H, W] in each cell of a grid of at most `grid` cells per side, and the side of a cell in pixels."""
    height, width = mask.shape
    side = -(-max(height, width) // grid)
    rows, columns = -(-height // side), -(-width // side)
    padded = np.zeros((rows * side, columns * side), np.uint8)
    padded[:height, :width] = mask
    lines = padded.reshape(rows, side, columns * side).sum(1, dtype=np.uint32)
    return lines.reshape(rows, columns, side).sum(2, dtype=np.int64), side


def pixels_of(chosen: Mask, side: int, height: int, width: int) -> Mask:
    """Cells [R, C] as pixels [H, W]."""
    return chosen.repeat(side, 0).repeat(side, 1)[:height, :width]


def numbered(taken: Mask, corners: bool = True) -> Numbers:
    """Labels 1, 2, ... of the connected components of [H, W], over sides and optionally over corners, in the order of their last pixels; 0
    for pixels that are not taken.

    By runs of neighbouring pixels, which are few: a picture takes milliseconds.
    """
    numbers = np.zeros(taken.shape, np.int64)
    step = np.diff(np.pad(taken, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(step == 1)
    ends = np.nonzero(step == -1)[1]
    pitch, reach = taken.shape[1] + 3, int(corners)
    first, last = rows * pitch + starts + 1, rows * pitch + ends + 1  # one number for row and column; rows are in order
    low = np.searchsorted(last, first + pitch - reach, "right")
    high = np.maximum(np.searchsorted(first, last + pitch + reach, "left"), low)
    above = np.repeat(np.arange(len(rows)), high - low)
    below = np.arange(len(above)) - np.repeat(np.cumsum(high - low) - (high - low), high - low) + np.repeat(low, high - low)
    numbers[taken] = np.repeat(np.unique(_joined(len(rows), above, below), return_inverse=True)[1] + 1, ends - starts)
    return numbers


def _joined(num: int, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """The last run that each of `num` runs is connected with, where run `one[i]` touches `other[i]`."""
    root = np.arange(num)
    while True:
        left, right = root[one], root[other]
        if (left == right).all():
            return root
        np.maximum.at(root, np.minimum(left, right), np.maximum(left, right))
        while (root[root] != root).any():
            root = root[root]


def reached(free: Mask) -> Mask:
    """The part of a mask [H, W] that is connected with the border of the picture over sides."""
    parts = numbered(free, corners=False)
    border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    touching = np.zeros(int(parts.max(initial=0)) + 1, bool)
    touching[border] = True
    touching[0] = False
    return touching[parts]


def filled(mask: Mask) -> Mask:
    """A mask [H, W] without holes."""
    return ~reached(~mask)


def from_border(free: Mask, grid: int) -> Mask:
    """The part of a mask [H, W] that is connected with the border of the image through cells that are completely in it, over sides only:
    a thin slanting line encloses an area."""
    taken, side = cells(~free, grid)
    parts = numbered(taken == 0, corners=False)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return free & pixels_of(np.isin(parts, outer[outer > 0]), side, *free.shape)


def near(mask: Mask, radius: int) -> Mask:
    """A mask [H, W] dilated by `radius` pixels (127 at most) along rows and columns."""
    dilated = mask
    for axis in (0, 1):
        # uint8 overflows: a window of less than 256 pixels has a pixel of the mask exactly if the sums at its ends differ
        before, after = window_ends(dilated.view(np.uint8), radius, axis)
        dilated = before != after
    return dilated


def window_ends(x: NDArray[T], radius: int, axis: int) -> tuple[NDArray[T], NDArray[T]]:
    """For the window of `radius` around each place along axis 0 or 1 of [H, W, ...], cropped at the border: the sum of all that comes
    before it, and the sum up to its end, in the type of x."""
    size = x.shape[axis]
    sums = np.zeros([length + 1 + 2 * radius if each == axis else length for each, length in enumerate(x.shape)], x.dtype)
    places = (slice(None),) * axis
    np.cumsum(x, axis=axis, dtype=x.dtype, out=sums[*places, radius + 1 : radius + 1 + size])
    sums[*places, radius + 1 + size :] = sums[*places, radius + size : radius + 1 + size]
    return sums[*places, :size], sums[*places, 2 * radius + 1 :]


def without_small(mask: Mask, grid: int, share: float, of_largest: float) -> tuple[Mask, int]:
    """A mask [H, W] without the components that cover less than `share` of the image and less than `of_largest` of the largest component;
    and the number of removed components."""
    counts, side = cells(mask, grid)
    parts = numbered(counts > 0)
    areas = np.bincount(parts.ravel(), counts.ravel())
    areas[0] = 0
    small = (areas > 0) & (areas < share * mask.size) & (areas < of_largest * areas.max())
    if not small.any():
        return mask, 0
    return mask & pixels_of(~small[parts], side, *mask.shape), int(small.sum())
