"""Visible labels: a text in a corner of the image, as GB 45438-2025 (5.1) requires for images that are shown to the public.

The letters are at least a twentieth of the shortest side high, on a white plate so that they are legible on any image.
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

SHARE, MIN_HEIGHT = 0.06, 8  # height of the letters: share of the shortest side, and minimum in pixels
MISSING = "\U000f0000"  # a private-use character that no font has
Corner = tuple[float, float]  # x, y


@dataclass(frozen=True)
class Stamp:
    """The text, and the bytes of a TrueType or OpenType font; empty for Pillow's default font (Latin letters)."""

    text: str
    font: bytes = b""

    @property
    def digest(self) -> str:
        """Sha256 of the text and the font."""
        return hashlib.sha256(self.text.encode() + b"\0" + self.font).hexdigest()

    def check(self) -> None:
        """Raises ConfigError if the font cannot be read or lacks a letter of the text."""
        try:
            font = _font(self.font, 20)
        except OSError as error:
            raise ConfigError(f"label.font: not a font: {error}", "Name a .ttf, .otf or .ttc file") from error
        unknown = [letter for letter in self.text if not letter.isspace() and bytes(font.getmask(letter)) == bytes(font.getmask(MISSING))]
        if unknown:
            raise ConfigError(f"label.visible {self.text!r}: the font has no {unknown[0]!r}", "Name one that has it with --label.font")


def stamped(pixels: Pixels, stamp: Stamp) -> Pixels:
    """A copy of uint8 [H, W, 3] with the stamp in the lower right corner. Deterministic."""
    image = Image.fromarray(pixels)
    font, gap, (left, top), (x, y) = _layout(image.size, stamp)
    draw = ImageDraw.Draw(image)
    draw.rectangle((x - gap, y - gap, image.width, image.height), fill=(255, 255, 255))
    draw.text((x - left, y - top), stamp.text, font=font, fill=(0, 0, 0))
    return np.asarray(image)


def plate(size: tuple[int, int], stamp: Stamp) -> tuple[slice, slice]:
    """The rows and columns of an image of `size` (height, width) that the stamp covers."""
    _, gap, _, (x, y) = _layout((size[1], size[0]), stamp)
    return slice(max(0, math.floor(y - gap)), None), slice(max(0, math.floor(x - gap)), None)


def _layout(size: tuple[int, int], stamp: Stamp) -> tuple[ImageFont.FreeTypeFont, int, Corner, Corner]:
    """For an image of `size` (width, height): font, margin, upper left corner of the text's bounding box, and its position in the image."""
    height = max(MIN_HEIGHT, round(SHARE * min(size)))
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
    """The font size at which a capital letter has that height in pixels; points measure more than the letter."""
    points = height
    while True:
        _, top, _, bottom = _font(data, points).getbbox("H")
        if bottom - top >= height:
            return points
        points += 1
