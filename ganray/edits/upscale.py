"""`upscale`: two, three or four times as large, and faithful: the result, reduced again, must equal the photo.

Factor 2 is one pass of the sub-pixel network (models/editor.py) in tiles, factor 4 two passes, factor 3 those reduced to three quarters.
A network that enlarges by 4 takes one pass for each.
Then back-projection (Irani & Peleg 1991): the difference between the input and the reduced result is enlarged and added; of a JPEG only
what its rounding does not explain (blocks.py). Without a network Lanczos is used, which invents nothing and is never refused. The facts
record it.

Damage is not to be enlarged: blocks of JPEG (blocks.py) and noise (enhance.py) that are measured are taken out before; a network that
learned from JPEGs of known quality gets the photo as it is, and that quality. Where the network takes out more, the difference to the
input is damage, too: less of it is added, or nothing.

A network is judged by what it changes: little of what four pixels of the photo have in common, and no more within than noise has; blocks
must not come out stronger. At sharp edges (text, charts) a faithful result goes beyond black and white, and levels of 0 to 255 cut that
off; so it is judged before they do, with no more OVERSHOOT than such edges have. `fidelity_db` is that of the picture as it is written.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field as Option

from ganray.edits.blocks import blockiness, deblocked, missing, saved_quality
from ganray.edits.edit import Network, Params, Tools
from ganray.edits.enhance import NOISY, denoised
from ganray.edits.filters import Field, scaled
from ganray.edits.network import Halved, factor_of, knows_quality
from ganray.edits.photo import Alpha, Photo
from ganray.edits.photo_statistics import noise, rising
from ganray.edits.tiles import through
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.models.editor import LEARNED, jpeg_loss

MOST_PIXELS = 50_000_000
MIN_FIDELITY_DB = 34.0  # dB: smallest PSNR between the input and the reduced result, of means over CELL pixels a side
MIN_DETAIL_DB = 24.0  # of single pixels: less is more than the noise and the blocks of a usable photo
CELL = 4
EXACT_DB = 38.0, 44.0  # of single pixels: up to the first nothing is projected back, from the second on all of it
MORE_BLOCKS = 0.3  # levels of luma by which steps between blocks of 8 px may grow
OVERSHOOT = 0.5  # of the full range, beyond black and white: more than a sharp edge has
ROUNDS = 2
REMEDY = "Edit without the model (Lanczos), or train the editor again"
SMALLEST = 32  # side of a picture whose noise can be told from its detail, in pixels
BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS


class UpscaleParams(Params):
    """The factor, or the side to reach."""

    short: ClassVar[str] = "factor"
    factor: int = Option(2, ge=1, le=4, description="enlarge by this factor; 1: only as `to` requires")
    to: int = Option(0, ge=0, le=16_000, description="enlarge by the smallest factor with which the shorter side has this many pixels")


def upscale(photo: Photo, params: UpscaleParams, tools: Tools) -> Photo:
    """The enlarged photo. Raises EditError: fidelity, too_large, and profile if a factor of 4 is not enough for `to`."""
    factor = _factor(photo, params)
    if factor == 1:
        return photo
    height, width = (factor * side for side in photo.size)
    if height * width > MOST_PIXELS:
        largest = math.isqrt(MOST_PIXELS // (photo.size[0] * photo.size[1]))
        remedy = f"Use a factor of at most {largest}" if largest > 1 else "Leave upscale out: the photo is large as it is"
        raise EditError("too_large", f"{width}x{height} pixels would be too many, more than {MOST_PIXELS:,}", remedy)
    network = tools.network("upscale")
    low = photo.pixels.astype(np.float32) / 127.5 - 1
    target, quality, facts = repaired(photo.pixels, knows_quality(network))
    high = scaled(target, width, height, LANCZOS) if network is None else _learned(target, quality, network, factor)
    weight = _exactness(target, high) if network is not None else np.float32(1)
    if quality:
        high = _saved_alike(photo.pixels, quality, high)
    elif weight:
        for _ in range(ROUNDS):
            high = high + weight * scaled(target - scaled(high, *photo.size[::-1], BICUBIC), width, height, BICUBIC)
    if network is not None:
        _check_fidelity(photo, low, high)
    pixels = np.clip(np.rint(high * 127.5 + 127.5), 0, 255).astype(np.uint8)
    facts |= {"upscale": "learned" if network else "lanczos", "factor": factor}
    facts["fidelity_db"] = round(fidelity(photo, pixels), 2)
    return photo.having(pixels=pixels, facts=facts, **_shares(photo, width, height))


def repaired(pixels: Pixels, tell_quality: bool = False) -> tuple[Field, int, dict[str, float | str]]:
    """The photo as float32 [H, W, 3] in [-1, 1] without blocks of JPEG and without noise, as far as either is measured: enlarging would
    show them, and bicubic would hide them better. Then the quality that a network is to be told, and what was found.

    With `tell_quality` a JPEG without noise stays as it is, and its quality is told; else 0.
    """
    facts: dict[str, float | str] = {}
    x = pixels.astype(np.float32)
    if quality := saved_quality(pixels):
        x = deblocked(pixels, quality)
    deviation = noise(np.rint(x).astype(np.uint8)) if min(pixels.shape[:2]) >= SMALLEST else 0.0
    if strength := rising(deviation, *NOISY):
        x, facts["denoised"] = denoised(x, strength * deviation), round(strength * deviation, 2)
    elif quality and tell_quality:
        return pixels.astype(np.float32) / np.float32(127.5) - 1, quality, {"jpeg_quality": quality}
    if quality:
        facts["deblocked"] = quality
    return x / np.float32(127.5) - 1, 0, facts


def fidelity(photo: Photo, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """PSNR in dB between the photo and the enlarged pixels at the photo's size; 99 where they are equal."""
    height, width = photo.size
    small = np.asarray(Image.fromarray(pixels).resize((width, height), BICUBIC), np.float32)
    return _psnr(small - photo.pixels)


