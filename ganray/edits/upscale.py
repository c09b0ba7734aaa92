"""`upscale`: twice, three or four times as large, and no other picture: what comes out must shrink to what came in.

Twice is one pass of the sub-pixel network (models/editor.py) in tiles, four times two passes, three times those shrunk to three quarters.
Then back-projection (Irani & Peleg 1991): the difference between the input and the shrunk result is enlarged and added. Without a network
it is Lanczos, and the facts say so.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from PIL import Image
from pydantic import Field as Option

from ganray.edits.edit import Network, Params, Tools
from ganray.edits.filters import Field, scaled
from ganray.edits.photo import Photo
from ganray.edits.tiles import through
from ganray.errors import EditError

MOST_PIXELS = 50_000_000
FAITHFUL = 34.0  # dB: least PSNR between the input and the shrunk result
ROUNDS = 2
BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS


class UpscaleParams(Params):
    """How much larger."""

    short: ClassVar[str] = "factor"
    factor: int = Option(2, ge=1, le=4, description="times as large; 1 leaves it to `to`")
    to: int = Option(0, ge=0, le=16_000, description="enlarge until the shorter side has so many pixels, by the least factor that does it")


def upscale(photo: Photo, params: UpscaleParams, tools: Tools) -> Photo:
    """See the module. Raises EditError: fidelity, too_large, and profile where four times is not enough for `to`."""
    factor = _factor(photo, params)
    if factor == 1:
        return photo
    height, width = (factor * side for side in photo.size)
    if height * width > MOST_PIXELS:
        raise EditError("too_large", f"{width}x{height} pixels would be too many", f"At most {MOST_PIXELS:,}: use a smaller factor")
    network = tools.network("upscale")
    given = photo.pixels.astype(np.float32) / 127.5 - 1
    large = scaled(given, width, height, LANCZOS) if network is None else _learned(given, network, factor)
    for _ in range(ROUNDS):
        large = large + scaled(given - scaled(large, *photo.size[::-1], BICUBIC), width, height, BICUBIC)
    pixels = np.clip(np.rint(large * 127.5 + 127.5), 0, 255).astype(np.uint8)
    faithful = fidelity(photo, pixels)
    if faithful < FAITHFUL:
        raise EditError(
            "fidelity", f"shrunk again, the result is {faithful:.1f} dB from the photo, {FAITHFUL:g} are asked for", "Use a smaller factor"
        )
    matte = None if photo.matte is None else np.clip(scaled(photo.matte, width, height), 0, 1)
    facts: dict[str, float | str] = {"upscale": "learned" if network else "lanczos", "factor": factor, "fidelity_db": round(faithful, 2)}
    return photo.having(pixels=pixels, matte=matte, facts=facts)


def fidelity(photo: Photo, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """PSNR in dB between the photo and the enlarged pixels at the photo's size; 99 where they are equal."""
    height, width = photo.size
    small = np.asarray(Image.fromarray(pixels).resize((width, height), BICUBIC), np.float32)
    error = float(((small - photo.pixels) ** 2).mean())
    return min(99.0, 10 * math.log10(255**2 / error)) if error else 99.0


def _factor(photo: Photo, params: UpscaleParams) -> int:
    if not params.to:
        return params.factor
    factor = max(1, math.ceil(params.to / min(photo.size)))
    if factor > 4:
        size = f"{photo.size[1]}x{photo.size[0]}"
        raise EditError(
            "profile", f"a photo of {size} pixels cannot be brought to {params.to}: four times is the most", "Take a larger photo"
        )
    return factor


def _learned(given: Field, network: Network, factor: int) -> Field:
    large = through(given, network, 2, network.halo)
    if factor == 2:
        return large
    large = through(np.clip(large, -1, 1), network, 2, network.halo)
    return large if factor == 4 else scaled(large, given.shape[1] * 3, given.shape[0] * 3, BICUBIC)
