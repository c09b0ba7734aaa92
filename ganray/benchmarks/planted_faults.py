"""Faults planted in clean photos, each as a seller, a tool or an editor makes it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ganray.images.codec import Pixels, encode
from ganray.images.components import reached

Fault = Callable[[Pixels, Pixels, np.random.Generator], Pixels | bytes]
WORDS = ("SALE 50% OFF", "Free shipping", "NEW ARRIVAL", "www.bestshop.com", "Best seller 2026", "Only $19.99")
MARKS = ("© studio photo", "SAMPLE", "www.myshop.com", "preview", "© 2026 shop")
INKS = ((200, 20, 30), (20, 20, 20), (20, 70, 170), (230, 120, 10), (20, 130, 60))


def text(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Words of an offer in a corner or above the product."""
    image = Image.fromarray(pixels)
    side, pen = image.width, ImageDraw.Draw(image)
    font = ImageFont.load_default(side * rng.uniform(0.04, 0.075))
    words = WORDS[int(rng.integers(len(WORDS)))]
    box = pen.textbbox((0, 0), words, font=font)
    free = side - (box[2] - box[0]), side - (box[3] - box[1])
    place = rng.choice((0.03, 0.5, 0.97)) * free[0], rng.choice((0.02, 0.94)) * free[1]
    pen.text(place, words, INKS[int(rng.integers(len(INKS)))], font=font)
    return np.asarray(image)


def badge(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """A disc or a plate with a word in a corner."""
    image = Image.fromarray(pixels)
    side, pen = image.width, ImageDraw.Draw(image)
    wide = side * rng.uniform(0.13, 0.22)
    high = wide * rng.choice((1.0, 0.45))
    left, top = rng.choice((0.02, 0.98)) * (side - wide), rng.choice((0.02, 0.98)) * (side - high)
    (pen.ellipse if high == wide else pen.rectangle)((left, top, left + wide, top + high), fill=INKS[int(rng.integers(len(INKS)))])
    font = ImageFont.load_default(wide * 0.26)
    pen.text((left + wide / 2, top + high / 2), ("NEW", "-30%", "TOP")[int(rng.integers(3))], (255, 255, 255), font=font, anchor="mm")
    return np.asarray(image)


def watermark(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Words that show through, once across the middle or all over."""
    side = pixels.shape[1]
    layer = Image.new("L", (2 * side, 2 * side))
    pen, words = ImageDraw.Draw(layer), MARKS[int(rng.integers(len(MARKS)))]
    if rng.random() < 0.5:
        font = ImageFont.load_default(side * 0.11)
        pen.text((side, side), words, 255, font=font, anchor="mm")
    else:
        font = ImageFont.load_default(side * 0.045)
        for row in range(0, 2 * side, side // 5):
            for column in range(0, 2 * side, side // 2):
                pen.text((column + row % 3 * side / 9, row), words, 255, font=font)
    layer = layer.rotate(rng.choice((0, 20, 30))).crop((side // 2, side // 2, side // 2 + side, side // 2 + side))
    share = np.asarray(layer, np.float32)[..., None] / 255 * rng.uniform(0.25, 0.4)
    return np.rint(pixels * (1 - share) + 120 * share).astype(np.uint8)


def border(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """A coloured frame, at the edge or a little inside."""
    image = Image.fromarray(pixels)
    side, ink = image.width, INKS[int(rng.integers(len(INKS)))]
    start = round(side * rng.choice((0.0, 0.015)))
    thick = max(3, round(side * rng.uniform(0.006, 0.03)))
    ImageDraw.Draw(image).rectangle((start, start, side - 1 - start, side - 1 - start), outline=ink, width=thick)
    return np.asarray(image)


def collage(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Two or four pictures in one: beside a close-up, or in quarters."""
    side = pixels.shape[0]
    first, second = Image.fromarray(pixels), Image.fromarray(other)
    frame = Image.new("RGB", (side, side), (255, 255, 255))
    middle = side // 3, side // 3, 2 * side // 3, 2 * side // 3
    if rng.random() < 0.5:
        frame.paste(first.resize((side // 2, side // 2)), (0, side // 4))
        frame.paste(first.crop(middle).resize((side - side // 2, side)), (side // 2, 0))
    else:
        for place, each in enumerate((first, second, first.crop(middle), second.crop(middle))):
            frame.paste(each.resize((side // 2, side // 2)), (place % 2 * (side // 2), place // 2 * (side // 2)))
    return np.asarray(frame)


def several(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Two products side by side."""
    side = pixels.shape[0]
    frame = Image.new("RGB", (side, side), (255, 255, 255))
    for place, each in enumerate((pixels, other)):
        frame.paste(Image.fromarray(each).resize((side // 2, side // 2), Image.Resampling.LANCZOS), (place * (side // 2), side // 4))
    return np.asarray(frame)


def cut_off(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Half of the product out of the frame, at any side."""
    side = pixels.shape[0]
    shift, turns = round(side * rng.uniform(0.4, 0.5)), int(rng.integers(4))
    turned = np.rot90(pixels, turns)
    moved = np.full_like(turned, 255)
    moved[shift:] = turned[: side - shift]
    return np.ascontiguousarray(np.rot90(moved, -turns))


def upside_down(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Turned by 180 degrees."""
    return np.ascontiguousarray(pixels[::-1, ::-1])


def blurred(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Out of focus."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(pixels.shape[0] * rng.uniform(0.004, 0.008))))


def exposure(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Too dark: all of it, or all but the white ground."""
    dark, ground = np.rint(pixels * rng.uniform(0.18, 0.28)), reached(pixels.min(2) >= 250)
    return dark.astype(np.uint8) if rng.random() < 0.5 else np.where(ground[..., None], pixels, dark).astype(np.uint8)


def compression(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels | bytes:
    """A JPEG of quality 10; half of them saved again as PNG."""
    data = encode(pixels, "jpeg", quality=10)
    with Image.open(BytesIO(data)) as image:
        return data if rng.random() < 0.5 else np.asarray(image.convert("RGB"))


def cutout(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """A part of the product turned white by a wrong matte: a band, so that pieces stand alone, or everything on one side of a line."""
    spoiled = pixels.copy()
    rows = np.flatnonzero((pixels.min(2) < 250).any(1))
    first, last = int(rows[0]), int(rows[-1])
    tall = last - first
    at = first + round(tall * rng.uniform(0.62, 0.75))
    if rng.random() < 0.5:
        spoiled[at:] = 255
    else:
        spoiled[at : at + round(0.08 * tall)] = 255
    return spoiled


FAULTS: dict[str, Fault] = {
    each.__name__: each
    for each in (text, badge, watermark, border, collage, several, cut_off, upside_down, blurred, exposure, compression, cutout)
}
