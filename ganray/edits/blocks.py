"""Blocks of JPEG: how visible they are in a picture, at which quality it was saved, and a picture without them.

All of it is read off the pixels, so that it is also true of a photo that was a JPEG before it became a PNG.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.jpeg_steps import BLOCK, CHROMA, LUMA, cosines, steps

Plane = NDArray[np.float32]
Steps = NDArray[np.float32]

QUALITIES = range(25, 91, 5)  # that are recognised: at higher ones there is nothing to smooth
WINDOW = 256  # side of the middle of a picture that the quality is read off, in pixels
LIKE_ITSELF = 0.5  # error of saving again, over that of a picture that was never saved so
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
    """The quality (IJG's scale, steps of 5) at which a picture was last saved as a JPEG; 0 where none of QUALITIES is recognised.

    Saving again with the same steps changes nothing (JPEG ghosts, Farid 2009), with others it does.
    """
    height, width = (side // BLOCK * BLOCK for side in pixels.shape[:2])
    if min(height, width) < 4 * BLOCK:
        return 0
    top, left = (max(0, (side - WINDOW) // 2 // BLOCK * BLOCK) for side in (height, width))
    luma = _ycc(pixels[top : min(height, top + WINDOW), left : min(width, left + WINDOW)])[..., 0] - 128
    best, share = 0, LIKE_ITSELF
    for quality in QUALITIES:
        again, moved = _quantised(luma, steps(LUMA, quality)), _quantised(luma[4:-4, 4:-4], steps(LUMA, quality))
        error, usual = float(((again - luma) ** 2).mean()), float(((moved - luma[4:-4, 4:-4]) ** 2).mean())
        if usual > 1 and error / usual < share:
            best, share = quality, error / usual
    return best


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


def _ycc(pixels: Pixels) -> Plane:
    converted: Plane = pixels.astype(np.float32) @ TO_YCC.T
    return converted


def _quantised(plane: Plane, table: Steps) -> Plane:
    """Each block's cosine transform rounded to multiples of the steps: float32 [H, W], sides multiples of BLOCK."""
    height, width = plane.shape
    basis = cosines()
    blocks = plane.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
    kept = np.rint(basis @ blocks @ basis.T / table) * table
    back = (basis.T @ kept @ basis).transpose(0, 2, 1, 3).reshape(height, width)
    return np.asarray(back, np.float32)