def _saved_alike(pixels: Pixels, quality: int, high: Field) -> Field:
    """The enlarged JPEG [H, W, 3], moved towards what gives the same luma when it is reduced and saved at its quality."""
    for _ in range(ROUNDS):
        lacking = missing(127.5 * _reduced(pixels, high) + 127.5, pixels, quality) / np.float32(127.5)
        high = high + scaled(lacking, high.shape[1], high.shape[0], BICUBIC)
    return high


def _exactness(low: Field, high: Field) -> np.float32:
    """How much of what the reduced result lacks is to be projected back: 1 for a clean photo, 0 where damage was taken out."""
    fidelity_db = _psnr(127.5 * (_reduced(low, high) - low))
    first, last = EXACT_DB
    return np.float32(np.clip((fidelity_db - first) / (last - first), 0, 1))


def _check_fidelity(photo: Photo, low: Field, high: Field) -> None:
    """Raise EditError("fidelity") if the enlarged picture, both in [-1, 1] and a little beyond, is not the photo when reduced."""
    reduced = _reduced(low, high)
    error = 127.5 * (reduced - low)
    for psnr, least, what in (
        (_psnr(_averaged(error)), MIN_FIDELITY_DB, f"means of {CELL} pixels have"),
        (_psnr(error), MIN_DETAIL_DB, "the result has"),
    ):
        if psnr < least:
            raise EditError("fidelity", f"reduced again, {what} a PSNR of {psnr:.1f} dB to the photo, less than {least:g}", REMEDY)
    before = blockiness(photo.pixels)
    after = blockiness(np.clip(np.rint(reduced * 127.5 + 127.5), 0, 255).astype(np.uint8))
    if after > max(before, 0) + MORE_BLOCKS:
        raise EditError("fidelity", f"steps between blocks of 8 pixels grow from {before:.1f} to {after:.1f} levels", REMEDY)


def _reduced(low: NDArray[Any], high: Field) -> Field:
    """The enlarged picture at the photo's size, without more overshoot than sharp edges have."""
    return scaled(np.clip(high, -1 - 2 * OVERSHOOT, 1 + 2 * OVERSHOOT), low.shape[1], low.shape[0], BICUBIC)


def _averaged(error: Field) -> Field:
    """Means over whole cells of CELL pixels a side; of smaller pictures the picture itself."""
    rows, columns = (side // CELL for side in error.shape[:2])
    if not rows or not columns:
        return error
    cells: Field = error[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL, -1).mean((1, 3))
    return cells


def _psnr(error: Field) -> float:
    """PSNR in dB of differences in levels of 255; 99 without any."""
    mean = float((error**2).mean())
    return min(99.0, 10 * math.log10(255**2 / mean)) if mean else 99.0


def _shares(photo: Photo, width: int, height: int) -> dict[str, Alpha | None]:
    """The photo's matte and alpha at the new size."""
    matte = None if photo.matte is None else np.clip(scaled(photo.matte, width, height), 0, 1)
    if photo.alpha is None or photo.alpha is photo.matte:
        return {"matte": matte, "alpha": None if photo.alpha is None else matte}
    return {"matte": matte, "alpha": np.clip(scaled(photo.alpha, width, height), 0, 1)}


def _factor(photo: Photo, params: UpscaleParams) -> int:
    if not params.to:
        return params.factor
    factor = max(1, math.ceil(params.to / min(photo.size)))
    if factor > 4:
        size = f"{photo.size[1]}x{photo.size[0]}"
        raise EditError(
            "profile", f"a photo of {size} pixels cannot be enlarged to {params.to}: the largest factor is 4", "Take a larger photo"
        )
    return factor


def _learned(low: Field, quality: int, network: Network, factor: int) -> Field:
    """The photo [H, W, 3] enlarged; `quality` is that of its JPEG, 0 of none that is known."""
    if factor_of(network) == 4:
        network = Halved(network) if factor == 2 else network
        high = through(_told(low, quality, network), network, factor_of(network), network.halo)
    else:
        high = through(_told(low, quality, network), network, 2, network.halo)
        if factor > 2:
            high = through(_told(np.clip(high, -1, 1), 0, network), network, 2, network.halo)
    return scaled(high, low.shape[1] * 3, low.shape[0] * 3, BICUBIC) if factor == 3 else high


def _told(picture: Field, quality: int, network: Network) -> Field:
    """The picture [H, W, 3], with what its JPEG has lost as a fourth channel for a network that knows what it is."""
    if not knows_quality(network):
        return picture
    plane = np.full_like(picture[..., :1], jpeg_loss(max(quality, LEARNED[0]) if quality else 100))
    return np.concatenate([picture, plane], -1)
