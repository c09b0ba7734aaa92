"""What can be seen in a picture's decoded pixels: the background's colour, the product's box, and how clean the rest is.

No measure here is shared with the code that edits: a checker that used the editor's own ruler would find it right. Every distance is
the largest difference of a channel to the background's colour, in levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganray.images.codec import Pixels
from ganray.images.components import Mask, distance, from_border, near, without_small

RING = 16  # pixels: farther from the product a JPEG of it is exactly white; nearer, codecs ring (PROVENANCE 1, measured)
VISIBLE = 6  # levels: what differs from the background by more is seen
BODY = 24  # levels: what differs by more is the product itself, not what a codec makes of its edge
PLAIN, PLAIN_SHARE = 20, 0.97  # a border is plain where so many of its pixels are within so many levels of their median
GRID = 256  # cells along the longer side in which parts of the product are told apart
SPECK = 2e-4  # of the frame: a part apart that is smaller, and less than a hundredth of the largest, is dirt


@dataclass(frozen=True)
class Measurements:
    """`box` is the product's (left, top, right, bottom), None where there is none; `fill` its share of the frame, along the side of
    which it takes more.

    `border` is the share of the frame's outermost pixels that are background, `plain` whether they tell what the background is like.
    `far` counts the background's pixels more than RING from the product, `dirty` those of them that are off, `worst` by how many levels.
    Within RING a codec may be off by VISIBLE; by more, and it counts as product.
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
    """See uint8 [H, W, 3] before a background that must be `wanted` within `tolerance`; None takes what the border is like."""
    height, width = pixels.shape[:2]
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]).astype(np.int16)
    median = np.median(edge, 0).astype(np.int16)
    colour = median if wanted is None else np.array(wanted, np.int16)
    off_edge = np.abs(edge - colour).max(1)
    noise = PLAIN if wanted is None else tolerance + VISIBLE
    off = distance(pixels, (int(colour[0]), int(colour[1]), int(colour[2])))
    visible, specks = without_small(off > noise, GRID, SPECK, 0.01)
    box = _box(visible & (off > max(noise, BODY))) or _box(visible)
    far = from_border(~near(visible, RING), GRID)
    stray = off[far]
    return Measurements(
        box=box,
        fill=0.0 if box is None else max((box[2] - box[0]) / width, (box[3] - box[1]) / height),
        border=float((off_edge <= noise).mean()),
        plain=float((np.abs(edge - median).max(1) <= PLAIN).mean()) >= PLAIN_SHARE,
        far=int(far.sum()),
        dirty=int((stray > tolerance).sum()),
        worst=int(stray.max(initial=0)),
        specks=specks,
        background=(int(median[0]), int(median[1]), int(median[2])),
    )


def _box(mask: Mask) -> tuple[int, int, int, int] | None:
    """Of the rows and columns that hold more than a few pixels of it, so that a codec's noise moves no edge."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.sum(1) > width // 500), np.flatnonzero(mask.sum(0) > height // 500)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
