"""How much two pictures differ in colours and texture as one sees them, without weights: energies of details, pooled over small windows.

At each of four scales a picture has eight maps: luminance, two differences of colours, and of the luminance the sizes of its horizontal,
vertical and both diagonal steps and of its second differences. They are averaged over windows of 8 pixels, so that a thread may lie a few
pixels beside its place, but not be missing: a haze has no energy. Two windows' distance is the L1 distance over the sum (Bray and Curtis
1957).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.components import Mask

SCALES, WINDOW = 4, 8
FLOOR = 2.0  # levels: differences of less are not seen
Maps = NDArray[np.float32]


def texture_distance(first: Pixels, second: Pixels, mask: Mask) -> float:
    """Distance of two pictures uint8 [H, W, 3] in the windows that a mask [H, W] touches: 0 for equal ones, 1 for nothing in common.

    Raises ValueError where the mask is empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty: give one with at least one pixel")
    x, y, inside = first.astype(np.float32), second.astype(np.float32), mask.astype(np.float32)[..., None]
    distances: list[float] = []
    for _ in range(SCALES):
        if min(x.shape[:2]) < 2 * WINDOW:
            break
        a, b, weight = _pooled(_maps(x), WINDOW), _pooled(_maps(y), WINDOW), _pooled(inside, WINDOW)[..., 0]
        apart = (np.abs(a - b).sum(-1) / (a + b + FLOOR).sum(-1)) * (weight > 0)
        distances.append(float(apart.sum() / (weight > 0).sum()))
        x, y, inside = _pooled(x, 2), _pooled(y, 2), _pooled(inside, 2)
    return float(np.mean(distances))


def _maps(x: Maps) -> Maps:
    """Float32 [H, W, 3] -> [H, W, 8], none of them negative."""
    light = x.mean(-1)
    wide = np.pad(light, 1, mode="edge")
    middle = wide[1:-1, 1:-1]
    steps = [middle - wide[1:-1, :-2], middle - wide[:-2, 1:-1], middle - wide[:-2, :-2], middle - wide[:-2, 2:]]
    steps.append(4 * middle - wide[1:-1, :-2] - wide[1:-1, 2:] - wide[:-2, 1:-1] - wide[2:, 1:-1])
    colours = [light / 4, (x[..., 0] - x[..., 1] + 255) / 8, (x[..., 2] - x[..., 1] + 255) / 8]
    return np.stack([*(np.abs(step) for step in steps), *colours], -1)


def _pooled(x: Maps, side: int) -> Maps:
    """Means of squares; what is left over at the border is dropped."""
    height, width = x.shape[0] // side, x.shape[1] // side
    means: Maps = x[: height * side, : width * side].reshape(height, side, width, side, -1).mean((1, 3))
    return means
