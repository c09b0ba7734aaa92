"""The product categories of the sample catalog, each a function that paints a `Look`: several styles, views, materials and details."""

from __future__ import annotations

from collections.abc import Callable

from ganray.catalog.bags import backpack, handbag
from ganray.catalog.caps import cap
from ganray.catalog.chairs import chair
from ganray.catalog.drawing import Canvas
from ganray.catalog.garments import dress, trousers, tshirt
from ganray.catalog.lamps import lamp
from ganray.catalog.look import Look
from ganray.catalog.sneakers import sneaker
from ganray.catalog.umbrellas import umbrella
from ganray.catalog.vessels import bottle, mug

CATEGORIES: dict[str, Callable[[Canvas, Look], None]] = {
    "backpack": backpack,
    "bottle": bottle,
    "cap": cap,
    "chair": chair,
    "dress": dress,
    "handbag": handbag,
    "lamp": lamp,
    "mug": mug,
    "sneaker": sneaker,
    "t-shirt": tshirt,
    "trousers": trousers,
    "umbrella": umbrella,
}
