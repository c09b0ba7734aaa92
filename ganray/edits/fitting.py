"""Encodes a picture within a marketplace's limits: file size, and an exact background outside the reach of codec artefacts."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ganray.edits.photo import Output
from ganray.errors import EditError
from ganray.images.channels import any_of
from ganray.images.codec import QUALITY, Format, Pixels, decode_prepared, encode
from ganray.images.components import near

LEAST_QUALITY = 60  # below it, artefacts at edges are visible
RING = 16  # pixels from the product within which lossy codecs ring (PROVENANCE 1)
LOSSY_WEBP = 95  # first quality if lossless webp is too large


class Encoder(Protocol):
    """The function that encodes pixels, including labels."""

    def __call__(self, pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        """Uint8 [H, W, 3] as a file."""


def encode_to_fit(pixels: Pixels, output: Output, encoder: Encoder = encode) -> tuple[bytes, int | None]:
    """The file of uint8 [H, W, 3] and its quality (None: lossless): the highest one, from that of `output` down, at which the file has at
    most `output.max_bytes`.

    Raises EditError("profile") if there is none, or if the background far from the product is not within the tolerance.
    """
    if output.format == "png":
        data = encoder(pixels, "png", quality=None)
        if _fits(data, output):
            return data, None
        raise _too_large(output, len(data), "lossless")
    first = output.quality or QUALITY.get(output.format)
    data = encoder(pixels, output.format, quality=first)
    if not _fits(data, output):
        data, first = _smaller(pixels, output, encoder, first or LOSSY_WEBP)
    far = _far(pixels, output)
    for quality in dict.fromkeys((first, *range((first or LEAST_QUALITY) - 1, max(LEAST_QUALITY, (first or 0) - 9), -1))):
        data = data if quality == first else encoder(pixels, output.format, quality=quality)
        if far is None or _is_clean(data, far, output):
            return data, quality
    raise EditError(
        "profile",
        f"{output.format} of quality {first} does not keep the background {output.ground} of {output.profile} exactly",
        "Ask for jpeg or png",
    )


def _smaller(pixels: Pixels, output: Output, encoder: Encoder, most: int) -> tuple[bytes, int]:
    """The highest quality below `most` that fits, by bisection: a file grows with its quality."""
    low, high = min(LEAST_QUALITY, most), most
    best = encoder(pixels, output.format, quality=low)
    if not _fits(best, output):
        raise _too_large(output, len(best), f"of quality {low}")
    while high - low > 1:
        middle = (low + high) // 2
        data = encoder(pixels, output.format, quality=middle)
        if _fits(data, output):
            low, best = middle, data
        else:
            high = middle
    return best, low


def _fits(data: bytes, output: Output) -> bool:
    return not output.max_bytes or len(data) <= output.max_bytes


def _too_large(output: Output, size: int, how: str) -> EditError:
    return EditError(
        "profile",
        f"{output.format} {how} has {size:,} bytes, and {output.profile or 'the request'} allows {output.max_bytes:,}",
        "Ask for jpeg, or for a smaller frame",
    )


def _far(pixels: Pixels, output: Output) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None:
    """Pixels with nothing but background within RING: a codec must keep them."""
    if output.ground is None:
        return None
    return ~near(any_of(pixels != np.array(output.ground, np.uint8)), RING)


def _is_clean(data: bytes, far: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], output: Output) -> bool:
    ground = np.array(output.ground, np.int16)
    difference = np.abs(decode_prepared(data)[far].astype(np.int16) - ground)
    return int(difference.max(initial=0)) <= output.tolerance
