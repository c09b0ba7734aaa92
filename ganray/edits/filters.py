"""Filters that several edits share, in numpy, on one thread: box means, the guided filter (He, Sun, Tang 2010), flood fill."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.images.channels import total
from ganray.images.components import numbered, window_ends

Field = NDArray[np.float32]
Places = NDArray[np.intp]
LEAST_VARIANCE = np.float32(1e-6)  # of a mask: keeps the quotient finite; flat parts weigh nothing beside an edge


def box_mean(x: Field, radius: int) -> Field:
    """Mean over a square of 2 radius + 1 pixels around each pixel, cropped at the border: float32 [H, W] or [H, W, C]."""
    for axis in (0, 1):
        before, after = window_ends(x.astype(np.float64), radius, axis)
        places = np.arange(x.shape[axis])
        count = np.minimum(places + radius + 1, len(places)) - np.maximum(places - radius, 0)
        mean = after - before
        mean /= count.reshape([-1 if other == axis else 1 for other in range(x.ndim)])
        x = mean.astype(np.float32)
    return x


def highest_around(x: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """The largest of a square of 2 radius + 1 pixels around each pixel, cropped at the border: uint8 [H, W]."""
    height, width = x.shape
    padded = np.pad(x, radius)
    rows = reduce(np.maximum, (padded[shift : shift + height] for shift in range(2 * radius + 1)))
    return reduce(np.maximum, (rows[:, shift : shift + width] for shift in range(2 * radius + 1)))


def scaled(x: Field, width: int, height: int, how: Image.Resampling = Image.Resampling.BILINEAR) -> Field:
    """Float32 [H, W] or [H, W, C] at another size."""
    if x.shape[:2] == (height, width):
        return x
    planes = x[..., None] if x.ndim == 2 else x
    channels = [
        np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., c])).resize((width, height), how)) for c in range(planes.shape[2])
    ]
    return channels[0] if x.ndim == 2 else np.stack(channels, -1)


def sampled(small: Field, size: tuple[int, int], rows: Places, columns: Places) -> Field:
    """Values [n] or [n, C] of a small field [h, w(, C)] at some pixels of a picture of `size` (height, width), bilinear and equal to those
    of `scaled`: the floats of a whole large photo would take gigabytes."""
    (top, bottom, down), (left, right, across) = (
        _between(*axis) for axis in ((rows, size[0], small.shape[0]), (columns, size[1], small.shape[1]))
    )
    if small.ndim == 3:
        down, across = down[:, None], across[:, None]
    flat, width = small.reshape(-1, *small.shape[2:]), small.shape[1]  # one index instead of two: half the time
    upper: Field = flat.take(top * width + left, axis=0)
    upper += across * (flat.take(top * width + right, axis=0) - upper)
    lower: Field = flat.take(bottom * width + left, axis=0)
    lower += across * (flat.take(bottom * width + right, axis=0) - lower)
    lower -= upper
    lower *= down
    lower += upper
    return lower


def _between(places: Places, length: int, num: int) -> tuple[Places, Places, Field]:
    """For each of `places` in 0..length: the two of `num` samples around it, and its relative position between them."""
    position = np.clip((places + 0.5) * (num / length) - 0.5, 0, num - 1)
    first = position.astype(np.intp)
    return first, np.minimum(first + 1, num - 1), (position - first).astype(np.float32)


def enlarged(share: Field, width: int, height: int) -> NDArray[np.uint8]:
    """A field [h, w] of 0..1 at a larger size, as uint8 levels of 255."""
    levels = Image.fromarray(np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8))
    return np.asarray(levels if levels.size == (width, height) else levels.resize((width, height), Image.Resampling.BILINEAR))


class Guided(NamedTuple):
    """The guided filter's result: locally, mask = a . guide + b, a [H, W, 3], b [H, W]; `explained` is the
    share of the mask's variance near each pixel that the guide explains, 0 to 1 [H, W]."""

    a: Field
    b: Field
    explained: Field


def guided(mask: Field, guide: Field, radius: int, epsilon: float) -> Guided:
    """The guided filter of a mask [H, W] by a picture [H, W, 3] in [0, 1], over squares of 2 radius + 1 pixels."""
    mean, middle = box_mean(guide, radius), box_mean(mask, radius)
    covariance = box_mean(guide * mask[..., None], radius) - mean * middle[..., None]
    spread = _spread(guide, mean, radius)
    a = np.linalg.solve(spread + epsilon * np.eye(3, dtype=np.float32), covariance[..., None])[..., 0].astype(np.float32)
    b = middle - total(a * mean)
    variance = np.maximum(box_mean(mask * mask, radius) - middle * middle, LEAST_VARIANCE)
    explained = box_mean(np.clip(total(a * covariance), 0, variance), radius) / box_mean(variance, radius)
    return Guided(box_mean(a, radius), box_mean(b, radius), explained)


def _spread(guide: Field, mean: Field, radius: int) -> Field:
    rows = [box_mean(guide[..., i : i + 1] * guide, radius) - mean[..., i : i + 1] * mean for i in range(3)]
    return np.stack(rows, -2)


def main_parts(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """The largest connected component of a mask [H, W], and those of at least `share` of its area (a pair of shoes)."""
    parts = numbered(mask, corners=False)
    areas = np.bincount(parts[mask], minlength=1)
    kept: NDArray[np.bool_] = mask & (areas >= share * areas.max())[parts]
    return kept


def fitted(size: tuple[int, int], most: int) -> tuple[int, int]:
    """(width, height) of a picture of `size` (height, width) at a scale of 1 or less, so that its longer side has `most` pixels at most."""
    scale = min(1.0, most / max(size))
    return max(1, round(size[1] * scale)), max(1, round(size[0] * scale))
