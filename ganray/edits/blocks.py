"""Blocks of JPEG: how visible they are in a picture, at which quality it was saved, and a picture without them.

All of it is read off the pixels, so that it is also true of a photo that was a JPEG before it became a PNG.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.jpeg_steps import BLOCK, CHROMA, FINEST, LUMA, cosines, steps

Plane = NDArray[np.float32]
Steps = NDArray[np.float32]

QUALITIES = range(1, 97)  # that are told apart
WINDOW = 256  # side of the middle of a picture that the quality is read off, in pixels
LIKE_ITSELF = 0.3  # error of saving again, over that on other grids of blocks: up to .1 at a picture's quality, about 1 at none
LEAST = 0.3  # of the error on other grids, in levels squared: nothing is told of flat pictures
MOVES = ((0, 0), (2, 5), (4, 2), (6, 7), (1, 6), (3, 3), (5, 1), (7, 4))  # of the grid of blocks, a Latin pattern
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], np.float32)


def blockiness(pixels: Pixels) -> float:
    """How much larger steps are across the borders of blocks of 8 px than elsewhere, in levels of luma; about 0 without blocks.

    `pixels` uint8 [H, W, 3], of which the blocks begin at the upper left corner.
    """
    luma = _ycc(pixels)[..., 0]
    excess = []
    for axis in (0, 1):
        jumps = np.abs(np.diff(luma, axis=axis)).mean(axis=1 - axis)
        at = np.arange(1, len(jumps) + 1) % BLOCK == 0
        if at.any() and not at.all():
            excess.append(jumps[at].mean() - jumps[~at].mean())
    return round(float(np.mean(excess)), 4) if excess else 0.0


def saved_quality(pixels: Pixels) -> int:
    """The quality (IJG's scale) at which a picture was last saved as a JPEG, read off its pixels; 0 where none up to FINEST is recognised.

    Saving again with the same steps changes nothing (JPEG ghosts, Farid 2009), with others it does.
    """
    height, width = (side // BLOCK * BLOCK for side in pixels.shape[:2])
    if min(height, width) < 4 * BLOCK:
        return 0
    top, left = (max(0, (side - WINDOW) // 2 // BLOCK * BLOCK) for side in (height, width))
    luma = _ycc(pixels[top : min(height, top + WINDOW), left : min(width, left + WINDOW)])[..., 0] - 128
    own, other = _coefficients(luma), _coefficients(luma[4:-4, 4:-4])
    best, share = 0, LIKE_ITSELF
    for quality in QUALITIES:
        table = steps(LUMA, quality)
        error, usual = (float(((at - np.rint(at / table) * table) ** 2).mean()) for at in (own, other))
        if usual > LEAST and error / usual < share:
            best, share = quality, error / usual
    return best if best <= FINEST else 0


def deblocked(pixels: Pixels, quality: int) -> NDArray[np.float32]:
    """The mean of the picture saved again at `quality` on several grids of blocks (Nosratinia 2001): float32 [H, W, 3] in levels."""
    ycc = _ycc(pixels)
    height, width = pixels.shape[:2]
    padded = np.pad(ycc, ((BLOCK, 2 * BLOCK - height % BLOCK), (BLOCK, 2 * BLOCK - width % BLOCK), (0, 0)), mode="symmetric")
    padded[..., 0] -= 128
    total = np.zeros_like(ycc)
    for down, across in MOVES:
        shifted = np.roll(padded, (down, across), (0, 1))
        for channel, table in enumerate((LUMA, CHROMA, CHROMA)):
            again = np.roll(_quantised(shifted[..., channel], steps(table, quality)), (-down, -across), (0, 1))
            total[..., channel] += again[BLOCK : BLOCK + height, BLOCK : BLOCK + width]
    total /= len(MOVES)
    total[..., 0] += 128
    return np.clip(total @ np.linalg.inv(TO_YCC).T.astype(np.float32), 0, 255)


def missing(picture: NDArray[np.float32], pixels: Pixels, quality: int) -> NDArray[np.float32]:
    """What the luma of `picture`, float32 [H, W, 3] in levels, lacks to become that of `pixels` when it is saved as a JPEG of that quality:
    float32 [H, W, 1], to be added to all channels.

    Its coefficients must lie within half a step of those that were saved; the nearest ends of these intervals are taken (projection onto
    convex sets, Zakhor 1992). Rows and columns beyond the last whole block lack nothing.
    """
    height, width = (side // BLOCK * BLOCK for side in pixels.shape[:2])
    table = steps(LUMA, quality)
    kept, there = (_coefficients(_ycc(levels[:height, :width])[..., 0]) for levels in (pixels, picture))
    kept[:, :, 0, 0] -= 128 * BLOCK
    there[:, :, 0, 0] -= 128 * BLOCK
    kept = np.rint(kept / table) * table
    lacking = np.clip(there, kept - table / 2, kept + table / 2) - there
    result = np.zeros((*pixels.shape[:2], 1), np.float32)
    result[:height, :width, 0] = _inverse(lacking)
    return result


def _ycc(levels: NDArray[Any]) -> Plane:
    converted: Plane = levels.astype(np.float32) @ TO_YCC.T
    return converted


def _quantised(plane: Plane, table: Steps) -> Plane:
    """Each block's cosine transform rounded to multiples of the steps: float32 [H, W], sides multiples of BLOCK."""
    return _inverse(np.rint(_coefficients(plane) / table) * table)


def _coefficients(plane: Plane) -> Plane:
    """The cosine transform of each block of [H, W]: float32 [H / BLOCK, W / BLOCK, BLOCK, BLOCK]."""
    height, width = plane.shape
    basis = cosines()
    blocks = plane.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
    return np.asarray(basis @ blocks @ basis.T, np.float32)


def _inverse(coefficients: Plane) -> Plane:
    """What `_coefficients` was given."""
    basis = cosines()
    rows, columns = (BLOCK * num for num in coefficients.shape[:2])
    plane = (basis.T @ coefficients @ basis).transpose(0, 2, 1, 3).reshape(rows, columns)
    return np.asarray(plane, np.float32)
