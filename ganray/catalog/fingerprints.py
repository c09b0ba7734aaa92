"""What a photo looks like, in 400 bytes, and whether two photos are one: re-encoded, resized, brightened, cropped by a little.

A look is made from the prepared image. Its parts: a hash of 64 bits (signs of the lowest frequencies of the luma), the tint (chroma of
the quarters), chroma on a grid of 8x8, luma on a grid of 16x16. Hash and tint find candidates and are what a driver holds; the grids
decide. Luma must be explained by the other's under gain, offset and a small crop: the first-order flow of Lucas and Kanade (1981), solved
for all pairs at once. Chroma must agree: another colour of the same product is another photo.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.images.codec import Pixels
from ganray.images.transforms import padded

GRID, CHROMA, TINT = 16, 8, 2  # cells a side
BYTES = 8 + 2 * TINT**2 + 2 * CHROMA**2 + GRID**2
MAX_BITS = 12  # of the hash: 8 where 2 % are cut off on each side, 2 where a photo is only encoded again
MAX_CHROMA = 12.0  # levels of Cb and Cr in any sixteenth of the picture
CHROMA_NOISE, CHROMA_SHARE = 2.0, 0.04  # what may differ in all: levels, and a share of the chroma's own square
MAX_UNEXPLAINED = 0.006  # share of the luma's variance
MAX_SHIFT = 0.10  # of the side, at any edge
MIN_GAIN, MAX_OFFSET = 0.8, 40.0  # of the contrast, one way or the other; levels of the mean
EDGE = 32  # luma is measured at that side before the transform

Floats = NDArray[Any]  # float32 or, where it is solved for, float64
Records = NDArray[np.uint8]


def fingerprint(pixels: Pixels, size: tuple[int, int] | None = None) -> bytes:
    """The look of a prepared image, uint8 [R, R, 3]: BYTES bytes; `size` is the photo's (width, height) where it was padded to a square."""
    image = Image.fromarray(pixels)
    if size is not None:  # the white beside a photo does not get darker with it
        width, height = padded(size, image.width)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    luma = np.asarray(image.convert("L").resize((EDGE, EDGE), Image.Resampling.BOX), np.float32)
    ycc = np.asarray(image.convert("YCbCr").resize((CHROMA, CHROMA), Image.Resampling.BOX), np.float32)[..., 1:]
    basis = _cosines()
    low: Floats = (basis @ luma @ basis.T).ravel()
    bits = np.append(low[1:] > np.median(low[1:]), False)
    return b"".join(
        [np.packbits(bits).tobytes(), _bytes(_reduced(ycc, TINT)), _bytes(ycc), _bytes(_reduced(luma[..., None], GRID))],
    )


def split(records: Records) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """What finds candidates, of looks as uint8 [n, BYTES]: hashes, uint64 [n], and tints, uint8 [n, 8]."""
    hashes = np.ascontiguousarray(records[:, :8]).view(">u8").ravel().astype(np.uint64)
    return hashes, np.ascontiguousarray(records[:, 8 : 8 + 2 * TINT**2])


def alike(one: Records, other: Records) -> NDArray[np.bool_]:
    """Whether each look of `one` is the same photo as that of `other`: both uint8 [n, BYTES]; bool [n]."""
    start = 8 + 2 * TINT**2
    chroma = slice(start, start + 2 * CHROMA**2)
    colours = np.concatenate([one[:, chroma], other[:, chroma]], axis=1).astype(np.float32) - 128
    off = one[:, chroma].astype(np.float32) - other[:, chroma]
    coarse = off.reshape(-1, 4, CHROMA // 4, 4, CHROMA // 4, 2).mean(axis=(2, 4))
    allowed = CHROMA_NOISE**2 + CHROMA_SHARE * (colours**2).mean(axis=1)
    close: NDArray[np.bool_] = (np.abs(coarse).max(axis=(1, 2, 3)) <= MAX_CHROMA) & ((off**2).mean(axis=1) <= allowed)
    places = np.flatnonzero(close)
    grids = [_smooth(side[places, chroma.stop :].astype(np.float32).reshape(-1, GRID, GRID)) for side in (one, other)]
    close[places] = _explains(grids[0], grids[1]) | _explains(grids[1], grids[0])
    return close


def _explains(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Whether each grid of `b` is that of `a` up to contrast, brightness and a small crop: float32 [n, GRID, GRID]."""
    down, right = (np.asarray(slope) for slope in np.gradient((a + b) / 2, axis=(1, 2)))
    at = ((np.arange(GRID, dtype=np.float32) - (GRID - 1) / 2) / GRID)[None, None, :]
    terms: list[Floats] = [a, np.ones_like(a), right, right * at, down, down * at.transpose(0, 2, 1)]
    inside = (slice(None), slice(1, -1), slice(1, -1))  # a crop brings in nothing from outside, but takes the edge away
    x = np.stack([term[inside].reshape(len(a), (GRID - 2) ** 2) for term in terms], axis=2).astype(np.float64)
    y = b[inside].reshape(len(b), (GRID - 2) ** 2, 1).astype(np.float64)
    normal = x.transpose(0, 2, 1) @ x + 1e-3 * np.eye(len(terms))  # a flat picture has no gradients
    weights = np.linalg.solve(normal, x.transpose(0, 2, 1) @ y)
    left = ((y - x @ weights) ** 2).sum(axis=(1, 2))
    all_of_it = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    gain = weights[:, 0, 0]
    shift = np.abs(weights[:, 2::2, 0]) + 0.5 * np.abs(weights[:, 3::2, 0])  # cells, at the farther edge
    fits = left <= np.maximum(MAX_UNEXPLAINED * all_of_it, 0.5 * y.shape[1])  # of flat pictures: rounding
    bright = (gain >= MIN_GAIN) & (gain <= 1 / MIN_GAIN) | (all_of_it <= y.shape[1])
    bright &= np.abs(a.mean(axis=(1, 2)) - b.mean(axis=(1, 2))) <= MAX_OFFSET
    return np.asarray(fits & bright & (shift <= MAX_SHIFT * GRID).all(axis=1))


def _smooth(grids: Floats) -> Floats:
    """Binomial 1-2-1 both ways, so that a shift is well described by gradients."""
    for axis in (1, 2):
        edge = [(1, 1) if at == axis else (0, 0) for at in range(3)]
        wide: Floats = np.moveaxis(np.pad(grids, edge, mode="edge"), axis, 0)
        mixed: Floats = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
        grids = np.moveaxis(mixed, 0, axis)
    return grids


def _reduced(grid: Floats, side: int) -> Floats:
    """Float32 [s, s, c] averaged to [side, side, c]."""
    step = len(grid) // side
    mean: Floats = grid.reshape(side, step, side, step, -1).mean(axis=(1, 3))
    return mean


def _bytes(grid: Floats) -> bytes:
    return np.round(grid).clip(0, 255).astype(np.uint8).tobytes()


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """The first 8 rows of the DCT-II of EDGE values: float32 [8, EDGE]."""
    k, x = np.arange(8)[:, None], np.arange(EDGE)[None, :]
    return np.cos(np.pi * (2 * x + 1) * k / (2 * EDGE)).astype(np.float32)
