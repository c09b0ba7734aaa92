"""Measurements of a picture's decoded pixels: the background's colour, the product's box, and how clean the background is.

They share no code with the edits: a checker that used the editor's measurements could not find its errors. Every distance is the largest
difference of a channel to the background's colour, in levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganray.images.codec import Pixels
from ganray.images.components import Mask, distance, from_border, near, without_small

RING = 16  # pixels from the product within which codecs ring; farther away a JPEG is exactly white (PROVENANCE 1, measured)
VISIBLE = 6  # levels: a larger difference from the background is visible
BODY = 24  # levels: a larger difference is the product itself, not a codec's ringing at its edge
PLAIN_LEVELS, PLAIN_SHARE = 20, 0.97  # a border is plain if this share of its pixels is within this many levels of their median
GRID = 256  # cells along the longer side in which connected components are found
SPECK = 2e-4  # share of the frame: a smaller component below a hundredth of the largest one is dirt


@dataclass(frozen=True)
class Measurements:
    """`box` is the product's (left, top, right, bottom), None without a product; `fill` its share of the frame, along the side of which it
    fills more.

    `border` is the share of the frame's outermost pixels that are background, `plain` whether they have about one colour. `far` counts the
    background pixels more than RING from the product, `dirty` those of them beyond the tolerance, `worst` their largest difference in
    levels. Within RING a pixel may differ by VISIBLE levels; beyond that it counts as product.
    """

    box: tuple[int, int, int, int] | None
    fill: float
    border: float
    plain: bool
    far: int
    dirty: int
    worst: int
    specks: int
    background: tuple[int, int, int]


def measure(pixels: Pixels, wanted: tuple[int, int, int] | None, tolerance: int = 0) -> Measurements:
    """Measure uint8 [H, W, 3] against a background of colour `wanted` within `tolerance`; None takes the border's median colour."""
    height, width = pixels.shape[:2]
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]).astype(np.int16)
    median = np.median(edge, 0).astype(np.int16)
    colour = median if wanted is None else np.array(wanted, np.int16)
    off_edge = np.abs(edge - colour).max(1)
    noise = PLAIN_LEVELS if wanted is None else tolerance + VISIBLE
    off = distance(pixels, (int(colour[0]), int(colour[1]), int(colour[2])))
    visible, specks = without_small(off > noise, GRID, SPECK, 0.01)
    box = _box(visible & (off > max(noise, BODY))) or _box(visible)
    far = from_border(~near(visible, RING), GRID)
    stray = off[far]
    return Measurements(
        box=box,
        fill=0.0 if box is None else max((box[2] - box[0]) / width, (box[3] - box[1]) / height),
        border=float((off_edge <= noise).mean()),
        plain=float((np.abs(edge - median).max(1) <= PLAIN_LEVELS).mean()) >= PLAIN_SHARE,
        far=int(far.sum()),
        dirty=int((stray > tolerance).sum()),
        worst=int(stray.max(initial=0)),
        specks=specks,
        background=(int(median[0]), int(median[1]), int(median[2])),
    )


def _box(mask: Mask) -> tuple[int, int, int, int] | None:
    """The box of rows and columns with more than a few pixels of the mask, so that a codec's noise does not move its edges."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.sum(1) > width // 500), np.flatnonzero(mask.sum(0) > height // 500)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
