"""A picture as the file that a marketplace takes: within its bytes, its background exact wherever that can be asked of a codec."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ganray.edits.photo import Output
from ganray.errors import EditError
from ganray.images.codec import QUALITY, Format, Pixels, decode_prepared, encode
from ganray.images.components import near

LEAST_QUALITY = 60  # below, what a codec makes of edges is seen
RING = 16  # pixels from the product in which lossy codecs ring (PROVENANCE 1)
LOSSY_WEBP = 95  # where one that is lossless has too many bytes


class Encoder(Protocol):
    """Whoever makes the bytes, with the labels in them."""

    def __call__(self, pixels: Pixels, format: Format, *, quality: int | None) -> bytes:
        """Uint8 [H, W, 3] as a file."""


def encode_to_fit(pixels: Pixels, output: Output, encoder: Encoder = encode) -> tuple[bytes, int | None]:
    """The file of uint8 [H, W, 3] and the quality it has (None: lossless): the highest one, from the output's own down, with which it
    has at most `output.max_bytes`.

    Raises EditError("profile") where none has, or where the background far from the product does not come out as it must.
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
        f"{output.format} of quality {first} does not keep the background {output.ground} of {output.profile} as it is",
        "Ask for jpeg or png",
    )


def _smaller(pixels: Pixels, output: Output, encoder: Encoder, most: int) -> tuple[bytes, int]:
    """The highest quality below `most` that fits, by halving: a file grows with its quality."""
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
        f"{size:,} bytes as {output.format} {how}, and {output.profile or 'the request'} takes {output.max_bytes:,}",
        "Ask for jpeg, or for a smaller frame",
    )


def _far(pixels: Pixels, output: Output) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None:
    """Where the picture is ground as far as RING around: what a codec must leave alone."""
    if output.ground is None:
        return None
    return ~near((pixels != np.array(output.ground, np.uint8)).any(2), RING)


def _is_clean(data: bytes, far: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], output: Output) -> bool:
    ground = np.array(output.ground, np.int16)
    off = np.abs(decode_prepared(data)[far].astype(np.int16) - ground)
    return int(off.max(initial=0)) <= output.tolerance
