"""Statistics of a photo: levels, colour cast, noise and sharpness, in closed form.

The thresholds separate sellers' original photos from degraded copies of them; they were measured on 200 photos of clothes.
`tests/edits/test_enhance.py` checks their effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.edits.filters import Field
from ganray.images.channels import largest, least
from ganray.images.codec import Pixels

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
TILE, TILES = 256, 16  # noise and sharpness are measured at full size, in TILES tiles of TILE px
SMALL = 400  # longest side at which the colours of edges are measured
NOISE_BLOCK = 16  # side in pixels of the blocks that noise is measured in
QUIET, QUIET_SHARE = 10, 0.9  # the percentile of blocks that counts, and how much of pure noise it shows
BLACK, FULL, CUT_OFF = 2.0, 253.0, 0.05  # a block with more than this share of luma outside has its noise cut off
ENOUGH = 0.05  # share of blocks that suffices, where the others' noise is cut off
MINKOWSKI = 5
GREY = 6  # largest difference between channels, in levels
WHITE, WHITE_SHARE = 245, 0.01  # level and share of white pixels that show a neutral light


@dataclass(frozen=True)
class Levels:
    """`low`, `high` (percentiles 0.5 and 99.5) and `mean` of luma, 0..255; `lowest` and `highest` are those percentiles of the darkest
    and the lightest channel; `clipped` is the share of pixels with a channel at the top, without a white background; `grey`: no colours."""

    low: float
    high: float
    mean: float
    lowest: float
    highest: float
    clipped: float
    grey: bool


def levels(pixels: Pixels) -> Levels:
    """The levels of uint8 [H, W, 3]."""
    luma = np.rint(luma_of(pixels)).astype(np.uint8)
    top, bottom = largest(pixels), least(pixels)
    clipped = top >= 254
    white = bottom >= 254
    ring = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
    if ring.mean() > 0.5:  # a packshot's background is white by intent
        clipped = clipped & ~white
    return Levels(
        _percentile(luma, 0.005),
        _percentile(luma, 0.995),
        float(luma.mean()),
        _percentile(bottom, 0.005),
        _percentile(top, 0.995),
        float(clipped.mean()),
        _percentile(top - bottom, 0.99) <= GREY,
    )


def luma_of(pixels: NDArray[np.uint8] | Field) -> Field:
    """Float32 [H, W] of [H, W, 3]."""
    return np.asarray(pixels.astype(np.float32) @ LUMA, np.float32)


def cast(pixels: Pixels) -> tuple[NDArray[np.float32], float]:
    """The colour of the light as logarithms of red, green and blue [3] of mean 0, and the certainty of the estimate, 0..1.

    Grey-edge (van de Weijer, Gevers, Gijsenij 2007, n = 1, p = 5): differences between neighbouring pixels are grey on
    average. The border's colour limits the estimate: at most 1.5 times its cast in the same direction. Uncertain where that is small, as
    with coloured products and rooms, and where the photo has many light neutral pixels.
    """
    small = _small(pixels)
    down, right = np.diff(small, axis=0)[:, :-1], np.diff(small, axis=1)[:-1]
    edges = (np.hypot(down, right).astype(np.float64) ** MINKOWSKI).mean((0, 1)) ** (1 / MINKOWSKI)
    if edges.min() <= 0.1:
        return np.zeros(3, np.float32), 0.0
    colour = np.log(edges)
    colour -= colour.mean()
    ring = max(2, round(0.04 * min(small.shape[:2])))
    border = np.concatenate([part.reshape(-1, 3) for part in (small[:ring], small[-ring:], small[:, :ring], small[:, -ring:])])
    middle = np.log(np.maximum(np.median(border, 0), 1))
    middle -= middle.mean()
    agreement = min(1.0, max(0.0, 1.5 * float(middle @ colour) / max(1e-9, float(colour @ colour))))
    lowest = least(pixels)
    neutral = (lowest >= WHITE) & (largest(pixels) - lowest <= 6)
    certainty = 0.0 if float(neutral.mean()) >= WHITE_SHARE else rising(agreement * float(np.ptp(colour)), 0.09, 0.16)
    colour *= agreement
    return colour.astype(np.float32), certainty


def noise(pixels: Pixels) -> float:
    """Standard deviation of the noise of luma, in levels: the median absolute Laplacian (Immerkaer 1996's mask) of each block of 16 px. The
    quietest tenth of the blocks decides, so that the texture of cloth is not noise; blocks at black or white say nothing, if others do."""
    medians, cut_off = [], []
    for tile in _tiles(pixels):
        corners = tile[2:, 2:] + tile[:-2, 2:] + tile[2:, :-2] + tile[:-2, :-2]
        sides = tile[1:-1, 2:] + tile[1:-1, :-2] + tile[2:, 1:-1] + tile[:-2, 1:-1]
        middle = tile[1:-1, 1:-1]
        medians.append(np.median(_blocks(np.abs(corners - 2 * sides + 4 * middle)), 1))
        cut_off.append(_blocks((middle <= BLACK) | (middle >= FULL)).mean(1))
    each, usable = np.concatenate(medians), np.concatenate(cut_off) < CUT_OFF
    if usable.sum() > ENOUGH * len(each):
        each = each[usable]
    return float(np.percentile(each, QUIET)) / (QUIET_SHARE * 0.6745 * 6) if len(each) else 0.0


def sharpness(pixels: Pixels) -> float:
    """Second difference over first at the strongest edges: about 1 for a sharp photo, 0.44 after a blur of 1 px, 0.27 after 1.5 px; 1
    without edges."""
    second, first = 0.0, 0.0
    for tile in _tiles(pixels):
        if min(tile.shape) < 3:
            continue
        middle = tile[1:-1, 1:-1]
        along, down = (tile[1:-1, :-2], tile[1:-1, 2:]), (tile[:-2, 1:-1], tile[2:, 1:-1])
        slope = np.maximum(*(np.abs(b - a) / 2 for a, b in (along, down)))
        bend = np.maximum(*(np.abs(b + a - 2 * middle) for a, b in (along, down)))
        strong = slope >= max(4.0, float(np.percentile(slope, 97)))
        second, first = second + float(bend[strong].sum()), first + float(slope[strong].sum())
    return second / first if first else 1.0


def rising(x: float, start: float, end: float) -> float:
    """0 up to `start`, 1 from `end`, smooth between; falling if `end` is the lower one."""
    t = min(1.0, max(0.0, (x - start) / (end - start)))
    return t * t * (3 - 2 * t)


def _percentile(values: NDArray[np.uint8], share: float) -> float:
    """The level below which that share of the pixels lies."""
    counts = np.cumsum(np.bincount(values.reshape(-1), minlength=256))
    return float(np.searchsorted(counts, share * counts[-1]))


def _tiles(pixels: Pixels) -> list[Field]:
    """Luma of evenly spread tiles, or of the whole if it is small."""
    height, width = pixels.shape[:2]
    if height * width <= TILES * TILE * TILE:
        return [luma_of(pixels)]
    side = round(TILES**0.5)
    tops, lefts = (np.linspace(0, max(0, length - TILE), side).astype(int) for length in (height, width))
    return [luma_of(pixels[top : top + TILE, left : left + TILE]) for top in tops for left in lefts]


def _blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """The whole blocks of [H, W] as [blocks, NOISE_BLOCK ** 2]."""
    rows, columns = (side // NOISE_BLOCK for side in plane.shape)
    cut = plane[: NOISE_BLOCK * rows, : NOISE_BLOCK * columns].reshape(rows, NOISE_BLOCK, columns, NOISE_BLOCK)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, NOISE_BLOCK**2)


def _small(pixels: Pixels) -> Field:
    scale = min(1.0, SMALL / max(pixels.shape[:2]))
    height, width = (max(2, round(side * scale)) for side in pixels.shape[:2])
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX) if image.size != (width, height) else image, np.float32)
