"""What stands out from a colour, and which parts of it hang together: told apart in a coarse grid, where what lies within a cell is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def distance(pixels: Pixels, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The largest difference of a channel of uint8 [H, W, 3] to the colour's, in levels [H, W]."""
    off = np.maximum(pixels, np.array(colour, np.uint8)) - np.minimum(pixels, np.array(colour, np.uint8))
    largest: NDArray[np.uint8] = np.maximum(np.maximum(off[..., 0], off[..., 1]), off[..., 2])
    return largest


def cells(mask: Mask, grid: int) -> tuple[Numbers, int]:
    """How many pixels of a mask [H, W] lie in each cell of a grid of at most `grid` cells a side, and the cell's side in pixels."""
    height, width = mask.shape
    side = -(-max(height, width) // grid)
    rows, columns = -(-height // side), -(-width // side)
    padded = np.zeros((rows * side, columns * side), bool)
    padded[:height, :width] = mask
    return padded.reshape(rows, side, columns, side).sum((1, 3)), side


def pixels_of(chosen: Mask, side: int, height: int, width: int) -> Mask:
    """Cells [R, C] as pixels [H, W]."""
    return chosen.repeat(side, 0).repeat(side, 1)[:height, :width]


def numbered(taken: Mask, corners: bool = True) -> Numbers:
    """A number 1, 2, ... for each part of [R, C] that is connected over sides, or over corners too; 0 where there is nothing.

    Every cell takes the largest number around it, then the number that the cell of that number has by now: parts settle in a few rounds,
    however winding they are.
    """
    numbers = np.where(taken, np.arange(1, taken.size + 1).reshape(taken.shape), 0)
    while True:
        padded = np.pad(numbers, 1)
        beside = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        above = beside if corners else padded[:, 1:-1]
        spread = np.where(taken, np.maximum(np.maximum(above[:-2], beside[1:-1]), above[2:]), 0)
        spread = np.where(taken, spread.ravel()[spread - 1], 0)
        if (spread == numbers).all():
            return np.unique(np.append(numbers, 0), return_inverse=True)[1][:-1].reshape(taken.shape)
        numbers = spread


def from_border(free: Mask, grid: int) -> Mask:
    """What of a mask [H, W] is connected with the picture's border through cells that are wholly of it, side to side: a thin slanting line
    shuts something in."""
    taken, side = cells(~free, grid)
    parts = numbered(taken == 0, corners=False)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return free & pixels_of(np.isin(parts, outer[outer > 0]), side, *free.shape)


def near(mask: Mask, radius: int) -> Mask:
    """Within `radius` pixels (127 at most) of a mask [H, W], along rows and columns."""
    found = mask
    for axis in (0, 1):
        size = found.shape[axis]
        # uint8 that runs over: a window of less than 256 pixels holds something exactly where its two ends differ
        total = np.zeros([size + 1 if other == axis else length for other, length in enumerate(found.shape)], np.uint8)
        np.cumsum(found, axis=axis, dtype=np.uint8, out=total[1:] if axis == 0 else total[:, 1:])
        upper, lower = np.minimum(np.arange(size) + radius + 1, size), np.maximum(np.arange(size) - radius, 0)
        found = total.take(upper, axis) != total.take(lower, axis)
    return found


def without_small(mask: Mask, grid: int, share: float, of_largest: float) -> tuple[Mask, int]:
    """A mask [H, W] without its parts that take less than `share` of the picture and less than `of_largest` of the largest one; and how
    many those are."""
    counts, side = cells(mask, grid)
    parts = numbered(counts > 0)
    areas = np.bincount(parts.ravel(), counts.ravel())
    areas[0] = 0
    small = (areas > 0) & (areas < share * mask.size) & (areas < of_largest * areas.max())
    if not small.any():
        return mask, 0
    return mask & pixels_of(~small[parts], side, *mask.shape), int(small.sum())
