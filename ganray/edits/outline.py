"""How a product's outline goes on behind a hole in front of plain ground: the share of ground in each hidden pixel.

Each pixel looks along eight lines: what lies at both ends of a line says what is probably between them, the more the shorter it is; between
two pieces of product there is product rather than ground, since products are connected. Where the visible product is its own mirror image
about an upright axis, what is hidden on one side is seen on the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import Field
from ganray.images.components import Mask

UPRIGHT, LYING = (0.0, 0.5, -0.5, 1.0, -1.0), (0.0, 0.5, -0.5)  # columns a row, and rows a column, of the lines
FALL = 3  # a line counts by its length to the power of minus this
CONNECTED = 4.0  # how much more a line between two pieces of product counts
OPEN = 4.0  # a line that leaves the picture counts as so many times its distance
SYMMETRIC = 0.93  # intersection over union of the visible product and its mirror image, at least
OVERLAP = 0.3  # of the visible product that must have a visible mirror image
MIRRORED = 0.9  # weight of what is seen in the mirror


def ground_behind(ground: Mask, hole: Mask) -> Field:
    """The probable share of ground float32 [H, W] in the pixels of a hole, from which of the others are ground [H, W]."""
    told, weight = np.zeros(hole.shape), np.full(hole.shape, 1e-12)
    for turned, slopes in ((False, UPRIGHT), (True, LYING)):
        known, label = (~hole, ground) if not turned else (~hole.T, ground.T)
        for slope in slopes:
            share, strength = _along(known, label.astype(np.float32), slope)
            told += (share * strength).T if turned else share * strength
            weight += strength.T if turned else strength
    share = (told / weight).astype(np.float32)
    axis = _axis(ground, hole)
    if axis is not None:
        columns = axis - np.arange(hole.shape[1])
        seen = (columns >= 0) & (columns < hole.shape[1]) & ~hole[:, np.clip(columns, 0, hole.shape[1] - 1)]
        mirror = ground[:, np.clip(columns, 0, hole.shape[1] - 1)]
        share = np.where(seen, np.float32(MIRRORED) * mirror + np.float32(1 - MIRRORED) * share, share)
    return np.where(hole, share, ground).astype(np.float32)


def _along(known: Mask, label: Field, slope: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each pixel the label between the ends of a line with `slope` columns a row, by their distances; and how much the line counts."""
    above, first = _ends(known, label, slope)
    below, last = (x[::-1] for x in _ends(known[::-1], label[::-1], -slope))
    closed, open_above, open_below = np.isfinite(above) & np.isfinite(below), np.isinf(above), np.isinf(below)
    up, down = np.where(open_above, 0, above).astype(np.float64), np.where(open_below, 0, below).astype(np.float64)
    length = np.maximum(up + down, 1e-3)
    share = np.where(closed, (down * first + up * last) / length, np.where(open_above, last, first))
    length *= np.where(closed, 1, OPEN)
    strength = np.where(open_above & open_below, 0, 1 / length**FALL)
    return share, np.where(closed & (first + last == 0), CONNECTED, 1) * strength


def _ends(known: Mask, label: Field, slope: float) -> tuple[Field, Field]:
    """Of each pixel the distance in pixels to the first known one above it on a line, and its label; infinite if there is none."""
    distances, labels = np.full(known.shape, np.inf, np.float32), np.zeros(known.shape, np.float32)
    distance, seen = np.full(known.shape[1], np.inf, np.float32), np.zeros(known.shape[1], np.float32)
    step = np.float32(np.hypot(1, slope))
    for row in range(len(known)):
        move = int(np.floor(slope * row + 0.5)) - int(np.floor(slope * (row - 1) + 0.5)) if row else 0
        if move:
            distance, seen = np.roll(distance, move), np.roll(seen, move)
            distance[: move if move > 0 else 0] = np.inf
            distance[len(distance) + min(move, 0) :] = np.inf
        distance = np.where(known[row], np.float32(0), distance + step)
        seen = np.where(known[row], label[row], seen)
        distances[row], labels[row] = distance, seen
    return distances, labels


def _axis(ground: Mask, hole: Mask) -> int | None:
    """The sum of the columns of a pixel and its mirror image, if the visible product is symmetric about an upright axis."""
    product, known = ~ground & ~hole, ~hole
    columns = np.flatnonzero(product.any(0))
    if not len(columns):
        return None
    width, area, best = hole.shape[1], int(product.sum()), (0.0, 0)
    for total in range(int(columns[0] + columns[-1]) - width // 4, int(columns[0] + columns[-1]) + width // 4 + 1):
        left, right = max(0, total - width + 1), min(width - 1, total)
        if right <= left:
            continue
        both = known[:, left : right + 1] & known[:, left : right + 1][:, ::-1]
        one = product[:, left : right + 1]
        other = one[:, ::-1]
        common, union = int((one & other).sum()), int(((one | other) & both).sum())
        if common > OVERLAP * area:
            best = max(best, (common / max(union, 1), total))
    return best[1] if best[0] >= SYMMETRIC else None
