"""The sample catalog: products drawn by code, each a pure function of (seed, index), in any number and resolution, with ground truth."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from ganray.catalog.drawing import PATTERNS, Canvas, Colour, clutter, tinted, white
from ganray.catalog.look import CREAM, Look
from ganray.catalog.products import CATEGORIES
from ganray.catalog.schema import Document
from ganray.images.codec import Pixels

COLOURS: dict[str, Colour] = {
    "black": (48.0, 48.0, 54.0),
    "blue": (38.0, 92.0, 196.0),
    "brown": (126.0, 82.0, 50.0),
    "green": (44.0, 148.0, 78.0),
    "orange": (242.0, 126.0, 28.0),
    "pink": (244.0, 142.0, 178.0),
    "purple": (122.0, 62.0, 164.0),
    "red": (206.0, 34.0, 42.0),
    "yellow": (248.0, 202.0, 40.0),
}
SAMPLE_KEY = "sample.json"
SAMPLE_VERSION = 2  # version of the drawings: raise it when they change
PATTERN_SHARES = (0.6, 0.2, 0.2)


@dataclass(frozen=True)
class Product:
    """The ground truth of a sample product; `background` is white or cluttered.

    `variety` is the share of a category's styles, views and materials that products have: with 0 all have the first of each.
    """

    sku: str
    category: str
    colour: str
    pattern: str
    background: str
    title: str
    seed: int
    index: int
    variety: float = 1.0


class SamplePlan(Document):
    """`sample.json`: the sample in a folder, and whether it is complete; images have `side` px."""

    version: int = SAMPLE_VERSION
    products: int
    seed: int
    side: int
    cluttered: float = 0.0
    variety: float = 1.0
    finished: bool = False

    def product(self, index: int) -> Product:
        """Product `index` of this sample."""
        return product(self.seed, index, self.cluttered, self.variety)

    def outgrown(self, key: str) -> bool:
        """Whether the key is that of a photo of a larger sample."""
        index = int("".join(re.findall(r"-(\d{7,})\.png$", key)) or -1)
        return index >= self.products and key == photo_key(self.product(index))

    def to_json(self) -> bytes:
        """The document."""
        return self.model_dump_json().encode()

    @staticmethod
    def from_json(data: bytes) -> SamplePlan | None:
        """Parse; None if it is not a sample of this version."""
        try:
            return SamplePlan.model_validate_json(data)
        except ValidationError:
            return None


def product(seed: int, index: int, cluttered: float = 0.0, variety: float = 1.0) -> Product:
    """Product `index` of the catalog of that seed; categories alternate, `cluttered` is the share of cluttered backgrounds."""
    rng = _rng(seed, index, 0)
    category = list(CATEGORIES)[index % len(CATEGORIES)]
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    pattern = PATTERNS[int(np.searchsorted(np.cumsum(PATTERN_SHARES), rng.random()).clip(0, len(PATTERNS) - 1))]
    background = "cluttered" if rng.random() < cluttered else "white"
    sku = f"{category.replace('-', '')[:4].upper()}-{index:07d}"
    return Product(sku, category, colour, pattern, background, title(category, colour, pattern), seed, index, variety)


def title(category: str, colour: str, pattern: str) -> str:
    """The title of a product."""
    return f"{colour if pattern == 'plain' else f'{pattern} {colour}'} {category}".capitalize()


def draw(item: Product, side: int) -> tuple[Pixels, Pixels]:
    """The image of a product, uint8 [side, side, 3], and its mask, uint8 [side, side]."""
    rng = _rng(item.seed, item.index, 1)
    red, green, blue = (np.asarray(COLOURS[item.colour]) * rng.uniform(0.93, 1.06) + rng.uniform(-5, 5, 3)).clip(0, 255).tolist()
    second = tinted(CREAM, -0.06) if item.colour != "yellow" else (226.0, 120.0, 30.0)
    vary, picks = tuple(rng.uniform(-1.0, 1.0, 8).tolist()), tuple((item.variety * rng.random(8)).tolist())
    background = white(side) if item.background == "white" else clutter(side, _rng(item.seed, item.index, 2))
    canvas = Canvas(side, background)
    CATEGORIES[item.category](canvas, Look((red, green, blue), second, item.pattern, vary, picks))
    return canvas.finished()


def photo_key(item: Product) -> str:
    """The key of the photo, and of its mask: category/sku.png."""
    return f"{item.category}/{item.sku}.png"


def attributes_csv(products: Iterable[Product]) -> bytes:
    """The attributes table of a sample catalog as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "sku", "category", "colour", "pattern", "background", "title"])
    table.writerows([photo_key(item), item.sku, item.category, item.colour, item.pattern, item.background, item.title] for item in products)
    return text.getvalue().encode()


def _rng(seed: int, index: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 4 * index + stream]))
