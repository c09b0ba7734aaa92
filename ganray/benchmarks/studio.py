"""`studio`: `white` on drawn studio photos of figures that wear a product: how much of what is visible turns white.

The ground is white or light grey with light that falls off, noise of a camera, a soft shadow under the feet; the file is a JPEG.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.drawn_figures import CROPS, cutout, random_figure
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.edit import NoParams, Tools
from ganray.edits.filters import Field
from ganray.edits.ground import white
from ganray.edits.photo import Alpha
from ganray.errors import EditError
from ganray.images.codec import Pixels

PHOTOS, SIDE, SEED = 50, 480, 21
VISIBLE = 12  # levels from white in any channel: less nobody sees on white
LOST, LEFT = 0.02, 0.02  # shares of the product that turned white, and of the ground that did not: more makes a photo useless


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: the share of photos that keep their product; without an editor those of the border alone."""
    tools = fixtures.load_tools(config) if config.editor else fixtures.BenchmarkTools({})
    lost, left, refused = [], [], 0
    sheet = WorstSheet("studio")
    for index in range(config.images or PHOTOS):
        composite = studio_photo(index)
        result = _white(composite.pixels, tools)
        if result is None:
            refused += 1
            continue
        lost.append(lost_share(composite, result))
        left.append(float((result[composite.alpha == 0].min(1) < 255 - VISIBLE).mean()))
        sheet.add(1 - lost[-1], [composite.pixels, result])
    kept = float(np.mean(np.array(lost) <= LOST)) if lost else 0.0
    facts = {
        "lost_mean": round(float(np.mean(lost)), 4),
        "lost_over_2_percent": sum(share > LOST for share in lost),
        "ground_left_over_2_percent": sum(share > LEFT for share in left),
        "refused": refused,
        "photos": config.images or PHOTOS,
        **sheet.facts(),
    }
    return [{"name": "studio", "value": kept, "baseline": 1.0, "ratio": kept, "unit": "share of photos", **facts}]


def studio_photo(index: int) -> fixtures.Composite:
    """Photo `index`: a figure on the ground of a studio, as its JPEG decodes."""
    rng = np.random.Generator(np.random.Philox(key=[SEED, index]))
    rgba = cutout(random_figure(rng, [*CROPS]), SIDE).astype(np.float32)
    alpha: Field = rgba[..., 3:] / np.float32(255)
    height, width = alpha.shape[:2]
    down, across = (np.linspace(-1, 1, size, dtype=np.float32) for size in (height, width))
    level = rng.choice((255.0, 252.0, 244.0, 232.0, 214.0))
    ground = level + rng.uniform(-3, 3) * down[:, None, None] + rng.uniform(-2, 2) * across[None, :, None] + rng.uniform(-2, 2, 3)
    ground = np.minimum(ground, 255) * (1 - rng.uniform(0.1, 0.3) * _shadow(alpha[..., 0]))
    pixels = rgba[..., :3] * alpha + ground * (1 - alpha) + rng.normal(0, rng.uniform(0.2, 1.6), (height, width, 3))
    file = BytesIO()
    Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8)).save(file, "JPEG", quality=int(rng.integers(82, 96)))
    with Image.open(file) as image:
        return fixtures.Composite(np.asarray(image.convert("RGB")), alpha[..., 0])


def lost_share(composite: fixtures.Composite, result: Pixels) -> float:
    """Of the product's pixels that can be told from white: the share that is white in the result."""
    visible = (composite.alpha > 0.95) & (composite.pixels.min(2) < 255 - VISIBLE)
    return float((result[visible].min(1) >= 255 - VISIBLE).mean())


def _shadow(alpha: Alpha) -> Field:
    """[S, S, 1] in [0, 1]: on the floor under the lowest part of the figure, 0 where it is cut off at the frame."""
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    bottom = int(rows[-1])
    shade = np.zeros_like(alpha)
    if bottom < len(alpha) - 8:
        columns = np.flatnonzero(alpha[bottom - 10 : bottom].max(0) > 0.5)
        shade[bottom - 3 : bottom + 5, max(0, columns[0] - 12) : columns[-1] + 13] = 1
    image = Image.fromarray((255 * shade).astype(np.uint8)).filter(ImageFilter.GaussianBlur(9))
    shadow: Field = np.asarray(image, np.float32)[..., None] / np.float32(255)
    return shadow


def _white(pixels: Pixels, tools: Tools) -> Pixels | None:
    try:
        return white(Photo(pixels), NoParams(), tools).pixels
    except EditError:
        return None
