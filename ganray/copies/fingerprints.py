"""Image fingerprints of 400 bytes, and a test whether two photos are the same: re-encoded, resized, brightened or slightly cropped.

A fingerprint is computed from the prepared image: a hash of 64 bits (signs of the lowest frequencies of the luma), the tint (chroma of the
quarters), chroma on a grid of 8x8, luma on a grid of 16x16. Hash and tint find candidates and are kept in memory; the grids decide. One
luma must explain the other under gain, offset and a small crop: the first-order flow of Lucas and Kanade (1981), solved for all pairs at
once. The chroma must match: another colour of the same product is a different photo.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.images.codec import Pixels
from ganray.images.transforms import padded

GRID, CHROMA, TINT = 16, 8, 2  # cells per side
BYTES = 8 + 2 * TINT**2 + 2 * CHROMA**2 + GRID**2
MAX_BITS = 12  # differences in the hash: 8 for a crop of 2 % on each side, 2 for re-encoding
MAX_CHROMA = 12.0  # levels of Cb and Cr in any sixteenth of the image
CHROMA_NOISE, CHROMA_SHARE = 2.0, 0.04  # allowed mean difference: levels, and a share of the squared chroma
MAX_UNEXPLAINED = 0.006  # share of the luma's variance
MAX_SHIFT = 0.10  # of the side, at any edge
MIN_GAIN, MAX_OFFSET = 0.8, 40.0  # of the contrast, in both directions; levels of the mean
EDGE = 32  # side of the luma before the transform

Floats = NDArray[Any]  # float32, or float64 in the solver
Records = NDArray[np.uint8]


def fingerprint(pixels: Pixels, size: tuple[int, int] | None = None) -> bytes:
    """The fingerprint of a prepared image, uint8 [R, R, 3]: BYTES bytes; `size` is (width, height) of a photo padded to a square."""
    image = Image.fromarray(pixels)
    if size is not None:  # the white padding does not change with the brightness of the photo
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
    """The hashes, uint64 [n], and tints, uint8 [n, 8], of fingerprints uint8 [n, BYTES]: they find candidates."""
    hashes = np.ascontiguousarray(records[:, :8]).view(">u8").ravel().astype(np.uint64)
    return hashes, np.ascontiguousarray(records[:, 8 : 8 + 2 * TINT**2])


def alike(first: Records, second: Records) -> NDArray[np.bool_]:
    """Whether the fingerprints of `first` and `second`, both uint8 [n, BYTES], are of the same photo: bool [n]."""
    start = 8 + 2 * TINT**2
    chroma = slice(start, start + 2 * CHROMA**2)
    colours = np.concatenate([first[:, chroma], second[:, chroma]], axis=1).astype(np.float32) - 128
    difference = first[:, chroma].astype(np.float32) - second[:, chroma]
    coarse = difference.reshape(-1, 4, CHROMA // 4, 4, CHROMA // 4, 2).mean(axis=(2, 4))
    allowed = CHROMA_NOISE**2 + CHROMA_SHARE * (colours**2).mean(axis=1)
    close: NDArray[np.bool_] = (np.abs(coarse).max(axis=(1, 2, 3)) <= MAX_CHROMA) & ((difference**2).mean(axis=1) <= allowed)
    places = np.flatnonzero(close)
    grids = [_smooth(side[places, chroma.stop :].astype(np.float32).reshape(-1, GRID, GRID)) for side in (first, second)]
    close[places] = _explains(grids[0], grids[1]) | _explains(grids[1], grids[0])
    return close


def _explains(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Whether each grid of `b` equals that of `a` up to contrast, brightness and a small crop: float32 [n, GRID, GRID]."""
    down, right = (np.asarray(slope) for slope in np.gradient((a + b) / 2, axis=(1, 2)))
    at = ((np.arange(GRID, dtype=np.float32) - (GRID - 1) / 2) / GRID)[None, None, :]
    terms: list[Floats] = [a, np.ones_like(a), right, right * at, down, down * at.transpose(0, 2, 1)]
    inside = (slice(None), slice(1, -1), slice(1, -1))  # a crop removes the edge
    x = np.stack([term[inside].reshape(len(a), (GRID - 2) ** 2) for term in terms], axis=2).astype(np.float64)
    y = b[inside].reshape(len(b), (GRID - 2) ** 2, 1).astype(np.float64)
    normal = x.transpose(0, 2, 1) @ x + 1e-3 * np.eye(len(terms))  # a flat image has no gradients
    weights = np.linalg.solve(normal, x.transpose(0, 2, 1) @ y)
    residual = ((y - x @ weights) ** 2).sum(axis=(1, 2))
    variance = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    gain = weights[:, 0, 0]
    shift = np.abs(weights[:, 2::2, 0]) + 0.5 * np.abs(weights[:, 3::2, 0])  # cells, at the farther edge
    fits = residual <= np.maximum(MAX_UNEXPLAINED * variance, 0.5 * y.shape[1])  # for flat images: rounding
    bright = (gain >= MIN_GAIN) & (gain <= 1 / MIN_GAIN) | (variance <= y.shape[1])
    bright &= np.abs(a.mean(axis=(1, 2)) - b.mean(axis=(1, 2))) <= MAX_OFFSET
    return np.asarray(fits & bright & (shift <= MAX_SHIFT * GRID).all(axis=1))


def _smooth(grids: Floats) -> Floats:
    """Binomial 1-2-1 filter along both axes, so that gradients describe a shift well."""
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
