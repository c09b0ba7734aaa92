"""Geometry and colour of whole images: resize, pad or crop to a square, augment; contact sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganray.images.codec import Pixels

if TYPE_CHECKING:
    from ganray.config import DataConfig

WHITE = (255, 255, 255)
LUMA = np.array([0.299, 0.587, 0.114])


def resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """Bicubic with the filter scaled to the reduction; large reductions use a box filter first (within 1 level of the exact result)."""
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def square_pad(image: Image.Image, side: int) -> Image.Image:
    """The whole RGB image, its longer side `side` pixels, centred on white."""
    width, height = padded(image.size, side)
    small = resize(image, width, height)
    if width == height:
        return small
    sheet = Image.new("RGB", (side, side), WHITE)
    sheet.paste(small, ((side - width) // 2, (side - height) // 2))
    return sheet


def padded(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height of an image of that size within the square of `square_pad`."""
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def square_crop(image: Image.Image, side: int) -> Image.Image:
    """The centred square of an RGB image, `side` pixels."""
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    if edge == side:
        return image.crop((left, top, left + edge, top + edge))
    return image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge), reducing_gap=2.0)


def augment(image: Pixels, rng: np.random.Generator, config: DataConfig) -> Pixels:
    """A random variant of uint8 [H, W, 3] (may be a view): mirror, then an affine transform, then a colour matrix.

    Draws the same number of random values for all settings, so that the random stream of the next image does not change. The border is
    extended by repeating its pixels.
    """
    coin_flip, coin_rotate, coin_scale, coin_crop, coin_colour, *draws = rng.random(12).tolist()
    angle, zoom, dx, dy, brightness, contrast, saturation = (2.0 * draw - 1.0 for draw in draws)
    if coin_flip < config.flip:
        image = image[:, ::-1]
    rotated, scaled, shifted = coin_rotate < config.rotate_p, coin_scale < config.scale_p, coin_crop < config.crop_p
    if rotated or scaled or shifted:
        turn = math.radians(config.rotate * angle) if rotated else 0.0
        shift = (config.crop * dx, config.crop * dy) if shifted else (0.0, 0.0)
        image = _affine(image, turn, 1.0 + config.scale * zoom if scaled else 1.0, shift)
    if coin_colour < config.colour_p:
        strength = config.colour
        image = _recolour(image, 1.0 + strength * brightness, 1.0 + strength * contrast, 1.0 + strength * saturation)
    return image


def _affine(image: Pixels, turn: float, zoom: float, shift: tuple[float, float]) -> Pixels:
    """Rotate by `turn` radians, zoom and shift (share of the side) about the centre, bilinear, in one resampling."""
    height, width = image.shape[:2]
    cos, sin = math.cos(turn) / zoom, math.sin(turn) / zoom
    cx, cy = width / 2.0, height / 2.0
    reach_x = abs(cos) * cx + abs(sin) * cy + abs(shift[0]) * width - cx
    reach_y = abs(sin) * cx + abs(cos) * cy + abs(shift[1]) * height - cy
    margin = max(1, math.ceil(max(reach_x, reach_y)) + 1)
    rows = np.arange(-margin, height + margin).clip(0, height - 1)
    columns = np.arange(-margin, width + margin).clip(0, width - 1)
    padded = Image.fromarray(image[rows[:, None], columns])
    x0 = cx + margin - shift[0] * width - cos * cx - sin * cy
    y0 = cy + margin - shift[1] * height + sin * cx - cos * cy
    moved = padded.transform((width, height), Image.Transform.AFFINE, (cos, sin, x0, -sin, cos, y0), Image.Resampling.BILINEAR)
    return np.asarray(moved)


def _recolour(image: Pixels, brightness: float, contrast: float, saturation: float) -> Pixels:
    """Brightness and contrast about mid-grey, saturation about luma: one 3x4 matrix, clamped."""
    mix = saturation * np.eye(3) + (1.0 - saturation) * np.broadcast_to(LUMA, (3, 3))
    gain = brightness * contrast
    offset = 127.5 * (1.0 - contrast)
    matrix = np.column_stack([gain * mix, np.full(3, offset)]).ravel()
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("RGB", tuple(matrix.tolist())))


def contact_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], tile: int = 0) -> Pixels:
    """Uint8 [H, W, 3]: a labelled row of square images per entry; `tile` is their side in pixels (0: of the largest, at least 64)."""
    tile = tile or max([64, *(max(image.shape[:2]) for _, images in rows for image in images)])
    gap, size = max(2, tile // 16), max(11, tile // 5)
    font = ImageFont.load_default(size)
    left = gap + max([0.0, *(font.getlength(label) for label, _ in rows)]) + gap
    columns = max([0, *(len(images) for _, images in rows)])
    sheet = Image.new("RGB", (int(left) + columns * (tile + gap), gap + len(rows) * (tile + gap)), WHITE)
    draw = ImageDraw.Draw(sheet)
    for i, (label, images) in enumerate(rows):
        top = gap + i * (tile + gap)
        draw.text((gap, top + tile / 2), label, fill=(0, 0, 0), font=font, anchor="lm")
        for k, image in enumerate(images):
            sheet.paste(resize(Image.fromarray(np.ascontiguousarray(image)), tile, tile), (int(left) + k * (tile + gap), top))
    return np.asarray(sheet)
