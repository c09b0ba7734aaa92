"""A label that people see: a word in a corner of the picture, as GB 45438-2025 (5.1) asks for where a picture is shown to the public.

Its letters are a twentieth of the shortest side high, and more: on a plate of their own, so that they are read on any picture.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganray.errors import ConfigError
from ganray.images.codec import Pixels

SHARE, LEAST = 0.06, 8  # height of the letters, of the shortest side, and in pixels: of a smaller picture they are a larger share
MISSING = "\U000f0000"  # no font has a letter for it
Corner = tuple[float, float]  # x, y


@dataclass(frozen=True)
class Stamp:
    """What is written, and the bytes of a TrueType or OpenType font to write it with; empty for Pillow's own (Latin letters)."""

    text: str
    font: bytes = b""

    @property
    def digest(self) -> str:
        """Sha256 of the text and the font."""
        return hashlib.sha256(self.text.encode() + b"\0" + self.font).hexdigest()

    def check(self) -> None:
        """Raises ConfigError where the font cannot be read, or has no letter for one of the text's."""
        try:
            font = _font(self.font, 20)
        except OSError as error:
            raise ConfigError(f"label.font: not a font: {error}", "Name a .ttf, .otf or .ttc file") from error
        unknown = [letter for letter in self.text if not letter.isspace() and bytes(font.getmask(letter)) == bytes(font.getmask(MISSING))]
        if unknown:
            raise ConfigError(f"label.visible {self.text!r}: the font has no {unknown[0]!r}", "Name one that has it with --label.font")


def stamped(pixels: Pixels, stamp: Stamp) -> Pixels:
    """A copy of uint8 [H, W, 3] with the stamp in its lower right corner. Deterministic."""
    image = Image.fromarray(pixels)
    font, gap, (left, top), (x, y) = _placed(image.size, stamp)
    draw = ImageDraw.Draw(image)
    draw.rectangle((x - gap, y - gap, image.width, image.height), fill=(255, 255, 255))
    draw.text((x - left, y - top), stamp.text, font=font, fill=(0, 0, 0))
    return np.asarray(image)


def plate(size: tuple[int, int], stamp: Stamp) -> tuple[slice, slice]:
    """The rows and columns that the stamp covers of a picture of `size` (height, width)."""
    _, gap, _, (x, y) = _placed((size[1], size[0]), stamp)
    return slice(max(0, math.floor(y - gap)), None), slice(max(0, math.floor(x - gap)), None)


def _placed(size: tuple[int, int], stamp: Stamp) -> tuple[ImageFont.FreeTypeFont, int, Corner, Corner]:
    """For a picture of `size` (width, height): font, margin, the upper left corner of the text's own box, and where that goes."""
    height = max(LEAST, round(SHARE * min(size)))
    font = _font(stamp.font, _points(stamp.font, height))
    left, top, right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).textbbox((0, 0), stamp.text, font=font)
    gap = max(1, height // 4)
    return font, gap, (left, top), (size[0] - (right - left) - 2 * gap, size[1] - (bottom - top) - 2 * gap)


@lru_cache(maxsize=8)
def _font(data: bytes, points: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(BytesIO(data), points) if data else ImageFont.load_default(points)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@lru_cache(maxsize=32)
def _points(data: bytes, height: int) -> int:
    """The size at which a capital letter is so many pixels high: points measure more than the letter."""
    points = height
    while True:
        _, top, _, bottom = _font(data, points).getbbox("H")
        if bottom - top >= height:
            return points
        points += 1
