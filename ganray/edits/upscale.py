"""`upscale`: two, three or four times as large, and faithful: the result, reduced again, must equal the photo.

Factor 2 is one pass of the sub-pixel network (models/editor.py) in tiles, factor 4 two passes, factor 3 those reduced to three quarters.
A network that enlarges by 4 takes one pass for each.
Then back-projection (Irani & Peleg 1991): the difference between the input and the reduced result is enlarged and added. Without a network
Lanczos is used, which invents nothing and is never refused, and the facts record it.

At sharp edges (text, charts) a faithful result goes beyond black and white, and levels of 0 to 255 cut that off. So a network is judged
before they do, with no more OVERSHOOT than such edges have; `fidelity_db` is that of the picture as it is written.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from PIL import Image
from pydantic import Field as Option

from ganray.edits.edit import Network, Params, Tools
from ganray.edits.filters import Field, scaled
from ganray.edits.network import Halved, factor_of
from ganray.edits.photo import Alpha, Photo
from ganray.edits.tiles import through
from ganray.errors import EditError

MOST_PIXELS = 50_000_000
MIN_FIDELITY_DB = 34.0  # dB: smallest PSNR between the input and the reduced result
OVERSHOOT = 0.5  # of the full range, beyond black and white: more than a sharp edge has
ROUNDS = 2
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
    high = scaled(low, width, height, LANCZOS) if network is None else _learned(low, network, factor)
    for _ in range(ROUNDS):
        high = high + scaled(low - scaled(high, *photo.size[::-1], BICUBIC), width, height, BICUBIC)
    if network is not None:
        _check_fidelity(low, high)
    pixels = np.clip(np.rint(high * 127.5 + 127.5), 0, 255).astype(np.uint8)
    facts: dict[str, float | str] = {"upscale": "learned" if network else "lanczos", "factor": factor}
    facts["fidelity_db"] = round(fidelity(photo, pixels), 2)
    return photo.having(pixels=pixels, facts=facts, **_shares(photo, width, height))


def fidelity(photo: Photo, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """PSNR in dB between the photo and the enlarged pixels at the photo's size; 99 where they are equal."""
    height, width = photo.size
    small = np.asarray(Image.fromarray(pixels).resize((width, height), BICUBIC), np.float32)
    return _psnr(small - photo.pixels)


def _check_fidelity(low: Field, high: Field) -> None:
    """Raise EditError("fidelity") if the enlarged picture, both in [-1, 1] and a little beyond, is not the photo when reduced."""
    height, width = low.shape[:2]
    psnr = _psnr(127.5 * (scaled(np.clip(high, -1 - 2 * OVERSHOOT, 1 + 2 * OVERSHOOT), width, height, BICUBIC) - low))
    if psnr < MIN_FIDELITY_DB:
        raise EditError(
            "fidelity",
            f"reduced again, the result has a PSNR of {psnr:.1f} dB to the photo, less than {MIN_FIDELITY_DB:g}",
            "Edit without the model (Lanczos), or train the editor again",
        )


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


def _learned(low: Field, network: Network, factor: int) -> Field:
    if factor_of(network) == 4:
        if factor == 2:
            return through(low, Halved(network), 2, network.halo)
        high = through(low, network, 4, network.halo)
    else:
        high = through(low, network, 2, network.halo)
        if factor == 2:
            return high
        high = through(np.clip(high, -1, 1), network, 2, network.halo)
    return high if factor == 4 else scaled(high, low.shape[1] * 3, low.shape[0] * 3, BICUBIC)
