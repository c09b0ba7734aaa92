"""Clean studio photos drawn by code: products of the sample catalog, people who wear one, and cut-outs with alpha, on white."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from ganray.catalog.drawing import PATTERNS, Canvas, Colour, Points, curve, dyed, mirrored, oval, tinted, white
from ganray.catalog.sample import COLOURS, draw, product
from ganray.images.codec import Pixels

SKINS: tuple[Colour, ...] = ((236.0, 190.0, 160.0), (214.0, 160.0, 120.0), (168.0, 112.0, 76.0), (110.0, 70.0, 48.0))
HAIR: tuple[Colour, ...] = ((40.0, 30.0, 28.0), (96.0, 60.0, 36.0), (196.0, 150.0, 90.0))
FILL = 0.88  # of the frame that a product's longer side takes
NOISE = 1.2  # levels of a camera's noise in the product


def clean_photos(num: int, side: int, cutouts: Sequence[Pixels] = ()) -> Iterator[tuple[str, Pixels]]:
    """`num` photos uint8 [side, side, 3] with their kinds, in turn: a product, a person, and a cut-out if there are any."""
    kinds = ["product", "person", *(["cutout"] if cutouts else [])]
    for number, kind in zip(range(num), itertools.cycle(kinds)):
        rng = np.random.default_rng([7, number])
        if kind == "product":
            pixels, mask = draw(product(11, number), side)
            rgba = np.dstack([pixels, np.where(pixels.min(2) < 250, 255, mask).astype(np.uint8)])
        elif kind == "person":
            rgba = person(side, rng)
        else:
            rgba = cutouts[number // len(kinds) % len(cutouts)]
        yield kind, on_white(rgba, side, rng)


def on_white(rgba: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """A cut-out uint8 [H, W, 4] in the middle of a white frame, with a camera's noise in the product."""
    image = Image.fromarray(rgba)
    image = image.crop(image.getchannel("A").point(lambda level: 255 * (level > 8)).getbbox())
    scale = FILL * side / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    frame = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    frame.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    values = np.asarray(frame, np.float32)
    alpha = values[..., 3:] / 255
    pixels = values[..., :3] * alpha + 255 * (1 - alpha) + rng.normal(0, NOISE, (side, side, 1)) * alpha
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def person(side: int, rng: np.random.Generator) -> Pixels:
    """A drawn person who wears a garment, uint8 [side, side, 4]: head, arms and legs of one skin, in many poses."""
    canvas = Canvas(side, white(side))
    skin, hair = SKINS[int(rng.integers(len(SKINS)))], HAIR[int(rng.integers(len(HAIR)))]
    names = list(COLOURS)
    cloth, second, lower = (COLOURS[names[int(rng.integers(len(names)))]] for _ in range(3))
    sway, spread = rng.uniform(-0.015, 0.015), rng.uniform(0.045, 0.085)
    for way in (-1, 1):
        foot = 0.5 + way * spread
        _limb(canvas, [(0.5 + way * 0.04, 0.52), (foot - way * 0.005, 0.74), (foot, 0.93)], 0.062, skin)
        canvas.paint(canvas.area(oval(foot + way * 0.012, 0.955, 0.045, 0.022)), tinted(lower, -0.5), 0.3, 0.02)
    for way in (-1, 1):
        elbow = 0.5 + way * rng.uniform(0.14, 0.2), rng.uniform(0.36, 0.42)
        hand = elbow[0] + way * rng.uniform(-0.06, 0.06), elbow[1] + rng.uniform(0.06, 0.17)
        _limb(canvas, [(0.5 + way * 0.09, 0.225), elbow, hand], 0.04, skin)
        canvas.paint(canvas.area(oval(hand[0], hand[1], 0.024, 0.03)), skin, 0.3, 0.02)
    canvas.paint(canvas.area([(0.478, 0.14), (0.522, 0.14), (0.53, 0.21), (0.47, 0.21)]), tinted(skin, -0.12), 0.2, 0.02)
    long = rng.uniform(0.48, 0.78)
    left = [
        (0.455, 0.19),
        (0.455, 0.19),
        (0.395, 0.215),
        (0.425, 0.36),
        (0.44 - 0.1 * (long - 0.4), long),
        (0.44 - 0.1 * (long - 0.4), long),
    ]
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    canvas.paint(canvas.area(curve(mirrored(left))), dyed(canvas, pattern, cloth, second, rng.uniform()), 0.35, 0.05)
    for way in (-1, 1):
        _limb(canvas, [(0.5 + way * 0.085, 0.225), (0.5 + way * 0.125, 0.31)], 0.058, tinted(cloth, -0.08))
    head = 0.5 + sway
    canvas.paint(canvas.area(oval(head, 0.09, 0.052, 0.062)), hair, 0.4, 0.03)
    canvas.paint(canvas.area(oval(head, 0.105, 0.042, 0.054)), skin, 0.3, 0.03)
    for way in (-1, 1):
        canvas.paint(canvas.area(oval(head + way * 0.017, 0.1, 0.006, 0.004)), (40.0, 34.0, 34.0), 0.0)
    canvas.paint(canvas.area(oval(head, 0.135, 0.014, 0.005)), (170.0, 70.0, 70.0), 0.0)
    pixels, mask = canvas.finished()
    return np.dstack([pixels, mask])


def _limb(canvas: Canvas, path: Points, width: float, colour: Colour) -> None:
    canvas.paint(canvas.line(width, path if len(path) < 3 else curve(path, False)), colour, 0.35, 0.03)
