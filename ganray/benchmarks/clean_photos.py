"""Clean studio photos drawn by code: products of the sample catalog, people who wear one, and cut-outs with alpha, on white."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from ganray.benchmarks.drawn_figures import cutout, random_figure
from ganray.catalog.sample import draw, product
from ganray.images.codec import Pixels

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
            rgba = cutout(random_figure(rng), side)
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
