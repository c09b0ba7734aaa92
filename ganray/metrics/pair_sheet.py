"""Pictures of generated images, each beside the photo most like it: a strip for one value of an attribute, a sheet of many values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganray.images.codec import Pixels
from ganray.images.transforms import WHITE, resize

TILE = 96  # pixels a side of the images of a sheet
LABEL, SIZE = 190, 14  # pixels: width of the labels' column, size of the letters
BLACK, GREY = (0, 0, 0), (95, 104, 120)
Pairs = Sequence[tuple[Pixels, Pixels]]  # generated, photo


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet: its title, lines below that, and pairs."""

    title: str
    lines: tuple[str, ...]
    pairs: Pairs


def strip(pairs: Pairs, tile: int) -> Pixels:
    """Uint8 [tile, W, 3]: a generated image on the left of each pair, its photo on the right; W depends on the number of pairs alone."""
    picture = Image.new("RGB", (len(pairs) * _step(tile) - _gaps(tile)[1], tile), WHITE)
    for place, pair in enumerate(pairs):
        for side, pixels in enumerate(pair):
            left = place * _step(tile) + side * (tile + _gaps(tile)[0])
            picture.paste(resize(Image.fromarray(np.ascontiguousarray(pixels)), tile, tile), (left, 0))
    return np.asarray(picture)


def pair_sheet(rows: Sequence[SheetRow], tile: int = TILE) -> Pixels:
    """Uint8 [H, W, 3]: a strip of images `tile` pixels a side for each row, labels on the left, a header above each column."""
    fonts = ImageFont.load_default(SIZE), ImageFont.load_default(SIZE - 3)
    columns = max(len(row.pairs) for row in rows)
    gap, head = _gaps(tile)[1], 2 * SIZE
    sheet = Image.new("RGB", (gap + LABEL + columns * _step(tile), head + len(rows) * (tile + gap)), WHITE)
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        for side, header in enumerate(("generated", "nearest photo")):
            left = gap + LABEL + column * _step(tile) + side * (tile + _gaps(tile)[0])
            draw.text((left, head // 2), header, fill=GREY, font=fonts[1], anchor="lm")
    for place, row in enumerate(rows):
        top = head + place * (tile + gap)
        for number, text in enumerate((row.title, *row.lines)):
            font, fill = (fonts[1], GREY) if number else (fonts[0], BLACK)
            draw.text((gap, top + number * (SIZE + 6)), fitted(text, font, LABEL - gap), fill=fill, font=font)
        if row.pairs:
            sheet.paste(Image.fromarray(strip(row.pairs, tile)), (gap + LABEL, top))
    return np.asarray(sheet)


def fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or as much of its beginning as is at most `width` pixels wide with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."


def _gaps(tile: int) -> tuple[int, int]:
    """Pixels between the two images of a pair, and between pairs."""
    return max(1, tile // 24), max(4, tile // 5)


def _step(tile: int) -> int:
    """Pixels from one pair to the next."""
    within, between = _gaps(tile)
    return 2 * tile + within + between
